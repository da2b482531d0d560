/** A vendor on bare TCP that does what a script says, wrong things too, and remembers what it was asked. */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type Incoming, readRequests } from './requests.ts'

/** One request as it came in. */
export type Received = Incoming & {
  /** Which connection it came on, from 0, and which request of that connection it is, from 0. */
  connection: number
  turn: number
  /** Milliseconds of `performance.now()`. */
  at: number
  /** Resolves with the time when the client closed the connection before the answer was complete; never if it did not. */
  aborted: Promise<number>
  abortedAt?: number
  /** The body as JSON. */
  json: () => unknown
}

export type Framing = 'chunked' | 'close' | { length: number }

/** What a script can do, step by step. Once the client has left every step is void and `wait` ends at once. */
export type Answer = {
  /** Status line and fields. `close`: the body ends with the connection. */
  head: (status: number, headers?: Record<string, string>, framing?: Framing) => void
  /** Bytes of the body, in the frame `head` has chosen; resolves when they have left, so that a slow reader slows the script. */
  write: (bytes: string | Uint8Array) => Promise<void>
  /** Bytes as they are, without any frame. */
  raw: (bytes: string | Uint8Array) => void
  /** Milliseconds, or until a promise is there. */
  wait: (time: number | Promise<unknown>) => Promise<void>
  /** Nothing more is said and the connection stays open, until the client leaves. */
  silent: () => Promise<void>
  /** The answer is complete; the connection is kept where its framing allows. */
  end: () => void
  /** Closes the connection in the midst of things (FIN). */
  cut: () => void
  /** The same with RST. */
  reset: () => void
  /** The client has left. */
  readonly gone: boolean
}

export type Script = (answer: Answer, request: Received) => Promise<void> | void

export type Upstream = {
  /** `http://127.0.0.1:port` */
  url: string
  port: number
  requests: Received[]
  /** Connections ever opened, and those open now. */
  readonly connections: number
  readonly open: number
  /** What requests from now on are answered with. */
  become: (script: Script) => void
  close: () => Promise<void>
}

/** Starts it on a free port of 127.0.0.1. A script that throws is told by `close`, so that its fault is not lost. */
export const scriptedUpstream = async (script: Script): Promise<Upstream> => {
  let current = script
  let connections = 0
  const requests: Received[] = []
  const sockets = new Set<Socket>()
  const faults: unknown[] = []

  const server = createServer({ noDelay: true }, socket => {
    const connection = connections++
    let turn = 0
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    readRequests(socket, async incoming => {
      const { received, answer, finished } = exchange(socket, incoming, connection, turn++)
      requests.push(received)
      try {
        await current(answer, received)
      } catch (fault) {
        faults.push(fault)
        socket.destroy()
      }
      await finished
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', 4096, resolve))
  const { port } = server.address() as AddressInfo

  const close = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise<void>(resolve => server.close(() => resolve()))
    if (faults.length > 0) throw faults[0]
  }

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    get connections() {
      return connections
    },
    get open() {
      return sockets.size
    },
    become: next => {
      current = next
    },
    close,
  }
}

const exchange = (socket: Socket, incoming: Incoming, connection: number, turn: number) => {
  const aborted = Promise.withResolvers<number>()
  const finished = Promise.withResolvers<void>()
  const left = Promise.withResolvers<void>()
  let complete = false
  let framing: Framing = 'chunked'

  const received: Received = {
    ...incoming,
    connection,
    turn,
    at: performance.now(),
    aborted: aborted.promise,
    json: () => JSON.parse(incoming.body),
  }

  const onClose = () => {
    left.resolve()
    finished.resolve()
    if (complete) return
    received.abortedAt = performance.now()
    aborted.resolve(received.abortedAt)
  }
  if (socket.destroyed) onClose()
  else socket.once('close', onClose)

  const raw = (bytes: string | Uint8Array) => {
    if (!socket.destroyed) socket.write(bytes)
  }
  const leave = (act: () => unknown) => {
    complete = true
    act()
  }

  const answer: Answer = {
    raw,
    head: (status, headers = {}, chosen = 'chunked') => {
      framing = chosen
      raw(renderHead(status, headers, framing))
    },
    write: async bytes => {
      const body = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
      if (socket.destroyed || body.length === 0) return
      const framed = framing === 'chunked' ? Buffer.concat([chunkHead(body), body, lineEnd]) : body
      if (!socket.write(framed))
        await Promise.race([new Promise<void>(done => socket.once('drain', done)), left.promise])
    },
    wait: async time => {
      await Promise.race([typeof time === 'number' ? Bun.sleep(time) : time, left.promise])
    },
    silent: () => left.promise,
    end: () =>
      leave(() => {
        if (framing === 'chunked') raw('0\r\n\r\n')
        socket.off('close', onClose)
        finished.resolve()
        if (framing === 'close') socket.end()
      }),
    cut: () => leave(() => socket.destroySoon()),
    reset: () => leave(() => socket.resetAndDestroy()),
    get gone() {
      return socket.destroyed
    },
  }
  return { received, answer, finished: finished.promise }
}

const lineEnd = Buffer.from('\r\n')

const chunkHead = (body: Uint8Array): Buffer => Buffer.from(`${body.length.toString(16)}\r\n`)

const renderHead = (status: number, headers: Record<string, string>, framing: Framing): string => {
  const lines = [`HTTP/1.1 ${status} Scripted`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
  if (framing === 'chunked') lines.push('Transfer-Encoding: chunked')
  else if (framing === 'close') lines.push('Connection: close')
  else lines.push(`Content-Length: ${framing.length}`)
  return [...lines, '', ''].join('\r\n')
}
