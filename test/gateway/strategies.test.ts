/**
 * The strategies that measure their targets, each test with two vendors. The vendors are slow on purpose, so the
 * tests run in parallel, each with vendors of its own.
 */
import { afterAll, describe, expect, test } from 'bun:test'
import { openStream, sendRequest } from '../support/client.ts'
import { startGateway } from '../support/gateway-process.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import {
  chatBody,
  chatChunks,
  delayHeaders,
  refuse,
  replyChat,
  replyJson,
  replySse,
} from '../support/upstream-scripts.ts'
import { waitUntil } from '../support/wait-until.ts'

const resources: { close?: () => Promise<unknown>; stop?: () => Promise<unknown> }[] = []
afterAll(async () => {
  for (const one of resources.reverse()) await (one.stop ?? one.close)?.()
})

const startTwoVendors = async (strategy: string, scripts: [Script, Script], more: object = {}) => {
  const upstreams = await Promise.all(scripts.map(script => scriptedUpstream(script)))
  resources.push(...upstreams)
  const gateway = await startGateway({
    load_balancing: strategy,
    services: {
      openai: upstreams.map(({ url }) => ({
        enabled: true,
        models: ['m'],
        server_url: `${url}/v1`,
        credentials: { api_key: 'k' },
        ...more,
      })),
    },
  })
  resources.push(gateway)
  const [one, other] = upstreams as [Upstream, Upstream]
  return { gateway, one, other }
}
/** Runs `clientCount` clients in parallel. Each sends `requestsPerClient` requests, one after another. */
const sendFromClients = (clientCount: number, requestsPerClient: number, request: () => Promise<unknown>) =>
  Promise.all(
    Array.from({ length: clientCount }, async () => {
      for (let index = 0; index < requestsPerClient; index++) await request()
    }),
  )

describe('fastest', () => {
  test.concurrent('the strategy fastest sends at least four of five requests to the faster vendor, streamed or not', async () => {
    let [requestCount, answerCount, heldCount, expectedCount] = [0, 0, 0, 60]
    // The slow vendor holds each request until the other has answered twenty, so that it is slower on any machine. It
    // holds no request when no other can come: all are sent, or it holds one of each of the four clients.
    const slowScript: Script = async (...scriptArguments) => {
      const releaseAt = answerCount + 20
      requestCount++
      heldCount++
      await waitUntil(() => answerCount >= releaseAt || heldCount === 4 || requestCount === expectedCount, 30_000)
      await delayHeaders(400, replyChat())(...scriptArguments)
      heldCount--
    }
    const quickScript: Script = async (...scriptArguments) => {
      requestCount++
      await replyChat()(...scriptArguments)
      answerCount++
    }
    const { gateway, one, other } = await startTwoVendors('fastest', [slowScript, quickScript])
    let remaining = 60
    await sendFromClients(4, 1, async () => {
      while (remaining-- > 0) {
        const response = await sendRequest(gateway, { model: 'm' })
        expect(response.status).toBe(200)
        await response.bytes()
      }
    })
    remaining = 40
    expectedCount = 100
    await sendFromClients(4, 1, async () => {
      while (remaining-- > 0) await (await openStream(gateway, { model: 'm' })).ended
    })
    expect(one.requests.length + other.requests.length).toBe(100)
    expect(one.requests.length).toBeGreaterThan(0)
    expect(other.requests.length).toBeGreaterThanOrEqual(80)
  }, 60_000)

  test.concurrent('the strategy fastest measures the time to the first content, not the duration of the stream', async () => {
    const longStream = replySse(chatChunks(Array.from({ length: 12 }, () => 'word ')), { pace: 80 })
    const { gateway, one, other } = await startTwoVendors('fastest', [
      longStream,
      delayHeaders(700, replySse(chatChunks())),
    ])
    const send = async () => (await openStream(gateway, { model: 'm' })).ended
    await sendFromClients(1, 2, send)
    expect([one.requests.length, other.requests.length]).toEqual([1, 1])
    await sendFromClients(7, 2, send)
    expect(one.requests.length + other.requests.length).toBe(16)
    expect(one.requests.length).toBeGreaterThanOrEqual(13)
  }, 60_000)

  test.concurrent('the strategy fastest does not take a vendor that fails quickly for a fast one', async () => {
    const { gateway, one, other } = await startTwoVendors('fastest', [refuse(503), delayHeaders(30, replyChat())])
    let failed = 0
    await sendFromClients(1, 30, async () => {
      const response = await sendRequest(gateway, { model: 'm' })
      await response.bytes()
      if (response.status !== 200) failed++
    })
    expect(one.requests.length).toBeLessThanOrEqual(2)
    expect(other.requests.length).toBeGreaterThanOrEqual(28)
    expect(failed).toBeLessThanOrEqual(2)
  }, 60_000)
})

describe('least-busy', () => {
  test.concurrent('the strategy least-busy, spelt with a hyphen, sends fewer requests to a vendor that takes longer', async () => {
    const answer = replyJson(chatBody())
    let [requestCount, answerCount] = [0, 0]
    // Each request is held until the other vendor has answered fifteen, so the test does not depend on the machine's
    // speed.
    const holdingScript: Script = async (...scriptArguments) => {
      const releaseAt = answerCount + 15
      requestCount++
      await waitUntil(() => answerCount >= releaseAt || requestCount === 120, 20_000)
      await answer(...scriptArguments)
    }
    const quickScript: Script = async (...scriptArguments) => {
      requestCount++
      await answer(...scriptArguments)
      answerCount++
    }
    const { gateway, one, other } = await startTwoVendors('least-busy', [holdingScript, quickScript])
    let remaining = 120
    await sendFromClients(6, 1, async () => {
      while (remaining-- > 0) await (await sendRequest(gateway, { model: 'm' })).bytes()
    })
    expect(one.requests.length + other.requests.length).toBe(120)
    expect(one.requests.length).toBeWithin(8, 40)
  }, 60_000)

  test.concurrent('the strategy least-busy, spelt with a hyphen, stops counting requests of clients that disconnected', async () => {
    const stallScript: Script = answer => answer.stall()
    const { gateway, one, other } = await startTwoVendors('least-busy', [stallScript, stallScript])
    const received = () => [one, other].flatMap(({ requests }) => requests)
    let userIndex = 0
    const abortOne = async () => {
      const user = `${userIndex++}`
      const controller = new AbortController()
      const pending = sendRequest(gateway, { model: 'm', user }, { signal: controller.signal }).catch(() => undefined)
      await waitUntil(() => received().some(request => (request.json() as { user: string }).user === user))
      controller.abort()
      await pending
    }
    await sendFromClients(10, 2, abortOne)
    await waitUntil(() => received().every(({ abortedAt }) => abortedAt !== undefined))
    const before = [one.requests.length, other.requests.length] as const
    expect(before[0] + before[1]).toBe(20)
    // No request is answered before all eight have been received.
    const answerTogether: Script = async (...scriptArguments) => {
      await waitUntil(() => received().length === 28, 30_000)
      await replyChat()(...scriptArguments)
    }
    one.setScript(answerTogether)
    other.setScript(answerTogether)
    await sendFromClients(8, 1, async () => (await sendRequest(gateway, { model: 'm' })).bytes())
    expect([one.requests.length - before[0], other.requests.length - before[1]]).toEqual([4, 4])
  }, 60_000)
})
