/** The behaviour of Bun's `fetch` that the gateway relies on. */
import { afterEach, describe, expect, test } from 'bun:test'
import { constants, createGzip } from 'node:zlib'
import { certificate, key } from '../support/certificate.ts'
import { freePort } from '../support/gateway-process.ts'
import { runProgram } from '../support/run-program.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { unresponsivePort } from '../support/unresponsive-port.ts'
import {
  disconnectAfter,
  neverRespond,
  replyJson,
  replySse,
  resetOnReuse,
  stallAfter,
} from '../support/upstream-scripts.ts'
import { createLatch, waitUntil } from '../support/wait-until.ts'

type FetchError = Error & { code?: string; path?: string }

const openResources: { close: () => unknown }[] = []
afterEach(async () => {
  for (const resource of openResources.splice(0)) await resource.close()
})

const startUpstream = async (script: Script): Promise<Upstream> => {
  const upstream = await scriptedUpstream(script)
  openResources.push(upstream)
  return upstream
}

const rejectionOf = async (promise: Promise<unknown>): Promise<FetchError> => {
  const thrown = await promise.then(
    () => undefined,
    (fault: FetchError) => fault,
  )
  if (thrown === undefined) throw new Error('it should have failed')
  return thrown
}

const post = (url: string, more: BunFetchRequestInit = {}) =>
  fetch(url, { method: 'POST', body: '{}', redirect: 'manual', proxy: false, ...more })

describe('concurrent requests', () => {
  test('256 requests are sent at once, the others wait silently', async () => {
    expect((await runProgram('crowd.ts', ['300'])).report).toBe(256)
  })

  test('BUN_CONFIG_MAX_HTTP_REQUESTS, set before the start, raises the number of concurrent requests', async () => {
    expect((await runProgram('crowd.ts', ['600'], { BUN_CONFIG_MAX_HTTP_REQUESTS: '20000' })).report).toBe(600)
  })
})

describe('cancellation', () => {
  test('an abort before the headers closes the connection', async () => {
    const upstream = await startUpstream(neverRespond)
    const controller = new AbortController()
    const pending = post(upstream.url, { signal: controller.signal })
    const request = await waitUntil(() => upstream.requests[0])
    const leftAt = performance.now()
    controller.abort()
    expect((await rejectionOf(pending)).name).toBe('AbortError')
    expect((await request.aborted) - leftAt).toBeLessThan(250)
  })

  test('reader.cancel() after the headers closes the connection, on a silent stream and on a flowing one', async () => {
    for (const script of [
      stallAfter(1),
      replySse(
        Array.from({ length: 500 }, () => ({ a: 1 })),
        { pace: 5 },
      ),
    ]) {
      const upstream = await startUpstream(script)
      const reader = (await post(upstream.url)).body!.getReader()
      await reader.read()
      const leftAt = performance.now()
      await reader.cancel()
      expect((await upstream.requests[0]!.aborted) - leftAt).toBeLessThan(250)
    }
  })

  test('a cut stream is an error, not an end', async () => {
    const upstream = await startUpstream(disconnectAfter(2))
    expect((await rejectionOf((await post(upstream.url)).text())).code).toBe('ECONNRESET')
  })
})

