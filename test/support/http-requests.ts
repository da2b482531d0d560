/** Parses HTTP/1.1 requests from a socket, one after another. */
import type { Socket } from 'node:net'

export type IncomingRequest = {
  method: string
  /** The target as sent: a path with its query, or an absolute URL in a request to a proxy. */
  path: string
  /** Names are in lower case. Of several fields with the same name the last one wins. */
  headers: Record<string, string>
  /** Name and value of each header field as sent, in order. */
  headerFields: [string, string][]
  body: string
  bytes: Buffer
}

/** Calls `onRequest` with each request once its body is complete. The next one waits until `onRequest` has resolved. */
export const readRequests = (socket: Socket, onRequest: (request: IncomingRequest) => Promise<void>): void => {
  let pieces: Buffer[] = []
  let size = 0
  let bytesNeeded = 0
  let isBusy = false

  const next = (): IncomingRequest | undefined => {
    if (size < bytesNeeded || size === 0) return undefined
    const bytes = Buffer.concat(pieces)
    const found = parseRequest(bytes)
    if (typeof found === 'number') {
      bytesNeeded = found
      pieces = [bytes]
      return undefined
    }
    pieces = [bytes.subarray(found.length)]
    size -= found.length
    bytesNeeded = 0
    return found.request
  }

  const handlePending = async () => {
    if (isBusy) return
    isBusy = true
    for (let request = next(); request; request = next()) await onRequest(request)
    isBusy = false
  }

  socket.on('data', (bytes: Buffer) => {
    pieces.push(bytes)
    size += bytes.length
    void handlePending()
  })
}

/** The first request in `bytes`, or the minimum number of bytes needed before parsing can go on. */
const parseRequest = (bytes: Buffer): { request: IncomingRequest; length: number } | number => {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return bytes.length + 1
  const [requestLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const [method = '', path = ''] = requestLine.split(' ')
  const headerFields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const headers = Object.fromEntries(headerFields.map(([name, value]) => [name.toLowerCase(), value]))
  const found = /chunked/i.test(headers['transfer-encoding'] ?? '')
    ? readChunkedBody(bytes, end + 4)
    : readSizedBody(bytes, end + 4, Number(headers['content-length'] ?? 0))
  if (typeof found === 'number') return found
  const request = { method, path, headers, headerFields, body: found.body.toString(), bytes: found.body }
  return { request, length: found.end }
}

type ParsedBody = { body: Buffer; end: number }

const readSizedBody = (bytes: Buffer, start: number, length: number): ParsedBody | number =>
  bytes.length < start + length ? start + length : { body: bytes.subarray(start, start + length), end: start + length }

const readChunkedBody = (bytes: Buffer, start: number): ParsedBody | number => {
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
