/** Tokens are counted by a vendor that can count, and estimated otherwise. The client never gets a 404. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { replyJson } from '../support/upstream-scripts.ts'

let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(replyJson({ input_tokens: 77, totalTokens: 9 }))
  const entry = (model: string) => ({ enabled: true, models: [model], credentials: { api_key: 'k' } })
  gateway = await startGateway({
    api_keys: [
      { api_key: 'all', name: 'all' },
      { api_key: 'some', name: 'some', supported_models: { any: ['guessed'] } },
    ],
    services: {
      openai: [{ ...entry('guessed'), server_url: `${upstream.url}/v1` }],
      gemini: [{ ...entry('googled'), server_url: upstream.url, speaks: ['gemini/countTokens'] }],
      claude: [{ ...entry('counted'), server_url: `${upstream.url}/v1`, speaks: ['anthropic/count_tokens'] }],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const count = async (body: object, key = 'all') => {
  const headers = { 'content-type': 'application/json', 'x-api-key': key, 'anthropic-version': '2023-06-01' }
  const answer = await fetch(`${gateway.url}/v1/messages/count_tokens`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  })
  return {
    status: answer.status,
    body: (await answer.json()) as {
      input_tokens?: number
      totalTokens?: number
      type?: string
      error?: { type: string }
    },
  }
}
test("Gemini's countTokens accepts `contents` or a `generateContentRequest`", async () => {
  const countContents = async (model: string, body: object) => {
    const headers = { 'content-type': 'application/json', 'x-goog-api-key': 'all' }
    const url = `${gateway.url}/v1beta/models/${model}:countTokens`
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
    return { status: answer.status, body: await answer.json() }
  }
  const contents = [{ role: 'user', parts: [{ text: 'four words and four.' }] }]
  expect(await countContents('guessed', { contents })).toEqual({ status: 200, body: { totalTokens: 5 } })
  const generateContentRequest = {
    model: 'models/guessed',
    contents,
    systemInstruction: { parts: [{ text: 'x'.repeat(40) }] },
  }
  expect(await countContents('guessed', { generateContentRequest })).toEqual({ status: 200, body: { totalTokens: 15 } })
  expect(await countContents('googled', { contents })).toMatchObject({ status: 200, body: { totalTokens: 9 } })
  expect(upstream.requests.at(-1)!.path).toBe('/v1beta/models/googled:countTokens')
  expect(await countContents('nobody', { contents })).toMatchObject({
    status: 404,
    body: { error: { status: 'NOT_FOUND' } },
  })
})

const messages = [{ role: 'user', content: 'four words and four.' }]

test('a target that can count is asked, with its own model name and the anthropic-version header', async () => {
  expect(await count({ model: 'counted', messages })).toEqual({
    status: 200,
    body: { input_tokens: 77, totalTokens: 9 },
  })
  const { path, headers, json } = upstream.requests.at(-1)!
  expect([path, headers['anthropic-version'], headers['x-api-key']]).toEqual([
    '/v1/messages/count_tokens',
    '2023-06-01',
    'k',
  ])
  expect(json()).toEqual({ model: 'counted', messages })
})

test('for any other target the gateway estimates text, system and tools', async () => {
  const before = upstream.requests.length
  expect((await count({ model: 'guessed', messages })).body).toEqual({ input_tokens: 5 })
  const tools = [{ name: 'look', description: 'x'.repeat(400), input_schema: { type: 'object' } }]
  const { body } = await count({ model: 'guessed', messages, system: 'x'.repeat(40), tools })
  expect(body.input_tokens).toBeGreaterThan(110)
  expect(upstream.requests.length).toBe(before)
})

test('a model outside the scope, an unknown one, a missing one and a wrong key are errors in the shape of the protocol', async () => {
  expect(await count({ model: 'counted', messages }, 'some')).toMatchObject({ status: 403, body: { type: 'error' } })
  expect(await count({ model: 'nobody', messages })).toMatchObject({
    status: 404,
    body: { error: { type: 'not_found_error' } },
  })
  expect(await count({ messages })).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error' } } })
  expect(await count({ model: 'guessed', messages }, 'wrong')).toMatchObject({ status: 401 })
})
