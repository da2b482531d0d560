/** A gateway that is told to end: open requests finish or hear why they cannot, and the process ends well. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { ask, stream } from '../rig/client.ts'
import { type Gateway, startGateway } from '../rig/process.ts'
import { chat, chatFrames, neverHeaders, silentAfter, sseOf } from '../rig/scripts.ts'
import { scriptedUpstream, type Upstream } from '../rig/upstream.ts'
import { until } from '../rig/wait.ts'

let upstream: Upstream
beforeAll(async () => {
  upstream = await scriptedUpstream(chat())
})
afterAll(() => upstream.close())

const start = (shutdownTimeout: number): Promise<Gateway> => {
  const entry = { enabled: true, server_url: `${upstream.url}/v1`, credentials: { api_key: 'k' } }
  return startGateway({
    heartbeat: 0.5,
    shutdown_timeout: shutdownTimeout,
    services: {
      openai: [
        { ...entry, models: ['free'] },
        { ...entry, models: ['single'], limit: { rpm: 1, timeout: 120 } },
      ],
    },
  })
}

const heardOf = async (work: () => Promise<unknown>): Promise<void> => {
  const { length } = upstream.requests
  await Promise.all([work(), until(() => upstream.requests.length > length)])
}

test('what is under way is finished, nothing new is taken, the end is 0', async () => {
  await using gateway = await start(20)
  upstream.become(sseOf(chatFrames(['a', 'b', 'c', 'd', 'e']), { pace: 100 }))
  const answer = await stream(gateway, { model: 'free' })
  const ended = gateway.stop()
  await until(() =>
    fetch(gateway.url, { proxy: false } as RequestInit).then(
      () => false,
      () => true,
    ),
  )
  await answer.ended
  expect(answer.content()).toBe('abcde')
  expect(answer.data().at(-1)).toBe('[DONE]')
  expect((await ended).code).toBe(0)
})

test('what does not finish in time is told so, in whatever phase, and the end is 0', async () => {
  await using gateway = await start(1)
  const holding = { opened: undefined as Awaited<ReturnType<typeof stream>> | undefined }
  upstream.become(silentAfter(1, chatFrames()))
  await heardOf(async () => {
    holding.opened = await stream(gateway, { model: 'single' })
  })
  const queued = await stream(gateway, { model: 'single' })
  upstream.become(neverHeaders)
  const whole = ask(gateway, { model: 'free' })
  await until(() => queued.frames.length > 0)
  const { code } = await gateway.stop()
  expect(code).toBe(0)
  for (const answer of [holding.opened!, queued]) {
    await answer.ended
    expect(JSON.parse(answer.data().at(-1)!)).toMatchObject({ error: { code: 'unavailable' } })
  }
  expect((await whole).status).toBe(503)
  expect(upstream.open).toBe(0)
})

test('a signal that comes twice at once, by way of npm, is one', async () => {
  await using gateway = await start(20)
  upstream.become(sseOf(chatFrames(['a', 'b', 'c']), { pace: 300 }))
  const answer = await stream(gateway, { model: 'free' })
  process.kill(gateway.pid, 'SIGTERM')
  await Bun.sleep(100)
  const ended = gateway.stop()
  await answer.ended
  expect([answer.content(), (await ended).code]).toEqual(['abc', 0])
})
