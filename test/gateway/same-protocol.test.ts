/**
 * Claude on any service, for a client of Messages: the client's bytes stay unchanged, except for the top-level fields
 * that the service requires.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { replyJson } from '../support/upstream-scripts.ts'

const answer = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude',
  content: [{ type: 'text', text: 'Yes.' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 3, output_tokens: 2 },
}

let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(replyJson(answer))
  const entry = { enabled: true, server_url: upstream.url }
  const credentials = { project_id: 'p', api_key: 'k' }
  gateway = await startGateway({
    services: {
      bedrock: [{ ...entry, models: ['anthropic.claude-here'], credentials: { api_key: 'k' } }],
      vertexai: [{ ...entry, models: ['claude-there'], credentials }],
      claude: [
        { ...entry, server_url: `${upstream.url}/v1`, models: ['claude-home'], credentials: { api_key: 'k' } },
        {
          ...entry,
          server_url: `${upstream.url}/v1`,
          models: ['claude-told'],
          credentials: { api_key: 'k' },
          params: { temperature: 0.5, metadata: { user_id: 'u' } },
        },
      ],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

/**
 * Numbers beyond double precision, numeric-looking keys, escapes and spaces: all must stay as the client wrote them.
 */
const messages = `[ {"role":"user","content":[{"type":"text","text":"\\u00e9 \\/","cache_control":{"type":"ephemeral"} }]},
    {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"b":1.0,"2":9007199254740993,"1":-0}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"done"}]} ]`
const tools = '[{"name":"f","input_schema":{"type":"object","properties":{"10":{"maximum":1e400},"9":{}}}}]'

const send = async (text: string, headers: Record<string, string> = {}) => {
  const options = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: text }
  const response = await fetch(`${gateway.url}/v1/messages`, { ...options, proxy: false } as RequestInit)
  expect({ status: response.status, text: await response.text() }).toMatchObject({ status: 200 })
  const { path, body } = upstream.requests.at(-1)!
  return { path, body: String(body) }
}

describe('everything below the top level', () => {
  test('everything below the top level stays unchanged, byte for byte, on Vertex AI', async () => {
    const { path, body } = await send(
      `{"model":"claude-there","max_tokens":9,\n "messages": ${messages}, "tools":${tools}}`,
    )
    expect(path).toEndWith('/publishers/anthropic/models/claude-there:rawPredict')
    expect(body).toBe(
      `{"anthropic_version":"vertex-2023-10-16","max_tokens":9,\n "messages": ${messages}, "tools":${tools}}`,
    )
  })

  test('everything below the top level stays unchanged, byte for byte, on Bedrock, where betas go into the body', async () => {
    const { path, body } = await send(
      `{ "messages": ${messages}, "tools":${tools},"max_tokens":9 , "model":"anthropic.claude-here", "stream":false}`,
      { 'anthropic-beta': 'context-1m-2025-08-07' },
    )
    expect(path).toBe('/model/anthropic.claude-here/invoke')
    expect(body).toBe(
      `{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["context-1m-2025-08-07"], "messages": ${messages}, "tools":${tools},"max_tokens":9}`,
    )
  })

  test("everything below the top level stays unchanged, byte for byte, on Anthropic's API, where nothing is changed", async () => {
    const text = `{"model":"claude-home","max_tokens":9,"messages":${messages},"tools": ${tools}}`
    expect((await send(text)).body).toBe(text)
  })

  test('everything below the top level stays unchanged, byte for byte, with `params` of the entry', async () => {
    const { body } = await send(`{"model":"claude-told","max_tokens":9,"temperature":1.0,"messages":${messages}}`)
    expect(body).toBe(
      `{"metadata":{"user_id":"u"},"model":"claude-told","max_tokens":9,"temperature":0.5,"messages":${messages}}`,
    )
  })
})

test('a body with a duplicate key is serialised anew, and the last value wins', async () => {
  const duplicateKeys =
    '{"max_tokens":1,"model":"claude-there","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
  expect(JSON.parse((await send(duplicateKeys)).body)).toEqual({
    max_tokens: 9,
    messages: [{ role: 'user', content: 'hi' }],
    anthropic_version: 'vertex-2023-10-16',
  })
})
