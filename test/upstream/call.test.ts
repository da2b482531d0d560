/** Errors of the connection to a vendor: which of them are sent again, and what each means. */
import { describe, expect, spyOn, test } from 'bun:test'
import type { GatewayError } from '../../src/base/errors.ts'
import { connectionError, type Payload, UpstreamCall } from '../../src/upstream/call.ts'
import { createVendorConnections } from '../../src/upstream/connection/connections.ts'
import { entryOf, targetOf } from '../contracts/provider.ts'

/** `fetch` fails with each of these codes in turn, and then answers. */
const failingFetch = (...codes: string[]) => {
  const answers = codes.map(code => () => Promise.reject(Object.assign(new Error('https://v.test/?key=1'), { code })))
  return spyOn(globalThis, 'fetch').mockImplementation((() =>
    (answers.shift() ?? (() => Promise.resolve(new Response('late'))))()) as unknown as typeof fetch)
}
/** Calls a vendor with whom `idle` connections are kept. */
const call = async (
  codes: string[],
  { idle = 1, payload = '{}', proxy }: { idle?: number; payload?: Payload; proxy?: string } = {},
): Promise<{ text?: string; error?: GatewayError; sent: number }> => {
  const fetching = failingFetch(...codes)
  const connections = createVendorConnections()
  const entry = entryOf('openai', { serverUrl: 'https://v.test/v1', ...(proxy !== undefined && { proxy }) })
  const target = targetOf(entry)
  const request = { url: 'https://v.test/v1/chat/completions', headers: new Headers(), body: '{}' }
  for (let count = 0; count < idle; count++) {
    connections.idleConnections.release('https://v.test')
    if (proxy !== undefined) connections.idleConnections.release(`https://v.test ${new URL(proxy).href}`)
  }
  const timeouts = { connect: 5, firstByte: 5, idle: 5, coversWholeResponse: false, total: 5 }
  const upstream = new UpstreamCall({ request, payload, target, wire: {} as never, timeouts, connections })
  try {
    await upstream.waitForHeaders()
    return { text: await upstream.response.text(), sent: fetching.mock.calls.length }
  } catch (thrown) {
    return { error: thrown as GatewayError, sent: fetching.mock.calls.length }
  } finally {
    upstream.stop()
    fetching.mockRestore()
  }
}

describe('a kept connection that had died', () => {
  test.each(['ECONNRESET', 'ConnectionClosed', 'EPIPE'])('with %s: the request is sent again', async code => {
    expect(await call([code])).toEqual({ text: 'late', sent: 2 })
  })

  test.each(['ECONNRESET', 'EPIPE'])('with %s each time: it is sent once more, on a new connection', async code => {
    const { error, sent } = await call([code, code, code, code], { idle: 2 })
    expect([sent, error?.message]).toEqual([2, `the vendor could not be reached (${code})`])
    expect(error?.detail.unsent).toBeUndefined()
  })

  test.each(['ECONNREFUSED', 'ETIMEDOUT', 'ConnectionRefused', 'HPE_INVALID', ''])(
    'does not explain %j: the request is sent once',
    async code => expect((await call([code])).sent).toBe(1),
  )

  test('and no connection is kept: the request is sent once, because the vendor may have received it', async () => {
    for (const code of ['ECONNRESET', 'ConnectionClosed', 'EPIPE'])
      expect((await call([code], { idle: 0 })).sent).toBe(1)
  })

  test('under a body that is no text: the request is sent once', async () => {
    for (const payload of [new Uint8Array(2), new Blob(['{}']).stream()])
      expect((await call(['EPIPE'], { payload })).sent).toBe(1)
  })
})

describe('a vendor that could not be reached', () => {
  const neverConnected = [
    'ECONNREFUSED',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ConnectionRefused',
    'FailedToOpenSocket',
  ]
  test.each(neverConnected)('by %s never received the request', async code => {
    const { error } = await call([code], { idle: 0 })
    expect([error?.code, error?.message, error?.detail]).toEqual([
      'upstream_failed',
      `the vendor could not be reached (${code})`,
      { unsent: true },
    ])
  })

  test.each(['ECONNRESET', 'ConnectionClosed', 'EPIPE', 'ETIMEDOUT', 'ERR_TLS_CERT_ALTNAME_INVALID', 'UNKNOWN'])(
    'by %s may have received it',
    async code => {
      const { error } = await call([code], { idle: 0 })
      expect([error?.message, error?.detail]).toEqual([`the vendor could not be reached (${code})`, {}])
    },
  )

  test('by an error without a usable code reveals nothing', async () => {
    for (const code of ['', 'key=1 secret', 'x'.repeat(61), 'ü'])
      expect((await call([code], { idle: 0 })).error?.message).toBe('the vendor could not be reached')
  })

  test.each(neverConnected)('through a proxy, by %s: it was the proxy', async code => {
    const { error } = await call([code], { idle: 0, proxy: 'http://proxy.test:3128' })
    expect(error?.message).toBe(`the proxy could not be reached (${code})`)
  })

  test('through a proxy that refuses the tunnel never received it', async () => {
    const { error } = await call(['ERR_PROXY_TUNNEL'], { idle: 0, proxy: 'http://proxy.test:3128' })
    expect([error?.message, error?.detail]).toEqual(['the proxy refused the way to the vendor', { unsent: true }])
  })

  test('through a proxy, by ECONNRESET: it was the vendor, who may have received it', async () => {
    const { error } = await call(['ECONNRESET'], { idle: 0, proxy: 'http://proxy.test:3128' })
    expect([error?.message, error?.detail]).toEqual(['the vendor could not be reached (ECONNRESET)', {}])
  })
})

test('a connection that breaks during the response is named by its code, and an error of ours stays', () => {
  const broken = connectionError(Object.assign(new Error('https://v.test'), { code: 'ECONNRESET' }))
  expect([broken.code, broken.message]).toEqual([
    'upstream_failed',
    'the connection to the vendor was lost (ECONNRESET)',
  ])
  for (const thrown of ['text', undefined, new Error('no code')])
    expect(connectionError(thrown).message).toBe('the connection to the vendor was lost')
  expect(connectionError(broken)).toBe(broken)
})
