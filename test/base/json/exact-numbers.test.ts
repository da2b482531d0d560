/** Numbers the user wrote in arguments, schemas and results reach the vendor as written, for any two protocols. */
import { describe, expect, test } from 'bun:test'
import { preserveExactNumbers } from '../../../src/base/json/exact-numbers.ts'
import type { JsonObject } from '../../../src/base/json/json.ts'
import { writeJson } from '../../../src/base/json/raw.ts'
import { wrapSeal } from '../../../src/ir/seal.ts'
import { egressOf, protocols } from '../../../src/protocols/registry.ts'
import { exchangeFor } from '../../contracts/protocol.ts'
import { seededRandom } from '../../support/recordings.ts'

const read = (text: string): JsonObject => preserveExactNumbers(text, JSON.parse(text) as JsonObject)

describe('preserveExactNumbers', () => {
  test('numbers of the user keep their spelling, numbers of the protocol become plain numbers', () => {
    const text =
      '{"temperature":1.0,"tools":[{"input_schema":{"maximum":9223372036854775807,"enum":[1.50,1e3,-0,-0.0]}}],"n":9007199254740993}'
    const body = read(text)
    expect([body['temperature'], body['n']]).toEqual([1, 9007199254740992])
    expect(JSON.stringify(body)).toBe(text.replace('1.0,', '1,').replace('9007199254740993', '9007199254740992'))
  })

  test.each(['{"args":{"a":1,"b":-2.5,"c":"x, 1.05","d":0.1}}', '{"args":{"a":[0,10,100.25,-1]},"text":"1.0"}'])(
    'a body whose numbers lose nothing is returned unchanged: %s',
    text => {
      const body = JSON.parse(text) as JsonObject
      expect(preserveExactNumbers(text, body)).toBe(body)
    },
  )

  test('2,000 seeded numbers keep their spelling', () => {
    const random = seededRandom(5)
    const digits = (maxLength: number) =>
      Array.from({ length: 1 + Math.floor(random() * maxLength) }, () => Math.floor(random() * 10)).join('')
    for (let round = 0; round < 2000; round++) {
      const whole = digits(22).replace(/^0+(?=\d)/, '')
      const fraction = random() < 0.5 ? `.${digits(20)}` : ''
      const exponent = random() < 0.2 ? `e${random() < 0.5 ? '-' : ''}${digits(2)}` : ''
      const number = `${random() < 0.3 ? '-' : ''}${whole}${fraction}${exponent}`
      const text = `{"args":{"a":[${number}]}}`
      expect(JSON.stringify(read(text))).toBe(text)
    }
  })
})

const args = '{"id":9007199254740993,"price":1.0}'
const schema = '{"type":"object","properties":{"id":{"type":"integer","maximum":9223372036854775807,"default":1.0}}}'

const requestTexts: Record<string, string> = {
  gemini: `{"contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":${args}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":${args}}}]}],"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":${schema}}]}]}`,
  anthropic: `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":${args}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"done"}]}],"tools":[{"name":"f","input_schema":${schema}}]}`,
  'openai-chat': `{"model":"m","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":${JSON.stringify(args)}}}]},{"role":"tool","tool_call_id":"c","content":"done"}],"tools":[{"type":"function","function":{"name":"f","parameters":${schema}}}]}`,
  'openai-responses': `{"model":"m","input":[{"role":"user","content":"Hi"},{"type":"function_call","call_id":"c","name":"f","arguments":${JSON.stringify(args)}},{"type":"function_call_output","call_id":"c","output":"done"}],"tools":[{"type":"function","name":"f","parameters":${schema}}]}`,
}
const vendors = ['gemini', 'anthropic', 'openai-chat', 'openai-responses', 'bedrock-converse']

describe.each(Object.keys(requestTexts))('a client of %s', client => {
  test.each(vendors.filter(vendor => vendor !== client))('sends exact numbers to a vendor of %s', vendor => {
    const text = requestTexts[client]!
    const chat = protocols.get(client)!.parseRequest(read(text), () => undefined)
    const rendered = writeJson(egressOf(vendor)!.renderRequest({ ...chat, model: 'm' }, exchangeFor()))
    expect(rendered).toContain(schema)
    expect(rendered.replaceAll('\\"', '"')).toContain(args)
    expect(JSON.stringify(JSON.parse(rendered))).not.toContain('rawJSON')
  })
})

test("numbers in a schema of Google's own form keep their spelling", () => {
  const googleSchema =
    '{"type":"OBJECT","properties":{"id":{"type":"INTEGER","maximum":9223372036854775807,"example":1.0}}}'
  const text = `{"contents":[{"parts":[{"text":"Hi"}]}],"tools":[{"function_declarations":[{"name":"f","parameters":${googleSchema}}]}]}`
  const chat = protocols.get('gemini')!.parseRequest(read(text), () => undefined)
  const rendered = writeJson(egressOf('bedrock-converse')!.renderRequest({ ...chat, model: 'm' }, exchangeFor()))
  expect(rendered).toContain(googleSchema.replace('OBJECT', 'object').replace('INTEGER', 'integer'))
})

describe('a passed request from which foreign seals are removed', () => {
  const seal = wrapSeal({ by: 'another', value: 'sealed' })!
  const texts: Record<string, string> = {
    gemini: `{"contents":[{"role":"model","parts":[{"text":"so","thought":true,"thoughtSignature":"${seal}"},{"functionCall":{"name":"f","args":${args}}}]}],"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":${schema}}]}]}`,
    anthropic: `{"model":"m","messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"so","signature":"${seal}"},{"type":"tool_use","id":"c","name":"f","input":${args}}]}],"tools":[{"name":"f","input_schema":${schema}}]}`,
    'openai-responses': `{"model":"m","input":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"${seal}"},{"type":"function_call","call_id":"c","name":"f","arguments":${JSON.stringify(args)}}],"tools":[{"type":"function","name":"f","parameters":${schema}}]}`,
  }
  test.each(Object.entries(texts))('keeps exact numbers in %s', (id, text) => {
    const change = { model: 'm', requestUsage: false }
    const written = protocols.get(id)!.passthrough.writeRequest(text, JSON.parse(text) as JsonObject, change)
    expect(written).not.toContain(seal)
    expect(written).toContain(schema)
    expect(written.replaceAll('\\"', '"')).toContain(args)
  })
})
