/** Tool call arguments in a body whose wire format has them as an object: no character of a value is rewritten. */
import { expect, test } from 'bun:test'
import { rawJson, rawText, writeJson } from '../../../src/base/json/raw.ts'

const texts = [
  '{"10":1,"2":2}',
  '{"id":12345678901234567890}',
  '{"price":1.0}',
  '{"a":1,"a":2}',
  '{"text":"caf\\u00e9 \\" \\\\"}',
  '"plain"',
  '[1.50,{"b":2,"1":0}]',
]

test.each(texts)('%s is written as received', text => {
  expect(writeJson({ before: '"', input: rawJson(text)!, after: [rawJson(text)!] })).toBe(
    `{"before":"\\"","input":${text},"after":[${text}]}`,
  )
  expect(rawText(rawJson(text)!)).toBe(text)
})

test('white space between values is not preserved', () => {
  expect(rawJson('{ "a" : [ 1, "b  c" ] }')).toEqual({ a: [1, 'b  c'] })
})

test('text that is not JSON gives undefined', () => expect(rawJson('{"a":')).toBeUndefined())

test('a client cannot forge raw text: the marker differs in every process', () => {
  const marked = rawJson('{"2":1,"1":2}') as string
  const guessed = marked.replace(/[0-9a-f]{8}-/, '00000000-')
  expect(JSON.parse(writeJson({ input: guessed }))).toEqual({ input: guessed })
})

test('200 KB of arguments full of quotes are written as received', () => {
  const text = `{"2":${JSON.stringify('"\\'.repeat(50_000))},"1":0}`
  expect(writeJson({ input: rawJson(text)! })).toBe(`{"input":${text}}`)
})
