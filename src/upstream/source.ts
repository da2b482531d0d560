/** A vendor's answer being read: bytes → frames → what the client gets. */
import { asGatewayError, GatewayError } from '../errors.ts'
import type { Passing } from '../protocols/protocol.ts'
import { type Answered, broken } from './call.ts'
import type { Deadline } from './deadline.ts'
import { isEventStream } from './eventstream.ts'
import { type FrameReader, type Framing, sse } from './frames.ts'

type Reader = ReadableStreamDefaultReader<Uint8Array>
type Piece = { value?: Uint8Array | undefined }
type Tell = (said: string | Uint8Array | undefined) => void

/** Bytes of a whole answer that are read into memory at most. */
const largestAnswer = 256 * 1024 * 1024
/** Bytes of a vendor's error that are read: enough to tell, too few to hurt. */
const largestError = 64 * 1024
/** Seconds a vendor's error may take to come in after its head. */
const errorTime = 2
/** Seconds a vendor may take to end its body after its last word. */
const drained = 1
/** What may be held back before the first content: a vendor that says this much without content is passed on as it is. */
const largestHeld = { frames: 64, characters: 256 * 1024 }

/** A stream: read it piece by piece with `pump`, end it with `cancel`. */
export class Source {
  #frames: FrameReader
  #out = ''
  #count = 0
  #ended = false
  #reading = false
  #lastHeard = performance.now()
  #tell: Tell = () => undefined

  constructor(
    private readonly reader: Reader,
    readonly passing: Passing,
    private readonly deadline: Deadline,
    private readonly idle: number,
    first: Uint8Array,
    private readonly framing: Framing = sse,
  ) {
    this.#frames = framing(frame => {
      this.#count++
      if (passing.seen.fault === undefined) this.#out += passing.push(frame)
    })
    this.#hear(first)
  }

  /**
   * Tells the text for the client as soon as there is some; undefined when the stream has ended, well or (`passing.seen.fault`) not.
   * Runs once a frame, so it is no async function and makes one promise.
   */
  pump(tell: Tell): Promise<void> | undefined {
    if (this.#out !== '' || this.#ended) return void tell(this.#take())
    this.#tell = tell
    this.#arm()
    return this.reader.read().then(this.#piece, this.#loss)
  }

  readonly #piece = (read: Piece): Promise<void> | undefined => {
    const known = this.#recall(read.value)
    if (known) return void this.#tell(known)
    this.#heard(read)
    return this.pump(this.#tell)
  }

  /** Most pieces of a stream are one whole frame, like the last one: they need not be taken apart. What goes out for such a piece. */
  #recall(bytes: Uint8Array | undefined): Uint8Array | undefined {
    if (bytes === undefined || this.framing !== sse || !this.#frames.between()) return undefined
    const known = this.passing.recall?.(bytes)
    if (known) this.#rest()
    return known
  }

  readonly #loss = (thrown: unknown): void => {
    this.#lost(thrown)
    this.#tell(this.#take())
  }

  /** Reads until the vendor has said something that counts. @throws its fault, if it failed before. */
  async commit(): Promise<string> {
    const { seen } = this.passing
    const due = () => seen.content || this.#count >= largestHeld.frames || this.#out.length >= largestHeld.characters
    while (!this.#ended && !due()) await this.#read()
    if (seen.fault && !seen.content) throw seen.fault
    return this.#take() ?? ''
  }

  /** What the protocol holds back, once the vendor has been silent for a moment. */
  flush(now: number): string {
    if (!this.#reading || now - this.#lastHeard < 250) return ''
    try {
      return this.passing.flush()
    } catch (thrown) {
      this.#fail(asGatewayError(thrown))
      return ''
    }
  }

  cancel(): void {
    this.#ended = true
    this.deadline.clear()
    this.reader.cancel().catch(() => undefined)
  }

  #take(): string | undefined {
    const text = this.#out
    this.#out = ''
    return text === '' && this.#ended ? undefined : text
  }

  #read(): Promise<void> {
    this.#arm()
    return this.reader.read().then(this.#heard, this.#lost)
  }

  #arm(): void {
    this.#reading = true
    this.deadline.arm('idle', this.idle)
  }

  readonly #heard = ({ value }: Piece): void => {
    this.#hear(value)
    this.#rest()
  }

  #rest(): void {
    this.#lastHeard = performance.now()
    this.#reading = false
    if (!this.#ended) this.deadline.rest()
  }

  readonly #lost = (thrown: unknown): void => {
    this.#fail(broken(thrown))
    this.#reading = false
  }

  /** `undefined`: the body has ended. */
  #hear(bytes: Uint8Array | undefined): void {
    const { seen } = this.passing
    try {
      if (bytes) this.#frames.push(bytes)
      if (seen.fault) this.cancel()
      else if (bytes === undefined) this.#end()
      else if (seen.over) {
        this.#end()
        void this.#drain()
      }
    } catch (thrown) {
      this.#fail(asGatewayError(thrown))
    }
  }

  #end(): void {
    this.#ended = true
    this.deadline.clear()
    const { seen } = this.passing
    seen.fault ??= this.deadline.expired
    if (seen.fault) return
    this.#frames.end()
    if (this.passing.seen.fault === undefined) this.#out += this.passing.end()
  }

  /** What may still come after the vendor's last word is read, so that its connection can be kept; nobody waits for it. */
  async #drain(): Promise<void> {
    this.deadline.arm('idle', drained)
    try {
      while (!(await this.reader.read()).done);
    } catch {
      // The time is up, or the connection broke: the answer was whole before.
    }
    this.deadline.clear()
  }

  #fail(error: GatewayError): void {
    this.passing.seen.fault ??= this.deadline.expired ?? error
    this.cancel()
  }
}

