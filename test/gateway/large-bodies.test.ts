/** Large bodies pass through without being buffered, and backpressure from a client reaches the vendor. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { residentMemory } from '../support/resident-memory.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { replyChat, replyJson } from '../support/upstream-scripts.ts'
import { waitUntil } from '../support/wait-until.ts'

const MB = 1024 * 1024
let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(replyChat())
  gateway = await startGateway({
    max_body: '96MB',
    services: {
      openai: [{ enabled: true, models: ['m'], server_url: `${upstream.url}/v1`, credentials: { api_key: 'k' } }],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

/** The peak of resident memory while `work` runs, minus its size before, in bytes. */
const peakGrowth = async <Value>(work: Promise<Value>): Promise<[value: Value, bytes: number]> => {
  const before = await residentMemory(gateway.pid)
  let peak = before
  let isDone = false
  const sampleMemory = async () => {
    while (!isDone) {
      peak = Math.max(peak, await residentMemory(gateway.pid))
      await Bun.sleep(10)
    }
  }
  const sampling = sampleMemory()
  const value = await work.finally(() => {
    isDone = true
  })
  await sampling
  return [value, peak - before]
}

const post = (path: string, body: object) => {
  const text = JSON.stringify({ model: 'm', ...body })
  return `POST ${path} HTTP/1.1\r\nHost: a\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`
}
/** Sends the request and reads nothing until the socket is resumed. */
const pausedClient = (text: string): Socket => {
  const socket = connect(gateway.port, '127.0.0.1', () => socket.write(text))
  socket.on('error', () => undefined)
  return socket.pause()
}
const halfMegabyte = Buffer.alloc(MB / 2, 'ab')
/** Sends `piece` `count` times and adds up the bytes that were flushed. */
const sendRepeatedly =
  (contentType: string, piece: Buffer, count: number, sent: { bytes: number }): Script =>
  async answer => {
    answer.writeHead(200, { 'content-type': contentType })
    for (let at = 0; at < count && !answer.isClientGone; at++) {
      await answer.write(piece)
      sent.bytes += piece.length
    }
    answer.end()
  }

test('64 MB of audio pass byte for byte and are not buffered', async () => {
  const sent = { bytes: 0 }
  upstream.setScript(sendRepeatedly('audio/wav', halfMegabyte, 128, sent))
  const download = async () => {
    const response = await fetch(`${gateway.url}/v1/audio/speech`, {
      method: 'POST',
      body: '{"model":"m","input":"x"}',
      proxy: false,
    } as RequestInit)
    const hash = new Bun.CryptoHasher('sha1')
    let length = 0
    for await (const bytes of response.body!) {
      hash.update(bytes)
      length += bytes.length
    }
    return { length, digest: hash.digest('hex') }
  }
  const expectedHash = new Bun.CryptoHasher('sha1')
  for (let at = 0; at < 128; at++) expectedHash.update(halfMegabyte)
  const [received, bytes] = await peakGrowth(download())
  expect(received).toEqual({ length: 64 * MB, digest: expectedHash.digest('hex') })
  expect(bytes).toBeLessThan(48 * MB)
}, 20_000)

test('an upload of 64 MB whose model field comes first is not buffered', async () => {
  upstream.setScript(replyJson({ text: 'heard' }))
  const send = () =>
    new Promise<string>(resolve => {
      const preamble =
        '--edge\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n--edge\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
      const end = '\r\n--edge--\r\n'
      const length = preamble.length + 64 * MB + end.length
      const socket = connect(gateway.port, '127.0.0.1', async () => {
        socket.write(
          `POST /v1/audio/transcriptions HTTP/1.1\r\nHost: a\r\ncontent-type: multipart/form-data; boundary=edge\r\ncontent-length: ${length}\r\n\r\n${preamble}`,
        )
        for (let at = 0; at < 128; at++)
          if (!socket.write(halfMegabyte)) await new Promise(drained => socket.once('drain', drained))
        socket.write(end)
      })
      socket.on('data', bytes => {
        resolve(bytes.toString())
        socket.destroy()
      })
    })
  const [answer, bytes] = await peakGrowth(send())
  expect(answer).toStartWith('HTTP/1.1 200 ')
  expect(answer).toContain('heard')
  expect(upstream.requests.at(-1)!.bytes.length).toBeGreaterThan(64 * MB)
  expect(bytes).toBeLessThan(48 * MB)
}, 20_000)

const text = 'x'.repeat(16_000)
const frame = Buffer.from(
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'v', choices: [{ index: 0, delta: { content: text }, finish_reason: null }] })}\n\n`,
)
const frames = Buffer.concat(Array.from({ length: 32 }, () => frame))
const count = Math.ceil((200 * MB) / frames.length)

for (const [name, path, contentType, piece, body] of [
  [
    'a stream',
    '/v1/chat/completions',
    'text/event-stream',
    frames,
    { stream: true, messages: [{ role: 'user', content: 'x' }] },
  ],
  ['audio', '/v1/audio/speech', 'audio/wav', halfMegabyte, { input: 'x' }],
] as const)
  test(`a client that does not read ${name} of 200 MB slows the vendor down and costs no memory`, async () => {
    const sent = { bytes: 0 }
    upstream.setScript(sendRepeatedly(contentType, piece, path.includes('chat') ? count : 400, sent))
    const client = pausedClient(post(path, body))
    const stall = async () => {
      await waitUntil(() => sent.bytes > MB)
      for (let last = -1; last !== sent.bytes; await Bun.sleep(400)) last = sent.bytes
    }
    const [, bytes] = await peakGrowth(stall())
    expect(sent.bytes).toBeLessThan(60 * MB)
    expect(bytes).toBeLessThan(64 * MB)
    const vendor = upstream.requests.at(-1)!
    client.destroy()
    await waitUntil(() => vendor.abortedAt, 1000)
  }, 20_000)

test('a client that starts to read late gets everything', async () => {
  const sent = { bytes: 0 }
  upstream.setScript(sendRepeatedly('audio/wav', halfMegabyte, 40, sent))
  const client = pausedClient(post('/v1/audio/speech', { input: 'x' }))
  await Bun.sleep(300)
  let received = 0
  client.on('data', bytes => {
    received += bytes.length
  })
  client.resume()
  await waitUntil(() => received >= 20 * MB)
  client.destroy()
})
