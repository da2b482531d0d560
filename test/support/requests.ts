/** Reads HTTP/1.1 requests off a socket, one after another. */
import type { Socket } from 'node:net'

export type Incoming = {
  method: string
  /** As sent: a path with its query, or an absolute URL where a proxy is asked. */
  path: string
  /** Names in lower case; of several fields of one name the last. */
  headers: Record<string, string>
  /** Name and value of each field as it was sent, in order. */
  fields: [string, string][]
  body: string
  bytes: Buffer
}

/** Calls `hear` with each request once its body is whole; the next one waits until `hear` has resolved. */
export const readRequests = (socket: Socket, hear: (request: Incoming) => Promise<void>): void => {
  let pieces: Buffer[] = []
  let size = 0
  let needed = 0
  let busy = false

  const next = (): Incoming | undefined => {
    if (size < needed || size === 0) return undefined
    const bytes = Buffer.concat(pieces)
    const found = parse(bytes)
    if (typeof found === 'number') {
      needed = found
      pieces = [bytes]
      return undefined
    }
    pieces = [bytes.subarray(found.length)]
    size -= found.length
    needed = 0
    return found.request
  }

  const look = async () => {
    if (busy) return
    busy = true
    for (let request = next(); request; request = next()) await hear(request)
    busy = false
  }

  socket.on('data', (bytes: Buffer) => {
    pieces.push(bytes)
    size += bytes.length
    void look()
  })
}

/** The first request in `bytes`, or how many bytes it takes at least to know more. */
const parse = (bytes: Buffer): { request: Incoming; length: number } | number => {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return bytes.length + 1
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const [method = '', path = ''] = first.split(' ')
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const headers = Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value]))
  const found = /chunked/i.test(headers['transfer-encoding'] ?? '')
    ? readChunks(bytes, end + 4)
    : readLength(bytes, end + 4, Number(headers['content-length'] ?? 0))
  if (typeof found === 'number') return found
  const request = { method, path, headers, fields, body: found.body.toString(), bytes: found.body }
  return { request, length: found.end }
}

type Body = { body: Buffer; end: number }

const readLength = (bytes: Buffer, start: number, length: number): Body | number =>
  bytes.length < start + length ? start + length : { body: bytes.subarray(start, start + length), end: start + length }

const readChunks = (bytes: Buffer, start: number): Body | number => {
  const pieces: Buffer[] = []
  for (let at = start; ; ) {
    const end = bytes.indexOf('\r\n', at)
    if (end === -1) return bytes.length + 1
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16)
    const next = end + 2 + size + 2
    if (bytes.length < next) return next
    if (size === 0) return { body: Buffer.concat(pieces), end: next }
    pieces.push(bytes.subarray(end + 2, end + 2 + size))
    at = next
  }
}
