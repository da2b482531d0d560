/**
 * Vertex AI and Bedrock count tokens at paths and in formats of their own. Where they refuse to, the gateway
 * estimates.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { refuse, replyJson } from '../support/upstream-scripts.ts'

const claude = 'anthropic.claude-haiku-4-5-20251001-v1:0'
const root = '/v1/projects/p/locations/global/publishers'

let upstream: Upstream
let gateway: Gateway

/** A gateway remembers which targets cannot count, so each test starts a new gateway. */
beforeAll(async () => {
  upstream = await scriptedUpstream(replyJson({}))
})
beforeEach(async () => {
  await gateway?.stop()
  const entry = { enabled: true, server_url: upstream.url }
  const messagesVendors = ['deepseek', 'moonshot', 'zhipu', 'zai', 'minimax', 'dashscope']
  gateway = await startGateway({
    services: {
      vertexai: [
        { ...entry, models: ['gemini-x', 'claude-x@default'], credentials: { project_id: 'p', api_key: 'k' } },
      ],
      bedrock: [{ ...entry, models: [`us.${claude}`, 'us.amazon.nova-2-lite-v1:0'], credentials: { api_key: 'k' } }],
      gemini: [{ ...entry, models: ['gemini-y'], credentials: { api_key: 'k' } }],
      claude: [{ ...entry, server_url: `${upstream.url}/v1`, models: ['relayed'], credentials: { api_key: 'k' } }],
      ...Object.fromEntries(
        messagesVendors.map(type => [
          type,
          [{ ...entry, models: [`of-${type}`], speaks: ['anthropic'], credentials: { api_key: 'k' } }],
        ]),
      ),
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const post = async (path: string, body: object | string, headers: Record<string, string> = {}) => {
  const countBefore = upstream.requests.length
  const options = {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    proxy: false,
  }
  const response = await fetch(gateway.url + path, options as RequestInit)
  return { status: response.status, body: await response.json(), received: upstream.requests.slice(countBefore) }
}
const messages = [{ role: 'user', content: 'four words and four.' }]
const count = (model: string, more: object = {}, headers = {}) =>
  post('/v1/messages/count_tokens', { model, messages, ...more }, headers)
const contents = [{ role: 'user', parts: [{ text: 'four words and four.' }] }]
const countContents = (model: string, body: object) => post(`/v1beta/models/${model}:countTokens`, body)

describe('Claude on Vertex AI', () => {
  test('Claude on Vertex AI is counted by the model in the body, without the `@default` version and without betas', async () => {
    upstream.setScript(replyJson({ input_tokens: 14 }))
    const headers = { 'anthropic-beta': 'web-fetch-2025-09-10,context-1m-2025-08-07' }
    const { status, body, received } = await count('claude-x@default', { system: 'short', max_tokens: 9 }, headers)
    expect({ status, body }).toEqual({ status: 200, body: { input_tokens: 14 } })
    expect(received[0]!.path).toBe(`${root}/anthropic/models/count-tokens:rawPredict`)
    expect(received[0]!.json()).toEqual({ model: 'claude-x', messages, system: 'short' })
    expect(received[0]!.headers['anthropic-beta']).toBeUndefined()
  })
})

describe('Gemini', () => {
  const systemInstruction = { parts: [{ text: 'be brief' }] }
  const answer = { totalTokens: 9, totalBillableCharacters: 30 }

  test('Gemini on Vertex AI is counted with `contents` and `systemInstruction` at the top level, whether the client wrapped them or not', async () => {
    upstream.setScript(replyJson(answer))
    const generateContentRequest = { model: 'models/x', contents, systemInstruction, safetySettings: [] }
    for (const requestBody of [{ contents, system_instruction: systemInstruction }, { generateContentRequest }]) {
      const { status, body, received } = await countContents('gemini-x', requestBody)
      expect({ status, body }).toEqual({ status: 200, body: answer })
      expect(received[0]!.path).toBe(`${root}/google/models/gemini-x:countTokens`)
      expect(received[0]!.json()).toEqual({ contents, systemInstruction })
    }
  })

  test('Gemini on the Gemini API is counted with everything except `contents` inside `generateContentRequest`', async () => {
    upstream.setScript(replyJson(answer))
    const wrapped = { generateContentRequest: { model: 'models/gemini-y', contents, systemInstruction } }
    const alreadyWrapped = { generateContentRequest: { contents, systemInstruction, model: 'models/alias' } }
    for (const requestBody of [{ contents, systemInstruction }, alreadyWrapped]) {
      const { status, received } = await countContents('gemini-y', requestBody)
      expect({ status, path: received[0]!.path }).toEqual({ status: 200, path: '/v1beta/models/gemini-y:countTokens' })
      expect(received[0]!.json()).toEqual(wrapped)
    }
    expect((await countContents('gemini-y', { contents })).received[0]!.json()).toEqual({ contents })
  })
})

describe('Claude on Bedrock', () => {
  const invokedBody = (body: unknown): string =>
    Buffer.from((body as { input: { invokeModel: { body: string } } }).input.invokeModel.body, 'base64').toString()

  test("Claude on Bedrock is counted with InvokeModel's body, by the model id without its inference profile", async () => {
    upstream.setScript(replyJson({ inputTokens: 38 }))
    const text = `{"model":"us.${claude}","messages":[{"role":"user","content":"\\u0041 1.0"}], "thinking":{"type":"enabled","budget_tokens":2000}}`
    const { status, body, received } = await post('/v1/messages/count_tokens', text, {
      'anthropic-beta': 'context-1m-2025-08-07,claude-code-20250219',
    })
    expect({ status, body }).toEqual({ status: 200, body: { input_tokens: 38 } })
    expect(received[0]!.path).toBe(`/model/${encodeURIComponent(claude)}/count-tokens`)
    expect(invokedBody(received[0]!.json())).toBe(
      '{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["context-1m-2025-08-07"],"max_tokens":2001,"messages":[{"role":"user","content":"\\u0041 1.0"}], "thinking":{"type":"enabled","budget_tokens":2000}}',
    )
  })

  test('Claude on Bedrock is the only model there whose tokens are counted by the vendor', async () => {
    const { status, body, received } = await count('us.amazon.nova-2-lite-v1:0')
    expect({ status, body, asked: received.length }).toEqual({ status: 200, body: { input_tokens: 5 }, asked: 0 })
  })
})

describe('a vendor that refuses to count', () => {
  test.each([
    [`us.${claude}`, 400, { message: "The provided model doesn't support counting tokens." }],
    [`us.${claude}`, 403, { message: 'User: arn:aws:iam::1:user/u is not authorized to perform: bedrock:CountTokens' }],
    ['claude-x@default', 400, { type: 'error', error: { message: 'claude-x is not supported for token counting' } }],
    ['claude-x@default', 404, { error: { code: 404, message: 'Publisher model not found' } }],
  ])(
    'a vendor that refuses to count is not asked again, and the gateway estimates: %s with status %i',
    async (model, status, refusal) => {
      upstream.setScript(refuse(status, refusal))
      const first = await count(model)
      expect({ status: first.status, body: first.body }).toEqual({ status: 200, body: { input_tokens: 5 } })
      expect(first.received.length).toBe(1)
      expect((await count(model)).received.length).toBe(0)
    },
  )

  test('a vendor that refuses to count because of the content of one request is asked again for the next one', async () => {
    const message = 'tools.0: web_search_20260318 is not allowed here'
    upstream.setScript(refuse(400, { type: 'error', error: { type: 'invalid_request_error', message } }))
    for (const _ of [1, 2]) {
      const { status, body, received } = await count('claude-x@default')
      expect({ status, body, asked: received.length }).toEqual({ status: 200, body: { input_tokens: 5 }, asked: 1 })
    }
  })

  test.each([
    [429, { error: { message: 'slowly' } }, 429],
    [403, { error: { message: 'no' } }, 502],
  ])(
    'a vendor that refuses to count for another reason gives the client an error: %i',
    async (status, refusal, expectedStatus) => {
      upstream.setScript(refuse(status, refusal))
      expect(await count('claude-x@default')).toMatchObject({ status: expectedStatus, body: { type: 'error' } })
      expect((await count('claude-x@default')).received.length).toBe(1)
    },
  )
})

test('a `server_url` with the path of Messages is not asked to count', async () => {
  for (const model of ['relayed', 'of-deepseek', 'of-moonshot', 'of-zhipu', 'of-zai', 'of-minimax', 'of-dashscope']) {
    const { status, body, received } = await count(model)
    expect({ model, status, body, asked: received.length }).toEqual({
      model,
      status: 200,
      body: { input_tokens: 5 },
      asked: 0,
    })
  }
})
