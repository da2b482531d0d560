/**
 * Which connections Bun ends by itself, and when. Bun's clocks are coarse. Each of these tests waits some seconds, so
 * they run concurrently.
 */
import { expect, test } from 'bun:test'
import { rawClient } from '../support/raw-client.ts'
import { runProgram } from '../support/run-program.ts'
import { waitUntil } from '../support/wait-until.ts'

const shortIdle = { BUN_CONFIG_HTTP_IDLE_TIMEOUT: '1' }

test.concurrent.each(['head', 'body'])(
  'fetch ends after silence in the %s: after 5 minutes by default, after 4 to 8 s with BUN_CONFIG_HTTP_IDLE_TIMEOUT=1',
  async phase => {
    const { report } = await runProgram('silence.ts', [phase], shortIdle)
    const { name, after } = report as { name: string; after: number }
    expect(name).toBe('TimeoutError')
    expect(after).toBeGreaterThan(1000)
    expect(after).toBeLessThan(10_000)
  },
  20_000,
)

test.concurrent.each(['head', 'body'])(
  'fetch with `timeout: false` does not end after silence in the %s',
  async phase => {
    const { report } = await runProgram('silence.ts', [phase, '{"timeout":false}'], shortIdle)
    // The program's own timeout ended it.
    expect((report as { after: number }).after).toBeGreaterThan(10_900)
  },
  20_000,
)

const post = (path: string, body: string, length = body.length) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n${body}`
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

test.concurrent('idleTimeout ends stalled bodies, silent answers and idle connections, but not requests with server.timeout(request, 0)', async () => {
  const { promise: done, resolve: finish } = Promise.withResolvers<void>()
  const slowWords = async function* () {
    yield 'first '
    await done
    yield 'late'
  }
  const server = Bun.serve({
    port: 0,
    // Bun's clock ticks every 4 s. An idleTimeout of less than two ticks may be no time at all.
    idleTimeout: 5,
    fetch: async (request, self) => {
      await request.text()
      if (request.url.includes('free')) self.timeout(request, 0)
      if (request.url.includes('stream')) return new Response(slowWords() as unknown as ReadableStream)
      if (request.url.includes('silent')) await done
      return new Response('late')
    },
  })
  const startedAt = performance.now()
  const connect = (text: string) => rawClient(server.port!, text)
  const expiring = [
    post('/stalled', 'abc', 100),
    get('/silent'),
    get('/kept'),
    get('/stream'),
    post('/stream', 'abc'),
  ].map(connect)
  // A silent answer to a body that has been read is not ended either: the handler must set its deadline anyway.
  const lasting = [get('/silent/free'), get('/stream/free'), post('/stream/free', 'abc'), post('/silent', 'abc')].map(
    connect,
  )
  for (const client of expiring) {
    const took = (await client.closed) - startedAt
    expect(took).toBeGreaterThan(3900)
    expect(took).toBeLessThan(13_000)
  }
  await Bun.sleep(2000)
  expect(lasting.map(({ socket }) => socket.destroyed)).toEqual([false, false, false, false])
  finish()
  await waitUntil(() => lasting.every(client => client.text().includes('late')))
  for (const { socket } of lasting) socket.destroy()
  await server.stop(true)
}, 20_000)

test.concurrent('an unfinished request head, or a silent connection, ends after about 12 s whatever idleTimeout says', async () => {
  const server = Bun.serve({ port: 0, idleTimeout: 100, fetch: () => new Response() })
  const startedAt = performance.now()
  for (const client of [rawClient(server.port!, 'POST / HTTP/1.1\r\nHo'), rawClient(server.port!)]) {
    const took = (await client.closed) - startedAt
    expect(took).toBeGreaterThan(8000)
    expect(took).toBeLessThan(17_000)
  }
  await server.stop(true)
}, 20_000)

test.concurrent('without an idleTimeout a stalled body ends after about 10 s; with 0 it may stall for ever', async () => {
  const fetch = async (request: Request) => new Response(await request.text())
  const [defaultServer, unlimitedServer] = [
    Bun.serve({ port: 0, fetch }),
    Bun.serve({ port: 0, idleTimeout: 0, fetch }),
  ]
  const startedAt = performance.now()
  const [stalled, living] = [defaultServer, unlimitedServer].map(({ port }) => rawClient(port!, post('/', 'abc', 100)))
  const took = (await stalled!.closed) - startedAt
  expect(took).toBeGreaterThan(6000)
  expect(took).toBeLessThan(17_000)
  living!.socket.write('d'.repeat(97))
  await waitUntil(() => living!.text().includes('dddd'))
  living!.socket.destroy()
  await Promise.all([defaultServer.stop(true), unlimitedServer.stop(true)])
}, 20_000)

test('six thousand requests aborted before their answer leak no memory', async () => {
  const { report } = await runProgram('aborts.ts', ['6000'])
  const { early, late } = report as { early: number; late: number }
  expect(late - early).toBeLessThan(15)
}, 20_000)
