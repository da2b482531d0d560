/** Proxies that record the requests they get: HTTP with CONNECT, over plain TCP or TLS, and SOCKS5. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createSecureServer } from 'node:tls'
import { certificate, key } from './certificate.ts'

export type ProxiedRequest = {
  /** The requested `host:port` of a connection, or the absolute URL of a plain request. */
  target: string
  /** `user:password`, if the client sent any. */
  credentials?: string
}

export type RecordingProxy = {
  port: number
  /** Without credentials: `http://127.0.0.1:port`, `socks5://127.0.0.1:port`. */
  url: string
  /** The same with the credentials that the proxy requires. */
  urlWithCredentials: string
  requests: ProxiedRequest[]
  /** Number of connections that clients have opened. */
  readonly connections: number
  close: () => Promise<void>
}

export type ProxyRules = {
  /** If given, the proxy requires these credentials. */
  user?: string
  password?: string
  /** Where the proxy connects to for a host name: `vendor.test` → the real host and port. */
  hostOverrides?: Record<string, { host: string; port: number }>
  /** Refuse every request. */
  refuse?: boolean
  /** Never answer a request. */
  silent?: boolean
}

export const startHttpProxy = (rules: ProxyRules = {}): Promise<RecordingProxy> => startProxy('http', rules, serveHttp)

/** Uses the test certificate of certificate.ts. */
export const startHttpsProxy = (rules: ProxyRules = {}): Promise<RecordingProxy> =>
  startProxy('https', rules, serveHttp)

export const startSocksProxy = (rules: ProxyRules = {}): Promise<RecordingProxy> =>
  startProxy('socks5', rules, serveSocks)

type ServeClient = (client: Socket, rules: ProxyRules, requests: ProxiedRequest[]) => void

const startProxy = async (scheme: string, rules: ProxyRules, serveClient: ServeClient): Promise<RecordingProxy> => {
  let connections = 0
  const requests: ProxiedRequest[] = []
  const sockets = new Set<Socket>()
  const onConnection = (client: Socket) => {
    connections++
    sockets.add(client)
    client.on('error', () => client.destroy())
    client.on('close', () => sockets.delete(client))
    serveClient(client, rules, requests)
  }
  const server =
    scheme === 'https'
      ? createSecureServer({ cert: certificate, key }, onConnection)
      : createServer({ noDelay: true }, onConnection)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const userinfo = rules.user ? `${encodeURIComponent(rules.user)}:${encodeURIComponent(rules.password ?? '')}@` : ''
  return {
    port,
    url: `${scheme}://127.0.0.1:${port}`,
    urlWithCredentials: `${scheme}://${userinfo}127.0.0.1:${port}`,
    requests,
    get connections() {
      return connections
    },
    close: () => closeServer(server, sockets),
  }
}

const closeServer = (server: Server, sockets: Set<Socket>): Promise<void> => {
  for (const socket of sockets) socket.destroy()
  return new Promise(resolve => server.close(() => resolve()))
}

const expectedCredentials = (rules: ProxyRules) =>
  rules.user === undefined ? undefined : `${rules.user}:${rules.password ?? ''}`

const connectUpstream = (
  client: Socket,
  rules: ProxyRules,
  host: string,
  port: number,
  onConnected: (upstream: Socket) => void,
) => {
  const destination = rules.hostOverrides?.[host] ?? { host, port }
  const upstream = connect(destination.port, destination.host, () => onConnected(upstream))
  upstream.on('error', () => client.destroy())
  upstream.on('close', () => client.destroySoon())
  client.on('close', () => upstream.destroy())
}

const serveHttp: ServeClient = (client, rules, requests) => {
  client.once('data', bytes => {
    const text = bytes.toString('latin1')
    const [method, target = ''] = text.split(' ')
    const basic = /^proxy-authorization: basic (\S+)/im.exec(text)?.[1]
    const credentials = basic === undefined ? undefined : atob(basic)
    requests.push({ target, ...(credentials !== undefined && { credentials }) })
    if (rules.silent) return
    if (expectedCredentials(rules) !== undefined && credentials !== expectedCredentials(rules)) {
      return client.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    }
    if (rules.refuse) return client.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    const url = new URL(method === 'CONNECT' ? `https://${target}` : target)
    const port = Number(url.port || (method === 'CONNECT' ? 443 : 80))
    connectUpstream(client, rules, url.hostname.replace(/^\[|\]$/g, ''), port, upstream => {
      if (method === 'CONNECT') client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      else upstream.write(bytes)
      client.pipe(upstream).pipe(client)
    })
  })
}

const serveSocks: ServeClient = (client, rules, requests) => {
  const expected = expectedCredentials(rules)
  let credentials: string | undefined

  const readGreeting = (bytes: Buffer) => {
    const offeredMethods = [...bytes.subarray(2, 2 + bytes[1]!)]
    const method = expected === undefined ? 0 : 2
    if (!offeredMethods.includes(method)) return client.end(Buffer.from([5, 0xff]))
    client.once('data', method === 2 ? readCredentials : readConnectRequest)
    client.write(Buffer.from([5, method]))
  }
  const readCredentials = (bytes: Buffer) => {
    const user = bytes.toString('utf8', 2, 2 + bytes[1]!)
    const at = 2 + bytes[1]!
    credentials = `${user}:${bytes.toString('utf8', at + 1, at + 1 + bytes[at]!)}`
    if (credentials !== expected) return client.end(Buffer.from([1, 1]))
    client.once('data', readConnectRequest)
    client.write(Buffer.from([1, 0]))
  }
  const readConnectRequest = (bytes: Buffer) => {
    const { host, port } = readAddress(bytes)
    requests.push({ target: `${host}:${port}`, ...(credentials !== undefined && { credentials }) })
    if (rules.silent) return
    if (rules.refuse) return client.end(Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0]))
    connectUpstream(client, rules, host, port, upstream => {
      client.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]))
      client.pipe(upstream).pipe(client)
    })
  }
  client.once('data', readGreeting)
}

const readAddress = (bytes: Buffer): { host: string; port: number } => {
  const addressType = bytes[3]
  if (addressType === 1) return { host: [...bytes.subarray(4, 8)].join('.'), port: bytes.readUInt16BE(8) }
  if (addressType === 3)
    return { host: bytes.toString('latin1', 5, 5 + bytes[4]!), port: bytes.readUInt16BE(5 + bytes[4]!) }
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(4 + index * 2).toString(16))
  return { host: new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1), port: bytes.readUInt16BE(20) }
}
