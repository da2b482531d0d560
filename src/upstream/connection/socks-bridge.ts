/**
 * A bridge between `fetch`, which does not speak SOCKS, and SOCKS proxies: an HTTP proxy on the loopback interface that
 * opens its connections through SOCKS.
 */
import { randomBytes } from 'node:crypto'
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net'
import type { SecretSink } from '../../base/secrets/runtime-secrets.ts'
import { createSocketReader, type SocketReader, writeDrained } from './socket-reader.ts'

export type SocksBridge = {
  /**
   * The `http://` address through which `fetch` reaches the SOCKS proxy `socks`. The same proxy always gets the same
   * address.
   */
  addressFor(socks: URL): string
  /** The name of the header that marks a refusal by the bridge itself. The name is random, so no vendor knows it. */
  refusalHeader: string
  /** Stops accepting connections and closes the open ones. */
  close(): Promise<void>
}

type SocksProxy = { host: string; port: number; type: 5; userId?: string; password?: string }
type SocksRoute = { socks: SocksProxy; host: string; port: number }
type Refuse = (client: Socket, status: string) => void
type RequestHead = { method: string; target: string; headerLines: string[] }
/**
 * Milliseconds a SOCKS proxy may take to open a connection. The deadlines of an attempt are shorter or have other
 * causes.
 */
const connectTimeout = 30_000

/**
 * Opens the bridge on a random port of 127.0.0.1. Each SOCKS proxy has its own user name, and all share a random
 * password, so that no other program on this machine can use the bridge. Neither the bridge nor its connections keep
 * the process alive.
 * @param secrets receives the password and the name of the header
 */
export const openBridge = async (secrets: SecretSink): Promise<SocksBridge> => {
  const password = randomBytes(24).toString('base64url')
  const proxies = new Map<string, SocksProxy>()
  const addresses = new Map<string, string>()
  const sockets = new Set<Socket>()
  const refusalHeader = `x-${randomBytes(12).toString('hex')}`
  for (const secret of [password, refusalHeader]) secrets.add(secret, Number.POSITIVE_INFINITY)
  const refuse: Refuse = (client, status) => {
    const headerLines = `${refusalHeader}: ${status.slice(4)}\r\nContent-Length: 0\r\nConnection: close`
    if (client.writable) client.end(`HTTP/1.1 ${status}\r\n${headerLines}\r\n\r\n`)
  }
  const server = createServer(client => {
    sockets.add(client.unref())
    client.on('close', () => sockets.delete(client))
    client.on('error', () => client.destroy())
    void serveClient(client, proxies, refuse).finally(() => client.destroySoon())
  })
  const port = await listen(server)

  const addressFor = (socks: URL): string => {
    const known = addresses.get(socks.href)
    if (known !== undefined) return known
    const user = `socks${addresses.size}`
    const address = `http://${user}:${password}@127.0.0.1:${port}`
    addresses.set(socks.href, address)
    proxies.set(`Basic ${btoa(`${user}:${password}`)}`, parseProxy(socks))
    return address
  }

  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })

  return { addressFor, refusalHeader, close }
}

const listen = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      server.unref()
      resolve((server.address() as AddressInfo).port)
    })
  })

const parseProxy = (url: URL): SocksProxy => {
  const { user, password } = credentialsOf(url)
  return {
    host: stripBrackets(url.hostname),
    port: Number(url.port || 1080),
    type: 5,
    ...(user && { userId: user, password }),
  }
}

/** User and password of a URL. They are percent-decoded if their encoding is valid. */
export const credentialsOf = (url: URL): { user: string; password: string } => ({
  user: decodeOrKeep(url.username),
  password: decodeOrKeep(url.password),
})

const decodeOrKeep = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** A host without the brackets of IPv6. */
export const stripBrackets = (host: string): string => host.replace(/^\[|\]$/g, '')

/**
 * Serves one connection of `fetch`: either a tunnel (CONNECT, for https) or plain requests one after another. Bun sends
 * plain requests to different hosts, and with different credentials, over one kept connection. Each request is
 * therefore routed anew.
 */
const serveClient = async (client: Socket, proxies: ReadonlyMap<string, SocksProxy>, refuse: Refuse): Promise<void> => {
  const reader = createSocketReader(client)
  const plainForwarder = createForwarder(client, reader, refuse)
  try {
    for (let head = await readHead(reader); head; head = await readHead(reader)) {
      const socks = proxies.get(headerOf(head, 'proxy-authorization') ?? '')
      if (socks === undefined) return refuse(client, '407 Proxy Authentication Required')
      const route = routeOf(head, socks)
      if (route === undefined) return refuse(client, '400 Bad Request')
      if (head.method === 'CONNECT') return await tunnel(client, reader, route, refuse)
      if (!(await plainForwarder.forward(head, route))) return
    }
  } catch {
    // One side disconnected. Closing the connection informs the other side.
  } finally {
    plainForwarder.leave()
  }
}

const tunnel = async (client: Socket, reader: SocketReader, route: SocksRoute, refuse: Refuse): Promise<void> => {
  const upstream = await dial(client, route, refuse)
  if (upstream === undefined) return
  client.on('close', () => upstream.destroy())
  client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
  pipeBack(client, upstream)
  await reader.pipe(upstream)
  upstream.destroySoon()
}

