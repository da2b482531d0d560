/** The scanner and the text edits: every character that is not to be changed stays as received. */
import { describe, expect, test } from 'bun:test'
import {
  applyEdits,
  type Json,
  type JsonObject,
  scanTopLevel,
  type TopLevelMembers,
  withMembers,
} from '../../../src/base/json/json.ts'
import { budgetOf, effortOf } from '../../../src/ir/effort.ts'
import { modelReplacer } from '../../../src/protocols/openai-chat/chunks/rewrite-model.ts'
import { protocols } from '../../../src/protocols/registry.ts'
import { seededRandom } from '../../support/recordings.ts'
import { stopwatch } from '../../support/stopwatch.ts'

const { passthrough } = protocols.get('openai-chat')!
const write = (text: string, change: { model?: string; requestUsage?: boolean } = {}) =>
  passthrough.writeRequest(text, JSON.parse(text) as JsonObject, { model: 'm2', requestUsage: false, ...change })

const valuesOf = (text: string, { members }: TopLevelMembers): [key: string, value: string][] =>
  members.keys.map(key => {
    const { start, end } = members.get(key)!
    return [key, text.slice(start, end)]
  })

describe('scanTopLevel', () => {
  test('finds every member, whatever its value contains', () => {
    const text =
      ' {"a" : "x\\\\\\"}{,:\\\\" ,\n"b":[{"model":"no"},"]"],"c":{"d":{}} ,"n":-1.5e+10,"t":true , "":null} \n'
    const found = scanTopLevel(text)!
    expect(found.exact).toBe(true)
    expect(valuesOf(text, found)).toEqual([
      ['a', '"x\\\\\\"}{,:\\\\"'],
      ['b', '[{"model":"no"},"]"]'],
      ['c', '{"d":{}}'],
      ['n', '-1.5e+10'],
      ['t', 'true'],
      ['', 'null'],
    ])
  })

  test('reports duplicate and escaped keys as not exact', () => {
    expect(scanTopLevel('{"a":1,"a":2}')?.exact).toBe(false)
    expect(scanTopLevel('{"\\u0061":1}')?.exact).toBe(false)
    expect(scanTopLevel('{"a":{"a":1},"b":"a\\n"}')?.exact).toBe(true)
    expect(scanTopLevel('{}')?.exact).toBe(true)
  })

  test.each([
    '',
    'null',
    '[1]',
    '{',
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,',
    '{"a":"x}',
    '{"a":[1}',
    '{"a":1} x',
    '{a:1}',
    '{"a" 1}',
    '{"a":}',
  ])('%s is not a complete object', text => expect(scanTopLevel(text)).toBeUndefined())

  test('agrees with JSON.parse on 2,000 seeded objects', () => {
    const random = seededRandom(7)
    for (let round = 0; round < 2000; round++) {
      const value = randomObject(random)
      const text = JSON.stringify(value, null, round % 3)
      const found = scanTopLevel(text)!
      const read = Object.fromEntries(
        valuesOf(text, found).map(([key, value]) => [JSON.parse(`"${key}"`), JSON.parse(value)]),
      )
      expect(read).toEqual(value)
    }
  })

  test('skips a long string quickly', () => {
    const text = JSON.stringify({ image: 'A'.repeat(8_000_000), model: 'm' })
    const took = stopwatch()
    expect(scanTopLevel(text)?.members.size).toBe(2)
    expect(took()).toBeLessThan(200)
  })

  test('deep nesting does not overflow the stack', () => {
    const text = `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`
    expect(scanTopLevel(text)?.members.size).toBe(1)
  })
})

