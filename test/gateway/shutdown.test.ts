/** A gateway that is told to end: open requests finish or hear why they cannot, and the process ends well. */
import { expect, test } from 'bun:test'
import { ask, stream } from '../support/client.ts'
import { type Gateway, startGateway } from '../support/process.ts'
import { chatFrames, neverHeaders, silentAfter, sseOf } from '../support/scripts.ts'
import { scriptedUpstream, type Upstream } from '../support/upstream.ts'
import { until } from '../support/wait.ts'

const start = (upstream: Upstream, shutdownTimeout: number): Promise<Gateway> => {
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

const heardOf = async (upstream: Upstream, work: () => Promise<unknown>): Promise<void> => {
  const { length } = upstream.requests
  await Promise.all([work(), until(() => upstream.requests.length > length)])
}

test.concurrent('what is under way is finished, nothing new is taken, the end is 0', async () => {
  const upstream = await scriptedUpstream(sseOf(chatFrames(['a', 'b', 'c', 'd', 'e']), { pace: 100 }))
  await using gateway = await start(upstream, 20)
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
  await upstream.close()
})

test.concurrent('what does not finish in time is told so, in whatever phase, and the end is 0', async () => {
  const upstream = await scriptedUpstream(silentAfter(1, chatFrames()))
  await using gateway = await start(upstream, 1)
  const holding = { opened: undefined as Awaited<ReturnType<typeof stream>> | undefined }
  await heardOf(upstream, async () => {
    holding.opened = await stream(gateway, { model: 'single' })
  })
  const queued = await stream(gateway, { model: 'single' })
  upstream.become(neverHeaders)
  const { length } = upstream.requests
  const whole = ask(gateway, { model: 'free' })
  await until(() => queued.frames.length > 0 && upstream.requests.length > length)
  const { code } = await gateway.stop()
  expect(code).toBe(0)
  for (const answer of [holding.opened!, queued]) {
    await answer.ended
    expect(JSON.parse(answer.data().at(-1)!)).toMatchObject({ error: { code: 'unavailable' } })
  }
  expect((await whole).status).toBe(503)
  await until(() => upstream.open === 0)
  await upstream.close()
})

test.concurrent('a signal that comes twice at once, by way of npm, is one', async () => {
  const upstream = await scriptedUpstream(sseOf(chatFrames(['a', 'b', 'c']), { pace: 300 }))
  await using gateway = await start(upstream, 20)
  const answer = await stream(gateway, { model: 'free' })
  process.kill(gateway.pid, 'SIGTERM')
  await Bun.sleep(100)
  const ended = gateway.stop()
  await answer.ended
  expect([answer.content(), (await ended).code]).toEqual(['abc', 0])
  await upstream.close()
})