/** Copies the upstream's bytes to the client, including the end of the connection. */
const pipeBack = (client: Socket, upstream: Socket) => {
  upstream.on('error', () => client.destroy())
  upstream.pipe(client)
}

const createForwarder = (client: Socket, reader: SocketReader, refuse: Refuse) => {
  let upstream: Socket | undefined
  let current: SocksRoute | undefined

  const leave = () => {
    upstream?.unpipe(client)
    upstream?.destroy()
    upstream = undefined
  }
  client.on('close', leave)

  /** Returns true if the connection can carry another request. */
  const forward = async (head: RequestHead, route: SocksRoute): Promise<boolean> => {
    if (upstream?.destroyed !== false || !isSameRoute(route, current)) {
      leave()
      upstream = await dial(client, route, refuse)
      if (upstream === undefined) return false
      current = route
      pipeBack(client, upstream)
    }
    await writeDrained(upstream, renderHead(head))
    await pipeBody(head, reader, upstream)
    return true
  }

  return { forward, leave }
}

const isSameRoute = (one: SocksRoute, other: SocksRoute | undefined): boolean =>
  one.socks === other?.socks && one.host === other.host && one.port === other.port

/**
 * Opens a connection through SOCKS. Undefined if the client has been refused. The proxy resolves host names, as with Go
 * and with curl's `socks5h`.
 */
const dial = async (client: Socket, { socks, host, port }: SocksRoute, refuse: Refuse): Promise<Socket | undefined> => {
  try {
    // Imported only if a proxy is configured: the import takes a tenth of the startup time.
    const { SocksClient } = await import('socks')
    const { socket } = await SocksClient.createConnection({
      proxy: socks,
      command: 'connect',
      destination: { host, port },
      timeout: connectTimeout,
    })
    socket.unref().on('error', () => socket.destroy())
    if (!client.destroyed) return socket
    socket.destroy()
  } catch (thrown) {
    refuse(client, refusalStatusOf(thrown instanceof Error ? thrown.message : ''))
  }
  return undefined
}

/** The messages of the `socks` package contain addresses. Only the kind of error is passed on. */
const refusalStatusOf = (message: string): string => {
  if (/timed out/i.test(message)) return '504 SOCKS Proxy Timed Out'
  if (/authentication/i.test(message)) return '502 SOCKS Proxy Refused The Credentials'
  if (/rejected connection/i.test(message)) return '502 SOCKS Proxy Could Not Connect'
  return '502 SOCKS Proxy Could Not Be Reached'
}

/**
 * Turns the status of a refusal, as found in the header or in the tunnel error of `fetch`, into the end of a sentence.
 * Undefined if the bridge did not write the status. The sentence contains no address.
 */
export const describeRefusal = (status: string): string | undefined => {
  const found = /SOCKS Proxy ([A-Za-z ]+)$/.exec(status)
  return found?.[1] && `the SOCKS proxy ${found[1].toLowerCase()}`
}

const routeOf = ({ method, target }: RequestHead, socks: SocksProxy): SocksRoute | undefined => {
  const url = URL.parse(method === 'CONNECT' ? `https://${target}` : target)
  if (url === null || (method !== 'CONNECT' && url.protocol !== 'http:')) return undefined
  const host = stripBrackets(url.hostname)
  return {
    socks,
    host: isIP(host) ? host : host.toLowerCase(),
    port: Number(url.port || (method === 'CONNECT' ? 443 : 80)),
  }
}

const readHead = async (reader: SocketReader): Promise<RequestHead | undefined> => {
  const first = await reader.readLine()
  if (first === undefined) return undefined
  const [method = '', target = ''] = first.split(' ')
  const headerLines: string[] = []
  for (let line = await reader.readLine(); line; line = await reader.readLine()) headerLines.push(line)
  return { method, target, headerLines }
}

const headerOf = ({ headerLines }: RequestHead, name: string): string | undefined => {
  const field = headerLines.find(line => line.slice(0, line.indexOf(':')).toLowerCase() === name)
  return field?.slice(field.indexOf(':') + 1).trim()
}

/**
 * The request head for the vendor: the path instead of the absolute URL, without the headers that were meant for the
 * proxy.
 */
const renderHead = ({ method, target, headerLines }: RequestHead): string => {
  const path = target.slice(target.indexOf('/', 'http://'.length))
  const forwardedLines = headerLines.filter(line => !/^proxy-/i.test(line))
  return [`${method} ${path.startsWith('/') ? path : '/'} HTTP/1.1`, ...forwardedLines, '', ''].join('\r\n')
}

const pipeBody = async (head: RequestHead, reader: SocketReader, into: Socket): Promise<void> => {
  if (!/chunked/i.test(headerOf(head, 'transfer-encoding') ?? '')) {
    return reader.pipe(into, Number(headerOf(head, 'content-length') ?? 0))
  }
  for (let size = Number.NaN; size !== 0; ) {
    const line = (await reader.readLine()) ?? ''
    size = Number.parseInt(line, 16)
    if (Number.isNaN(size)) throw new Error('a chunk without its size')
    await writeDrained(into, `${line}\r\n`)
    // Bun sends no trailers. The last chunk is followed by the empty line that ends every chunk.
    await reader.pipe(into, size + 2)
  }
}