const strings = ['', 'a', '"', '\\', '\\"', '{', '}', '[', ']', ',', ':', '\n', 'é', '世界', '🌍', '\u2028', 'model']
const pick = <T>(random: () => number, from: readonly T[]): T => from[Math.floor(random() * from.length)]!
const randomValue = (random: () => number, depth: number): Json => {
  const kind = Math.floor(random() * (depth > 2 ? 4 : 6))
  if (kind === 4) return Array.from({ length: Math.floor(random() * 4) }, () => randomValue(random, depth + 1))
  if (kind === 5) return randomObject(random, depth + 1)
  return [`${pick(random, strings)}${pick(random, strings)}${pick(random, strings)}`, random() * 1e6, null, true][kind]!
}
const randomObject = (random: () => number, depth = 0): JsonObject =>
  Object.fromEntries(
    Array.from({ length: Math.floor(random() * 5) }, (_, index) => [
      `${index}k${pick(random, strings)}`,
      randomValue(random, depth),
    ]),
  )

test('applyEdits applies edits in any order', () => {
  expect(
    applyEdits('abcdef', [
      { start: 4, end: 6, newText: 'X' },
      { start: 0, end: 1, newText: '' },
      { start: 2, end: 2, newText: '--' },
    ]),
  ).toBe('b--cdX')
})

describe('withMembers', () => {
  test('members that are not named keep every character', () => {
    const inner = '{ "2":1.0,\n "1": 12345678901234567890, "a\\u0062":[1e2 ,-0] }'
    const text = `{\n  "model": "m" ,\n  "messages" : ${inner},"stream":true\n}`
    expect(withMembers(text, { model: undefined, stream: undefined, version: 'v' })).toBe(
      `{"version":"v",\n  "messages" : ${inner}\n}`,
    )
    expect(withMembers(text, { stream: false, model: 'n' })).toBe(text.replace('true', 'false').replace('"m"', '"n"'))
    expect(withMembers(text, {})).toBe(text)
  })

  test.each([
    ['{"a":1}', { a: undefined }, '{}'],
    ['{"a":1,"b":2}', { a: undefined, b: undefined, c: 3 }, '{"c":3}'],
    ['{}', { a: undefined, b: [1] }, '{"b":[1]}'],
    ['{"a":1,"b":2,"c":3,"d":4}', { b: undefined, d: undefined, c: undefined, a: 5 }, '{"a":5}'],
    ['{"a":1,"b":2,"c":3}', { a: undefined, c: null, x: 1, y: 2 }, '{"x":1,"y":2,"b":2,"c":null}'],
  ] as const)('sets and removes members: %s with %j', (text, change, wanted) =>
    expect(withMembers(text, change as JsonObject)).toBe(wanted),
  )

  test('agrees with plain object updates on 2,000 seeded objects', () => {
    const random = seededRandom(11)
    for (let round = 0; round < 2000; round++) {
      const value = randomObject(random)
      const change: JsonObject = { fresh: round % 2 === 0 ? round : undefined }
      for (const key of Object.keys(value)) if (random() < 0.5) change[key] = random() < 0.5 ? undefined : [round]
      const text = JSON.stringify(value, null, round % 3)
      const written = withMembers(text, change)
      if (scanTopLevel(text)?.exact)
        expect(JSON.parse(written!)).toEqual(JSON.parse(JSON.stringify({ ...value, ...change })))
      else expect(written).toBeUndefined()
    }
  })

  test('gives undefined for duplicate and escaped keys', () => {
    expect(withMembers('{"a":1,"a":2}', { b: 1 })).toBeUndefined()
    expect(withMembers('{"\\u0061":1}', { a: 1 })).toBeUndefined()
  })
})

