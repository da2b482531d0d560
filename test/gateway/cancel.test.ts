/** When a client disconnects, the gateway cancels the vendor's request within a second, in every phase. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdir, readlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { sendRequest } from '../support/client.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type PerModelUpstream, perModelUpstream } from '../support/per-model-upstream.ts'
import { rawClient } from '../support/raw-client.ts'
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { unresponsivePort } from '../support/unresponsive-port.ts'
import {
  chatChunks,
  disconnectAfter,
  frameOf,
  inSequence,
  neverRespond,
  replyChat,
  replyJson,
  replySse,
  stallAfter,
} from '../support/upstream-scripts.ts'
import { createLatch, resultWithin, waitUntil } from '../support/wait-until.ts'

let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(replyChat())
  const entry = { enabled: true, server_url: `${upstream.url}/v1`, credentials: { api_key: 'k' } }
  gateway = await startGateway({
    heartbeat: 0.5,
    services: {
      openai: [
        { ...entry, models: ['free', 'noted'] },
        { ...entry, models: ['single'], limit: { concurrency: 1, timeout: 20 } },
        { ...entry, models: ['counted'], limit: { tpm: 1000, timeout: 1 } },
      ],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const contentChunk = (content: string) => ({
  id: 'c',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'v',
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
})
/** Sends the start of a body and then stalls. */
const halfBody: Script = async answer => {
  answer.writeHead(200, { 'content-type': 'application/json' })
  await answer.write('{"id":')
  await answer.stall()
}

/** Log lines about clients that disconnected from `model`. */
const disconnectLines = (model: string): string[] =>
  gateway
    .stdout()
    .split('\n')
    .filter(line => line.includes('"status":499') && line.includes(`"model":"${model}"`))

/**
 * Sends a request, disconnects `linger` ms after the vendor has received it, and returns the milliseconds until the
 * vendor's connection is closed.
 */
const measureCancellation = async (script: Script, body: object, linger: number): Promise<number> => {
  upstream.setScript(script)
  const before = upstream.requests.length
  const controller = new AbortController()
  const answer = sendRequest(gateway, { model: 'free', ...body }, { signal: controller.signal }).then(
    response => response.text(),
    () => 'left',
  )
  const received = await waitUntil<ReceivedRequest>(() => upstream.requests[before] as ReceivedRequest)
  await Bun.sleep(linger)
  const startedAt = performance.now()
  controller.abort()
  await answer.catch(() => undefined)
  const closedAt = await resultWithin(received.aborted, 2000)
  if (closedAt === undefined) throw new Error('the vendor was never told')
  return closedAt - startedAt
}

describe('a client that disconnects', () => {
  const phases: [name: string, script: Script, body: object, linger: number][] = [
    ['before the response headers, not streamed,', neverRespond, {}, 50],
    ['before the response headers, streamed,', neverRespond, { stream: true }, 50],
    ['before the response headers, after the first heartbeat,', neverRespond, { stream: true }, 1000],
    ['in the middle of a body that is not streamed', halfBody, {}, 50],
    [
      'before the first content of a stream',
      stallAfter(1, [{ ...contentChunk(''), choices: [] }]),
      { stream: true },
      50,
    ],
    ['in a stream that is silent', stallAfter(1, [contentChunk('a')]), { stream: true }, 50],
    [
      'in a stream that flows',
      replySse(
        Array.from({ length: 500 }, () => contentChunk('word ')),
        { pace: 10 },
      ),
      { stream: true },
      100,
    ],
  ]
  for (const [name, script, body, linger] of phases)
    test(`a client that disconnects ${name} closes the vendor's connection within a second`, async () =>
      expect(await measureCancellation(script, body, linger)).toBeLessThan(1000))
})

/** Number of connection attempts (SYN_SENT) of a process to a port, from Linux's /proc. */
const pendingConnections = async (pid: number, port: number): Promise<number> => {
  const table = await Bun.file(`/proc/${pid}/net/tcp`).text()
  const ownedSockets = new Set<string>()
  for (const name of await readdir(`/proc/${pid}/fd`))
    ownedSockets.add(await readlink(`/proc/${pid}/fd/${name}`).catch(() => ''))
  const portSuffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = table.split('\n').map(line => line.trim().split(/\s+/))
  return rows.filter(row => row[2]?.endsWith(portSuffix) && row[3] === '02' && ownedSockets.has(`socket:[${row[9]}]`))
    .length
}

