/** A client on bare TCP, for requests no decent client sends and for connections that break. */
import { connect, type Socket } from 'node:net'

export type RawClient = {
  socket: Socket
  /** What has come back until now. */
  text: () => string
  send: (text: string) => void
  /** Resolves with the time (milliseconds of `performance.now()`) at which the server has closed. */
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
