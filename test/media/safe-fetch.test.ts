/** The SSRF guard: what it refuses, and what it returns. */
import { afterAll, describe, expect, test } from 'bun:test'
import { createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { GatewayError } from '../../src/base/errors.ts'
import { detectFileType } from '../../src/media/file-type.ts'
import { createAddressFilter } from '../../src/media/public-addresses.ts'
import { createSafeFetch, type MediaSettings, type ResolveHost } from '../../src/media/safe-fetch.ts'
import { certificate, key } from '../support/certificate.ts'

const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3])
const requests: { path: string; host: string | null }[] = []
const stops: (() => unknown)[] = []
afterAll(() => Promise.all(stops.map(stop => stop())))

const send = (body: string | Uint8Array<ArrayBuffer>, type: string, extraHeaders: Record<string, string> = {}) =>
  new Response(body, { headers: { 'content-type': type, ...extraHeaders } })

/** A body without an end. A piece arrives every `pause` milliseconds. */
const drippingResponse = (piece: number, pause: number) =>
  new Response(
    new ReadableStream({
      async pull(controller) {
        await Bun.sleep(pause)
        controller.enqueue(new Uint8Array(piece))
      },
    }),
    { headers: { 'content-type': 'image/png' } },
  )

const routes: Record<string, () => Response> = {
  '/a.png': () => send(png, 'image/png'),
  '/octets': () => send(png, 'application/octet-stream'),
  '/lie': () => send(png, 'image/jpg; charset=binary'),
  '/page': () => send('<html></html>', 'text/html; charset=utf-8'),
  '/zip': () => send('PK\x03\x04', 'application/zip'),
  '/junk': () => send('what is it', 'application/octet-stream'),
  '/packed': () => send(gzipSync('x'), 'image/png', { 'content-encoding': 'gzip' }),
  '/empty': () => send('', 'image/png'),
  '/gone': () => new Response('no', { status: 404 }),
  '/huge': () => send(new Uint8Array(200_000), 'image/png'),
  '/endless': () => drippingResponse(10_000, 1),
  '/slow': () => drippingResponse(1, 20),
  '/loop': () => Response.redirect('/loop', 302),
  '/once': () => new Response(null, { status: 302, headers: { location: '/a.png?secret=1' } }),
  '/to-private': () => new Response(null, { status: 301, headers: { location: 'http://10.0.0.7/latest' } }),
  '/to-metadata': () => new Response(null, { status: 307, headers: { location: 'http://169.254.169.254/latest' } }),
  '/to-file': () => new Response(null, { status: 302, headers: { location: 'file:///etc/passwd' } }),
  '/to-inside': () => new Response(null, { status: 302, headers: { location: 'http://inside.test/' } }),
  '/to-account': () => new Response(null, { status: 302, headers: { location: 'http://u:p@files.test/a.png' } }),
}

const serve = (tls?: { cert: string; key: string }) => {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    ...(tls && { tls }),
    fetch: request => {
      const path = new URL(request.url).pathname
      requests.push({ path, host: request.headers.get('host') })
      return (routes[path] ?? routes['/gone']!)()
    },
  })
  stops.push(() => server.stop(true))
  return server.port!
}

const port = serve()
const securePort = serve({ cert: certificate, key })
const settings: MediaSettings = { allowPrivate: ['127.0.0.1'], maxBytes: 100_000, timeout: 5, maxFiles: 16 }
const hosts: Record<string, readonly string[]> = {
  'files.test': ['127.0.0.1'],
  'vendor.test': ['127.0.0.1'],
  'other.test': ['127.0.0.1'],
  'inside.test': ['192.168.1.1'],
  'mixed.test': ['127.0.0.1', '10.0.0.1'],
  'twin.test': ['127.0.0.2', '127.0.0.1'],
}
const resolve: ResolveHost = async host => hosts[host] ?? []

const get = (url: string, overrides: Partial<MediaSettings> = {}, resolveHost: ResolveHost = resolve) =>
  createSafeFetch({ ...settings, ...overrides }, { resolve: resolveHost, ca: certificate })(
    url,
    () => undefined,
    new AbortController().signal,
  )

