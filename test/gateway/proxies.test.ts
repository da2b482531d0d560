/**
 * Vendors behind proxies: which requests use which proxy, with which credentials, over how many connections, and what
 * errors reveal.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { certificate } from '../support/certificate.ts'
import { openStream, sendRequest } from '../support/client.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type RecordingProxy, startHttpProxy, startHttpsProxy, startSocksProxy } from '../support/recording-proxy.ts'
import { scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { chatChunks, replyChat } from '../support/upstream-scripts.ts'

const secret = 'canary:pass/word@1'
let upstream: Upstream
let httpProxy: RecordingProxy
let httpsProxy: RecordingProxy
const folder = tempFolder()
let socksProxy: RecordingProxy
let otherProxy: RecordingProxy
const gateways: Gateway[] = []

beforeAll(async () => {
  upstream = await scriptedUpstream(replyChat())
  const hostOverrides = { 'vendor.test': { host: '127.0.0.1', port: upstream.port } }
  httpProxy = await startHttpProxy({ user: 'user', password: secret, hostOverrides })
  httpsProxy = await startHttpsProxy({ user: 'user', password: secret, hostOverrides })
  await writeFile(join(folder, 'ca.pem'), certificate)
  socksProxy = await startSocksProxy({ user: 'user', password: secret, hostOverrides })
  otherProxy = await startHttpProxy({ hostOverrides })
})
afterAll(async () => {
  await Promise.all(gateways.map(gateway => gateway.stop()))
  await Promise.all([httpProxy, httpsProxy, socksProxy, otherProxy].map(proxy => proxy.close()))
  await upstream.close()
})

const entry = (model: string, more: object = {}) => ({
  enabled: true,
  id: model,
  models: [model],
  server_url: `${upstream.url}/v1`,
  credentials: { api_key: 'sk-canary' },
  ...more,
})
const start = async (proxy: object | undefined, entries: object[], env: Record<string, string> = {}) => {
  const gateway = await startGateway(
    { heartbeat: 0, timeouts: { connect: 1 }, services: { openai: entries }, ...(proxy && { proxy }) },
    { env },
  )
  gateways.push(gateway)
  return gateway
}
/** The names of the proxies that a request for `model` goes through. */
const proxiesUsed = async (gateway: Gateway, model: string): Promise<string> => {
  const before = [httpProxy, socksProxy, otherProxy].map(({ requests }) => requests.length)
  const connections = [httpProxy, socksProxy, otherProxy].map(proxy => proxy.connections)
  const answer = await sendRequest(gateway, { model })
  expect([model, answer.status, ((await answer.json()) as { model: string }).model]).toEqual([model, 200, model])
  const used = [httpProxy, socksProxy, otherProxy].map(
    (proxy, at) => proxy.requests.length > before[at]! || proxy.connections > connections[at]!,
  )
  return ['web', 'socks', 'other'].filter((_, at) => used[at]).join(' ') || 'none'
}
/** Entries with `use_proxy` true, false and absent. */
const threeEntries = () => [entry('yes', { use_proxy: true }), entry('no', { use_proxy: false }), entry('unsaid')]

describe('proxy strategies', () => {
  for (const [strategy, whenTrue, whenFalse, whenUnset] of [
    ['disabled', 'none', 'none', 'none'],
    ['default', 'proxied', 'none', 'none'],
    ['all', 'proxied', 'none', 'proxied'],
    ['force_all', 'proxied', 'proxied', 'proxied'],
  ] as const)
    test(`the proxy strategy ${strategy}: with use_proxy true ${whenTrue}, with use_proxy false ${whenFalse}, without use_proxy ${whenUnset}`, async () => {
      const proxy = await startHttpProxy({ user: 'user', password: secret })
      const gateway = await start({ strategy, type: 'http', http_proxy: proxy.urlWithCredentials }, threeEntries())
      const seen: string[] = []
      for (const model of ['yes', 'no', 'unsaid']) {
        expect([model, (await sendRequest(gateway, { model })).status]).toEqual([model, 200])
        // A request to a proxy has an absolute URL, a request to a vendor has a path.
        seen.push(upstream.requests.at(-1)!.path.startsWith('http://') ? 'proxied' : 'none')
      }
      expect(seen).toEqual([whenTrue, whenFalse, whenUnset])
      for (const { credentials } of proxy.requests) expect(credentials).toBe(`user:${secret}`)
      await gateway.stop()
      await proxy.close()
    })
})

