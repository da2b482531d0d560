/**
 * Rate limit headers of a vendor's refusal reach the client between any two protocols. A refusal of our own key
 * reveals nothing.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { refuse, replyChat, replyJson } from '../support/upstream-scripts.ts'

const vendorKey = 'sk-canary-vendor-key'
let upstream: Upstream
let gateway: Gateway

const vendorModels = ['chatting', 'answering', 'claude-m', 'gemini-m']
const messages = [{ role: 'user', content: 'q' }]
const clients: Record<string, (model: string) => [path: string, body: object]> = {
  'Chat Completions': model => ['/v1/chat/completions', { model, messages }],
  Messages: model => ['/v1/messages', { model, max_tokens: 5, messages }],
  Responses: model => ['/v1/responses', { model, input: 'q' }],
  Gemini: model => [`/v1beta/models/${model}:generateContent`, { contents: [{ parts: [{ text: 'q' }] }] }],
}

beforeAll(async () => {
  upstream = await scriptedUpstream(replyChat())
  const entry = (model: string, more: object = {}) => ({
    enabled: true,
    models: [model],
    server_url: `${upstream.url}/v1`,
    credentials: { api_key: vendorKey },
    ...more,
  })
  gateway = await startGateway({
    services: {
      openai: [entry('chatting'), entry('answering', { speaks: ['openai-responses'] })],
      claude: [entry('claude-m')],
      gemini: [entry('gemini-m', { server_url: upstream.url })],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const limitHeaders = {
  'x-ratelimit-limit-requests': '100',
  'x-ratelimit-remaining-requests': '0',
  'x-ratelimit-reset-requests': '1m3s',
  'anthropic-ratelimit-tokens-remaining': '7',
  'retry-after-ms': '1500',
}
const otherHeaders = {
  'retry-after': '1',
  'content-disposition': 'attachment; filename="error.json"',
  'set-cookie': 'a=b',
  'openai-organization': 'org-ours',
  'x-ratelimit-note': `of ${vendorKey}`,
}

const send = async (path: string, body: object) => {
  const headers = { 'content-type': 'application/json' }
  const options = { method: 'POST', headers, body: JSON.stringify(body), proxy: false }
  const answer = await fetch(`${gateway.url}${path}`, options as RequestInit)
  return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() }
}
const hiddenHeaders = Object.keys(otherHeaders).filter(name => name !== 'retry-after')

describe.each(Object.entries(clients))('a client of %s', (_name, requestFor) => {
  for (const model of vendorModels)
    test.each([429, 529, 400])(`the rate limit headers of ${model} reach the client with a %d`, async status => {
      upstream.setScript(refuse(status, { error: { message: 'slower' } }, { ...limitHeaders, ...otherHeaders }))
      const [path, body] = requestFor(model)
      for (const stream of [false, true]) {
        const answer = await send(path, { ...body, ...(stream && { stream }) })
        expect([answer.status, answer.headers]).toMatchObject([status, { ...limitHeaders, 'retry-after': '2' }])
        for (const name of hiddenHeaders) expect(answer.headers).not.toHaveProperty(name)
        expect(JSON.stringify(answer)).not.toContain(vendorKey)
      }
    })
})

test.each([401, 402, 403])(
  "a %d is about our key, and none of the account's rate limit headers is sent to the client",
  async status => {
    upstream.setScript(refuse(status, { error: { message: 'no' } }, limitHeaders))
    const { status: answerStatus, headers } = await send(...clients['Messages']!('claude-m'))
    expect(answerStatus).toBe(502)
    for (const name of Object.keys(limitHeaders)) expect(headers).not.toHaveProperty(name)
  },
)

test('a refusal to return a stored response passes on its rate limit headers', async () => {
  upstream.setScript(
    replyJson({ id: 'resp_1', object: 'response', created_at: 1, model: 'v', status: 'completed', output: [] }),
  )
  const { id } = JSON.parse((await send(...clients['Responses']!('answering'))).text) as { id: string }
  upstream.setScript(refuse(429, undefined, { ...limitHeaders, ...otherHeaders }))
  const answer = await fetch(`${gateway.url}/v1/responses/${id}`)
  expect([answer.status, Object.fromEntries(answer.headers)]).toMatchObject([
    429,
    { ...limitHeaders, 'retry-after': '2' },
  ])
  for (const name of hiddenHeaders) expect(answer.headers.has(name)).toBe(false)
})
