/** A request that is refused early does not make the gateway read its body, and every response forbids sniffing. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { rawClient } from '../support/raw-client.ts'
import { resultWithin, waitUntil } from '../support/wait-until.ts'

const maxBody = 1_000_000
let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({
    api_key: 'master-key',
    max_body: maxBody,
    services: { mock: [{ enabled: true, models: ['m'] }] },
  })
}, 20_000)
afterAll(() => gateway.stop())

const piece = 'x'.repeat(65_536)

/** Sends a head and then a body without end, until the connection closes or `most` bytes are sent. */
const flood = async (head: string, most: number, encode = (text: string) => text) => {
  const client = rawClient(gateway.port)
  await once(client.socket, 'connect')
  client.send(`${head}\r\n\r\n`)
  let sent = 0
  while (sent < most && client.socket.writable) {
    sent += piece.length
    if (!client.socket.write(encode(piece)))
      await Promise.race([once(client.socket, 'drain').catch(() => undefined), client.closed])
    await Bun.sleep(0)
  }
  return { client, sent }
}

const json = 'host: x\r\ncontent-type: application/json'
const form = 'host: x\r\ncontent-type: multipart/form-data; boundary=edge'
const key = 'authorization: Bearer master-key'
const endless = 'content-length: 4000000000'
const chunkOf = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

describe('the body of a request that is refused early', () => {
  const refusals: [string, string, number, ((text: string) => string)?][] = [
    ['without a key', `POST /v1/chat/completions HTTP/1.1\r\n${json}\r\n${endless}`, 401],
    [
      'without a key, in chunks',
      `POST /v1/chat/completions HTTP/1.1\r\n${json}\r\ntransfer-encoding: chunked`,
      401,
      chunkOf,
    ],
    ['with a body that is too large', `POST /v1/messages HTTP/1.1\r\n${json}\r\n${key}\r\n${endless}`, 413],
    [
      'in chunks that are too large',
      `POST /v1/messages HTTP/1.1\r\n${json}\r\n${key}\r\ntransfer-encoding: chunked`,
      413,
      chunkOf,
    ],
    ['with a form without a key', `POST /v1/audio/transcriptions HTTP/1.1\r\n${form}\r\n${endless}`, 401],
    ['with a form that is too large', `POST /v1/audio/transcriptions HTTP/1.1\r\n${form}\r\n${key}\r\n${endless}`, 413],
    [
      'with a compressed body',
      `POST /v1/messages HTTP/1.1\r\n${json}\r\n${key}\r\ncontent-encoding: gzip\r\n${endless}`,
      400,
    ],
    ['at an unknown path', `POST /nowhere HTTP/1.1\r\n${json}\r\n${endless}`, 404],
    ['with another method', `PUT /v1/chat/completions HTTP/1.1\r\n${json}\r\n${endless}`, 405],
    ['at the path of a list', `POST /v1/models HTTP/1.1\r\n${json}\r\n${endless}`, 405],
    ['at a stored response', `POST /v1/responses/resp_1/cancel HTTP/1.1\r\n${json}\r\n${endless}`, 401],
  ]
  for (const [what, head, status, encode] of refusals)
    test(`${what} is not read on: the answer is sent and the connection closes`, async () => {
      const { client, sent } = await flood(head, 200_000_000, encode)
      await resultWithin(client.closed, 3000)
      expect(client.text()).toStartWith(`HTTP/1.1 ${status}`)
      expect(client.text().toLowerCase()).toContain('connection: close')
      expect(client.text()).toContain('"error"')
      expect(sent).toBeLessThan(60_000_000)
    }, 15_000)

  test('that stops arriving does not keep the connection open', async () => {
    const started = performance.now()
    const client = rawClient(gateway.port, `POST /v1/messages HTTP/1.1\r\n${json}\r\n${endless}\r\n\r\nx`)
    await waitUntil(() => client.text().includes('"error"'))
    const closedAt = await resultWithin(client.closed, 5000)
    expect(closedAt! - started).toBeLessThan(5000)
  }, 15_000)

  test('that is small leaves the connection open for the next request', async () => {
    const request = `POST /v1/messages HTTP/1.1\r\n${json}\r\ncontent-length: 3\r\n\r\nabc`
    const client = rawClient(gateway.port, request)
    await waitUntil(() => client.text().includes('"error"'))
    client.send(request)
    await waitUntil(() => client.text().split('HTTP/1.1 401').length === 3)
    expect(client.text().toLowerCase()).not.toContain('connection: close')
    client.socket.destroy()
  })

  test('of tens of megabytes still gets its answer to a usual client', async () => {
    const response = await fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer master-key' },
      body: 'x'.repeat(20_000_000),
      proxy: false,
    } as RequestInit)
    expect(response.status).toBe(413)
    expect(await response.text()).toContain('max_body')
  })
})

test('every response forbids browsers to guess its type', async () => {
  const headers = { authorization: 'Bearer master-key', 'content-type': 'application/json' }
  const body = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] }
  const post = (path: string, more: object = {}) => ({
    path,
    init: { method: 'POST', headers, body: JSON.stringify({ ...body, ...more }) },
  })
  const requests: { path: string; init?: object }[] = [
    post('/v1/chat/completions'),
    post('/v1/chat/completions', { stream: true }),
    post('/v1/chat/completions', { model: 'unknown' }),
    post('/v1/messages', { messages: 1 }),
    post('/nowhere'),
    { path: '/v1/models', init: { headers } },
    { path: '/v1/models' },
    { path: '/v1/responses/resp_1', init: { headers } },
    { path: '/v1/chat/completions', init: { method: 'OPTIONS' } },
    ...['/livez', '/healthz', '/readyz', '/docs', '/docs/json', '/docs/reference.js', '/'].map(path => ({ path })),
  ]
  for (const { path, init } of requests) {
    const response = await fetch(gateway.url + path, { ...init, proxy: false } as RequestInit)
    await response.bytes()
    expect([path, response.headers.get('x-content-type-options')]).toEqual([path, 'nosniff'])
  }
})
