/**
 * Checks whether a vendor can be reached at all. `fetch` does not report when it has connected, so the probe opens a
 * connection of its own.
 */
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ProxyOption } from './proxy.ts'
import { credentialsOf, stripBrackets } from './socks-bridge.ts'

export type ConnectProbe = {
  /**
   * Call it whenever a response of `origin` (`https://host:port`, as `originOf` cuts it) has arrived through `proxy`. It
   * says nothing about the way through another proxy.
   */
  markAlive(origin: string, proxy: ProxyOption): void
  /**
   * Probes `origin`, through `proxy` if there is one, for at most `milliseconds`. False: no sign of life in that time.
   * True: connected, refused (`fetch` then meets the same refusal and reports it better), or `markAlive` was called
   * within the preceding or these milliseconds.
   * Simultaneous calls for the same pool key share one probe. It never throws and leaves nothing open.
   */
  probe(origin: string, proxy: ProxyOption, milliseconds: number): Promise<boolean>
}

type PendingProbe = { answered: Promise<void>; stop: () => void; waiterCount: number }

const poolKeyOf = (origin: string, proxy: ProxyOption): string => (proxy === false ? origin : `${origin} ${proxy.url}`)

/** Maximum pool keys whose last response is remembered: more than a configuration names. */
const maxPoolKeys = 4096

export const createConnectProbe = (): ConnectProbe => {
  const lastAliveAt = new Map<string, number>()
  const pendingProbes = new Map<string, PendingProbe>()

  const markAlive = (origin: string, proxy: ProxyOption) => {
    if (lastAliveAt.size >= maxPoolKeys) lastAliveAt.clear()
    lastAliveAt.set(poolKeyOf(origin, proxy), performance.now())
  }
  const wasAliveSince = (poolKey: string, time: number) =>
    (lastAliveAt.get(poolKey) ?? Number.NEGATIVE_INFINITY) >= time

  const probe = async (origin: string, proxy: ProxyOption, milliseconds: number): Promise<boolean> => {
    const startedAt = performance.now()
    const poolKey = poolKeyOf(origin, proxy)
    if (wasAliveSince(poolKey, startedAt - milliseconds)) return true
    const pending = pendingProbes.get(poolKey) ?? startProbe(origin, proxy)
    pendingProbes.set(poolKey, pending)
    pending.waiterCount++
    const isAnswered = await resolvesWithin(pending.answered, milliseconds)
    pending.waiterCount--
    if (isAnswered || pending.waiterCount === 0) {
      pending.stop()
      if (pendingProbes.get(poolKey) === pending) pendingProbes.delete(poolKey)
    }
    return isAnswered || wasAliveSince(poolKey, startedAt)
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

/**
 * Opens one connection up to the point at which a request could be sent: TCP, the proxy's tunnel (always through the
 * bridge for SOCKS), TLS. The connection is closed as soon as that succeeds.
 */
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
      // A refused, reset or closed connection is an answer, too.
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

/** Connects to the origin or its proxy. An https proxy speaks TLS first. */
const openConnection = (firstHop: URL, isProxy: boolean, track: TrackSocket, connected: () => void) => {
  const address = { host: stripBrackets(firstHop.hostname), port: portOf(firstHop) }
  if (isProxy && firstHop.protocol === 'https:') {
    track(connectTls({ ...address, rejectUnauthorized: false })).once('secureConnect', connected)
  } else track(connect(address)).once('connect', connected)
}

/** Certificates are not verified here: the connection carries no data, and `fetch` verifies them. */
const startTls = (target: URL, socket: Socket, track: TrackSocket, connected: () => void) => {
  const host = stripBrackets(target.hostname)
  const tlsSocket = connectTls({ socket, rejectUnauthorized: false, ...(isIP(host) === 0 && { servername: host }) })
  track(tlsSocket).once('secureConnect', connected)
}

/** Any response but a 2xx is a refusal, which `fetch` meets too. */
const openTunnel = (socket: Socket, target: URL, proxyUrl: URL, connected: () => void, refused: () => void) => {
  const { user, password } = credentialsOf(proxyUrl)
  const credentials = Buffer.from(`${user}:${password}`).toString('base64')
  const authorization = user ? `Proxy-Authorization: Basic ${credentials}\r\n` : ''
  const authority = `${target.hostname}:${portOf(target)}`
  socket.once('data', bytes => (/^HTTP\/1\.\d 2/.test(bytes.toString('latin1', 0, 12)) ? connected() : refused()))
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`)
}
