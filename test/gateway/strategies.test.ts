/** The strategies that measure, as two vendors feel them. Vendors take their time, so the tests run side by side, each with its own. */
import { afterAll, describe, expect, test } from 'bun:test'
import { openStream, sendRequest } from '../support/client.ts'
import { startGateway } from '../support/process.ts'
import { chatBody, chatChunks, delayHeaders, refuse, replyChat, replyJson, replySse } from '../support/scripts.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/upstream.ts'
import { waitUntil } from '../support/wait.ts'

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
/** `lanes` clients, each asking `times` times, one after the other. */
const sendFromClients = (clientCount: number, requestsPerClient: number, request: () => Promise<unknown>) =>
  Promise.all(
    Array.from({ length: clientCount }, async () => {
      for (let index = 0; index < requestsPerClient; index++) await request()
    }),
  )

describe('fastest', () => {
  test.concurrent('four of five requests and more go to the quicker vendor, streamed or not', async () => {
    const { gateway, one, other } = await startTwoVendors('fastest', [
      delayHeaders(120, replyChat()),
      delayHeaders(5, replyChat()),
    ])
    await sendFromClients(4, 15, async () => {
      const response = await sendRequest(gateway, { model: 'm' })
      expect(response.status).toBe(200)
      await response.bytes()
    })
    await sendFromClients(4, 10, async () => (await openStream(gateway, { model: 'm' })).ended)
    expect(one.requests.length + other.requests.length).toBe(100)
    expect(one.requests.length).toBeGreaterThan(0)
    expect(other.requests.length).toBeGreaterThanOrEqual(80)
  })

  test.concurrent('what counts is the first content, not the length of the stream', async () => {
    const longStream = replySse(chatChunks(Array.from({ length: 12 }, () => 'word ')), { pace: 15 })
    const { gateway, one, other } = await startTwoVendors('fastest', [
      longStream,
      delayHeaders(100, replySse(chatChunks())),
    ])
    await sendFromClients(2, 8, async () => (await openStream(gateway, { model: 'm' })).ended)
    expect(one.requests.length).toBeGreaterThanOrEqual(13)
    expect(other.requests.length).toBeGreaterThan(0)
  })

  test.concurrent('a vendor that fails in no time is not taken for a quick one', async () => {
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
  })
})

describe('least-busy, in its other spelling', () => {
  test.concurrent('a vendor that holds its requests longer gets fewer of them', async () => {
    const answer = replyJson(chatBody())
    let [asked, answerCount] = [0, 0]
    // Each of its requests is held for as long as the other vendor answers fifteen, however fast the machine is.
    const holdingScript: Script = async (...scriptArguments) => {
      const releaseAt = answerCount + 15
      asked++
      await waitUntil(() => answerCount >= releaseAt || asked === 120, 20_000)
      await answer(...scriptArguments)
    }
    const quickScript: Script = async (...scriptArguments) => {
      asked++
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
  })

  test.concurrent('whoever leaves makes room: nothing stays counted', async () => {
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
    one.setScript(delayHeaders(150, replyChat()))
    other.setScript(delayHeaders(150, replyChat()))
    await sendFromClients(8, 1, async () => (await sendRequest(gateway, { model: 'm' })).bytes())
    expect([one.requests.length - before[0], other.requests.length - before[1]]).toEqual([4, 4])
  })
})
