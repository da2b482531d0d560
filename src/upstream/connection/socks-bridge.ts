/** Lets `fetch` through SOCKS proxies, which it cannot speak to: a loopback HTTP proxy that opens its connections by SOCKS. */
import { randomBytes } from 'node:crypto'
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net'

export type Bridge = {
  /** The `http://` address by which `fetch` reaches the SOCKS proxy `socks`; the same for the same proxy. */
  addressFor(socks: URL): string
  /** The field by which an answer tells that it is the bridge's own refusal: no vendor knows its name. */
  refusal: string
  /** Refuses new connections and cuts the open ones. */
  close(): Promise<void>
}

type Socks = { host: string; port: number; type: 5; userId?: string; password?: string }
type Route = { socks: Socks; host: string; port: number }
type Refuse = (client: Socket, status: string) => void
type Head = { method: string; target: string; fields: string[] }
/** The part of a connection that is read piece by piece. */
type Reader = {
  /** One line without its end; undefined when the connection has ended. */
  line(): Promise<string | undefined>
  /** Hands `length` bytes on as they come; without a length all there are. */
  pour(into: Socket, length?: number): Promise<void>
}

/** Milliseconds a SOCKS proxy may take to open a connection; the deadlines of an attempt are shorter or have other causes. */
const patience = 30_000
/** Bytes of one line: Bun sends URLs far below it. */
const longestLine = 64 * 1024

/**
 * Opens the bridge on a random port of 127.0.0.1. Each SOCKS proxy has its own user name, all share a random password, so that no other
 * program on this machine can use it. Neither it nor its connections keep the process alive.
 */
export const openBridge = async (): Promise<Bridge> => {
  const password = randomBytes(24).toString('base64url')
  const proxies = new Map<string, Socks>()
  const addresses = new Map<string, string>()
  const sockets = new Set<Socket>()
  const refusal = `x-${randomBytes(12).toString('hex')}`
  const refuse: Refuse = (client, status) => {
    const fields = `${refusal}: ${status.slice(4)}\r\nContent-Length: 0\r\nConnection: close`
    if (client.writable) client.end(`HTTP/1.1 ${status}\r\n${fields}\r\n\r\n`)
  }
  const server = createServer(client => {
    sockets.add(client.unref())
    client.on('close', () => sockets.delete(client))
    client.on('error', () => client.destroy())
    void serve(client, proxies, refuse).finally(() => client.destroySoon())
  })
  const port = await listen(server)

  const addressFor = (socks: URL): string => {
    const known = addresses.get(socks.href)
    if (known !== undefined) return known
    const user = `socks${addresses.size}`
    const address = `http://${user}:${password}@127.0.0.1:${port}`
    addresses.set(socks.href, address)
    proxies.set(`Basic ${btoa(`${user}:${password}`)}`, readProxy(socks))
    return address
  }

  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })

  return { addressFor, refusal, close }
}

const listen = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      server.unref()
      resolve((server.address() as AddressInfo).port)
    })
  })

const readProxy = (url: URL): Socks => {
  const { user, password } = credentialsOf(url)
  return { host: bare(url.hostname), port: Number(url.port || 1080), type: 5, ...(user && { userId: user, password }) }
}

/** User and password of a URL, percent-decoded where they are well encoded. */
export const credentialsOf = (url: URL): { user: string; password: string } => ({
  user: decoded(url.username),
  password: decoded(url.password),
})

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** A host without the brackets of IPv6. */
export const bare = (host: string): string => host.replace(/^\[|\]$/g, '')

/**
 * One connection of `fetch`: a tunnel (CONNECT, for https), or plain requests one after another. Of the latter Bun sends those to different
 * hosts, and those with different credentials, over one kept connection: each is looked at anew.
 */
const serve = async (client: Socket, proxies: ReadonlyMap<string, Socks>, refuse: Refuse): Promise<void> => {
  const reader = readFrom(client)
  const plain = forwarder(client, reader, refuse)
  try {
    for (let head = await readHead(reader); head; head = await readHead(reader)) {
      const socks = proxies.get(fieldOf(head, 'proxy-authorization') ?? '')
      if (socks === undefined) return refuse(client, '407 Proxy Authentication Required')
      const route = routeOf(head, socks)
      if (route === undefined) return refuse(client, '400 Bad Request')
      if (head.method === 'CONNECT') return await tunnel(client, reader, route, refuse)
      if (!(await plain.forward(head, route))) return
    }
  } catch {
    // Either side broke off: the other one learns it by the end of its connection.
  } finally {
    plain.leave()
  }
}

const tunnel = async (client: Socket, reader: Reader, route: Route, refuse: Refuse): Promise<void> => {
  const upstream = await dial(client, route, refuse)
  if (upstream === undefined) return
  client.on('close', () => upstream.destroy())
  client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
  answer(client, upstream)
  await reader.pour(upstream)
  upstream.destroySoon()
}

/** What the upstream says goes to the client, its end too. */
const answer = (client: Socket, upstream: Socket) => {
  upstream.on('error', () => client.destroy())
  upstream.pipe(client)
}

const forwarder = (client: Socket, reader: Reader, refuse: Refuse) => {
  let upstream: Socket | undefined
  let current: Route | undefined

  const leave = () => {
    upstream?.unpipe(client)
    upstream?.destroy()
    upstream = undefined
  }
  client.on('close', leave)

  /** Tells whether the connection can carry another request. */
  const forward = async (head: Head, route: Route): Promise<boolean> => {
    if (upstream?.destroyed !== false || !isSame(route, current)) {
      leave()
      upstream = await dial(client, route, refuse)
      if (upstream === undefined) return false
      current = route
      answer(client, upstream)
    }
    await write(upstream, renderHead(head))
    await pourBody(head, reader, upstream)
    return true
  }

  return { forward, leave }
}