describe('writeRequest', () => {
  test('replaces the model and nothing else', () => {
    const text =
      '{ "messages" : [ {"role":"user","content":"\\u0041 \\"model\\":\\"x\\" 世界"} ],\r\n "model":\t"m1" , "n": 12345678901234567890, "z":1.0 }'
    expect(write(text)).toBe(text.replace('"m1"', '"m2"'))
  })

  test.each([
    ['{"model":"m1","n":1.0}', '{"model":"m2","n":1.0}'],
    ['{"model": "m1", "n": 1.0}', '{"model": "m2", "n": 1.0}'],
    ['{"model":"m1","x":{"model":"m1"}}', '{"model":"m2","x":{"model":"m1"}}'],
    ['{"model":"m1","x":"a \\"model\\":\\"m1\\""}', '{"model":"m2","x":"a \\"model\\":\\"m1\\""}'],
    ['{"x":{"model":"m1"},"model":"m1"}', '{"x":{"model":"m1"},"model":"m2"}'],
    ['{"model":"m1","x":"\\u006d"}', '{"model":"m2","x":"\\u006d"}'],
  ])('replaces only the top-level model: %s', (text, wanted) => expect(write(text)).toBe(wanted))

  test('a model name with special characters stays a valid string', () => {
    expect(JSON.parse(write('{"model":"m1"}', { model: 'a"b\\c\n' }))).toEqual({ model: 'a"b\\c\n' })
  })

  test('inserts the model if there is none', () => {
    expect(write('{"a":1}')).toBe('{"model":"m2","a":1}')
    expect(write('{}')).toBe('{"model":"m2"}')
  })

  test.each([
    ['{"model":"a"}', '{"stream_options":{"include_usage":true},"model":"m2"}'],
    ['{"model":"a","stream_options":null}', '{"model":"m2","stream_options":{"include_usage":true}}'],
    ['{"model":"a","stream_options":{}}', '{"model":"m2","stream_options":{"include_usage":true}}'],
    [
      '{"stream_options":{ "x":1e400 , "include_usage" : false},"model":"a"}',
      '{"stream_options":{ "x":1e400 , "include_usage" : true},"model":"m2"}',
    ],
    ['{"stream_options":{"x":1},"model":"a"}', '{"stream_options":{"include_usage":true,"x":1},"model":"m2"}'],
    ['{"model":"a","stream_options":{"include_usage":true}}', '{"model":"m2","stream_options":{"include_usage":true}}'],
    ['{}', '{"model":"m2","stream_options":{"include_usage":true}}'],
    ['{"a":1}', '{"model":"m2","stream_options":{"include_usage":true},"a":1}'],
  ])('requests usage: %s', (text, wanted) => expect(write(text, { requestUsage: true })).toBe(wanted))

  test.each([
    '{"model":"a","model":"b","x":1}',
    '{"mod\\u0065l":"a","x":1}',
    '{"model":"a","mod\\u0065l":"a","x":1}',
    '{"stream_options":{"include_usage":false,"include_usage":false},"model":"a","x":1}',
  ])('rebuilds a body with duplicate or escaped keys: %s', text => {
    const written = write(text, { requestUsage: true })
    expect(scanTopLevel(written)?.exact).toBe(true)
    expect(JSON.parse(written)).toEqual({ model: 'm2', x: 1, stream_options: { include_usage: true } })
  })
})

test('modelReplacer follows a stream whose chunk prefix changes', () => {
  const replace = modelReplacer('mine')
  const chunk = (id: string, model: string, content: string) =>
    `{"id":"${id}","model":"${model}","choices":[{"delta":{"content":"${content}"}}]}`
  for (const [id, model, content] of [
    ['1', 'a', 'x'],
    ['1', 'a', '\\"model\\":\\"a\\"'],
    ['22', 'a', 'y'],
    ['22', 'ab', 'y'],
    ['1', 'a', 'z'],
  ] as const)
    expect(replace(chunk(id, model, content))).toBe(chunk(id, 'mine', content))
  expect(replace('{"choices":[{"model":"deep"}],"model":"a"}')).toBe('{"choices":[{"model":"deep"}],"model":"mine"}')
})

test('efforts and budgets convert into each other', () => {
  for (const effort of ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const)
    expect(effortOf(budgetOf(effort))).toBe(effort)
  expect([effortOf(-1), effortOf(1), effortOf(5000), effortOf(1e6)]).toEqual([undefined, 'minimal', 'medium', 'xhigh'])
})
