/** A gateway without client keys answers programs, and no web page that its owner did not allow. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway, waitForLogLine } from '../support/gateway-process.ts'
import { rawClient } from '../support/raw-client.ts'
import { waitUntil } from '../support/wait-until.ts'

const services = { mock: [{ enabled: true }] }
const chat = JSON.stringify({ model: 'mock', messages: [{ role: 'user', content: 'Hi' }] })
type HeaderFields = Readonly<Record<string, string>>
type Received = { status: number; head: string; body: string }

let open: Gateway
let configured: Gateway
let keyed: Gateway
beforeAll(async () => {
  const allowed = {
    allowed_hosts: ['Gateway.example.com', '*.lab.example'],
    allowed_origins: ['https://App.example.com', 'null'],
  }
  const configs = [
    { services },
    { services, ...allowed },
    { services, api_key: 'client-key', allowed_hosts: ['gateway.example.com'] },
  ]
  ;[open, configured, keyed] = (await Promise.all(configs.map(config => startGateway(config)))) as [
    Gateway,
    Gateway,
    Gateway,
  ]
})
afterAll(() => Promise.all([open, configured, keyed].map(gateway => gateway.stop())))

/** Sends a request on a connection of its own, with exactly these headers besides the length. */
const send = async (
  gateway: Gateway,
  headers: HeaderFields,
  {
    method = 'POST',
    path = '/v1/chat/completions',
    body = method === 'POST' ? chat : '',
  }: { method?: string; path?: string; body?: string } = {},
): Promise<Received> => {
  const fields = { host: `127.0.0.1:${gateway.port}`, 'content-type': 'application/json', ...headers }
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  const client = rawClient(
    gateway.port,
    `${method} ${path} HTTP/1.1\r\n${head.join('')}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  await waitUntil(() => /\r\n\r\n[\s\S]/.test(client.text()) || /^HTTP\S+ 204/.test(client.text()))
  const [receivedHead = '', ...rest] = client.text().split('\r\n\r\n')
  client.socket.destroy()
  return { status: Number(receivedHead.split(' ')[1]), head: receivedHead.toLowerCase(), body: rest.join('\r\n\r\n') }
}

const statusesOf = async (gateway: Gateway, name: string, values: readonly string[]) =>
  Promise.all(values.map(async value => [value, (await send(gateway, { [name]: value })).status]))
const all = (values: readonly string[], status: number) => values.map(value => [value, status])

/** Everything a page can reach, with the method. */
const routes: readonly [method: string, path: string][] = [
  ['POST', '/v1/chat/completions'],
  ['POST', '/v1/messages'],
  ['POST', '/v1/responses'],
  ['POST', '/v1beta/models/mock:generateContent'],
  ['POST', '/v1/embeddings'],
  ['POST', '/v2/translate'],
  ['POST', '/translate'],
  ['GET', '/v1/models'],
  ['GET', '/v1/models/mock'],
  ['GET', '/v1beta/models'],
  ['GET', '/v1/responses/resp_1'],
  ['DELETE', '/v1/responses/resp_1'],
  ['GET', '/docs'],
  ['GET', '/docs/json'],
  ['GET', '/docs/reference.js'],
  ['GET', '/v1/unknown'],
  ['OPTIONS', '/v1/chat/completions'],
  ['OPTIONS', '/v1/models'],
]

describe('the Host of a request to a gateway without keys', () => {
  const local = ['127.0.0.1', '192.168.1.5:9090', '[::1]:9090', '[2001:db8::1]', 'localhost', 'LOCALHOST:1', 'gateway']
  const private_ = [
    'my_container:9090',
    'app.localhost',
    'printer.local',
    'a.b.Internal:80',
    'localhost.',
    'nas.local.',
  ]
  const foreign = ['evil.test', 'evil.test:9090', 'gateway.example.com', 'local.evil.test', 'evil.test.', 'xlocal.test']
  const invalid = [
    '127.0.0.1.evil.test',
    '1.2.3',
    'evil.test/.local',
    'evil.test#.local',
    'a b',
    '%00',
    '[::1',
    '@local',
  ]

  test('addresses, names without a dot and private names are served', async () => {
    const hosts = [...local, ...private_]
    expect(await statusesOf(open, 'host', hosts)).toEqual(all(hosts, 200))
  })

  test('any other name is refused, as is what is not a name', async () => {
    const hosts = [...foreign, ...invalid]
    expect(await statusesOf(open, 'host', hosts)).toEqual(all(hosts, 403))
  })

  test('the refusal names `allowed_hosts` and the host', async () => {
    const { body } = await send(open, { host: 'evil.test:9090' })
    expect(JSON.parse(body).error).toMatchObject({ code: 'access_denied' })
    expect(JSON.parse(body).error.message).toBe(
      'the host "evil.test:9090" is not served without client keys: add it to `allowed_hosts`, or set `api_key`',
    )
  })

  test('a name in `allowed_hosts` is served, in any letter case, with any port and below `*.`', async () => {
    const hosts = ['gateway.example.com', 'GATEWAY.example.com:80', 'a.lab.example', 'a.b.lab.example', '127.0.0.1']
    expect(await statusesOf(configured, 'host', hosts)).toEqual(all(hosts, 200))
    const others = ['lab.example', 'x.gateway.example.com', 'xlab.example', 'evil.test', '*.lab.example']
    expect(await statusesOf(configured, 'host', others)).toEqual(all(others, 403))
  })
})

describe('the Origin of a request to a gateway without keys', () => {
  const pages = ['https://evil.test', 'http://evil.test:9090', 'http://127.0.0.1.evil.test', 'https://app.example.com']
  const opaque = ['null', '', 'NULL', 'evil.test', 'http://', 'https://evil.test/.local', 'http://u@localhost']
  const several = ['app://x, https://evil.test', 'https://evil.test http://localhost']
  const webSchemes = ['blob:https://evil.test', 'data:text/html', 'ftp://evil.test', 'ipfs://cid', 'about:blank']

  test('a foreign page, a page without an origin, and what is not an origin are refused', async () => {
    const origins = [...pages, ...opaque, ...several, ...webSchemes]
    expect(await statusesOf(open, 'origin', origins)).toEqual(all(origins, 403))
  })

  test('a page on a host that passes the rule for hosts is served', async () => {
    const origins = [
      'http://localhost:3000',
      'https://127.0.0.1',
      'http://[::1]:5173',
      'http://webui',
      'http://nas.local',
    ]
    expect(await statusesOf(open, 'origin', origins)).toEqual(all(origins, 200))
  })

  test('an extension and an installed program are served', async () => {
    const extensions = ['chrome-extension://abcdef', 'moz-extension://6f0c', 'safari-web-extension://X']
    const programs = [
      'app://obsidian.md',
      'file://',
      'tauri://localhost',
      'capacitor://localhost',
      'vscode-webview://x',
    ]
    const origins = [...extensions, ...programs]
    expect(await statusesOf(open, 'origin', origins)).toEqual(all(origins, 200))
  })

  test('an origin in `allowed_origins`, or on a host in `allowed_hosts`, is served', async () => {
    const origins = ['https://app.example.com', 'null', 'http://gateway.example.com:8080', 'https://a.lab.example']
    expect(await statusesOf(configured, 'origin', origins)).toEqual(all(origins, 200))
    const others = ['http://app.example.com', 'https://app.example.com:444', 'https://x.app.example.com']
    expect(await statusesOf(configured, 'origin', others)).toEqual(all(others, 403))
  })

  test('the refusal names `allowed_origins` and the origin, without characters that no origin has', async () => {
    const { body } = await send(open, { origin: 'https://evil.test"<script>' })
    expect(JSON.parse(body).error.message).toBe(
      'pages of "https://evil.test??script?" may not call the gateway: add the origin to `allowed_origins`, or set `api_key`',
    )
  })
})

describe('other signs of a web page', () => {
  test('a request of another site without an Origin is refused, and one of the same site is served', async () => {
    const sites = ['same-origin', 'same-site', 'none']
    expect(await statusesOf(open, 'sec-fetch-site', sites)).toEqual(all(sites, 200))
    expect(await statusesOf(open, 'sec-fetch-site', ['cross-site'])).toEqual(all(['cross-site'], 403))
    const { body } = await send(open, { 'sec-fetch-site': 'cross-site' }, { method: 'GET', path: '/v1/models' })
    expect(body).toContain('`allowed_origins`')
  })

  test('a request of another site is judged by its Origin', async () => {
    const crossSite = { 'sec-fetch-site': 'cross-site' }
    const statusOf = async (origin: string) => (await send(open, { ...crossSite, origin })).status
    expect(await statusOf('chrome-extension://abcdef')).toBe(200)
    expect(await statusOf('http://localhost:3000')).toBe(200)
    expect(await statusOf('https://evil.test')).toBe(403)
  })

  test('a body of the type text/plain is refused, and any type that is read today is still read', async () => {
    const plain = [
      'text/plain',
      'Text/Plain;charset=UTF-8',
      'text/plain ; x=application/json',
      'application/json, text/plain',
    ]
    expect(await statusesOf(open, 'content-type', plain)).toEqual(all(plain, 403))
    const others = [
      'application/json',
      'application/x-www-form-urlencoded',
      'text/plainer',
      'application/json; text/plain',
    ]
    expect(await statusesOf(open, 'content-type', others)).toEqual(all(others, 200))
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const translation = await send(open, form, { path: '/v2/translate', body: 'text=Hello&target_lang=DE&model=mock' })
    expect(translation.status).toBe(200)
  })
})

describe('every route of a gateway without keys', () => {
  test.each(routes)('%s %s refuses foreign pages, and a page may not read the refusal', async (method, path) => {
    const hostile: HeaderFields[] = [
      { host: 'evil.test' },
      { origin: 'https://evil.test', 'access-control-request-method': 'POST' },
      { 'sec-fetch-site': 'cross-site' },
      { 'content-type': 'text/plain' },
    ]
    for (const headers of hostile) {
      const { status, head } = await send(open, headers, { method, path })
      expect([headers, status]).toEqual([headers, 403])
      expect(head).not.toContain('access-control-')
    }
  })

  test('the health endpoints answer probes that name any host', async () => {
    for (const path of ['/healthz', '/livez', '/readyz']) {
      const { status, head } = await send(
        open,
        { host: 'evil.test', origin: 'https://evil.test' },
        { method: 'GET', path },
      )
      expect([path, status]).toEqual([path, 200])
      expect(head).not.toContain('access-control-')
    }
    expect((await send(open, { host: 'evil.test' }, { method: 'GET', path: '/healthz/more' })).status).toBe(403)
  })

  test('a refusal is logged, with the request id of the answer', async () => {
    const { head } = await send(open, { host: 'logged.test' })
    const id = /x-request-id: (\S+)/.exec(head)![1]!
    expect(await waitForLogLine(open, id)).toMatchObject({ status: 403, error: { code: 'access_denied' } })
  })

  test('an allowed page may read answers after a preflight', async () => {
    const origin = 'https://app.example.com'
    const preflight = await send(
      configured,
      { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-any' },
      { method: 'OPTIONS' },
    )
    expect([preflight.status, preflight.head]).toEqual([204, expect.stringContaining('access-control-allow-origin: *')])
    expect((await send(configured, { origin })).head).toContain('access-control-allow-origin: *')
  })
})

test('a gateway with keys answers any host, page and type of body that comes with a key', async () => {
  const key = { authorization: 'Bearer client-key' }
  const hostile: HeaderFields[] = [
    { host: 'anything.test' },
    { origin: 'https://page.test' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'content-type': 'text/plain' },
  ]
  for (const headers of hostile) {
    const { status, head } = await send(keyed, { ...key, ...headers })
    expect([headers, status, head]).toEqual([headers, 200, expect.stringContaining('access-control-allow-origin: *')])
    expect((await send(keyed, headers)).status).toBe(401)
  }
})
