/**
 * The binary framing of AWS streams, `application/vnd.amazon.eventstream`: bytes → whole frames, at any cut of the bytes.
 * https://smithy.io/2.0/aws/amazon-eventstream.html (2026-11)
 */
import { GatewayError } from '../../base/errors.ts'
import { isObject, parseJson, textOf } from '../../base/json/json.ts'
import { faultFrom } from '../../protocols/bedrock-converse/error.ts'
import type { Exchange, Frame } from '../../protocols/protocol.ts'
import { type FrameReader, largestFrame } from './sse.ts'

/** Does a content type name this framing. */
export const isEventStream = (type: string | null): boolean =>
  type?.startsWith('application/vnd.amazon.eventstream') === true

/** Total length, length of the headers, checksum of both. */
const preludeSize = 12
const checksumSize = 4

/**
 * A frame a message: `event` is its type, `data` its payload. What InvokeModel wraps as `{"bytes": base64}` comes out unwrapped, as the
 * event of the model's own protocol. Throws what an exception in the stream tells, and `upstream_failed` for what is no message.
 */
export const eventStream = (emit: (frame: Frame) => void, exchange: Pick<Exchange, 'redact'>): FrameReader => {
  /** What has come of a message that is not whole; joined once it is, so that a huge one costs no more than its length. */
  let pieces: Uint8Array[] = []
  let length = 0
  let wanted = preludeSize
  const readHead = headReader()

  const hear = (message: Uint8Array, headersEnd: number): void => {
    const head = readHead(message.subarray(preludeSize, headersEnd))
    const payload = decoder.decode(message.subarray(headersEnd, -checksumSize))
    const frame = frameOf(head, payload, exchange)
    if (frame) emit(frame)
  }

  const take = (bytes: Uint8Array): number => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    let at = 0
    for (;;) {
      wanted = bytes.length - at < preludeSize ? preludeSize : sizeAt(view, bytes, at)
      if (bytes.length - at < wanted) return at
      const message = bytes.subarray(at, at + wanted)
      if (view.getUint32(at + wanted - checksumSize) !== Bun.hash.crc32(message.subarray(0, -checksumSize)))
        throw broken('a checksum is wrong')
      hear(message, preludeSize + view.getUint32(at + 4))
      at += wanted
    }
  }

  return {
    push(bytes) {
      pieces.push(bytes)
      length += bytes.length
      if (length < wanted) return
      const all = pieces.length === 1 ? bytes : Buffer.concat(pieces)
      const rest = all.subarray(take(all))
      pieces = rest.length === 0 ? [] : [rest]
      length = rest.length
    },
    between: () => length === 0,
    end() {
      if (length > 0) throw broken('it ended inside a message')
    },
  }
}

/** The length of the message that begins at `at`, once its prelude has been checked. */
const sizeAt = (view: DataView, bytes: Uint8Array, at: number): number => {
  const size = view.getUint32(at)
  const prelude = bytes.subarray(at, at + preludeSize - checksumSize)
  if (view.getUint32(at + 8) !== Bun.hash.crc32(prelude)) throw broken('a checksum is wrong')
  if (size < preludeSize + view.getUint32(at + 4) + checksumSize) throw broken('a length is wrong')
  if (size > largestFrame) throw new GatewayError('upstream_failed', 'the vendor sent a frame of more than 16 MiB')
  return size
}

type Head = Record<string, string>

const frameOf = (head: Head, payload: string, exchange: Pick<Exchange, 'redact'>): Frame | undefined => {
  const kind = head[':message-type']
  if (kind === 'exception') throw faultFrom(head[':exception-type'] ?? '', payload, exchange)
  if (kind === 'error') {
    const message = head[':error-message'] ?? ''
    throw faultFrom(head[':error-code'] ?? '', JSON.stringify({ message }), exchange)
  }
  const event = head[':event-type']
  if (event === 'chunk') return unwrapped(payload)
  if (event === undefined && payload === '') return undefined
  return event === undefined ? { data: payload } : { event, data: payload }
}

/** An event of the model's own protocol; where it names its type, so does the frame. */
const unwrapped = (payload: string): Frame => {
  const chunk = parseJson(payload)
  const bytes = isObject(chunk) ? textOf(chunk['bytes']) : undefined
  if (bytes === undefined) throw broken('a chunk holds no bytes')
  const data = withoutMetrics(Buffer.from(bytes, 'base64').toString())
  const event = /^\{"type":"(\w+)"/.exec(data)?.[1] ?? typeIn(data)
  return event === undefined ? { data } : { event, data }
}

/** What Bedrock adds to the last event of any model is no part of the model's protocol. */
const withoutMetrics = (data: string): string => {
  if (!data.includes('"amazon-bedrock-invocationMetrics"')) return data
  const event = parseJson(data)
  if (!isObject(event)) return data
  delete event['amazon-bedrock-invocationMetrics']
  return JSON.stringify(event)
}

const typeIn = (data: string): string | undefined => {
  const body = parseJson(data)
  return isObject(body) ? textOf(body['type']) : undefined
}

/** Most messages of a stream have the headers of the one before: those are not taken apart again. */
const headReader = (): ((bytes: Uint8Array) => Head) => {
  let last: Uint8Array = new Uint8Array()
  let head: Head = {}
  return bytes => {
    if (Buffer.compare(bytes, last) === 0) return head
    last = bytes
    head = readHeaders(bytes)
    return head
  }
}

/** Bytes of a value by its type; -1: two bytes that tell its length stand before it. true false byte short int long bytes text time uuid */
const valueSizes = [0, 0, 1, 2, 4, 8, -1, -1, 8, 16]
const textType = 7

/** Headers that are text; the others are passed over. */
const readHeaders = (bytes: Uint8Array): Head => {
  const head: Head = {}
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 0
  try {
    while (at < bytes.length) {
      const nameEnd = at + 1 + view.getUint8(at)
      const type = view.getUint8(nameEnd)
      const fixed = valueSizes[type]
      if (fixed === undefined) throw broken('a header is of no known type')
      const start = nameEnd + 1 + (fixed < 0 ? 2 : 0)
      const end = start + (fixed < 0 ? view.getUint16(nameEnd + 1) : fixed)
      if (type === textType)
        head[decoder.decode(bytes.subarray(at + 1, nameEnd))] = decoder.decode(bytes.subarray(start, end))
      at = end
    }
  } catch (thrown) {
    throw thrown instanceof RangeError ? broken('a header is cut') : thrown
  }
  if (at > bytes.length) throw broken('a header is cut')
  return head
}

const decoder = new TextDecoder()

const broken = (what: string): GatewayError =>
  new GatewayError('upstream_failed', `the vendor's event stream is damaged: ${what}`)
