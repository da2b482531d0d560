import { afterEach, describe, expect, test } from 'bun:test'
import { GatewayError } from '../../../src/base/errors.ts'
import { createProxies, environmentProxy, originOf, type ProxyOption } from '../../../src/upstream/connection/proxy.ts'
import { certificate, key } from '../../support/certificate.ts'
import { clearProxyVariables } from '../../support/proxy-variables.ts'
import { type ProxyRules, type RecordingProxy, startHttpProxy, startSocksProxy } from '../../support/recording-proxy.ts'
import { type Script, scriptedUpstream, type Upstream } from '../../support/scripted-upstream.ts'
import { chatChunks, replyJson, replySse, stallAfter } from '../../support/upstream-scripts.ts'
import { createLatch, waitUntil } from '../../support/wait-until.ts'

const { proxyFor, close: closeBridge } = createProxies()
const open: { close: () => unknown }[] = []

clearProxyVariables()
afterEach(async () => {
  await closeBridge()
  for (const thing of open.splice(0)) await thing.close()
})

const upstreamOf = async (script: Script): Promise<Upstream> => {
  const upstream = await scriptedUpstream(script)
  open.push(upstream)
  return upstream
}

const proxyOf = async (start: (rules: ProxyRules) => Promise<RecordingProxy>, rules: ProxyRules = {}) => {
  const proxy = await start(rules)
  open.push(proxy)
  return proxy
}

const secureVendor = () => {
  const server = Bun.serve({
    port: 0,
    tls: { cert: certificate, key },
    fetch: async request => new Response(await request.text()),
  })
  open.push({ close: () => server.stop(true) })
  return server
}

const get = async (url: string, configured: string | false | undefined, init: BunFetchRequestInit = {}) =>
  fetch(url, { redirect: 'manual', tls: { ca: certificate }, ...init, proxy: await proxyFor(url, configured) })

const urlOf = (proxy: ProxyOption): string => (proxy === false ? '' : proxy.url)

const failureOf = async (promise: Promise<unknown>): Promise<Error & { code?: string }> => {
  try {
    await promise
  } catch (thrown) {
    return thrown as Error & { code?: string }
  }
  throw new Error('it should have failed')
}

describe('originOf cuts the origin of a URL', () => {
  test.each([
    ['https://api.vendor.test/v1/chat', 'https://api.vendor.test'],
    ['http://vendor.test:8080/v1?x=/y', 'http://vendor.test:8080'],
    ['http://[::1]:80/v1', 'http://[::1]:80'],
    ['http://h/', 'http://h'],
    ['http://h', 'http://h'],
    ['https://vendor.test?key=a/b', 'https://vendor.test'],
    ['https://vendor.test#a', 'https://vendor.test'],
  ])('the origin of %s is cut', (url, origin) => {
    expect(originOf(url)).toBe(origin)
  })
})

