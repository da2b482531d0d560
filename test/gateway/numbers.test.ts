/**
 * Numbers in the client's JSON reach a vendor of another protocol, or of the same one with a quirk, as they were
 * written.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { chatBody, replyJson } from '../support/upstream-scripts.ts'

const argumentsJson = '{"id":9007199254740993,"price":1.0}'
const schemaJson =
  '{"type":"object","properties":{"id":{"type":"integer","maximum":9223372036854775807,"default":1.0}}}'

const answers = {
  google: { candidates: [{ content: { role: 'model', parts: [{ text: 'Yes.' }] }, finishReason: 'STOP', index: 0 }] },
  converse: { output: { message: { role: 'assistant', content: [{ text: 'Yes.' }] } }, stopReason: 'end_turn' },
}

let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream((answer, request) => {
    const other = request.path.endsWith('/converse') ? answers.converse : chatBody()
    return replyJson(request.path.includes(':generateContent') ? answers.google : other)(answer, request)
  })
  const entry = { enabled: true, server_url: upstream.url, credentials: { api_key: 'k' } }
  gateway = await startGateway({
    services: {
      gemini: [{ ...entry, models: ['google'] }],
      bedrock: [{ ...entry, models: ['nova'] }],
      openai: [{ ...entry, models: ['open'] }],
      deepseek: [{ ...entry, models: ['quirky'] }],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const send = async (path: string, text: string): Promise<string> => {
  const options = { method: 'POST', headers: { 'content-type': 'application/json' }, body: text, proxy: false }
  const response = await fetch(gateway.url + path, options as RequestInit)
  expect({ status: response.status, text: await response.text() }).toMatchObject({ status: 200 })
  return String(upstream.requests.at(-1)!.body).replaceAll('\\"', '"')
}

const contents = `[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":${argumentsJson}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":${argumentsJson}}}]}]`
const toolDeclarations = `[{"functionDeclarations":[{"name":"f","parametersJsonSchema":${schemaJson}}]}]`
const google = `{"contents":${contents},"tools":${toolDeclarations},"generationConfig":{"temperature":1.0}}`
const chatRequest = (model: string) =>
  `{"model":"${model}","max_tokens":9,"temperature":1.0,"messages":[{"role":"developer","content":"short"},{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":${JSON.stringify(argumentsJson)}}}]},{"role":"tool","tool_call_id":"c","content":"done"}],"tools":[{"type":"function","function":{"name":"f","parameters":${schemaJson}}}]}`

test.each(['google', 'nova', 'open', 'quirky'])(
  'numbers of a Gemini client reach %s as they were written',
  async model => {
    const body = await send(`/v1beta/models/${model}:generateContent`, google)
    expect(body.split(argumentsJson).length).toBe(3)
    expect(body).toContain(schemaJson)
  },
)

test.each(['google', 'nova', 'open', 'quirky'])(
  'numbers of a Chat Completions client reach %s as they were written',
  async model => {
    const body = await send('/v1/chat/completions', chatRequest(model))
    expect(body).toContain(argumentsJson)
    expect(body).toContain(schemaJson)
  },
)