const isSame = (one: Route, other: Route | undefined): boolean =>
  one.socks === other?.socks && one.host === other.host && one.port === other.port

/** Opens a connection by SOCKS; undefined when the client has been refused. Names are resolved by the proxy, as Go and curl's `socks5h` do. */
const dial = async (client: Socket, { socks, host, port }: Route, refuse: Refuse): Promise<Socket | undefined> => {
  try {
    // Read only where a proxy is configured: it takes a tenth of the time to start.
    const { SocksClient } = await import('socks')
    const { socket } = await SocksClient.createConnection({
      proxy: socks,
      command: 'connect',
      destination: { host, port },
      timeout: patience,
    })
    socket.unref().on('error', () => socket.destroy())
    if (!client.destroyed) return socket
    socket.destroy()
  } catch (thrown) {
    refuse(client, refusalOf(thrown instanceof Error ? thrown.message : ''))
  }
  return undefined
}

/** The messages of the package name addresses: only what kind of fault it was goes on. */
const refusalOf = (message: string): string => {
  if (/timed out/i.test(message)) return '504 SOCKS Proxy Timed Out'
  if (/authentication/i.test(message)) return '502 SOCKS Proxy Refused The Credentials'
  if (/rejected connection/i.test(message)) return '502 SOCKS Proxy Could Not Connect'
  return '502 SOCKS Proxy Could Not Be Reached'
}

/** What a refusal says, in the field or in what `fetch` says of a tunnel, as the end of a sentence. It is one of ours: no address is in it. */
export const sentenceOf = (refusal: string): string | undefined => {
  const found = /SOCKS Proxy ([A-Za-z ]+)$/.exec(refusal)
  return found?.[1] && `the SOCKS proxy ${found[1].toLowerCase()}`
}

const routeOf = ({ method, target }: Head, socks: Socks): Route | undefined => {
  const url = URL.parse(method === 'CONNECT' ? `https://${target}` : target)
  if (url === null || (method !== 'CONNECT' && url.protocol !== 'http:')) return undefined
  const host = bare(url.hostname)
  return {
    socks,
    host: isIP(host) ? host : host.toLowerCase(),
    port: Number(url.port || (method === 'CONNECT' ? 443 : 80)),
  }
}

const readHead = async (reader: Reader): Promise<Head | undefined> => {
  const first = await reader.line()
  if (first === undefined) return undefined
  const [method = '', target = ''] = first.split(' ')
  const fields: string[] = []
  for (let line = await reader.line(); line; line = await reader.line()) fields.push(line)
  return { method, target, fields }
}

const fieldOf = ({ fields }: Head, name: string): string | undefined => {
  const field = fields.find(line => line.slice(0, line.indexOf(':')).toLowerCase() === name)
  return field?.slice(field.indexOf(':') + 1).trim()
}

/** A vendor gets the path, not the absolute address, and nothing of what was meant for the proxy. */
const renderHead = ({ method, target, fields }: Head): string => {
  const path = target.slice(target.indexOf('/', 'http://'.length))
  const kept = fields.filter(line => !/^proxy-/i.test(line))
  return [`${method} ${path.startsWith('/') ? path : '/'} HTTP/1.1`, ...kept, '', ''].join('\r\n')
}

const pourBody = async (head: Head, reader: Reader, into: Socket): Promise<void> => {
  if (!/chunked/i.test(fieldOf(head, 'transfer-encoding') ?? '')) {
    return reader.pour(into, Number(fieldOf(head, 'content-length') ?? 0))
  }
  for (let size = Number.NaN; size !== 0; ) {
    const line = (await reader.line()) ?? ''
    size = Number.parseInt(line, 16)
    if (Number.isNaN(size)) throw new Error('a chunk without its size')
    await write(into, `${line}\r\n`)
    // Bun sends no trailers: after the last chunk comes the empty line that ends every chunk.
    await reader.pour(into, size + 2)
  }
}

const readFrom = (socket: Socket): Reader => {
  const pieces: AsyncIterator<Buffer> = socket[Symbol.asyncIterator]()
  let rest: Buffer = Buffer.alloc(0)
  const more = async (): Promise<boolean> => {
    const piece = await pieces.next()
    if (piece.done) return false
    rest = rest.length === 0 ? piece.value : Buffer.concat([rest, piece.value])
    return true
  }

  const line = async () => {
    let end = rest.indexOf('\r\n')
    for (; end === -1; end = rest.indexOf('\r\n')) {
      if (rest.length > longestLine) throw new Error('a line without an end')
      if (!(await more())) return undefined
    }
    const found = rest.toString('latin1', 0, end)
    rest = rest.subarray(end + 2)
    return found
  }

  const pour = async (into: Socket, length = Number.POSITIVE_INFINITY) => {
    for (let left = length; left > 0; ) {
      if (rest.length === 0 && !(await more())) return
      const piece = rest.subarray(0, Math.min(left, rest.length))
      rest = rest.subarray(piece.length)
      left -= piece.length
      await write(into, piece)
    }
  }

  return { line, pour }
}

/** Waits until the other side has taken it, so that neither side fills the memory. */
const write = (socket: Socket, bytes: Buffer | string): Promise<void> | undefined => {
  if (socket.destroyed) throw new Error('the connection is closed')
  if (socket.write(bytes, typeof bytes === 'string' ? 'latin1' : undefined)) return undefined
  return new Promise(resolve => {
    const done = () => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.once('drain', done)
    socket.once('close', done)
  })
}
