/** Settings that affect a request and are not covered by another file of this folder. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { openStream, sendRequest } from '../support/client.ts'
import { type Gateway, startGateway, waitForLogLine } from '../support/gateway-process.ts'
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { chatBody, neverRespond, replyChat } from '../support/upstream-scripts.ts'
import { waitUntil } from '../support/wait-until.ts'

let upstream: Upstream
let refusingGateway: Gateway
let notingGateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(replyChat())
  const entry = (model: string, more: object = {}) => ({
    enabled: true,
    id: model,
    models: [model],
    server_url: `${upstream.url}/v1`,
    credentials: { api_key: 'k' },
    ...more,
  })
  const services = {
    groq: [entry('g')],
    openai: [
      entry('hurried', { timeout: 0.3 }),
      entry('patient'),
      entry('light', { models: ['weighed'], model_map: { weighed: 'light' } }),
      entry('heavy', { models: ['weighed'], model_map: { weighed: 'heavy' }, weight: 9 }),
    ],
  }
  notingGateway = await startGateway({ services, heartbeat: 0 })
  refusingGateway = await startGateway({ services, on_loss: 'refuse' })
})
afterAll(async () => {
  await Promise.all([notingGateway.stop(), refusingGateway.stop()])
  await upstream.close()
})

describe('`on_loss`', () => {
  const body = { model: 'g', logit_bias: { '50256': -100 } }

  test('a field that a target does not support is left out and logged with `on_loss: note`', async () => {
    upstream.setScript(replyChat())
    const answer = await sendRequest(notingGateway, body)
    await answer.text()
    expect(answer.status).toBe(200)
    expect(upstream.requests.at(-1)!.json()).not.toHaveProperty('logit_bias')
    const id = answer.headers.get('x-request-id')!
    const line = await waitForLogLine(notingGateway, id)
    expect(line).toMatchObject({ losses: [expect.stringContaining('logit_bias')] })
  })

  test('a field that a target does not support is a 400 that names it with `on_loss: refuse`, and the vendor is not asked', async () => {
    upstream.setScript(replyChat())
    const before = upstream.requests.length
    for (const streamed of [false, true]) {
      const answer = await sendRequest(refusingGateway, { ...body, stream: streamed })
      const { error } = (await answer.json()) as { error: { message: string; type: string } }
      expect([answer.status, error.type]).toEqual([400, 'invalid_request_error'])
      expect(error.message).toContain('logit_bias')
    }
    expect(upstream.requests.length).toBe(before)
    expect((await sendRequest(refusingGateway, { model: 'g' })).status).toBe(200)
  })
})

describe("an entry's timeout", () => {
  const trickleBody: Script = async answer => {
    answer.writeHead(200, { 'content-type': 'application/json' })
    const text = JSON.stringify(chatBody())
    for (const at of [0, 1, 2, 3, 4]) {
      await answer.write(text.slice((text.length / 5) * at, (text.length / 5) * (at + 1)))
      await answer.wait(120)
    }
    answer.end()
  }

  test("an entry's timeout bounds the total time of an answer that is not streamed, even if data keeps arriving", async () => {
    upstream.setScript(trickleBody)
    const answer = await sendRequest(notingGateway, { model: 'hurried' })
    expect([answer.status, ((await answer.json()) as { error: { code: string } }).error.code]).toEqual([
      504,
      'upstream_timeout',
    ])
    upstream.setScript(trickleBody)
    expect((await sendRequest(notingGateway, { model: 'patient' })).status).toBe(200)
  })

  test("an entry's timeout bounds the wait for the first byte of a stream", async () => {
    upstream.setScript(neverRespond)
    const startedAt = performance.now()
    expect((await sendRequest(notingGateway, { model: 'hurried', stream: true })).status).toBe(504)
    expect(performance.now() - startedAt).toBeLessThan(1500)
    const vendor = upstream.requests.at(-1) as ReceivedRequest
    await waitUntil(() => vendor.abortedAt, 1000)
  })

  test("an entry's timeout never cuts a stream that keeps flowing", async () => {
    upstream.setScript(replyChat(undefined, undefined, { pace: 120 }))
    const answer = await openStream(notingGateway, { model: 'hurried' })
    await answer.ended
    expect([answer.content(), answer.data().at(-1)]).toEqual(['Hello there.', '[DONE]'])
  })
})

test('entries are chosen at random by their weights', async () => {
  upstream.setScript(replyChat())
  const before = upstream.requests.length
  await Promise.all(
    Array.from({ length: 100 }, () => sendRequest(notingGateway, { model: 'weighed' }).then(answer => answer.text())),
  )
  const models = upstream.requests.slice(before).map(request => (request.json() as { model: string }).model)
  // The expected share is one in ten. 35 or more of a hundred, or none, happen less than once in thirty thousand runs.
  const light = models.filter(model => model === 'light').length
  expect([light > 0, light < 35]).toEqual([true, true])
})
