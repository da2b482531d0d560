/** Whether a vendor can be reached at all: `fetch` does not tell when it has connected, so somebody knocks at the door beside it. */
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ProxyOption } from './proxy.ts'
import { credentialsOf, stripBrackets } from './socks-bridge.ts'

export type ConnectProbe = {
  /** To be told whenever an answer of `origin` (`https://host:port`, as `originOf` cuts it) has come in. */
  markAlive(origin: string): void
  /**
   * Knocks at `origin`, through `proxy` if there is one, and gives it `milliseconds`. False: not a sign of life in that time. True: connected, or
   * refused (then `fetch` meets the same refusal and tells it better), or `heard` within the last or during these milliseconds.
   * All who ask for the same door at the same time share one knock. Never throws; leaves nothing open.
   */
  probe(origin: string, proxy: ProxyOption, milliseconds: number): Promise<boolean>
}

type PendingProbe = { answered: Promise<void>; stop: () => void; waiterCount: number }

/** Origins whose last answer is remembered; more than a configuration names. */
const maxOrigins = 4096

export const createConnectProbe = (): ConnectProbe => {
  const lastAliveAt = new Map<string, number>()
  const pendingProbes = new Map<string, PendingProbe>()

  const markAlive = (origin: string) => {
    if (lastAliveAt.size >= maxOrigins) lastAliveAt.clear()
    lastAliveAt.set(origin, performance.now())
  }
  const wasAliveSince = (origin: string, time: number) => (lastAliveAt.get(origin) ?? Number.NEGATIVE_INFINITY) >= time

  const probe = async (origin: string, proxy: ProxyOption, milliseconds: number): Promise<boolean> => {
    const startedAt = performance.now()
    if (wasAliveSince(origin, startedAt - milliseconds)) return true
    const poolKey = proxy === false ? origin : `${origin} ${proxy.url}`
    const pending = pendingProbes.get(poolKey) ?? startProbe(origin, proxy)
    pendingProbes.set(poolKey, pending)
    pending.waiterCount++
    const isAnswered = await resolvesWithin(pending.answered, milliseconds)
    pending.waiterCount--
    if (isAnswered || pending.waiterCount === 0) {
      pending.stop()
      if (pendingProbes.get(poolKey) === pending) pendingProbes.delete(poolKey)
    }
    return isAnswered || wasAliveSince(origin, startedAt)
  }

  return { markAlive, probe }
}

const resolvesWithin = async (answered: Promise<void>, milliseconds: number): Promise<boolean> => {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<false>(resolve => {
    timer = setTimeout(resolve, milliseconds, false)
  })
  const isResolved = await Promise.race([answered.then(() => true), timeout])
  clearTimeout(timer)
  return isResolved
}

/** One connection, made up to where a request could be sent: TCP, the proxy's tunnel (through our bridge to SOCKS always), TLS. It is closed as soon as it has answered. */
const startProbe = (origin: string, proxy: ProxyOption): PendingProbe => {
  let stop = () => {}
  const answered = new Promise<void>(resolve => {
    const target = URL.parse(origin)
    const firstHop = proxy === false ? target : URL.parse(proxy.url)
    if (target === null || firstHop === null) return resolve()
    const sockets: Socket[] = []
    stop = () => {
      for (const socket of sockets) socket.destroy()
    }
    const track = (socket: Socket): Socket => {
      sockets.push(socket)
      // Refused, reset or closed: that, too, is an answer.
      return socket.on('error', () => resolve()).on('close', () => resolve())
    }
    const needsTunnel = proxy !== false && (target.protocol === 'https:' || proxy.bridge !== undefined)
    const onTunnelReady =
      target.protocol === 'https:' ? () => startTls(target, sockets.at(-1)!, track, resolve) : resolve
    openConnection(firstHop, proxy !== false, track, () => {
      if (!needsTunnel) onTunnelReady()
      else openTunnel(sockets.at(-1)!, target, firstHop, onTunnelReady, resolve)
    })
  })
  return { answered, stop: () => stop(), waiterCount: 0 }
}

type TrackSocket = (socket: Socket) => Socket

const portOf = (url: URL): number => Number(url.port || (url.protocol === 'https:' ? 443 : 80))

/** Connects to the origin or its proxy; a proxy of https speaks TLS before anything else. */
const openConnection = (firstHop: URL, isProxy: boolean, track: TrackSocket, connected: () => void) => {
  const address = { host: stripBrackets(firstHop.hostname), port: portOf(firstHop) }
  if (isProxy && firstHop.protocol === 'https:') {
    track(connectTls({ ...address, rejectUnauthorized: false })).once('secureConnect', connected)
  } else track(connect(address)).once('connect', connected)
}

/** Certificates are not judged here: the connection carries nothing, and `fetch` judges them. */
const startTls = (target: URL, socket: Socket, track: TrackSocket, connected: () => void) => {
  const host = stripBrackets(target.hostname)
  const tlsSocket = connectTls({ socket, rejectUnauthorized: false, ...(isIP(host) === 0 && { servername: host }) })
  track(tlsSocket).once('secureConnect', connected)
}

/** Any answer but a 2xx is a refusal, which `fetch` meets too. */
const openTunnel = (socket: Socket, target: URL, proxyUrl: URL, connected: () => void, refused: () => void) => {
  const { user, password } = credentialsOf(proxyUrl)
  const credentials = Buffer.from(`${user}:${password}`).toString('base64')
  const authorization = user ? `Proxy-Authorization: Basic ${credentials}\r\n` : ''
  const authority = `${target.hostname}:${portOf(target)}`
  socket.once('data', bytes => (/^HTTP\/1\.\d 2/.test(bytes.toString('latin1', 0, 12)) ? connected() : refused()))
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`)
}