describe('requests through proxies', () => {
  for (const kind of ['http', 'https', 'socks5'] as const)
    test(`requests through a proxy of type ${kind} with credentials work complete, streamed and in parallel, over keep-alive connections`, async () => {
      const proxy = { http: httpProxy, https: httpsProxy, socks5: socksProxy }[kind]
      const proxyConfig = {
        http: { type: 'http', http_proxy: httpProxy.urlWithCredentials },
        https: { type: 'http', http_proxy: httpsProxy.urlWithCredentials },
        socks5: { type: 'socks5', socks5_proxy: socksProxy.urlWithCredentials.slice('socks5://'.length) },
      }[kind]
      const gateway = await start(
        { strategy: 'all', ...proxyConfig },
        [entry('m', { server_url: 'http://vendor.test/v1' })],
        kind === 'https' ? { NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') } : {},
      )
      upstream.setScript(replyChat())
      const [before, first] = [proxy.connections, upstream.requests.length]
      for (let round = 0; round < 5; round++)
        expect((await (await sendRequest(gateway, { model: 'm' })).json()) as object).toMatchObject({ model: 'm' })
      const streamed = await openStream(gateway, { model: 'm' })
      await streamed.ended
      expect([streamed.content(), streamed.data().at(-1)]).toEqual(['Hello there.', '[DONE]'])
      expect(proxy.connections - before).toBeLessThanOrEqual(2)
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => sendRequest(gateway, { model: 'm' }).then(answer => answer.text())),
      )
      expect(answers.filter(text => text.includes('Hello there.'))).toHaveLength(20)
      for (const { target, credentials } of proxy.requests)
        expect([new URL(target.includes('://') ? target : `http://${target}`).hostname, credentials]).toEqual([
          'vendor.test',
          `user:${secret}`,
        ])
      // A plain HTTP proxy must strip its own header. Through SOCKS the vendor is reached directly, so the header
      // must not be sent.
      const leaking = upstream.requests.slice(first).filter(({ headers }) => 'proxy-authorization' in headers)
      if (kind === 'socks5') expect(leaking).toEqual([])
    })

  test("requests use the entry's own proxy, whatever the global one is, and none with `proxy: false`", async () => {
    const gateway = await start({ strategy: 'force_all', type: 'http', http_proxy: httpProxy.urlWithCredentials }, [
      entry('block', { server_url: 'http://vendor.test/v1' }),
      entry('own', { proxy: otherProxy.url, server_url: 'http://vendor.test:81/v1' }),
      entry('own-socks', { proxy: socksProxy.urlWithCredentials, server_url: 'http://vendor.test:82/v1' }),
      entry('none', { proxy: false }),
    ])
    upstream.setScript(replyChat())
    expect([
      await proxiesUsed(gateway, 'block'),
      await proxiesUsed(gateway, 'own'),
      await proxiesUsed(gateway, 'own-socks'),
      await proxiesUsed(gateway, 'none'),
    ]).toEqual(['web', 'other', 'socks', 'none'])
  })

  test("requests use the environment's proxy where nothing else is configured, but not with `use_proxy: false` or `proxy: false`", async () => {
    const gateway = await start(
      { strategy: 'default', type: 'http', http_proxy: httpProxy.urlWithCredentials },
      [
        entry('unsaid', { server_url: 'http://vendor.test:83/v1' }),
        entry('told', { use_proxy: true, server_url: 'http://vendor.test:84/v1' }),
        entry('not', { use_proxy: false }),
        entry('never', { proxy: false }),
      ],
      { HTTP_PROXY: otherProxy.url, http_proxy: otherProxy.url },
    )
    upstream.setScript(replyChat())
    expect([
      await proxiesUsed(gateway, 'unsaid'),
      await proxiesUsed(gateway, 'told'),
      await proxiesUsed(gateway, 'not'),
      await proxiesUsed(gateway, 'never'),
    ]).toEqual(['other', 'web', 'none', 'none'])
  })
})