describe.skipIf(process.platform !== 'linux')('a client that disconnects during the connection attempt', () => {
  for (const stream of [false, true])
    test(`a client that disconnects while the gateway connects ends the connection attempt, ${stream ? '' : 'not '}streamed`, async () => {
      const unresponsive = await unresponsivePort()
      const limit = { concurrency: 1, timeout: 1 }
      const entry = { enabled: true, models: ['deaf'], server_url: `http://127.0.0.1:${unresponsive.port}/v1`, limit }
      await using ownGateway = await startGateway({ services: { openai: [entry] } })
      try {
        const controller = new AbortController()
        const outcome = sendRequest(ownGateway, { model: 'deaf', stream }, { signal: controller.signal }).catch(
          () => 'left',
        )
        await waitUntil(async () => (await pendingConnections(ownGateway.pid, unresponsive.port)) > 0)
        const startedAt = performance.now()
        controller.abort()
        expect(await outcome).toBe('left')
        await waitUntil(async () => (await pendingConnections(ownGateway.pid, unresponsive.port)) === 0, 2000)
        expect(performance.now() - startedAt).toBeLessThan(1000)
        const next = sendRequest(ownGateway, { model: 'deaf', stream }).then(
          answer => answer.text(),
          () => 'left',
        )
        await waitUntil(async () => (await pendingConnections(ownGateway.pid, unresponsive.port)) > 0)
        void next
      } finally {
        unresponsive.close()
      }
    }, 30_000)
})

test('a client that leaves the queue is not served, and the next one in the queue is', async () => {
  const latch = createLatch()
  upstream.setScript(async (answer, request) => {
    await answer.wait(latch.opened)
    await replyJson({
      id: 'c',
      object: 'chat.completion',
      created: 1,
      model: 'v',
      choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
    })(answer, request)
  })
  const before = upstream.requests.length
  const first = sendRequest(gateway, { model: 'single' })
  await waitUntil(() => upstream.requests.length === before + 1)
  const controller = new AbortController()
  const second = sendRequest(gateway, { model: 'single', user: 'second' }, { signal: controller.signal }).catch(
    () => 'left',
  )
  await Bun.sleep(100)
  const third = sendRequest(gateway, { model: 'single', user: 'third' })
  await Bun.sleep(100)
  controller.abort()
  await waitUntil(() => disconnectLines('single').length > 0)
  latch.open()
  expect([(await first).status, await second, (await third).status]).toEqual([200, 'left', 200])
  const served = upstream.requests.slice(before).map(request => (request.json() as { user?: string }).user)
  expect(served).toEqual([undefined, 'third'])
})

test('the concurrency slot is released after a success, a refusal, a cut connection and a disconnected client', async () => {
  const scripts: Script[] = [
    replyChat(),
    replyJson({ error: { message: 'no' } }, 400),
    disconnectAfter(2, chatChunks()),
    neverRespond,
  ]
  const outcomes: (number | string)[] = []
  for (const script of scripts) {
    for (const stream of [false, true]) {
      upstream.setScript(script)
      const before = upstream.requests.length
      const controller = new AbortController()
      const outcome = sendRequest(gateway, { model: 'single', stream }, { signal: controller.signal }).then(
        async response => {
          await response.text()
          return response.status
        },
        () => 'left',
      )
      await waitUntil(() => upstream.requests.length > before)
      if (script === neverRespond) controller.abort()
      outcomes.push(await outcome)
    }
  }
  expect(outcomes).toEqual([200, 200, 400, 400, 502, 200, 'left', 'left'])
  upstream.setScript(replyChat())
  const answer = await resultWithin(sendRequest(gateway, { model: 'single' }), 10_000)
  expect(answer?.status).toBe(200)
}, 30_000)

test('the token reservation of a request that the vendor refused is released', async () => {
  const statusWith = async (script: Script): Promise<number> => {
    upstream.setScript(script)
    return (await sendRequest(gateway, { model: 'counted', max_tokens: 900 })).status
  }
  for (const status of [400, 429, 401])
    expect(await statusWith(replyJson({ error: { message: 'no' } }, status))).not.toBe(200)
  expect(await statusWith(replyChat())).toBe(200)
  expect(await statusWith(replyChat())).toBe(200)
})