describe('the proxy of the environment', () => {
  const both = { HTTP_PROXY: 'http://plain.test:1', HTTPS_PROXY: 'http://secure.test:2' }

  test.each([
    ['http://vendor.test', both, 'http://plain.test:1'],
    ['https://vendor.test', both, 'http://secure.test:2'],
    ['https://vendor.test', { http_proxy: 'http://plain.test:1' }, undefined],
    ['https://vendor.test', { https_proxy: 'http://low.test' }, 'http://low.test'],
    ['https://vendor.test', { https_proxy: 'http://low.test', HTTPS_PROXY: 'http://up.test' }, 'http://up.test'],
    ['https://vendor.test', { https_proxy: 'http://low.test', HTTPS_PROXY: '' }, 'http://low.test'],
    ['https://vendor.test', { ALL_PROXY: 'socks5://all.test' }, 'socks5://all.test'],
    ['http://vendor.test', { all_proxy: 'socks5://all.test', http_proxy: 'plain.test:3128' }, 'plain.test:3128'],
    ['https://vendor.test', {}, undefined],
  ])('the proxy for %s with %j is %s', (origin, environment, expected) => {
    expect(environmentProxy(origin, environment)).toBe(expected!)
  })

  test.each([
    // never through the environment's proxy
    ['https://localhost:8443', '', false],
    ['http://127.0.0.1:80', '', false],
    ['http://127.8.9.10', '', false],
    ['http://[::1]:11434', '', false],
    ['http://localhost.vendor.test', '', true],
    // names
    ['http://vendor.test', 'vendor.test', false],
    ['http://api.vendor.test', 'vendor.test', false],
    ['http://API.Vendor.test', ' Vendor.TEST ', false],
    ['http://myvendor.test', 'vendor.test', true],
    ['http://vendor.test', '.vendor.test', true],
    ['http://api.vendor.test', '.vendor.test', false],
    ['http://vendor.test', '*.vendor.test', true],
    ['http://api.vendor.test', '*.vendor.test', false],
    ['http://vendor.test', 'other.test,,vendor.test', false],
    ['http://vendor.test', '*', false],
    ['http://vendor.test', 'other.test, *', false],
    ['http://vendor.test', 'other.test', true],
    // with a port
    ['http://vendor.test:8080', 'vendor.test:8080', false],
    ['http://vendor.test:8080', 'vendor.test:80', true],
    ['https://vendor.test', 'vendor.test:443', false],
    ['http://vendor.test', 'vendor.test:80', false],
    // addresses and ranges
    ['http://10.1.2.3', '10.1.2.3', false],
    ['http://10.1.2.3', '10.1.2.4', true],
    ['http://10.1.2.3:99', '10.1.2.3:99', false],
    ['http://10.1.2.3:99', '10.1.2.3:98', true],
    ['http://10.1.2.3', '10.0.0.0/8', false],
    ['http://11.1.2.3', '10.0.0.0/8', true],
    ['http://[2001:db8::5]', '2001:db8::/32', false],
    ['http://[2001:db8::5]', '2001:db8::5', false],
    ['http://[2001:db8::5]:99', '[2001:db8::5]:99', false],
    ['http://[2001:db9::5]', '2001:db8::/32', true],
    ['http://vendor.test', '10.0.0.0/8', true],
    ['http://10.1.2.3', '10.0.0.0/99', true],
    ['http://10.1.2.3', 'nonsense/8', true],
  ])('%s with NO_PROXY=%j uses the proxy: %s', (origin, noProxy, isProxied) => {
    const environment = { HTTP_PROXY: 'http://proxy.test', HTTPS_PROXY: 'http://proxy.test', no_proxy: noProxy }
    expect(environmentProxy(origin, environment)).toBe((isProxied ? 'http://proxy.test' : undefined)!)
  })
})

