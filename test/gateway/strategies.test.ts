/** The strategies that measure, as two vendors feel them. Vendors take their time, so the tests run side by side, each with its own. */
import { afterAll, describe, expect, test } from 'bun:test'
import { ask, stream } from '../support/client.ts'
import { startGateway } from '../support/process.ts'
import { chat, chatBody, chatFrames, jsonOf, refuse, slowHeaders, sseOf } from '../support/scripts.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/upstream.ts'
import { until } from '../support/wait.ts'

const open: { close?: () => Promise<unknown>; stop?: () => Promise<unknown> }[] = []
afterAll(async () => {
  for (const one of open.reverse()) await (one.stop ?? one.close)?.()
})

const two = async (strategy: string, scripts: [Script, Script], more: object = {}) => {
  const upstreams = await Promise.all(scripts.map(script => scriptedUpstream(script)))
  open.push(...upstreams)
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
  open.push(gateway)
  const [one, other] = upstreams as [Upstream, Upstream]
  return { gateway, one, other }
}
/** `lanes` clients, each asking `times` times, one after the other. */
const crowd = (lanes: number, times: number, request: () => Promise<unknown>) =>
  Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let time = 0; time < times; time++) await request()
    }),
  )

describe('fastest', () => {
  test.concurrent('four of five requests and more go to the quicker vendor, streamed or not', async () => {
    const { gateway, one, other } = await two('fastest', [slowHeaders(120, chat()), slowHeaders(5, chat())])
    await crowd(4, 15, async () => {
      const response = await ask(gateway, { model: 'm' })
      expect(response.status).toBe(200)
      await response.bytes()
    })
    await crowd(4, 10, async () => (await stream(gateway, { model: 'm' })).ended)
    expect(one.requests.length + other.requests.length).toBe(100)
    expect(one.requests.length).toBeGreaterThan(0)
    expect(other.requests.length).toBeGreaterThanOrEqual(80)
  })

  test.concurrent('what counts is the first content, not the length of the stream', async () => {
    const long = sseOf(chatFrames(Array.from({ length: 12 }, () => 'word ')), { pace: 15 })
    const { gateway, one, other } = await two('fastest', [long, slowHeaders(100, sseOf(chatFrames()))])
    await crowd(2, 8, async () => (await stream(gateway, { model: 'm' })).ended)
    expect(one.requests.length).toBeGreaterThanOrEqual(13)
    expect(other.requests.length).toBeGreaterThan(0)
  })

  test.concurrent('a vendor that fails in no time is not taken for a quick one', async () => {
    const { gateway, one, other } = await two('fastest', [refuse(503), slowHeaders(30, chat())])
    let failed = 0
    await crowd(1, 30, async () => {
      const response = await ask(gateway, { model: 'm' })
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
    const answer = jsonOf(chatBody())
    let [asked, answered] = [0, 0]
    // Each of its requests is held for as long as the other vendor answers fifteen, however fast the machine is.
    const holding: Script = async (...exchange) => {
      const due = answered + 15
      asked++
      await until(() => answered >= due || asked === 120, 20_000)
      await answer(...exchange)
    }
    const quick: Script = async (...exchange) => {
      asked++
      await answer(...exchange)
      answered++
    }
    const { gateway, one, other } = await two('least-busy', [holding, quick])
    let left = 120
    await crowd(6, 1, async () => {
      while (left-- > 0) await (await ask(gateway, { model: 'm' })).bytes()
    })
    expect(one.requests.length + other.requests.length).toBe(120)
    expect(one.requests.length).toBeWithin(8, 40)
  })

  test.concurrent('whoever leaves makes room: nothing stays counted', async () => {
    const silent: Script = answer => answer.silent()
    const { gateway, one, other } = await two('least-busy', [silent, silent])
    const received = () => [one, other].flatMap(({ requests }) => requests)
    let turn = 0
    const leave = async () => {
      const user = `${turn++}`
      const controller = new AbortController()
      const asked = ask(gateway, { model: 'm', user }, { signal: controller.signal }).catch(() => undefined)
      await until(() => received().some(request => (request.json() as { user: string }).user === user))
      controller.abort()
      await asked
    }
    await crowd(10, 2, leave)
    await until(() => received().every(({ abortedAt }) => abortedAt !== undefined))
    const before = [one.requests.length, other.requests.length] as const
    expect(before[0] + before[1]).toBe(20)
    one.become(slowHeaders(150, chat()))
    other.become(slowHeaders(150, chat()))
    await crowd(8, 1, async () => (await ask(gateway, { model: 'm' })).bytes())
    expect([one.requests.length - before[0], other.requests.length - before[1]]).toEqual([4, 4])
  })
})
