/** Reads lines and bytes of a socket in turn, and writes to one at the speed of its reader. */
import type { Socket } from 'node:net'

/** Reads a connection piece by piece. */
export type SocketReader = {
  /** Reads one line, without its line end. Undefined at the end of the connection. */
  readLine(): Promise<string | undefined>
  /** Copies `length` bytes to `into` as they arrive. Without a length it copies everything. */
  pipe(into: Socket, length?: number): Promise<void>
}

/** Maximum bytes of one line. Bun sends URLs far below it. */
const maxLineBytes = 64 * 1024

export const createSocketReader = (socket: Socket): SocketReader => {
  const pieces: AsyncIterator<Buffer> = socket[Symbol.asyncIterator]()
  let rest: Buffer = Buffer.alloc(0)
  const readMore = async (): Promise<boolean> => {
    const piece = await pieces.next()
    if (piece.done) return false
    rest = rest.length === 0 ? piece.value : Buffer.concat([rest, piece.value])
    return true
  }

  const readLine = async () => {
    let end = rest.indexOf('\r\n')
    for (; end === -1; end = rest.indexOf('\r\n')) {
      if (rest.length > maxLineBytes) throw new Error('a line without an end')
      if (!(await readMore())) return undefined
    }
    const found = rest.toString('latin1', 0, end)
    rest = rest.subarray(end + 2)
    return found
  }

  const pipe = async (into: Socket, length = Number.POSITIVE_INFINITY) => {
    for (let left = length; left > 0; ) {
      if (rest.length === 0 && !(await readMore())) return
      const piece = rest.subarray(0, Math.min(left, rest.length))
      rest = rest.subarray(piece.length)
      left -= piece.length
      await writeDrained(into, piece)
    }
  }

  return { readLine, pipe }
}

/** Writes and waits until the other side has accepted the bytes, so that neither side fills the memory. */
export const writeDrained = async (socket: Socket, bytes: Buffer | string): Promise<void> => {
  if (socket.destroyed) throw new Error('the connection is closed')
  if (socket.write(bytes, typeof bytes === 'string' ? 'latin1' : undefined)) return
  await new Promise<void>(resolve => {
    const done = () => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.once('drain', done)
    socket.once('close', done)
  })
}