describe('proxy failures', () => {
  test('a proxy failure (a refusal, silence, wrong credentials, no connection) is a 502 or 504 that reveals no credential or host', async () => {
    const refusing = await startHttpProxy({ refuse: true })
    const refusingSocks = await startSocksProxy({ refuse: true, user: 'user', password: secret })
    const silent = await startHttpProxy({ silent: true })
    const silentSocks = await startSocksProxy({ silent: true, user: 'user', password: secret })
    const userinfo = `user:${encodeURIComponent(secret)}@`
    const proxies: Record<string, string> = {
      'http-refuses': refusing.url.replace('//', `//${userinfo}`),
      'https-refuses': refusing.url.replace('//', `//${userinfo}`),
      'http-unknown': httpProxy.url.replace('//', '//user:canary-wrong@'),
      'https-unknown': httpProxy.url.replace('//', '//user:canary-wrong@'),
      'https-silent': silent.url.replace('//', `//${userinfo}`),
      'socks-refuses': refusingSocks.urlWithCredentials,
      'socks-unknown': socksProxy.url.replace('//', '//user:canary-wrong@'),
      'http-gone': `http://${userinfo}127.0.0.1:1`,
      'https-gone': `http://${userinfo}127.0.0.1:1`,
      'socks-gone': `socks5://${userinfo}127.0.0.1:1`,
      'https-socks-refuses': refusingSocks.urlWithCredentials,
      'https-socks-unknown': socksProxy.url.replace('//', '//user:canary-wrong@'),
      'https-socks-gone': `socks5://${userinfo}127.0.0.1:1`,
      'http-socks-silent': silentSocks.urlWithCredentials,
    }
    const gateway = await start(
      undefined,
      Object.entries(proxies).map(([model, proxy]) =>
        entry(model, { proxy, server_url: `${model.startsWith('https') ? 'https' : 'http'}://vendor.test/v1` }),
      ),
    )
    const reasons: Record<string, RegExp> = {
      'https-refuses': /^the proxy refused the way to the vendor$/,
      'https-unknown': /^the proxy refused/,
      'http-gone': /^the proxy could not be reached/,
      'https-gone': /^the proxy could not be reached/,
      'socks-refuses': /^the SOCKS proxy could not connect$/,
      'https-socks-refuses': /^the SOCKS proxy could not connect$/,
      'socks-unknown': /^the SOCKS proxy refused the credentials$/,
      'https-socks-unknown': /^the SOCKS proxy refused the credentials$/,
      'socks-gone': /^the SOCKS proxy could not be reached$/,
      'https-socks-gone': /^the SOCKS proxy could not be reached$/,
      'https-silent': /within 1 s/,
      'http-socks-silent': /within 1 s/,
    }
    const clientTexts: string[] = []
    await Promise.all(
      Object.keys(proxies).flatMap(model =>
        [false, true].map(async streamed => {
          const answer = await sendRequest(gateway, { model, stream: streamed })
          const text = await answer.text()
          clientTexts.push(text, JSON.stringify([...answer.headers]))
          expect([model, streamed, answer.status]).toEqual([model, streamed, model.endsWith('silent') ? 504 : 502])
          expect([model, JSON.parse(text).error.message]).toEqual([model, expect.stringMatching(reasons[model] ?? / /)])
        }),
      ),
    )
    const { stdout, stderr } = await gateway.stop()
    for (const text of [...clientTexts, stdout, stderr]) expect(text).not.toMatch(/canary|pass.{0,3}word|vendor\.test/i)
    await Promise.all([refusing, refusingSocks, silent, silentSocks].map(proxy => proxy.close()))
  })
})

test('the table at start shows which entry uses which kind of proxy, and no address or password', async () => {
  const gateway = await start({ strategy: 'all', type: 'socks5', socks5_proxy: socksProxy.urlWithCredentials }, [
    entry('m'),
    entry('n', { proxy: httpProxy.urlWithCredentials }),
    entry('o', { use_proxy: false }),
  ])
  const line = gateway
    .stderr()
    .split('\n')
    .find(text => text.trim().startsWith('proxies'))
  expect(line).toContain('m by socks5')
  expect(line).toContain('n by http')
  expect(line).not.toContain('o by')
  expect(gateway.stderr()).not.toMatch(/canary|user:/)
})

test("a client that disconnects cancels the vendor's request through a proxy too", async () => {
  for (const proxy of [httpProxy.urlWithCredentials, socksProxy.urlWithCredentials]) {
    const gateway = await start(undefined, [entry('m', { proxy, server_url: 'http://vendor.test/v1' })])
    upstream.setScript(replyChat(chatChunks(Array(100).fill('word ')), undefined, { pace: 50 }))
    const streamed = await openStream(gateway, { model: 'm' })
    const vendor = upstream.requests.at(-1)!
    await Bun.sleep(100)
    streamed.disconnect()
    expect(await Promise.race([vendor.aborted.then(() => 'told'), Bun.sleep(1000)])).toBe('told')
  }
})