describe('connecting', () => {
  /** A body that is pulled only on demand. */
  const lazyBody = (pulled: () => void, text = 'hello') =>
    new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled()
          controller.enqueue(new TextEncoder().encode(text))
          controller.close()
        },
      },
      { highWaterMark: 0 },
    )

  test('a body with highWaterMark 0 is pulled only once connected, and content-length is honoured', async () => {
    const upstream = await startUpstream(replyJson({}))
    let pulled = 0
    await (await post(upstream.url, { body: lazyBody(() => pulled++), headers: { 'content-length': '5' } })).json()
    expect(pulled).toBe(1)
    const [request] = upstream.requests
    expect(request?.body).toBe('hello')
    expect(request?.headers['content-length']).toBe('5')
    expect(request?.headers['transfer-encoding']).toBeUndefined()

    const unresponsive = await unresponsivePort()
    openResources.push(unresponsive)
    let pulledUnconnected = 0
    const controller = new AbortController()
    const pending = post(`http://127.0.0.1:${unresponsive.port}`, {
      body: lazyBody(() => pulledUnconnected++),
      signal: controller.signal,
    })
    await Bun.sleep(150)
    controller.abort()
    await rejectionOf(pending)
    expect(pulledUnconnected).toBe(0)
  })

  test('a certificate is verified against serverName even if the URL holds an IP address', async () => {
    const server = Bun.serve({
      port: 0,
      tls: { cert: certificate, key },
      fetch: request => new Response(request.headers.get('host')),
    })
    openResources.push({ close: () => server.stop(true) })
    const requestHost = (host: string, more: object = { ca: certificate }) =>
      fetch(`https://127.0.0.1:${server.port}/`, {
        headers: { host },
        tls: { serverName: host, ...more },
        redirect: 'manual',
        proxy: false,
      })
    expect(await (await requestHost('vendor.test')).text()).toBe('vendor.test')
    expect((await rejectionOf(requestHost('other.test'))).code).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
    expect((await rejectionOf(requestHost('vendor.test', {}))).code).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
  })
})

describe('kept connections', () => {
  test('consecutive requests reuse one connection', async () => {
    const upstream = await startUpstream(replyJson({}))
    for (let turn = 0; turn < 3; turn++) await (await post(upstream.url)).json()
    expect(upstream.connections).toBe(1)
  })

  test('a POST on a connection that died is not retried and fails with ECONNRESET', async () => {
    const upstream = await startUpstream(resetOnReuse(replyJson({})))
    await (await post(upstream.url)).json()
    expect((await rejectionOf(post(upstream.url))).code).toBe('ECONNRESET')
    expect(upstream.requests.map(({ connection, indexOnConnection }) => [connection, indexOnConnection])).toEqual([
      [0, 0],
      [0, 1],
    ])
    expect((await post(upstream.url)).status).toBe(200)
  })
})

describe('errors', () => {
  test('an error carries the whole URL, including the query, in `path`', async () => {
    const url = `http://127.0.0.1:${await freePort()}/v1?key=SECRET`
    const fault = await rejectionOf(post(url))
    expect(fault.code).toBe('ECONNREFUSED')
    expect(fault.path).toBe(url)
  })

  test('an unsupported SOCKS proxy puts the URL into the message too', async () => {
    const fault = await rejectionOf(post('https://vendor.test/v1?key=SECRET', { proxy: 'socks5://127.0.0.1:9' }))
    expect(fault.code).toBe('UnsupportedProxyProtocol')
    expect(fault.message).toContain('key=SECRET')
    expect(fault.path).toContain('key=SECRET')
  })

  test('a redirect is not followed if `redirect` is manual', async () => {
    const upstream = await startUpstream(replyJson({}, 302, { location: '/elsewhere' }))
    expect((await post(upstream.url)).status).toBe(302)
    expect(upstream.requests).toHaveLength(1)
  })
})

describe('compression', () => {
  test('a compressed stream is inflated flush by flush', async () => {
    const next = createLatch()
    const upstream = await startUpstream(async answer => {
      const gzip = createGzip()
      const flushed = () => new Promise<void>(resolve => gzip.flush(constants.Z_SYNC_FLUSH, () => resolve()))
      answer.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
      gzip.on('data', (bytes: Buffer) => void answer.write(bytes))
      gzip.write('data: one\n\n')
      await flushed()
      await answer.wait(next.opened)
      gzip.end('data: two\n\n')
      await new Promise(resolve => gzip.on('end', resolve))
      answer.end()
    })
    const reader = (await post(upstream.url)).body!.getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: one\n\n')
    next.open()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: two\n\n')
    expect((await reader.read()).done).toBe(true)
  })

  test('accept-encoding has a default and can be overridden', async () => {
    const upstream = await startUpstream(replyJson({}))
    await (await post(upstream.url)).json()
    await (await post(upstream.url, { headers: { 'accept-encoding': 'identity' } })).json()
    expect(upstream.requests.map(({ headers }) => headers['accept-encoding'])).toEqual([
      'gzip, deflate, br, zstd',
      'identity',
    ])
  })
})
