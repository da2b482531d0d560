/** Completions at a vendor that has them: a list of prompts goes there as it came, streamed and not. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { replyJson, replySse } from '../support/upstream-scripts.ts'

let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  const envelope = { id: 'cmpl-1', object: 'text_completion', created: 1, model: 'v' }
  const choice = (index: number, finish_reason: string | null) => ({
    index,
    text: `answer ${index}`,
    logprobs: null,
    finish_reason,
  })
  upstream = await scriptedUpstream((answer, request) => {
    const { stream } = request.json() as { stream?: boolean }
    const frames = [0, 1].map(index => ({ ...envelope, choices: [choice(index, 'stop')] }))
    const complete = { ...envelope, choices: [choice(0, 'stop'), choice(1, 'stop')] }
    return (stream ? replySse(frames) : replyJson(complete))(answer, request)
  })
  const service = { enabled: true, models: ['texts'], server_url: `${upstream.url}/v1`, credentials: { api_key: 'k' } }
  gateway = await startGateway({ services: { openai: [service] } })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

test.each([false, true])('a list of prompts is one request to the vendor, with stream %p', async stream => {
  const before = upstream.requests.length
  const response = await fetch(`${gateway.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'texts', prompt: ['one', 'two'], stream }),
  })
  const text = await response.text()
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    stream ? 'text/event-stream; charset=utf-8' : 'application/json',
  ])
  expect([text.includes('answer 0'), text.includes('answer 1')]).toEqual([true, true])
  const sent = upstream.requests.slice(before).map(request => (request.json() as { prompt: unknown }).prompt)
  expect(sent).toEqual([['one', 'two']])
})
