/** What a vendor that refuses tells of its limits in headers reaches the client, whichever two protocols meet; a fault of our own key tells nothing. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/process.ts'
import { chat, jsonOf, refuse } from '../support/scripts.ts'
import { scriptedUpstream, type Upstream } from '../support/upstream.ts'

const key = 'sk-canary-vendor-key'
let upstream: Upstream
let gateway: Gateway

const vendors = ['chatting', 'answering', 'claude-m', 'gemini-m']
const messages = [{ role: 'user', content: 'q' }]
const clients: Record<string, (model: string) => [path: string, body: object]> = {
  'Chat Completions': model => ['/v1/chat/completions', { model, messages }],
  Messages: model => ['/v1/messages', { model, max_tokens: 5, messages }],
  Responses: model => ['/v1/responses', { model, input: 'q' }],
  Gemini: model => [`/v1beta/models/${model}:generateContent`, { contents: [{ parts: [{ text: 'q' }] }] }],
}

beforeAll(async () => {
  upstream = await scriptedUpstream(chat())
  const entry = (model: string, more: object = {}) => ({
    enabled: true,
    models: [model],
    server_url: `${upstream.url}/v1`,
    credentials: { api_key: key },
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

const limits = {
  'x-ratelimit-limit-requests': '100',
  'x-ratelimit-remaining-requests': '0',
  'x-ratelimit-reset-requests': '1m3s',
  'anthropic-ratelimit-tokens-remaining': '7',
  'retry-after-ms': '1500',
}
const others = {
  'retry-after': '1',
  'content-disposition': 'attachment; filename="error.json"',
  'set-cookie': 'a=b',
  'openai-organization': 'org-ours',
  'x-ratelimit-note': `of ${key}`,
}

const ask = async (path: string, body: object) => {
  const headers = { 'content-type': 'application/json' }
  const options = { method: 'POST', headers, body: JSON.stringify(body), proxy: false }
  const answer = await fetch(`${gateway.url}${path}`, options as RequestInit)
  return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() }
}
const without = Object.keys(others).filter(name => name !== 'retry-after')

describe.each(Object.entries(clients))('a client of %s', (_name, requestFor) => {
  for (const model of vendors)
    test.each([429, 529, 400])(`is told the limits of ${model} with a %d`, async status => {
      upstream.become(refuse(status, { error: { message: 'slower' } }, { ...limits, ...others }))
      const [path, body] = requestFor(model)
      for (const stream of [false, true]) {
        const answer = await ask(path, { ...body, ...(stream && { stream }) })
        expect([answer.status, answer.headers]).toMatchObject([status, { ...limits, 'retry-after': '2' }])
        for (const name of without) expect(answer.headers).not.toHaveProperty(name)
        expect(JSON.stringify(answer)).not.toContain(key)
      }
    })
})

test.each([401, 402, 403])('a %d is about our key: nothing of its account is told', async status => {
  upstream.become(refuse(status, { error: { message: 'no' } }, limits))
  const { status: told, headers } = await ask(...clients['Messages']!('claude-m'))
  expect(told).toBe(502)
  for (const name of Object.keys(limits)) expect(headers).not.toHaveProperty(name)
})

test('a vendor that refuses to tell of an answer it keeps is heard as well', async () => {
  upstream.become(
    jsonOf({ id: 'resp_1', object: 'response', created_at: 1, model: 'v', status: 'completed', output: [] }),
  )
  const { id } = JSON.parse((await ask(...clients['Responses']!('answering'))).text) as { id: string }
  upstream.become(refuse(429, undefined, { ...limits, ...others }))
  const answer = await fetch(`${gateway.url}/v1/responses/${id}`)
  expect([answer.status, Object.fromEntries(answer.headers)]).toMatchObject([429, { ...limits, 'retry-after': '2' }])
  for (const name of without) expect(answer.headers.has(name)).toBe(false)
})
