/** A client on bare TCP, for malformed requests and for connections that break. */
import { connect, type Socket } from 'node:net'

export type RawClient = {
  socket: Socket
  /** Everything received so far. */
  text: () => string
  send: (text: string) => void
  /** Resolves when the connection is closed, with the time in milliseconds of `performance.now()`. */
  closed: Promise<number>
}

export const rawClient = (port: number, text = ''): RawClient => {
  const closed = Promise.withResolvers<number>()
  let received = ''
  const socket = connect(port, '127.0.0.1', () => text && socket.write(text))
  socket.on('data', bytes => {
    received += bytes.toString('latin1')
  })
  socket.on('error', () => {})
  socket.on('close', () => closed.resolve(performance.now()))
  return { socket, text: () => received, send: more => void socket.write(more), closed: closed.promise }
}
