/** Shutdown of the gateway: open requests finish or get an error, and the process exits with 0. */
import { expect, test } from 'bun:test'
import { openStream, sendRequest } from '../support/client.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { chatChunks, neverRespond, replySse, stallAfter } from '../support/upstream-scripts.ts'
import { waitUntil } from '../support/wait-until.ts'

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

const waitForRequest = async (upstream: Upstream, work: () => Promise<unknown>): Promise<void> => {
  const { length } = upstream.requests
  await Promise.all([work(), waitUntil(() => upstream.requests.length > length)])
}

test.concurrent('open requests are finished, new connections are refused, and the exit code is 0', async () => {
  const upstream = await scriptedUpstream(replySse(chatChunks(['a', 'b', 'c', 'd', 'e']), { pace: 100 }))
  await using gateway = await start(upstream, 20)
  const answer = await openStream(gateway, { model: 'free' })
  const ended = gateway.stop()
  await waitUntil(() =>
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

test.concurrent('requests that do not finish in time get an error, in every phase, and the exit code is 0', async () => {
  const upstream = await scriptedUpstream(stallAfter(1, chatChunks()))
  await using gateway = await start(upstream, 1)
  const held = { opened: undefined as Awaited<ReturnType<typeof openStream>> | undefined }
  await waitForRequest(upstream, async () => {
    held.opened = await openStream(gateway, { model: 'single' })
  })
  const queued = await openStream(gateway, { model: 'single' })
  upstream.setScript(neverRespond)
  const { length } = upstream.requests
  const unstreamed = sendRequest(gateway, { model: 'free' })
  await waitUntil(() => queued.frames.length > 0 && upstream.requests.length > length)
  const { code } = await gateway.stop()
  expect(code).toBe(0)
  for (const answer of [held.opened!, queued]) {
    await answer.ended
    expect(JSON.parse(answer.data().at(-1)!)).toMatchObject({ error: { code: 'unavailable' } })
  }
  expect((await unstreamed).status).toBe(503)
  await waitUntil(() => upstream.openConnections === 0)
  await upstream.close()
})

test.concurrent('a signal that arrives twice in quick succession, as npm forwards it, counts once', async () => {
  const upstream = await scriptedUpstream(replySse(chatChunks(['a', 'b', 'c']), { pace: 300 }))
  await using gateway = await start(upstream, 20)
  const answer = await openStream(gateway, { model: 'free' })
  process.kill(gateway.pid, 'SIGTERM')
  await Bun.sleep(100)
  const ended = gateway.stop()
  await answer.ended
  expect([answer.content(), (await ended).code]).toEqual(['abc', 0])
  await upstream.close()
})