describe('the choice of the proxy', () => {
  test('the proxy is none, the configured one or that of the environment', async () => {
    process.env['HTTPS_PROXY'] = 'proxy.test:3128'
    expect(await proxyFor('https://vendor.test/v1', false)).toBe(false)
    expect(await proxyFor('https://vendor.test/v1', 'http://other.test:1')).toEqual({
      url: 'http://other.test:1/',
      respectNoProxy: false,
    })
    expect(await proxyFor('https://vendor.test/v1', undefined)).toEqual({
      url: 'http://proxy.test:3128/',
      respectNoProxy: false,
    })
    expect(await proxyFor('https://127.0.0.1/v1', undefined)).toBe(false)
    expect(await proxyFor('http://vendor.test/v1', undefined)).toBe(false)
  })

  test('the proxy of an origin is decided once', async () => {
    const chosen = await proxyFor('https://vendor.test/a', 'socks5://127.0.0.1:9')
    expect(await proxyFor('https://vendor.test/b?c=d', 'socks5://127.0.0.1:9')).toBe(chosen)
    expect(await proxyFor('https://other.test/b', 'http://proxy.test')).toBe(
      await proxyFor('https://other.test/c', 'http://proxy.test'),
    )
  })

  test('the error for an invalid proxy address does not contain the address', async () => {
    for (const address of [
      'ftp://user:secret@proxy.test',
      'http://',
      'socks4://user:secret@proxy.test',
      'http://user:secret@:x',
    ]) {
      const thrown = await failureOf(proxyFor('https://vendor.test/', address))
      expect(thrown).toBeInstanceOf(GatewayError)
      expect(thrown.message).not.toMatch(/secret|proxy\.test/)
    }
  })

  test('a configured proxy is used whatever NO_PROXY says', async () => {
    const upstream = await upstreamOf(replyJson({ ok: true }))
    const proxy = await proxyOf(startHttpProxy, {
      hostOverrides: { 'vendor.test': { host: '127.0.0.1', port: upstream.port } },
    })
    process.env['NO_PROXY'] = '*'
    expect(await (await get('http://vendor.test/x', proxy.url)).json()).toEqual({ ok: true })
    expect(proxy.requests).toEqual([{ target: 'http://vendor.test/x' }])
  })

  test('a loopback vendor is reached without the proxy of the environment', async () => {
    const upstream = await upstreamOf(replyJson({ ok: true }))
    const proxy = await proxyOf(startHttpProxy)
    process.env['HTTP_PROXY'] = proxy.url
    expect(await (await get(`${upstream.url}/x`, undefined)).json()).toEqual({ ok: true })
    expect(await (await get(`${upstream.url}/x`, false)).json()).toEqual({ ok: true })
    expect(proxy.requests).toEqual([])
  })
})

describe('an HTTP proxy', () => {
  test('an HTTP proxy gets its credentials and its tunnel is reused', async () => {
    const vendor = secureVendor()
    const proxy = await proxyOf(startHttpProxy, { user: 'us er', password: 'p@s:s' })
    for (const body of ['one', 'two', 'three']) {
      const response = await get(`https://localhost:${vendor.port}/x`, proxy.urlWithCredentials, {
        method: 'POST',
        body,
      })
      expect(await response.text()).toBe(body)
    }
    expect(proxy.requests).toEqual([{ target: `localhost:${vendor.port}`, credentials: 'us er:p@s:s' }])
  })
})

