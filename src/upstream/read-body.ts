/** What a vendor answered, read whole, or as far as it takes to tell what it is. */
import { GatewayError } from '../base/errors.ts'
import { connectionError, type UpstreamResponse } from './call.ts'
import { isAwsEventStream } from './framing/aws-event-stream.ts'

export type BodyReader = ReadableStreamDefaultReader<Uint8Array>

/** Bytes of a whole answer that are read into memory at most. */
const maxAnswerBytes = 256 * 1024 * 1024
/** Bytes of a vendor's error that are read: enough to tell, too few to hurt. */
const maxErrorBytes = 64 * 1024
/** Seconds a vendor's error may take to come in after its head. */
const errorReadTimeout = 2

/** Bytes that are looked at to tell what an answer is. */
const maxSniffBytes = 4096

/**
 * The first bytes that are more than white space, and whether they begin a stream of events: vendors' content types do not tell, but for
 * the one of AWS.
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
    // White space alone tells nothing yet and need not be kept.
    if (start === '') first = new Uint8Array()
    upstream.deadline.arm('idle', idle)
  }
}

/** An answer that announces no more than this comes in one piece or two: it is read in one go, which costs a third. */
const smallAnswerBytes = 64 * 1024

/** A whole answer as text. @throws GatewayError `upstream_failed`, `upstream_timeout`. */
export const readText = async (upstream: UpstreamResponse, idle: number | undefined): Promise<string> => {
  const { response, deadline } = upstream
  const contentLength = response.headers.get('content-length')
  // Before that nobody may look at `body`, which makes a stream of it.
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

/** The rest of an answer that is no stream, as text. @throws as readBytes. */
export const readRest = async (...args: Parameters<typeof readBytes>): Promise<string> =>
  new TextDecoder().decode(await readBytes(...args))

/** All there is of an answer. @throws GatewayError `upstream_failed`, `upstream_timeout`. */
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

/** At most 64 KiB of a vendor's refusal, as far as they come in time: its status says enough. Never throws. */
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
