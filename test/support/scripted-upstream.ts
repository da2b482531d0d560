/** A vendor on bare TCP that follows a script, also an invalid one, and records the requests it receives. */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type IncomingRequest, readRequests } from './http-requests.ts'

/** A request as it was received. */
export type ReceivedRequest = IncomingRequest & {
  /** Number of the connection, and of the request on this connection, both from 0. */
  connection: number
  indexOnConnection: number
  /** Time of arrival in milliseconds of `performance.now()`. */
  receivedAt: number
  /**
   * Resolves with the time when the client closed the connection before the answer was complete. Otherwise never
   * settles.
   */
  aborted: Promise<number>
  abortedAt?: number
  /** Parses the body as JSON. */
  json: () => unknown
}

export type Framing = 'chunked' | 'close' | { length: number }

/** The steps a script can take. Once the client has disconnected, every step does nothing and `wait` ends at once. */
export type ScriptedResponse = {
  /** Sends the status line and headers. With the framing `close` the body ends with the connection. */
  writeHead: (status: number, headers?: Record<string, string>, framing?: Framing) => void
  /**
   * Sends bytes of the body in the chosen framing. Resolves when they are flushed, so a slow reader slows the script
   * down.
   */
  write: (bytes: string | Uint8Array) => Promise<void>
  /** Sends bytes without any framing. */
  writeRaw: (bytes: string | Uint8Array) => void
  /** Waits for a number of milliseconds, or until a promise resolves. */
  wait: (time: number | Promise<unknown>) => Promise<void>
  /** Sends nothing more and keeps the connection open until the client disconnects. */
  stall: () => Promise<void>
  /** Completes the answer. The connection stays open where its framing allows. */
  end: () => void
  /** Closes the connection before the answer is complete (FIN). */
  disconnect: () => void
  /** Resets the connection before the answer is complete (RST). */
  reset: () => void
  /** True once the client has disconnected. */
  readonly isClientGone: boolean
}

export type Script = (answer: ScriptedResponse, request: ReceivedRequest) => Promise<void> | void

export type Upstream = {
  /** `http://127.0.0.1:port` */
  url: string
  port: number
  requests: ReceivedRequest[]
  /** The number of all connections so far, and of those open now. */
  readonly connections: number
  readonly openConnections: number
  /** Sets the script that answers all further requests. */
  setScript: (script: Script) => void
  close: () => Promise<void>
}

/**
 * Starts the vendor on a free port of 127.0.0.1. An error that a script throws is rethrown by `close`, so that it is
 * not lost.
 */
export const scriptedUpstream = async (script: Script): Promise<Upstream> => {
  let currentScript = script
  let connections = 0
  const requests: ReceivedRequest[] = []
  const sockets = new Set<Socket>()
  const scriptErrors: unknown[] = []

  const server = createServer({ noDelay: true }, socket => {
    const connection = connections++
    let nextIndex = 0
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    readRequests(socket, async incoming => {
      const { received, answer, finished } = createExchange(socket, incoming, connection, nextIndex++)
      requests.push(received)
      try {
        await currentScript(answer, received)
      } catch (error) {
        scriptErrors.push(error)
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
    if (scriptErrors.length > 0) throw scriptErrors[0]
  }

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    get connections() {
      return connections
    },
    get openConnections() {
      return sockets.size
    },
    setScript: nextScript => {
      currentScript = nextScript
    },
    close,
  }
}

const createExchange = (socket: Socket, incoming: IncomingRequest, connection: number, indexOnConnection: number) => {
  const aborted = Promise.withResolvers<number>()
  const finished = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  let isComplete = false
  let framing: Framing = 'chunked'

  const received: ReceivedRequest = {
    ...incoming,
    connection,
    indexOnConnection,
    receivedAt: performance.now(),
    aborted: aborted.promise,
    json: () => JSON.parse(incoming.body),
  }

  const onClose = () => {
    closed.resolve()
    finished.resolve()
    if (isComplete) return
    received.abortedAt = performance.now()
    aborted.resolve(received.abortedAt)
  }
  if (socket.destroyed) onClose()
  else socket.once('close', onClose)

  const writeRaw = (bytes: string | Uint8Array) => {
    if (!socket.destroyed) socket.write(bytes)
  }
  const finishWith = (action: () => unknown) => {
    isComplete = true
    action()
  }

  const answer: ScriptedResponse = {
    writeRaw,
    writeHead: (status, headers = {}, chosenFraming = 'chunked') => {
      framing = chosenFraming
      writeRaw(renderHead(status, headers, framing))
    },
    write: async bytes => {
      const body = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
      if (socket.destroyed || body.length === 0) return
      const framedBytes = framing === 'chunked' ? Buffer.concat([chunkSizeLine(body), body, crlf]) : body
      if (!socket.write(framedBytes))
        await Promise.race([new Promise<void>(done => socket.once('drain', done)), closed.promise])
    },
    wait: async time => {
      await Promise.race([typeof time === 'number' ? Bun.sleep(time) : time, closed.promise])
    },
    stall: () => closed.promise,
    end: () =>
      finishWith(() => {
        if (framing === 'chunked') writeRaw('0\r\n\r\n')
        socket.off('close', onClose)
        finished.resolve()
        if (framing === 'close') socket.end()
      }),
    disconnect: () => finishWith(() => socket.destroySoon()),
    reset: () => finishWith(() => socket.resetAndDestroy()),
    get isClientGone() {
      return socket.destroyed
    },
  }
  return { received, answer, finished: finished.promise }
}

const crlf = Buffer.from('\r\n')

const chunkSizeLine = (body: Uint8Array): Buffer => Buffer.from(`${body.length.toString(16)}\r\n`)

const renderHead = (status: number, headers: Record<string, string>, framing: Framing): string => {
  const lines = [`HTTP/1.1 ${status} Scripted`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
  if (framing === 'chunked') lines.push('Transfer-Encoding: chunked')
  else if (framing === 'close') lines.push('Connection: close')
  else lines.push(`Content-Length: ${framing.length}`)
  return [...lines, '', ''].join('\r\n')
}
