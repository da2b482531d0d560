/** Whether a vendor can be reached at all: `fetch` does not tell when it has connected, so somebody knocks at the door beside it. */
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ProxyOption } from './proxy.ts'
import { bare, credentialsOf } from './socks-bridge.ts'

export type ConnectProbe = {
  /** To be told whenever an answer of `origin` (`https://host:port`, as `originOf` cuts it) has come in. */
  heard(origin: string): void
  /**
   * Knocks at `origin`, through `proxy` if there is one, and gives it `milliseconds`. False: not a sign of life in that time. True: connected, or
   * refused (then `fetch` meets the same refusal and tells it better), or `heard` within the last or during these milliseconds.
   * All who ask for the same door at the same time share one knock. Never throws; leaves nothing open.
   */
  probe(origin: string, proxy: ProxyOption, milliseconds: number): Promise<boolean>
}

type Knock = { answered: Promise<void>; stop: () => void; waiting: number }

/** Origins whose last answer is remembered; more than a configuration names. */
const mostOrigins = 4096

export const createConnectProbe = (): ConnectProbe => {
  const lastHeard = new Map<string, number>()
  const knocks = new Map<string, Knock>()

  const heard = (origin: string) => {
    if (lastHeard.size >= mostOrigins) lastHeard.clear()
    lastHeard.set(origin, performance.now())
  }
  const heardSince = (origin: string, time: number) => (lastHeard.get(origin) ?? Number.NEGATIVE_INFINITY) >= time

  const probe = async (origin: string, proxy: ProxyOption, milliseconds: number): Promise<boolean> => {
    const begun = performance.now()
    if (heardSince(origin, begun - milliseconds)) return true
    const door = proxy === false ? origin : `${origin} ${proxy.url}`
    const knocking = knocks.get(door) ?? knock(origin, proxy)
    knocks.set(door, knocking)
    knocking.waiting++
    const answered = await within(knocking.answered, milliseconds)
    knocking.waiting--
    if (answered || knocking.waiting === 0) {
      knocking.stop()
      if (knocks.get(door) === knocking) knocks.delete(door)
    }
    return answered || heardSince(origin, begun)
  }

  return { heard, probe }
}

const within = async (answered: Promise<void>, milliseconds: number): Promise<boolean> => {
  let timer: ReturnType<typeof setTimeout> | undefined
  const tooLate = new Promise<false>(resolve => {
    timer = setTimeout(resolve, milliseconds, false)
  })
  const first = await Promise.race([answered.then(() => true), tooLate])
  clearTimeout(timer)
  return first
}

/** One connection, made up to where a request could be sent: TCP, the proxy's tunnel (through our bridge to SOCKS always), TLS. It is closed as soon as it has answered. */
const knock = (origin: string, proxy: ProxyOption): Knock => {
  let stop = () => {}
  const answered = new Promise<void>(resolve => {
    const target = URL.parse(origin)
    const door = proxy === false ? target : URL.parse(proxy.url)
    if (target === null || door === null) return resolve()
    const sockets: Socket[] = []
    stop = () => {
      for (const socket of sockets) socket.destroy()
    }
    const keep = (socket: Socket): Socket => {
      sockets.push(socket)
      // Refused, reset or closed: that, too, is an answer.
      return socket.on('error', () => resolve()).on('close', () => resolve())
    }
    const tunnels = proxy !== false && (target.protocol === 'https:' || proxy.bridge !== undefined)
    const last = target.protocol === 'https:' ? () => secure(target, sockets.at(-1)!, keep, resolve) : resolve
    open(door, proxy !== false, keep, () => {
      if (!tunnels) last()
      else tunnel(sockets.at(-1)!, target, door, last, resolve)
    })
  })
  return { answered, stop: () => stop(), waiting: 0 }
}

type Keep = (socket: Socket) => Socket

const portOf = (url: URL): number => Number(url.port || (url.protocol === 'https:' ? 443 : 80))

/** Connects to the origin or its proxy; a proxy of https speaks TLS before anything else. */
const open = (door: URL, isProxy: boolean, keep: Keep, connected: () => void) => {
  const place = { host: bare(door.hostname), port: portOf(door) }
  if (isProxy && door.protocol === 'https:') {
    keep(connectTls({ ...place, rejectUnauthorized: false })).once('secureConnect', connected)
  } else keep(connect(place)).once('connect', connected)
}

/** Certificates are not judged here: the connection carries nothing, and `fetch` judges them. */
const secure = (target: URL, socket: Socket, keep: Keep, connected: () => void) => {
  const host = bare(target.hostname)
  const encrypted = connectTls({ socket, rejectUnauthorized: false, ...(isIP(host) === 0 && { servername: host }) })
  keep(encrypted).once('secureConnect', connected)
}

/** Any answer but a 2xx is a refusal, which `fetch` meets too. */
const tunnel = (socket: Socket, target: URL, door: URL, connected: () => void, refused: () => void) => {
  const { user, password } = credentialsOf(door)
  const credentials = Buffer.from(`${user}:${password}`).toString('base64')
  const authorization = user ? `Proxy-Authorization: Basic ${credentials}\r\n` : ''
  const authority = `${target.hostname}:${portOf(target)}`
  socket.once('data', bytes => (/^HTTP\/1\.\d 2/.test(bytes.toString('latin1', 0, 12)) ? connected() : refused()))
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`)
}
