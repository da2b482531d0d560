import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createConnectProbe } from '../../../src/upstream/connection/connect-probe.ts'
import { closeBridge, proxyFor } from '../../../src/upstream/connection/proxy.ts'
import { certificate, key } from '../../support/certificate.ts'
import { type UnresponsivePort, unresponsivePort } from '../../support/deaf.ts'
import { freePort } from '../../support/process.ts'
import { type ProxyRules, type RecordingProxy, startHttpProxy, startSocksProxy } from '../../support/proxy.ts'
import { waitUntil } from '../../support/wait.ts'

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

/** A port that takes connections and says nothing. */
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

const timed = async (promise: Promise<boolean>) => {
  const startedAt = performance.now()
  const result = await promise
  return { result, took: performance.now() - startedAt }
}

test('the deaf port is deaf: neither connected nor refused', async () => {
  const socket = connect(unresponsive.port, '127.0.0.1')
  const answered = await Promise.race([
    new Promise(resolve => socket.on('connect', resolve).on('error', resolve)).then(() => true),
    Bun.sleep(200),
  ])
  socket.destroy()
  expect(answered).toBeUndefined()
})

test('who cannot be connected to is out of reach, at the deadline and not before', async () => {
  const { result, took } = await timed(createConnectProbe().probe(`http://127.0.0.1:${unresponsive.port}`, false, 200))
  expect(result).toBe(false)
  expect(took).toBeGreaterThanOrEqual(195)
  expect(took).toBeLessThan(600)
})

test('who takes the connection is in reach at once, and the connection is closed', async () => {
  const vendor = await silentServer()
  const { result, took } = await timed(createConnectProbe().probe(`http://127.0.0.1:${vendor.port}`, false, 2000))
  expect(result).toBe(true)
  expect(took).toBeLessThan(500)
  await waitUntil(() => vendor.count() === 1 && vendor.open() === 0)
})

test('a refusal is an answer: fetch tells it better', async () => {
  const port = await freePort()
  expect(await createConnectProbe().probe(`http://127.0.0.1:${port}`, false, 2000)).toBe(true)
})

test('https counts once TLS stands', async () => {
  const server = Bun.serve({ port: 0, tls: { cert: certificate, key }, fetch: () => new Response() })
  open.push({ close: () => server.stop(true) })
  expect(await createConnectProbe().probe(`https://localhost:${server.port}`, false, 2000)).toBe(true)
  const vendor = await silentServer()
  expect(await createConnectProbe().probe(`https://127.0.0.1:${vendor.port}`, false, 150)).toBe(false)
  await waitUntil(() => vendor.count() === 1 && vendor.open() === 0)
})

test('who was heard within the deadline is not knocked at', async () => {
  const connectProbe = createConnectProbe()
  const vendor = await silentServer()
  const origin = `http://127.0.0.1:${vendor.port}`
  connectProbe.markAlive(origin)
  expect(await connectProbe.probe(origin, false, 2000)).toBe(true)
  expect(vendor.count()).toBe(0)
  await Bun.sleep(30)
  expect(await connectProbe.probe(origin, false, 10)).toBe(true)
  expect(vendor.count()).toBe(1)
})

test('who is heard while somebody knocks is in reach', async () => {
  const connectProbe = createConnectProbe()
  const origin = `http://127.0.0.1:${unresponsive.port}`
  const probing = connectProbe.probe(origin, false, 100)
  connectProbe.markAlive(origin)
  expect(await probing).toBe(true)
})

test('all who ask at the same time share one knock, each with its own deadline', async () => {
  const connectProbe = createConnectProbe()
  const vendor = await silentServer()
  // TLS with somebody who says nothing: the connection stands and the knock goes on.
  const origin = `https://127.0.0.1:${vendor.port}`
  const probes = [100, 200, 100].map(deadline => timed(connectProbe.probe(origin, false, deadline)))
  await waitUntil(() => vendor.count() === 1)
  await Promise.all([probes[0], probes[2]])
  expect(vendor.open()).toBe(1)
  const last = await probes[1]!
  expect(last.result).toBe(false)
  expect(last.took).toBeGreaterThanOrEqual(195)
  await waitUntil(() => vendor.open() === 0)
  expect(vendor.count()).toBe(1)
  expect(await connectProbe.probe(origin, false, 50)).toBe(false)
  expect(vendor.count()).toBe(2)
})

test('through an HTTP proxy: the tunnel and TLS within it', async () => {
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

test('through an HTTP proxy: one that is silent, one that refuses, one that is deaf', async () => {
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

test('through SOCKS: as far as the vendor', async () => {
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

test('what is no address is not out of reach', async () => {
  expect(await createConnectProbe().probe('nonsense', false, 100)).toBe(true)
  expect(await createConnectProbe().probe('http://a', { url: 'nonsense', respectNoProxy: false }, 100)).toBe(true)
})
