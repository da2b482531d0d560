/**
 * Decodes the binary framing of AWS streams, `application/vnd.amazon.eventstream`: bytes → complete frames, wherever
 * the bytes are cut.
 * https://smithy.io/2.0/aws/amazon-eventstream.html (2026-11)
 */
import { GatewayError } from '../../base/errors.ts'
import { isObject, parseJson, textOf } from '../../base/json/json.ts'
import { faultFrom } from '../../protocols/bedrock-converse/error.ts'
import type { Exchange, Frame } from '../../protocols/protocol.ts'
import { type FrameReader, maxFrameLength } from './sse.ts'

/** True if a content type names this framing. */
export const isAwsEventStream = (type: string | null): boolean =>
  type?.startsWith('application/vnd.amazon.eventstream') === true

/** Bytes of the prelude: total length, length of the headers, and the checksum of both. */
const preludeSize = 12
const checksumSize = 4

/**
 * Emits one frame for each message: `event` is the message type, `data` the payload. A chunk of InvokeModel, `{"bytes":
 * base64}`, is unwrapped into the event of the model's own protocol.
 * @throws GatewayError for an exception message in the stream, and `upstream_failed` for bytes that are not a message
 */
export const awsEventStreamFraming = (
  emit: (frame: Frame) => void,
  exchange: Pick<Exchange, 'redact' | 'failureCodes'>,
): FrameReader => {
  /**
   * The bytes of an incomplete message. They are joined once the message is complete, so that the cost of a huge
   * message grows only with its length.
   */
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

/**
 * The length of the message that begins at `offset`.
 * @throws GatewayError `upstream_failed` if the prelude is damaged
 */
const messageSizeAt = (view: DataView, bytes: Uint8Array, offset: number): number => {
  const size = view.getUint32(offset)
  const prelude = bytes.subarray(offset, offset + preludeSize - checksumSize)
  if (view.getUint32(offset + 8) !== Bun.hash.crc32(prelude)) throw damagedStream('a checksum is wrong')
  if (size < preludeSize + view.getUint32(offset + 4) + checksumSize) throw damagedStream('a length is wrong')
  if (size > maxFrameLength) throw new GatewayError('upstream_failed', 'the vendor sent a frame of more than 16 MiB')
  return size
}

type MessageHeaders = Record<string, string>

const frameOf = (
  headers: MessageHeaders,
  payload: string,
  exchange: Pick<Exchange, 'redact' | 'failureCodes'>,
): Frame | undefined => {
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

/** Unwraps an event of the model's own protocol. The frame takes the event's type, if it has one. */
const unwrapChunk = (payload: string): Frame => {
  const chunk = parseJson(payload)
  const bytes = isObject(chunk) ? textOf(chunk['bytes']) : undefined
  if (bytes === undefined) throw damagedStream('a chunk holds no bytes')
  const data = withoutMetrics(Buffer.from(bytes, 'base64').toString())
  const event = /^\{"type":"(\w+)"/.exec(data)?.[1] ?? eventTypeOf(data)
  return event === undefined ? { data } : { event, data }
}

/** Removes the metrics that Bedrock adds to the last event of any model. They are not part of the model's protocol. */
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

/** Most messages of a stream have the same headers as the message before. Equal headers are not parsed again. */
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

/**
 * Size in bytes of a header value, by its type: true, false, byte, short, int, long, bytes, text, time, uuid. -1: a
 * two-byte length precedes the value.
 */
const valueSizes = [0, 0, 1, 2, 4, 8, -1, -1, 8, 16]
const textType = 7

/** The headers whose value is text. Headers of other types are skipped. */
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