test('a client that disconnected is logged once, with status 499', async () => {
  upstream.setScript(neverRespond)
  const before = upstream.requests.length
  const controller = new AbortController()
  const pending = sendRequest(gateway, { model: 'noted' }, { signal: controller.signal }).catch(() => undefined)
  await waitUntil(() => upstream.requests.length > before)
  controller.abort()
  await pending
  await waitUntil(() => disconnectLines('noted').length > 0)
  await Bun.sleep(300)
  expect(disconnectLines('noted')).toHaveLength(1)
})

describe('clients that stay connected', () => {
  let vendor: PerModelUpstream
  let patientGateway: Gateway
  beforeAll(async () => {
    vendor = await perModelUpstream()
    const limit = { concurrency: 1, timeout: 0.2, scope: 'model' }
    patientGateway = await startGateway({
      heartbeat: 0.5,
      timeouts: { idle: 1 },
      services: { openai: [{ enabled: true, models: [vendor.modelPattern], server_url: `${vendor.url}/v1`, limit }] },
    })
  })
  afterAll(async () => {
    await patientGateway.stop()
    await vendor.close()
  })

  const post = (path: string, body: object) => {
    const text = JSON.stringify({ messages: [{ role: 'user', content: 'x' }], input: 'x', ...body })
    return `POST ${path} HTTP/1.1\r\nHost: a\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`
  }
  const endless: Script = async answer => {
    answer.writeHead(200, { 'content-type': 'text/event-stream' })
    while (!answer.isClientGone) await answer.write(frameOf(contentChunk('x'.repeat(32_000))))
  }
  const endlessAudio: Script = async answer => {
    answer.writeHead(200, { 'content-type': 'audio/mpeg' })
    while (!answer.isClientGone) await answer.write(new Uint8Array(32_000))
  }

  for (const [name, path, script, body] of [
    ['a stream', '/v1/chat/completions', endless, { stream: true }],
    ['audio', '/v1/audio/speech', endlessAudio, { voice: 'v' }],
  ] satisfies [string, string, Script, object][])
    test.concurrent(`a client that stays connected and reads nothing of ${name} loses its slot, the vendor's request and its connection`, async () => {
      const model = vendor.addModel(inSequence(script, replyChat()))
      const lines = () =>
        patientGateway
          .stdout()
          .split('\n')
          .filter(line => line.includes(`"model":"${model}"`))
          .join()
      const client = rawClient(patientGateway.port, post(path, { model, ...body }))
      client.socket.once('data', () => client.socket.pause())
      const received = await waitUntil<ReceivedRequest>(() => vendor.requestsOf(model)[0] as ReceivedRequest)
      expect(await resultWithin(received.aborted, 30_000)).toBeDefined()
      await waitUntil(() => lines().includes('"status":499'), 10_000)
      expect(lines()).toContain('the client has taken nothing for 1 s')
      expect((await sendRequest(patientGateway, { model })).status).toBe(200)
      await Bun.sleep(6000)
      client.socket.resume()
      expect(await resultWithin(client.closed, 10_000)).toBeDefined()
      expect(client.text()).not.toEndWith('0\r\n\r\n')
    }, 90_000)

  /** A client that reads `rate` bytes per second, counts them and keeps the last ones. */
  const readSlowly = (text: string, rate: number) => {
    const socket = connect(patientGateway.port, '127.0.0.1', () => socket.write(text))
    const client = { socket, byteCount: 0, end: '' }
    client.socket.on('data', bytes => {
      client.byteCount += bytes.length
      client.end = (client.end + bytes.toString('latin1')).slice(-100)
      client.socket.pause()
      setTimeout(() => client.socket.resume(), (bytes.length / rate) * 1000)
    })
    return client
  }

  for (const [name, size, count] of [
    ['many small chunks', 32_000, 400],
    ['one chunk that takes longer than the idle timeout', 12_000_000, 1],
  ] as const)
    test.concurrent(`a client that stays connected and reads slowly gets all of ${name}`, async () => {
      const chunks = Array.from({ length: count }, () => contentChunk('x'.repeat(size)))
      const last = { ...contentChunk(''), choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }
      const model = vendor.addModel(replySse([...chunks, last]))
      const startedAt = performance.now()
      const client = readSlowly(post('/v1/chat/completions', { model, stream: true }), 4_000_000)
      await waitUntil(() => client.end.includes('[DONE]'), 60_000)
      expect(performance.now() - startedAt).toBeGreaterThan(2000)
      expect(client.byteCount).toBeGreaterThan(size * count)
      client.socket.destroy()
    }, 90_000)
})