describe('a SOCKS proxy', () => {
  const rules = { user: 'us er', password: 'p@s:s' }
  const rulesFor = (port: number): ProxyRules => ({
    ...rules,
    hostOverrides: { 'vendor.test': { host: '127.0.0.1', port } },
  })

  test.each(['socks5', 'socks5h'])(
    'a %s proxy resolves host names, and its tunnel for https is reused',
    async scheme => {
      const vendor = secureVendor()
      const proxy = await proxyOf(startSocksProxy, rulesFor(vendor.port!))
      const address = proxy.urlWithCredentials.replace('socks5', scheme)
      for (const body of ['one', 'two', 'x'.repeat(3_000_000)]) {
        const response = await get('https://vendor.test/x', address, { method: 'POST', body })
        expect(await response.text()).toBe(body)
      }
      expect(proxy.requests).toEqual([{ target: 'vendor.test:443', credentials: 'us er:p@s:s' }])
    },
  )

  test('plain http reuses its connection, and the vendor sees no header of the bridge', async () => {
    const upstream = await upstreamOf(async (answer, request) =>
      replyJson({ body: request.body, path: request.path })(answer, request),
    )
    const proxy = await proxyOf(startSocksProxy, rulesFor(upstream.port))
    const long = 'y'.repeat(2_000_000)
    for (const body of ['one', 'two', long]) {
      const response = await get('http://vendor.test/v1/chat?a=b', proxy.urlWithCredentials, { method: 'POST', body })
      expect(await response.json()).toEqual({ body, path: '/v1/chat?a=b' })
    }
    expect(await (await get('http://vendor.test/', proxy.urlWithCredentials)).json()).toEqual({ body: '', path: '/' })
    expect(proxy.connections).toBe(1)
    expect(upstream.connections).toBe(1)
    for (const { headers } of upstream.requests) {
      expect(headers['host']).toBe('vendor.test')
      expect(Object.keys(headers).filter(name => name.startsWith('proxy-'))).toEqual([])
    }
  })

  test('a plain http upload of unknown length arrives complete', async () => {
    const upstream = await upstreamOf((answer, request) =>
      replyJson({ length: request.body.length, framing: request.headers['transfer-encoding'] })(answer, request),
    )
    const proxy = await proxyOf(startSocksProxy, rulesFor(upstream.port))
    for (let turn = 0; turn < 2; turn++) {
      let left = 10
      const body = new ReadableStream({
        pull(controller) {
          if (left-- > 0) controller.enqueue(new Uint8Array(10_000).fill(97))
          else controller.close()
        },
      })
      const response = await get('http://vendor.test/upload', proxy.urlWithCredentials, { method: 'POST', body })
      expect(await response.json()).toEqual({ length: 100_000, framing: 'chunked' })
    }
    expect(proxy.connections).toBe(1)
  })

  test('one bridge serves several proxies and hosts without mixing them', async () => {
    const one = await upstreamOf(replyJson('one'))
    const two = await upstreamOf(replyJson('two'))
    const vendor = secureVendor()
    const places = {
      'one.test': { host: '127.0.0.1', port: one.port },
      'two.test': { host: '127.0.0.1', port: two.port },
      'vendor.test': { host: '127.0.0.1', port: vendor.port! },
    }
    const first = await proxyOf(startSocksProxy, { hostOverrides: places })
    const second = await proxyOf(startSocksProxy, { ...rules, hostOverrides: places })
    for (let round = 0; round < 3; round++) {
      expect(await (await get('http://one.test/', first.url)).json()).toBe('one')
      expect(await (await get('http://two.test/', first.url)).json()).toBe('two')
      expect(await (await get('http://one.test/', second.urlWithCredentials)).json()).toBe('one')
      await (await get('https://vendor.test/', first.url)).text()
      await (await get('https://vendor.test/', second.urlWithCredentials)).text()
    }
    const targets = (proxy: RecordingProxy) => [...new Set(proxy.requests.map(({ target }) => target))].sort()
    expect(targets(first)).toEqual(['one.test:80', 'two.test:80', 'vendor.test:443'])
    expect(targets(second)).toEqual(['one.test:80', 'vendor.test:443'])
    const bridges = await Promise.all(
      [first.url, second.urlWithCredentials].map(async url => new URL(urlOf(await proxyFor('http://one.test/', url)))),
    )
    expect(new Set(bridges.map(({ port }) => port)).size).toBe(1)
    expect(new Set(bridges.map(({ username }) => username)).size).toBe(2)
  })

  test('an IPv6 address is requested as an address', async () => {
    const proxy = await proxyOf(startSocksProxy, { refuse: true })
    await get('https://[2001:db8::1]:8443/', proxy.url).catch(() => {})
    expect(proxy.requests).toEqual([{ target: '2001:db8::1:8443' }])
  })

  test('frames pass the SOCKS bridge as they arrive', async () => {
    const frames = ['data: one\n\n', 'data: two\n\n', 'data: three\n\n']
    const latches = frames.map(() => createLatch())
    // The vendor sends a frame only after the client has received the one before it.
    const upstream = await upstreamOf(async answer => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const [index, frame] of frames.entries()) {
        await answer.write(frame)
        await answer.wait(latches[index]!.opened)
      }
      answer.end()
    })
    const proxy = await proxyOf(startSocksProxy, rulesFor(upstream.port))
    const response = await get('http://vendor.test/v1', proxy.urlWithCredentials)
    const received: string[] = []
    for await (const bytes of response.body!) {
      latches[received.length]!.open()
      received.push(new TextDecoder().decode(bytes))
    }
    expect(received).toEqual(frames)
  })

  test('a client that disconnects aborts the request to the vendor', async () => {
    const upstream = await upstreamOf(stallAfter(2))
    const proxy = await proxyOf(startSocksProxy, rulesFor(upstream.port))
    const response = await get('http://vendor.test/v1', proxy.urlWithCredentials)
    const reader = response.body!.getReader()
    await reader.read()
    const left = performance.now()
    await reader.cancel()
    const abortedAt = await waitUntil(() => upstream.requests[0]?.abortedAt)
    expect(abortedAt - left).toBeLessThan(500)
  })

  test('100 simultaneous streams through the SOCKS bridge are complete', async () => {
    const upstream = await upstreamOf(replySse(chatChunks(), { pace: 2 }))
    const proxy = await proxyOf(startSocksProxy, rulesFor(upstream.port))
    const texts = await Promise.all(
      Array.from({ length: 100 }, async () => (await get('http://vendor.test/v1', proxy.urlWithCredentials)).text()),
    )
    expect(new Set(texts).size).toBe(1)
    expect(texts[0]).toEndWith('data: [DONE]\n\n')
  })

  const failures: [string, ProxyRules | undefined, string, string][] = [
    ['wrong credentials', { user: 'another', password: 'x' }, '502', 'SOCKS Proxy Refused The Credentials'],
    ['a target it cannot reach', { ...rules, refuse: true }, '502', 'SOCKS Proxy Could Not Connect'],
    ['a proxy that is not there', undefined, '502', 'SOCKS Proxy Could Not Be Reached'],
  ]

  test.each(failures)('the refusal for %s contains no address', async (_, rulesOverride, status, reason) => {
    const proxy = await proxyOf(startSocksProxy, rulesOverride ?? rules)
    const address = proxy.url.replace('://', '://us%20er:s3cret@')
    const proxyUrl = rulesOverride?.refuse ? proxy.urlWithCredentials : address
    if (rulesOverride === undefined) await proxy.close()
    const thrown = await failureOf(get('https://vendor.test/', proxyUrl))
    expect(thrown.code).toBe('ERR_PROXY_TUNNEL')
    expect(thrown.message).toBe(`Proxy refused to open a tunnel: ${status} ${reason}`)
    expect(JSON.stringify(thrown, Object.getOwnPropertyNames(thrown))).not.toMatch(/s3cret|p@s|us er|socks5:/)

    const plain = await get('http://vendor.test/', proxyUrl, { method: 'POST', body: 'z'.repeat(1_000_000) })
    expect(plain.status).toBe(Number(status))
    expect(await plain.text()).toBe('')
  })

  test('other programs cannot use the bridge', async () => {
    const upstream = await upstreamOf(replyJson({ ok: true }))
    const proxy = await proxyOf(startSocksProxy, rulesFor(upstream.port))
    const bridge = new URL(urlOf(await proxyFor('http://vendor.test/', proxy.urlWithCredentials)))
    expect(bridge.hostname).toBe('127.0.0.1')
    for (const userinfo of ['', 'socks0:guess@', 'other:' + bridge.password + '@']) {
      const url = `http://${userinfo}${bridge.host}`
      expect((await fetch('http://vendor.test/', { proxy: url })).status).toBe(407)
      expect((await failureOf(fetch('https://vendor.test/', { proxy: url }))).code).toBe('ERR_PROXY_TUNNEL')
    }
    expect((await fetch(`http://${bridge.host}/`, { proxy: false })).status).toBe(407)
    expect(proxy.connections).toBe(0)
  })

  test('after closeBridge the next request starts a new bridge', async () => {
    const upstream = await upstreamOf(replyJson({ ok: true }))
    const proxy = await proxyOf(startSocksProxy, rulesFor(upstream.port))
    const request = async () => (await get('http://vendor.test/', proxy.urlWithCredentials)).json()
    expect(await request()).toEqual({ ok: true })
    const oldBridgeUrl = urlOf(await proxyFor('http://vendor.test/', proxy.urlWithCredentials))
    await closeBridge()
    expect(await failureOf(fetch('http://vendor.test/', { proxy: oldBridgeUrl }))).toBeInstanceOf(Error)
    expect(await request()).toEqual({ ok: true })
    expect(urlOf(await proxyFor('http://vendor.test/', proxy.urlWithCredentials))).not.toBe(oldBridgeUrl)
  })
})