const refusalOf = async (
  url: string,
  overrides: Partial<MediaSettings> = {},
  resolveHost: ResolveHost = resolve,
): Promise<string> => {
  const thrown = await get(url, overrides, resolveHost).then(
    () => 'nothing thrown',
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(GatewayError)
  const { code, message } = thrown as GatewayError
  expect(code).toBe('invalid_request')
  expect(message).not.toMatch(/\d+\.\d+\.\d+\.\d+|secret|token|\.test/)
  return message
}

describe('what safe fetch returns', () => {
  test('the file is requested by host name at the checked address', async () => {
    expect(await get(`http://files.test:${port}/a.png?token=1`)).toEqual({ bytes: Buffer.from(png), mime: 'image/png' })
    expect(requests.at(-1)).toEqual({ path: '/a.png', host: `files.test:${port}` })
  })

  test('the bytes decide the type if the server names a generic one, or another of the same top-level type', async () => {
    for (const path of ['/octets', '/lie'])
      expect((await get(`http://files.test:${port}${path}`)).mime).toBe('image/png')
    expect((await get(`http://files.test:${port}/page`)).mime).toBe('text/html')
  })

  test('over TLS the certificate must match the host name', async () => {
    expect((await get(`https://vendor.test:${securePort}/a.png`)).mime).toBe('image/png')
    expect(await refusalOf(`https://other.test:${securePort}/a.png`)).toBe('its server could not be reached')
  })

  test('a redirect to a permitted URL is followed', async () => {
    expect((await get(`http://files.test:${port}/once`)).mime).toBe('image/png')
  })

  test('the next address is tried if the first does not answer', async () => {
    const allowed = { allowPrivate: ['127.0.0.0/8'] }
    expect((await get(`http://twin.test:${port}/a.png`, allowed)).mime).toBe('image/png')
  })
})

describe('what safe fetch refuses', () => {
  test.each([
    ['file:///etc/passwd', 'only http and https are fetched'],
    ['ftp://files.test/a', 'only http and https are fetched'],
    ['gs://bucket/a.png', 'only http and https are fetched'],
    ['nothing', 'its URL is none'],
    ['http://', 'its URL is none'],
    ['http://user@files.test/', 'a URL with a user name or password is not fetched'],
    ['http://:secret@files.test/', 'a URL with a user name or password is not fetched'],
    ['http://unknown.test/?token=1', 'its host is not known'],
    ['http://inside.test/', 'its host is not on the public internet'],
    ['http://mixed.test/', 'its host is not on the public internet'],
    ['http://10.1.2.3/', 'its host is not on the public internet'],
    ['http://0x0a000001/', 'its host is not on the public internet'],
    ['http://2130706434/', 'its host is not on the public internet'],
    ['http://0177.0.0.2/', 'its host is not on the public internet'],
    ['http://[::1]/', 'its host is not on the public internet'],
    ['http://[::ffff:10.0.0.1]/', 'its host is not on the public internet'],
    ['http://[64:ff9b::a00:1]/', 'its host is not on the public internet'],
    ['http://169.254.169.254/computeMetadata/v1/', 'its host is not on the public internet'],
  ])('the URL %s is refused', async (url, message) => {
    const before = requests.length
    expect(await refusalOf(url)).toBe(message)
    expect(requests.length).toBe(before)
  })

  test.each([
    ['/to-private', 'its host is not on the public internet'],
    ['/to-metadata', 'its host is not on the public internet'],
    ['/to-inside', 'its host is not on the public internet'],
    ['/to-file', 'only http and https are fetched'],
    ['/to-account', 'a URL with a user name or password is not fetched'],
    ['/loop', 'its server redirects more than 3 times'],
    ['/gone', 'its server answered 404'],
    ['/zip', 'it is neither image, audio, video, text nor PDF'],
    ['/junk', 'it is neither image, audio, video, text nor PDF'],
    ['/packed', 'its server sends it compressed, though asked not to'],
    ['/empty', 'it is empty'],
    ['/huge', 'it is larger than 100000 bytes'],
    ['/endless', 'it is larger than 100000 bytes'],
  ])('the response of %s is refused', async (path, message) => {
    expect(await refusalOf(`http://files.test:${port}${path}`)).toBe(message)
  })

  test('a redirect loop is requested four times and no more', async () => {
    const before = requests.length
    await refusalOf(`http://files.test:${port}/loop`)
    expect(requests.length - before).toBe(4)
  })

  test('a host name whose DNS answer changes is checked once for each redirect, and only the checked address is connected to', async () => {
    let resolved = 0
    const rebinding: ResolveHost = async () => (resolved++ === 0 ? ['127.0.0.1'] : ['10.0.0.1'])
    expect((await get(`http://rebind.test:${port}/a.png`, {}, rebinding)).mime).toBe('image/png')
    expect(resolved).toBe(1)
    resolved = 0
    expect(await refusalOf(`http://rebind.test:${port}/once`, {}, rebinding)).toBe(
      'its host is not on the public internet',
    )
    expect(resolved).toBe(2)
  })

  test('a slow body, a silent server and a hanging resolver all end at the timeout', async () => {
    const silent = createServer(() => undefined)
    await new Promise<void>(done => silent.listen(0, '127.0.0.1', done))
    stops.push(() => silent.close())
    const { port: silentPort } = silent.address() as { port: number }
    const began = performance.now()
    const shortTimeout = { timeout: 0.15 }
    expect(
      await Promise.all([
        refusalOf(`http://files.test:${port}/slow`, shortTimeout),
        refusalOf(`http://files.test:${silentPort}/`, shortTimeout),
        refusalOf('http://files.test/', shortTimeout, () => new Promise(() => undefined)),
      ]),
    ).toEqual(['it took longer than 0.15 s', 'it took longer than 0.15 s', 'it took longer than 0.15 s'])
    expect(performance.now() - began).toBeLessThan(2000)
  })

  test('a truncated body, a server without HTTP and a closed port are refused', async () => {
    const startServer = (reply: string) => {
      const server = createServer(socket => {
        socket.on('error', () => undefined).once('data', () => socket.end(reply))
      })
      stops.push(() => server.close())
      return new Promise<number>(done =>
        server.listen(0, '127.0.0.1', () => done((server.address() as { port: number }).port)),
      )
    }
    const cut = await startServer('HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 50\r\n\r\n\x89PNG')
    const nonsense = await startServer('hello\r\n\r\n')
    const silentPort = await startServer('')
    for (const port of [cut, nonsense, silentPort, 1])
      expect(await refusalOf(`http://files.test:${port}/`)).toBe('its server could not be reached')
  })

  test('the byte meter and the client’s disconnect end the fetch', async () => {
    const safeFetch = createSafeFetch(settings, { resolve })
    const full = () => {
      throw new GatewayError('invalid_request', 'full')
    }
    const { signal } = new AbortController()
    await expect(safeFetch(`http://files.test:${port}/endless`, full, signal)).rejects.toThrow('full')
    const leaving = new AbortController()
    const fetching = safeFetch(`http://files.test:${port}/slow`, () => leaving.abort(), leaving.signal)
    await expect(fetching).rejects.toThrow('could not be reached')
    expect(leaving.signal.aborted).toBe(true)
  })
})

describe('the address filter', () => {
  const privateAddresses = [
    '127.0.0.1',
    '10.9.9.9',
    '172.31.0.1',
    '192.168.0.1',
    '100.64.0.1',
    '::1',
    'fd12::1',
    '::ffff:10.0.0.1',
  ]
  const blockedAddresses = [
    ...[
      '0.0.0.0',
      '169.254.169.254',
      '100.100.100.200',
      '168.63.129.16',
      '192.0.0.192',
      '224.0.0.1',
      '255.255.255.255',
    ],
    ...[
      '198.18.0.1',
      '203.0.113.9',
      '::',
      'fe80::1',
      'fd00:ec2::254',
      'fd20:ce::254',
      'ff02::1',
      '2001::1',
      '2002:a00:1::',
    ],
    ...[
      '64:ff9b::1.1.1.1',
      '64:ff9b:1::1',
      '::ffff:169.254.169.254',
      '::ffff:8.8.8.8',
      '::8.8.8.8',
      '2001:db8::1',
      'x',
    ],
  ]
  const publicAddresses = ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1']

  test.each(publicAddresses)('%s is always allowed', address => expect(createAddressFilter(false)(address)).toBe(true))
  test.each(privateAddresses)('%s is allowed only with private networks', address =>
    expect([createAddressFilter(false)(address), createAddressFilter(true)(address)]).toEqual([false, true]),
  )
  test.each(blockedAddresses)('%s is never allowed', address =>
    expect([createAddressFilter(false)(address), createAddressFilter(true)(address)]).toEqual([false, false]),
  )
  test('a list allows what it names and no other private address', () => {
    const isAllowed = createAddressFilter(['169.254.0.0/16', '10.0.0.5', 'fd12::/16'])
    expect(['169.254.169.254', '10.0.0.5', '::ffff:10.0.0.5', 'fd12::9', '8.8.8.8'].map(isAllowed)).toEqual(
      Array(5).fill(true),
    )
    expect(['10.0.0.6', '127.0.0.1', 'fd13::1', '::1'].map(isAllowed)).toEqual(Array(4).fill(false))
  })
})

describe('detectFileType', () => {
  const bytes = (text: string) => Buffer.from(text, 'latin1')

  test.each([
    ['\xff\xd8\xff\xe0', '', 'image/jpeg'],
    ['GIF89a', 'binary/octet-stream', 'image/gif'],
    ['RIFF\0\0\0\0WEBPVP8 ', 'application/octet-stream', 'image/webp'],
    ['RIFF\0\0\0\0WAVEfmt ', null, 'audio/wav'],
    ['\0\0\0\x18ftypisom', null, 'video/mp4'],
    ['\0\0\0\x18ftypM4A ', 'video/mp4', 'video/mp4'],
    ['OggS', 'video/ogg', 'video/ogg'],
    ['%PDF-1.7', 'application/octet-stream', 'application/pdf'],
    ['%PDF-1.7', 'application/x-pdf', 'application/pdf'],
    ['BMW is a car', 'text/plain', 'text/plain'],
    ['plain', 'TEXT/CSV; header=present', 'text/csv'],
    ['plain', 'application/octet-stream', undefined],
    ['\x89PNG\r\n\x1a\n', 'application/zip', undefined],
    ['{}', 'application/json', undefined],
  ])('bytes %j with the content type %p are %p', (prefix, declared, expected) =>
    expect(detectFileType(bytes(prefix), declared)).toBe(expected),
  )
})