/** Bytes that are looked at to tell what an answer is. */
const largestLead = 4096

/**
 * The first bytes that are more than white space, and whether they begin a stream of events: vendors' content types do not tell, but for
 * the one of AWS.
 */
export const sniff = async (
  answered: Answered,
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
export const readText = async (answered: Answered, idle: number | undefined): Promise<string> => {
  const { response, deadline } = answered
  if (response.body === null) return nothing(answered)
  const announced = response.headers.get('content-length')
  if (announced === null || Number(announced) > smallAnswer)
    return readRest(response.body.getReader(), undefined, answered, idle)
  if (idle !== undefined) deadline.arm('idle', idle)
  try {
    return await response.text()
  } catch (thrown) {
    throw deadline.expired ?? broken(thrown)
  } finally {
    deadline.clear()
  }
}

/** The rest of an answer that is no stream, as text. @throws as readBytes. */
export const readRest = async (...rest: Parameters<typeof readBytes>): Promise<string> =>
  new TextDecoder().decode(await readBytes(...rest))

/** All there is of an answer. @throws GatewayError `upstream_failed`, `upstream_timeout`. */
export const readBytes = async (
  reader: Reader,
  first: Uint8Array | undefined,
  answered: Answered,
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
  answered.deadline.clear()
  return join(pieces)
}

/** At most 64 KiB of a vendor's refusal, as far as they come in time: its status says enough. Never throws. */
export const readError = async (answered: Answered): Promise<string> => {
  const { response, deadline } = answered
  if (response.body === null) return nothing(answered)
  const reader = response.body.getReader()
  const pieces: Uint8Array[] = []
  deadline.arm('idle', errorTime)
  for (let length = 0; length < largestError; ) {
    const { value } = await reader.read().catch(() => ({ value: undefined }))
    if (value === undefined) break
    pieces.push(value)
    length += value.length
  }
  deadline.clear()
  reader.cancel().catch(() => undefined)
  return new TextDecoder().decode(join(pieces).subarray(0, largestError))
}

const readOnce = async (reader: Reader, answered: Answered) => {
  try {
    const read = await reader.read()
    if (answered.deadline.expired) throw answered.deadline.expired
    return read
  } catch (thrown) {
    answered.deadline.clear()
    throw answered.deadline.expired ?? broken(thrown)
  }
}

const nothing = ({ deadline }: Answered): '' => {
  deadline.clear()
  return ''
}

const bodyOf = ({ response, deadline }: Answered): ReadableStream<Uint8Array> => {
  if (response.body) return response.body
  deadline.clear()
  throw new GatewayError('upstream_failed', 'the vendor answered with nothing')
}

const join = (pieces: Uint8Array[]): Uint8Array =>
  pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)
