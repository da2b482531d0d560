import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createConnectProbe } from '../../../src/upstream/connection/connect-probe.ts'
import { createProxies } from '../../../src/upstream/connection/proxy.ts'
import { certificate, key } from '../../support/certificate.ts'
import { freePort } from '../../support/gateway-process.ts'
import { type ProxyRules, type RecordingProxy, startHttpProxy, startSocksProxy } from '../../support/recording-proxy.ts'
import { type UnresponsivePort, unresponsivePort } from '../../support/unresponsive-port.ts'
import { waitUntil } from '../../support/wait-until.ts'

const { proxyFor, close: closeBridge } = createProxies()
const open: { close: () => unknown }[] = []
let unresponsive: UnresponsivePort

beforeAll(async () => {
  unresponsive = await unresponsivePort()
})
afterAll(() => unresponsive.close())
afterEach(async () => {
  await closeBridge()
  for (const thing of open.splice(0)) await thing.close()
})

/** A server that accepts connections and sends nothing. */
const silentServer = async () => {
  let count = 0
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    count++
    sockets.add(socket.resume())
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  open.push({
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  })
  return { port: (server.address() as AddressInfo).port, count: () => count, open: () => sockets.size }
}

const proxyOf = async (start: (rules: ProxyRules) => Promise<RecordingProxy>, rules: ProxyRules = {}) => {
  const proxy = await start(rules)
  open.push(proxy)
  return proxy
}

/** Calls `start` when the clock has begun, not before: the timer of what it starts is then never ahead of the clock. */
const timed = async (start: () => Promise<boolean>) => {
  const startedAt = performance.now()
  const result = await start()
  return { result, took: performance.now() - startedAt }
}

test('the unresponsive port neither accepts nor refuses a connection', async () => {
  const socket = connect(unresponsive.port, '127.0.0.1')
  const answered = await Promise.race([
    new Promise(resolve => socket.on('connect', resolve).on('error', resolve)).then(() => true),
    Bun.sleep(200),
  ])
  socket.destroy()
  expect(answered).toBeUndefined()
})

test('a vendor that does not accept the connection is unreachable, at the deadline and not before', async () => {
  const origin = `http://127.0.0.1:${unresponsive.port}`
  const { probe } = createConnectProbe()
  const longer = probe(origin, false, 2000).then(() => 'the longer deadline')
  const { result, took } = await timed(() => probe(origin, false, 200))
  expect(result).toBe(false)
  expect(took).toBeGreaterThanOrEqual(195)
  expect(await Promise.race([longer, Bun.sleep(0)])).toBeUndefined()
  await longer
})

test('a vendor that accepts the connection is reachable at once, and the connection is closed', async () => {
  const vendor = await silentServer()
  // The deadline is longer than the test may take.
  expect(await createConnectProbe().probe(`http://127.0.0.1:${vendor.port}`, false, 3_600_000)).toBe(true)
  await waitUntil(() => vendor.count() === 1 && vendor.open() === 0)
})

test('a vendor that refuses the connection is reachable, because fetch reports the refusal better', async () => {
  const port = await freePort()
  expect(await createConnectProbe().probe(`http://127.0.0.1:${port}`, false, 2000)).toBe(true)
})

test('an https vendor is reachable only after the TLS handshake', async () => {
  const server = Bun.serve({ port: 0, tls: { cert: certificate, key }, fetch: () => new Response() })
  open.push({ close: () => server.stop(true) })
  expect(await createConnectProbe().probe(`https://localhost:${server.port}`, false, 2000)).toBe(true)
  const vendor = await silentServer()
  expect(await createConnectProbe().probe(`https://127.0.0.1:${vendor.port}`, false, 150)).toBe(false)
  await waitUntil(() => vendor.count() === 1 && vendor.open() === 0)
})

test('a vendor that has responded within the deadline is not probed', async () => {
  const connectProbe = createConnectProbe()
  const vendor = await silentServer()
  const origin = `http://127.0.0.1:${vendor.port}`
  connectProbe.markAlive(origin, false)
  expect(await connectProbe.probe(origin, false, 2000)).toBe(true)
  expect(vendor.count()).toBe(0)
  await Bun.sleep(30)
  expect(await connectProbe.probe(origin, false, 10)).toBe(true)
  expect(vendor.count()).toBe(1)
})

