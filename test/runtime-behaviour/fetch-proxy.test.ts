/** How Bun's `fetch` chooses and uses proxies. */
import { afterEach, expect, test } from 'bun:test'
import { certificate, key } from '../support/certificate.ts'
import { clearProxyVariables } from '../support/proxy-variables.ts'
import { type ProxyRules, startHttpProxy } from '../support/recording-proxy.ts'
import { scriptedUpstream } from '../support/scripted-upstream.ts'
import { replyJson } from '../support/upstream-scripts.ts'

const openResources: { close: () => unknown }[] = []

clearProxyVariables()
afterEach(async () => {
  for (const resource of openResources.splice(0)) await resource.close()
})

/** A vendor that is reachable only through the proxy. */
const plainVendor = async (rules: ProxyRules = {}) => {
  const upstream = await scriptedUpstream(replyJson({}))
  const proxy = await startHttpProxy({
    hostOverrides: { 'vendor.test': { host: '127.0.0.1', port: upstream.port } },
    ...rules,
  })
  openResources.push(upstream, proxy)
  return proxy
}

const secureVendor = async (rules: ProxyRules = {}) => {
  const server = Bun.serve({ port: 0, tls: { cert: certificate, key }, fetch: () => new Response('ok') })
  const proxy = await startHttpProxy({
    hostOverrides: { 'vendor.test': { host: '127.0.0.1', port: server.port! } },
    ...rules,
  })
  openResources.push({ close: () => server.stop(true) }, proxy)
  return proxy
}

const statusOf = async (url: string, proxy: BunFetchRequestInit['proxy'] | null): Promise<number | string> => {
  try {
    const response = await fetch(url, { proxy: proxy as undefined, redirect: 'manual', tls: { ca: certificate } })
    await response.bytes()
    return response.status
  } catch (fault) {
    return (fault as { code: string }).code
  }
}

test('the environment’s proxy is used for undefined, null and an empty string; only false means none', async () => {
  const proxy = await plainVendor()
  process.env['HTTP_PROXY'] = proxy.url
  for (const none of [undefined, null, '']) expect(await statusOf('http://vendor.test/', none)).toBe(200)
  expect(proxy.requests).toHaveLength(1)
  expect(proxy.connections).toBe(1)
  expect(await statusOf('http://vendor.test/', false)).toBe('ENOTFOUND')
})

test('NO_PROXY applies to a proxy passed to fetch too, unless respectNoProxy is false', async () => {
  const proxy = await plainVendor()
  process.env['NO_PROXY'] = 'vendor.test'
  expect(await statusOf('http://vendor.test/', proxy.url)).toBe('ENOTFOUND')
  expect(await statusOf('http://vendor.test/', { url: proxy.url, respectNoProxy: false })).toBe(200)
})

test('credentials are sent, and each set of credentials keeps its own tunnel', async () => {
  const proxy = await secureVendor()
  const requestAs = (user: string) => statusOf('https://vendor.test/', `http://${user}:p%40ss@127.0.0.1:${proxy.port}`)
  for (const user of ['one', 'one', 'two', 'one', 'two']) expect(await requestAs(user)).toBe(200)
  expect(proxy.requests).toEqual([
    { target: 'vendor.test:443', credentials: 'one:p@ss' },
    { target: 'vendor.test:443', credentials: 'two:p@ss' },
  ])
})

test('a kept connection for plain http is shared by all credentials', async () => {
  const proxy = await plainVendor()
  const requestAs = (user: string) => statusOf('http://vendor.test/', `http://${user}:p@127.0.0.1:${proxy.port}`)
  for (const user of ['one', 'two', 'one']) expect(await requestAs(user)).toBe(200)
  expect(proxy.connections).toBe(1)
})

test('a refused tunnel fails with its own error code', async () => {
  const proxy = await secureVendor({ user: 'u', password: 'p' })
  expect(await statusOf('https://vendor.test/', proxy.url)).toBe('ERR_PROXY_TUNNEL')
  expect(await statusOf('https://vendor.test/', proxy.urlWithCredentials)).toBe(200)
})

test('a refused plain request looks like the vendor’s answer', async () => {
  const proxy = await plainVendor({ user: 'u', password: 'p' })
  expect(await statusOf('http://vendor.test/', proxy.url)).toBe(407)
})
