/**
 * The binary framing of AWS streams, `application/vnd.amazon.eventstream`: bytes → whole frames, at any cut of the bytes.
 * https://smithy.io/2.0/aws/amazon-eventstream.html (2026-11)
 */
import { GatewayError } from '../../base/errors.ts'
import { isObject, parseJson, textOf } from '../../base/json/json.ts'
import { faultFrom } from '../../protocols/bedrock-converse/error.ts'
import type { Exchange, Frame } from '../../protocols/protocol.ts'
import { type FrameReader, maxFrameLength } from './sse.ts'

/** Does a content type name this framing. */
export const isAwsEventStream = (type: string | null): boolean =>
  type?.startsWith('application/vnd.amazon.eventstream') === true

/** Total length, length of the headers, checksum of both. */
const preludeSize = 12
const checksumSize = 4

/**
 * A frame a message: `event` is its type, `data` its payload. What InvokeModel wraps as `{"bytes": base64}` comes out unwrapped, as the
 * event of the model's own protocol. Throws what an exception in the stream tells, and `upstream_failed` for what is no message.
 */
export const awsEventStreamFraming = (
  emit: (frame: Frame) => void,
  exchange: Pick<Exchange, 'redact'>,
): FrameReader => {
  /** What has come of a message that is not whole; joined once it is, so that a huge one costs no more than its length. */
  let pieces: Uint8Array[] = []
  let length = 0
  let neededLength = preludeSize
  const parseHeadersCached = cachedHeaderParser()

  const emitMessage = (message: Uint8Array, headersEnd: number): void => {
    const headers = parseHeadersCached(message.subarray(preludeSize, headersEnd))
    const payload = decoder.decode(message.subarray(headersEnd, -checksumSize))
    const frame = frameOf(headers, payload, exchange)
    if (frame) emit(frame)
  }

  const consume = (bytes: Uint8Array): number => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    let offset = 0
    for (;;) {
      neededLength = bytes.length - offset < preludeSize ? preludeSize : messageSizeAt(view, bytes, offset)
      if (bytes.length - offset < neededLength) return offset
      const message = bytes.subarray(offset, offset + neededLength)
      if (view.getUint32(offset + neededLength - checksumSize) !== Bun.hash.crc32(message.subarray(0, -checksumSize)))
        throw damagedStream('a checksum is wrong')
      emitMessage(message, preludeSize + view.getUint32(offset + 4))
      offset += neededLength
    }
  }

  return {
    push(bytes) {
      pieces.push(bytes)
      length += bytes.length
      if (length < neededLength) return
      const all = pieces.length === 1 ? bytes : Buffer.concat(pieces)
      const rest = all.subarray(consume(all))
      pieces = rest.length === 0 ? [] : [rest]
      length = rest.length
    },
    isBetweenFrames: () => length === 0,
    end() {
      if (length > 0) throw damagedStream('it ended inside a message')
    },
  }
}

/** The length of the message that begins at `at`, once its prelude has been checked. */
const messageSizeAt = (view: DataView, bytes: Uint8Array, offset: number): number => {
  const size = view.getUint32(offset)
  const prelude = bytes.subarray(offset, offset + preludeSize - checksumSize)
  if (view.getUint32(offset + 8) !== Bun.hash.crc32(prelude)) throw damagedStream('a checksum is wrong')
  if (size < preludeSize + view.getUint32(offset + 4) + checksumSize) throw damagedStream('a length is wrong')
  if (size > maxFrameLength) throw new GatewayError('upstream_failed', 'the vendor sent a frame of more than 16 MiB')
  return size
}

type MessageHeaders = Record<string, string>

const frameOf = (headers: MessageHeaders, payload: string, exchange: Pick<Exchange, 'redact'>): Frame | undefined => {
  const messageType = headers[':message-type']
  if (messageType === 'exception') throw faultFrom(headers[':exception-type'] ?? '', payload, exchange)
  if (messageType === 'error') {
    const message = headers[':error-message'] ?? ''
    throw faultFrom(headers[':error-code'] ?? '', JSON.stringify({ message }), exchange)
  }
  const event = headers[':event-type']
  if (event === 'chunk') return unwrapChunk(payload)
  if (event === undefined && payload === '') return undefined
  return event === undefined ? { data: payload } : { event, data: payload }
}

/** An event of the model's own protocol; where it names its type, so does the frame. */
const unwrapChunk = (payload: string): Frame => {
  const chunk = parseJson(payload)
  const bytes = isObject(chunk) ? textOf(chunk['bytes']) : undefined
  if (bytes === undefined) throw damagedStream('a chunk holds no bytes')
  const data = withoutMetrics(Buffer.from(bytes, 'base64').toString())
  const event = /^\{"type":"(\w+)"/.exec(data)?.[1] ?? eventTypeOf(data)
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

const eventTypeOf = (data: string): string | undefined => {
  const body = parseJson(data)
  return isObject(body) ? textOf(body['type']) : undefined
}

/** Most messages of a stream have the headers of the one before: those are not taken apart again. */
const cachedHeaderParser = (): ((bytes: Uint8Array) => MessageHeaders) => {
  let lastBytes: Uint8Array = new Uint8Array()
  let headers: MessageHeaders = {}
  return bytes => {
    if (Buffer.compare(bytes, lastBytes) === 0) return headers
    lastBytes = bytes
    headers = parseHeaders(bytes)
    return headers
  }
}

/** Bytes of a value by its type; -1: two bytes that tell its length stand before it. true false byte short int long bytes text time uuid */
const valueSizes = [0, 0, 1, 2, 4, 8, -1, -1, 8, 16]
const textType = 7

/** Headers that are text; the others are passed over. */
const parseHeaders = (bytes: Uint8Array): MessageHeaders => {
  const headers: MessageHeaders = {}
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let offset = 0
  try {
    while (offset < bytes.length) {
      const nameEnd = offset + 1 + view.getUint8(offset)
      const type = view.getUint8(nameEnd)
      const size = valueSizes[type]
      if (size === undefined) throw damagedStream('a header is of no known type')
      const start = nameEnd + 1 + (size < 0 ? 2 : 0)
      const end = start + (size < 0 ? view.getUint16(nameEnd + 1) : size)
      if (type === textType)
        headers[decoder.decode(bytes.subarray(offset + 1, nameEnd))] = decoder.decode(bytes.subarray(start, end))
      offset = end
    }
  } catch (thrown) {
    throw thrown instanceof RangeError ? damagedStream('a header is cut') : thrown
  }
  if (offset > bytes.length) throw damagedStream('a header is cut')
  return headers
}

const decoder = new TextDecoder()

const damagedStream = (reason: string): GatewayError =>
  new GatewayError('upstream_failed', `the vendor's event stream is damaged: ${reason}`)
