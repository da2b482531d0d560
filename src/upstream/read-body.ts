/** Reads a vendor's response: completely, or far enough to tell a stream from a single body. */
import { GatewayError } from '../base/errors.ts'
import { connectionError, type UpstreamResponse } from './call.ts'
import { isAwsEventStream } from './framing/aws-event-stream.ts'

export type BodyReader = ReadableStreamDefaultReader<Uint8Array>

/** Maximum bytes of a complete response that are read into memory. */
const maxAnswerBytes = 256 * 1024 * 1024
/** Maximum bytes of a vendor's error that are read. */
const maxErrorBytes = 64 * 1024
/** Seconds a vendor's error body may take after its headers. */
const errorReadTimeout = 2

/** Maximum bytes that are inspected to tell a stream from a single body. */
const maxSniffBytes = 4096

/**
 * Reads the first bytes beyond white space and detects whether they begin an event stream. The content types of vendors
 * are not reliable, except for that of AWS.
 * @throws GatewayError `upstream_failed`, `upstream_timeout`
 */
export const sniffEventStream = async (
  upstream: UpstreamResponse,
  idle: number,
): Promise<{ reader: BodyReader; first: Uint8Array; hasEvents: boolean }> => {
  const reader = bodyOf(upstream).getReader()
  const isFramedByAws = isAwsEventStream(upstream.response.headers.get('content-type'))
  let first: Uint8Array = new Uint8Array()
  for (;;) {
    const { value, done } = await readOnce(reader, upstream)
    if (value) first = first.length === 0 ? value : Buffer.concat([first, value])
    const start = new TextDecoder().decode(first.subarray(0, maxSniffBytes)).trimStart()
    if (isFramedByAws || done || start.length >= 6 || /^[{[<]/.test(start) || first.length > maxSniffBytes)
      return { reader, first, hasEvents: isFramedByAws || /^(data|event|id|retry)?:/.test(start) }
    // White space alone carries no information and need not be kept.
    if (start === '') first = new Uint8Array()
    upstream.deadline.arm('idle', idle)
  }
}

/**
 * A response whose content length is no larger arrives in one or two pieces. It is read in a single call, which costs a
 * third.
 */
const smallAnswerBytes = 64 * 1024

/**
 * A complete response as text.
 * @param idle seconds between two pieces; undefined: no idle deadline
 * @throws GatewayError `upstream_failed`, `upstream_timeout`
 */
export const readText = async (upstream: UpstreamResponse, idle: number | undefined): Promise<string> => {
  const { response, deadline } = upstream
  const contentLength = response.headers.get('content-length')
  // Reading `response.body` turns the body into a stream, so it must not be accessed before this check.
  if (contentLength === null || Number(contentLength) > smallAnswerBytes)
    return response.body ? readRest(response.body.getReader(), undefined, upstream, idle) : completeEmpty(upstream)
  if (idle !== undefined) deadline.arm('idle', idle)
  try {
    const text = await response.text()
    deadline.complete()
    return text
  } catch (thrown) {
    deadline.clear()
    throw deadline.expired ?? connectionError(thrown)
  }
}

/** The remainder of a response that is not a stream, as text. Parameters and errors are those of `readBytes`. */
export const readRest = async (...args: Parameters<typeof readBytes>): Promise<string> =>
  new TextDecoder().decode(await readBytes(...args))

/**
 * The bytes of a response, including `first`.
 * @param idle seconds between two pieces; undefined: no idle deadline
 * @throws GatewayError `upstream_failed`, `upstream_timeout`
 */
export const readBytes = async (
  reader: BodyReader,
  first: Uint8Array | undefined,
  upstream: UpstreamResponse,
  idle: number | undefined,
): Promise<Uint8Array> => {
  const pieces = first ? [first] : []
  let length = first?.length ?? 0
  for (;;) {
    const { value, done } = await readOnce(reader, upstream)
    if (done) break
    length += value.length
    if (length > maxAnswerBytes) {
      upstream.stop()
      throw new GatewayError('upstream_failed', 'the vendor sent an answer of more than 256 MiB')
    }
    pieces.push(value)
    if (idle !== undefined) upstream.deadline.arm('idle', idle)
  }
  upstream.deadline.complete()
  return concatBytes(pieces)
}

/**
 * At most 64 KiB of a vendor's error body, as far as they arrive in time. The status alone is enough for a report.
 * Never throws.
 */
export const readError = async (upstream: UpstreamResponse): Promise<string> => {
  const { response, deadline } = upstream
  if (response.body === null) return completeEmpty(upstream)
  const reader = response.body.getReader()
  const pieces: Uint8Array[] = []
  deadline.arm('idle', errorReadTimeout)
  for (let length = 0; length < maxErrorBytes; ) {
    const { value, done } = await reader.read().catch(() => ({ value: undefined, done: false }))
    if (done) deadline.complete()
    if (value === undefined) break
    pieces.push(value)
    length += value.length
  }
  deadline.clear()
  reader.cancel().catch(() => undefined)
  return new TextDecoder().decode(concatBytes(pieces).subarray(0, maxErrorBytes))
}

const readOnce = async (reader: BodyReader, upstream: UpstreamResponse) => {
  try {
    const read = await reader.read()
    if (upstream.deadline.expired) throw upstream.deadline.expired
    return read
  } catch (thrown) {
    upstream.deadline.clear()
    throw upstream.deadline.expired ?? connectionError(thrown)
  }
}

const completeEmpty = ({ deadline }: UpstreamResponse): '' => {
  deadline.complete()
  return ''
}

const bodyOf = ({ response, deadline }: UpstreamResponse): ReadableStream<Uint8Array> => {
  if (response.body) return response.body
  deadline.clear()
  throw new GatewayError('upstream_failed', 'the vendor answered with nothing')
}

const concatBytes = (pieces: Uint8Array[]): Uint8Array =>
  pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)
