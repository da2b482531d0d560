/** What a vendor answered, read whole, or as far as it takes to tell what it is. */
import { GatewayError } from '../base/errors.ts'
import { connectionError, type UpstreamResponse } from './call.ts'
import { isEventStream } from './framing/aws-event-stream.ts'

export type Reader = ReadableStreamDefaultReader<Uint8Array>

/** Bytes of a whole answer that are read into memory at most. */
const largestAnswer = 256 * 1024 * 1024
/** Bytes of a vendor's error that are read: enough to tell, too few to hurt. */
const largestError = 64 * 1024
/** Seconds a vendor's error may take to come in after its head. */
const errorTime = 2

/** Bytes that are looked at to tell what an answer is. */
const largestLead = 4096

/**
 * The first bytes that are more than white space, and whether they begin a stream of events: vendors' content types do not tell, but for
 * the one of AWS.
 */
export const sniff = async (
  answered: UpstreamResponse,
  idle: number,
): Promise<{ reader: Reader; first: Uint8Array; events: boolean }> => {
  const reader = bodyOf(answered).getReader()
  const framed = isEventStream(answered.response.headers.get('content-type'))
  let first: Uint8Array = new Uint8Array()
  for (;;) {
    const { value, done } = await readOnce(reader, answered)
    if (value) first = first.length === 0 ? value : Buffer.concat([first, value])
    const start = new TextDecoder().decode(first.subarray(0, largestLead)).trimStart()
    if (framed || done || start.length >= 6 || /^[{[<]/.test(start) || first.length > largestLead)
      return { reader, first, events: framed || /^(data|event|id|retry)?:/.test(start) }
    // White space alone tells nothing yet and need not be kept.
    if (start === '') first = new Uint8Array()
    answered.deadline.arm('idle', idle)
  }
}

/** An answer that announces no more than this comes in one piece or two: it is read in one go, which costs a third. */
const smallAnswer = 64 * 1024

/** A whole answer as text. @throws GatewayError `upstream_failed`, `upstream_timeout`. */
export const readText = async (answered: UpstreamResponse, idle: number | undefined): Promise<string> => {
  const { response, deadline } = answered
  const announced = response.headers.get('content-length')
  // Before that nobody may look at `body`, which makes a stream of it.
  if (announced === null || Number(announced) > smallAnswer)
    return response.body ? readRest(response.body.getReader(), undefined, answered, idle) : nothing(answered)
  if (idle !== undefined) deadline.arm('idle', idle)
  try {
    const text = await response.text()
    deadline.done()
    return text
  } catch (thrown) {
    deadline.clear()
    throw deadline.expired ?? connectionError(thrown)
  }
}

/** The rest of an answer that is no stream, as text. @throws as readBytes. */
export const readRest = async (...rest: Parameters<typeof readBytes>): Promise<string> =>
  new TextDecoder().decode(await readBytes(...rest))

/** All there is of an answer. @throws GatewayError `upstream_failed`, `upstream_timeout`. */
export const readBytes = async (
  reader: Reader,
  first: Uint8Array | undefined,
  answered: UpstreamResponse,
  idle: number | undefined,
): Promise<Uint8Array> => {
  const pieces = first ? [first] : []
  let length = first?.length ?? 0
  for (;;) {
    const { value, done } = await readOnce(reader, answered)
    if (done) break
    length += value.length
    if (length > largestAnswer) {
      answered.stop()
      throw new GatewayError('upstream_failed', 'the vendor sent an answer of more than 256 MiB')
    }
    pieces.push(value)
    if (idle !== undefined) answered.deadline.arm('idle', idle)
  }
  answered.deadline.done()
  return join(pieces)
}

/** At most 64 KiB of a vendor's refusal, as far as they come in time: its status says enough. Never throws. */
export const readError = async (answered: UpstreamResponse): Promise<string> => {
  const { response, deadline } = answered
  if (response.body === null) return nothing(answered)
  const reader = response.body.getReader()
  const pieces: Uint8Array[] = []
  deadline.arm('idle', errorTime)
  for (let length = 0; length < largestError; ) {
    const { value, done } = await reader.read().catch(() => ({ value: undefined, done: false }))
    if (done) deadline.done()
    if (value === undefined) break
    pieces.push(value)
    length += value.length
  }
  deadline.clear()
  reader.cancel().catch(() => undefined)
  return new TextDecoder().decode(join(pieces).subarray(0, largestError))
}

const readOnce = async (reader: Reader, answered: UpstreamResponse) => {
  try {
    const read = await reader.read()
    if (answered.deadline.expired) throw answered.deadline.expired
    return read
  } catch (thrown) {
    answered.deadline.clear()
    throw answered.deadline.expired ?? connectionError(thrown)
  }
}

const nothing = ({ deadline }: UpstreamResponse): '' => {
  deadline.done()
  return ''
}

const bodyOf = ({ response, deadline }: UpstreamResponse): ReadableStream<Uint8Array> => {
  if (response.body) return response.body
  deadline.clear()
  throw new GatewayError('upstream_failed', 'the vendor answered with nothing')
}

const join = (pieces: Uint8Array[]): Uint8Array =>
  pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)