test('a response through one proxy, or through none, says nothing about the way through another proxy', async () => {
  const connectProbe = createConnectProbe()
  const silent = await proxyOf(startHttpProxy, { silent: true })
  const through = (url: string) => ({ url, respectNoProxy: false }) as const
  connectProbe.markAlive('https://vendor.test', false)
  connectProbe.markAlive('https://vendor.test', through('http://other.test'))
  expect(await connectProbe.probe('https://vendor.test', through(silent.url), 150)).toBe(false)
  connectProbe.markAlive('https://vendor.test', through(silent.url))
  expect(await connectProbe.probe('https://vendor.test', through(silent.url), 150)).toBe(true)
})

test('a vendor that responds during the probe is reachable', async () => {
  const connectProbe = createConnectProbe()
  const origin = `http://127.0.0.1:${unresponsive.port}`
  const probing = connectProbe.probe(origin, false, 100)
  connectProbe.markAlive(origin, false)
  expect(await probing).toBe(true)
})

test('simultaneous callers share one probe, each with its own deadline', async () => {
  const connectProbe = createConnectProbe()
  const vendor = await silentServer()
  // The server never answers the TLS handshake: the connection is open and the probe goes on.
  const origin = `https://127.0.0.1:${vendor.port}`
  const probes = [100, 1500, 100].map(deadline => timed(() => connectProbe.probe(origin, false, deadline)))
  await waitUntil(() => vendor.count() === 1)
  await Promise.all([probes[0], probes[2]])
  expect(vendor.open()).toBe(1)
  const last = await probes[1]!
  expect(last.result).toBe(false)
  expect(last.took).toBeGreaterThanOrEqual(1495)
  await waitUntil(() => vendor.open() === 0)
  expect(vendor.count()).toBe(1)
  expect(await connectProbe.probe(origin, false, 50)).toBe(false)
  expect(vendor.count()).toBe(2)
})

test('through an HTTP proxy the probe opens the tunnel and TLS within it', async () => {
  const server = Bun.serve({ port: 0, tls: { cert: certificate, key }, fetch: () => new Response() })
  open.push({ close: () => server.stop(true) })
  const proxy = await proxyOf(startHttpProxy, { user: 'u', password: 'p@ss' })
  const chosen = await proxyFor('https://localhost', proxy.urlWithCredentials)
  expect(await createConnectProbe().probe(`https://localhost:${server.port}`, chosen, 2000)).toBe(true)
  expect(proxy.requests).toEqual([{ target: `localhost:${server.port}`, credentials: 'u:p@ss' }])

  const vendor = await silentServer()
  expect(await createConnectProbe().probe(`https://127.0.0.1:${vendor.port}`, chosen, 200)).toBe(false)
  await waitUntil(() => vendor.count() === 1 && vendor.open() === 0)
})

test('an HTTP proxy that is silent or unresponsive is unreachable, one that refuses is reachable', async () => {
  const silent = await proxyOf(startHttpProxy, { silent: true })
  expect(await createConnectProbe().probe('https://vendor.test', { url: silent.url, respectNoProxy: false }, 150)).toBe(
    false,
  )
  const refusing = await proxyOf(startHttpProxy, { refuse: true })
  expect(
    await createConnectProbe().probe('https://vendor.test', { url: refusing.url, respectNoProxy: false }, 2000),
  ).toBe(true)
  const unresponsiveProxy = { url: `http://127.0.0.1:${unresponsive.port}`, respectNoProxy: false } as const
  expect(await createConnectProbe().probe('http://vendor.test', unresponsiveProxy, 150)).toBe(false)
})

test('through SOCKS the probe reaches as far as the vendor', async () => {
  const vendor = await silentServer()
  const places = {
    'vendor.test': { host: '127.0.0.1', port: vendor.port },
    'deaf.test': { host: '127.0.0.1', port: unresponsive.port },
  }
  const proxy = await proxyOf(startSocksProxy, { hostOverrides: places })
  const chosen = await proxyFor('https://vendor.test', proxy.url)
  expect(await createConnectProbe().probe('https://deaf.test', chosen, 200)).toBe(false)
  expect(await createConnectProbe().probe('https://vendor.test', chosen, 200)).toBe(false)
  expect(vendor.count()).toBe(1)
})

test('an invalid address is not reported as unreachable', async () => {
  expect(await createConnectProbe().probe('nonsense', false, 100)).toBe(true)
  expect(await createConnectProbe().probe('http://a', { url: 'nonsense', respectNoProxy: false }, 100)).toBe(true)
})
