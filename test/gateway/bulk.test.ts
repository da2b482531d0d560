/** Much at once: large bodies pass without being kept, and who does not read is not read for. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { type Gateway, startGateway } from '../support/process.ts'
import { chat, jsonOf } from '../support/scripts.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/upstream.ts'
import { until } from '../support/wait.ts'

const MB = 1024 * 1024
let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(chat())
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

/** Bytes of memory the gateway has taken. */
const taken = async (): Promise<number> => {
  const status = `/proc/${gateway.pid}/status`
  if (existsSync(status)) return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(status, 'utf8'))?.[1]) * 1024
  return Number(await new Response(Bun.spawn(['ps', '-o', 'rss=', '-p', String(gateway.pid)]).stdout).text()) * 1024
}
/** The most it took while `work` went on, beyond what it had before. */
const growth = async <Value>(work: Promise<Value>): Promise<[value: Value, bytes: number]> => {
  const before = await taken()
  let most = before
  let over = false
  const watch = async () => {
    while (!over) {
      most = Math.max(most, await taken())
      await Bun.sleep(10)
    }
  }
  const watching = watch()
  const value = await work.finally(() => {
    over = true
  })
  await watching
  return [value, most - before]
}

const post = (path: string, body: object) => {
  const text = JSON.stringify({ model: 'm', ...body })
  return `POST ${path} HTTP/1.1\r\nHost: a\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`
}
/** Sends and reads nothing until told to. */
const deafClient = (text: string): Socket => {
  const socket = connect(gateway.port, '127.0.0.1', () => socket.write(text))
  socket.on('error', () => undefined)
  return socket.pause()
}
const half = Buffer.alloc(MB / 2, 'ab')
/** Counts what it got rid of. */
const flood =
  (head: string, piece: Buffer, count: number, sent: { bytes: number }): Script =>
  async answer => {
    answer.head(200, { 'content-type': head })
    for (let at = 0; at < count && !answer.gone; at++) {
      await answer.write(piece)
      sent.bytes += piece.length
    }
    answer.end()
  }

test('64 MB of sound pass byte for byte, and are not kept', async () => {
  const sent = { bytes: 0 }
  upstream.become(flood('audio/wav', half, 128, sent))
  const listen = async () => {
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
  const wanted = new Bun.CryptoHasher('sha1')
  for (let at = 0; at < 128; at++) wanted.update(half)
  const [heard, bytes] = await growth(listen())
  expect(heard).toEqual({ length: 64 * MB, digest: wanted.digest('hex') })
  expect(bytes).toBeLessThan(48 * MB)
}, 20_000)

test('an upload of 64 MB whose model comes first is not kept either', async () => {
  upstream.become(jsonOf({ text: 'heard' }))
  const send = () =>
    new Promise<string>(resolve => {
      const head =
        '--edge\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n--edge\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
      const end = '\r\n--edge--\r\n'
      const length = head.length + 64 * MB + end.length
      const socket = connect(gateway.port, '127.0.0.1', async () => {
        socket.write(
          `POST /v1/audio/transcriptions HTTP/1.1\r\nHost: a\r\ncontent-type: multipart/form-data; boundary=edge\r\ncontent-length: ${length}\r\n\r\n${head}`,
        )
        for (let at = 0; at < 128; at++)
          if (!socket.write(half)) await new Promise(drained => socket.once('drain', drained))
        socket.write(end)
      })
      socket.on('data', bytes => {
        resolve(bytes.toString())
        socket.destroy()
      })
    })
  const [answer, bytes] = await growth(send())
  expect(answer).toStartWith('HTTP/1.1 200 ')
  expect(answer).toContain('heard')
  expect(upstream.requests.at(-1)!.bytes.length).toBeGreaterThan(64 * MB)
  expect(bytes).toBeLessThan(48 * MB)
}, 20_000)

const word = 'x'.repeat(16_000)
const frame = Buffer.from(
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'v', choices: [{ index: 0, delta: { content: word }, finish_reason: null }] })}\n\n`,
)
const frames = Buffer.concat(Array.from({ length: 32 }, () => frame))
const count = Math.ceil((200 * MB) / frames.length)

for (const [name, path, head, piece, body] of [
  [
    'a stream',
    '/v1/chat/completions',
    'text/event-stream',
    frames,
    { stream: true, messages: [{ role: 'user', content: 'x' }] },
  ],
  ['sound', '/v1/audio/speech', 'audio/wav', half, { input: 'x' }],
] as const)
  test(`a client that does not read ${name} of 200 MB holds the vendor back, and no memory`, async () => {
    const sent = { bytes: 0 }
    upstream.become(flood(head, piece, path.includes('chat') ? count : 400, sent))
    const client = deafClient(post(path, body))
    const stall = async () => {
      await until(() => sent.bytes > MB)
      for (let last = -1; last !== sent.bytes; await Bun.sleep(400)) last = sent.bytes
    }
    const [, bytes] = await growth(stall())
    expect(sent.bytes).toBeLessThan(60 * MB)
    expect(bytes).toBeLessThan(64 * MB)
    const vendor = upstream.requests.at(-1)!
    client.destroy()
    await until(() => vendor.abortedAt, 1000)
  }, 20_000)

test('a client that reads late gets all of it', async () => {
  const sent = { bytes: 0 }
  upstream.become(flood('audio/wav', half, 40, sent))
  const client = deafClient(post('/v1/audio/speech', { input: 'x' }))
  await Bun.sleep(300)
  let heard = 0
  client.on('data', bytes => {
    heard += bytes.length
  })
  client.resume()
  await until(() => heard >= 20 * MB)
  client.destroy()
})
