/** A vendor's answer being read: bytes → frames → what the client gets. */
import { asGatewayError, type GatewayError } from '../base/errors.ts'
import type { StreamPipe } from '../protocols/protocol.ts'
import { connectionError } from './call.ts'
import type { Deadline } from './deadline.ts'
import { FrameTemplate } from './frame-template.ts'
import { type FrameReader, type Framing, sseFraming } from './framing/sse.ts'
import type { BodyReader } from './read-body.ts'

type ReadResult = { value?: Uint8Array | undefined }

/** Who is told what there is for the client; undefined: the stream has ended. An object, for its method costs a stream nothing. */
export interface EventSink {
  write(output: string | Uint8Array | undefined): void
}

/** Seconds a vendor may take to end its body after its last word. */
const drainTimeout = 1
/** What may be held back before the first content: a vendor that says this much without content is passed on as it is. */
const maxHeld = { frames: 64, characters: 256 * 1024 }

/** A stream: read it piece by piece with `pump`, end it with `cancel`. */
export class UpstreamEventSource {
  #frameReader: FrameReader
  #output = ''
  #frameCount = 0
  #hasEnded = false
  #isReading = false
  /** Something came since the last look at the clock. */
  #hasNewData = true
  #lastDataAt = 0
  #sink: EventSink | undefined
  readonly #template: FrameTemplate | undefined

  constructor(
    private readonly reader: BodyReader,
    readonly pipe: StreamPipe,
    private readonly deadline: Deadline,
    private readonly idle: number,
    first: Uint8Array,
    framing: Framing = sseFraming,
  ) {
    if (framing === sseFraming && pipe.textDelta) this.#template = new FrameTemplate(pipe.volatileFields)
    this.#frameReader = framing(frame => {
      this.#frameCount++
      if (pipe.state.fault === undefined) this.#output += pipe.push(frame)
    })
    this.#receive(first)
  }

  /**
   * Tells what there is for the client as soon as there is some; undefined when the stream has ended, well or (`passing.seen.fault`) not.
   * Runs once a frame, so it is no async function and makes one promise.
   */
  pump(sink: EventSink): Promise<void> | undefined {
    if (this.#output !== '' || this.#hasEnded) return void sink.write(this.#takeOutput())
    this.#sink = sink
    this.#isReading = true
    this.#hasNewData = true
    return this.reader.read().then(this.#onRead, this.#onPumpError)
  }

  readonly #onRead = (read: ReadResult): Promise<void> | undefined => {
    const matched = this.#matchTemplate(read.value)
    if (matched) return void this.#sink!.write(matched)
    this.#onData(read)
    return this.pump(this.#sink!)
  }

  /** What goes out for a piece that is one whole frame like the last one, as most are; one is learnt between two frames, where these leave it. */
  #matchTemplate(bytes: Uint8Array | undefined): Uint8Array | undefined {
    const matched = bytes && this.#template?.match(bytes)
    if (matched === undefined) return undefined
    this.#isReading = false
    this.#hasNewData = true
    return matched
  }

  /** What went the short way has been told, and is heard only now where it must be: all at once. */
  #parsePending(): void {
    const unparsed = this.#template?.unparsed()
    if (unparsed === undefined) return
    const output = this.#output
    this.#frameReader.push(unparsed)
    this.#output = output
  }

  readonly #onPumpError = (thrown: unknown): void => {
    this.#onReadError(thrown)
    this.#sink!.write(this.#takeOutput())
  }

  /** Reads until the vendor has said something that counts. @throws its fault, if it failed before. */
  async commit(): Promise<string> {
    const { state } = this.pipe
    const canCommit = () =>
      state.content || this.#frameCount >= maxHeld.frames || this.#output.length >= maxHeld.characters
    while (!this.#hasEnded && !canCommit()) await this.#read()
    if (state.fault && !state.content) throw state.fault
    return this.#takeOutput() ?? ''
  }

  /**
   * What the protocol holds back, once the vendor has been silent for a moment; silent for too long it has failed. To be called at every beat
   * once `pump` reads: a frame then costs the idle time no more than a mark here.
   */
  flush(now: number): string {
    if (this.#hasNewData) this.#lastDataAt = now
    this.#hasNewData = false
    const silence = this.#isReading ? now - this.#lastDataAt : 0
    if (silence >= this.idle * 1000) this.deadline.expire('idle', this.idle)
    if (silence < 250) return ''
    try {
      return this.pipe.flush()
    } catch (thrown) {
      this.#fail(asGatewayError(thrown))
      return ''
    }
  }

  cancel(): void {
    this.#hasEnded = true
    this.deadline.clear()
    this.#parsePending()
    this.reader.cancel().catch(() => undefined)
  }

  #takeOutput(): string | undefined {
    const text = this.#output
    this.#output = ''
    return text === '' && this.#hasEnded ? undefined : text
  }

  #read(): Promise<void> {
    this.#arm()
    return this.reader.read().then(this.#onData, this.#onReadError)
  }

  #arm(): void {
    this.#isReading = true
    this.deadline.rearm(this.idle)
  }

  readonly #onData = ({ value }: ReadResult): void => {
    this.#receive(value)
    this.#pauseDeadline()
  }

  #pauseDeadline(): void {
    this.#hasNewData = true
    this.#isReading = false
    if (!this.#hasEnded) this.deadline.pause()
  }

  readonly #onReadError = (thrown: unknown): void => {
    this.#fail(connectionError(thrown))
    this.#isReading = false
  }

  /** `undefined`: the body has ended. */
  #receive(bytes: Uint8Array | undefined): void {
    const { state } = this.pipe
    try {
      this.#parsePending()
      if (bytes) this.#push(bytes)
      if (state.fault) this.cancel()
      else if (bytes === undefined) {
        this.#end()
        this.deadline.complete()
      } else if (state.finished) {
        this.#end()
        void this.#drain()
      }
    } catch (thrown) {
      this.#fail(asGatewayError(thrown))
    }
  }

  /** What is said after one like it may not be what was said before it: the short way is learnt anew. */
  #push(bytes: Uint8Array): void {
    const template = this.#template
    const framesBefore = this.#frameCount
    const isClean = this.#frameReader.isBetweenFrames() && this.#output === ''
    this.#frameReader.push(bytes)
    template?.forget()
    if (
      !template?.isCapturing ||
      !isClean ||
      this.#frameCount !== framesBefore + 1 ||
      !this.#frameReader.isBetweenFrames()
    )
      return
    const textDelta = this.#output === '' ? undefined : this.pipe.textDelta?.()
    if (textDelta !== undefined) template.capture(bytes, textDelta, this.#output, this.pipe.retainsText?.())
  }

  #end(): void {
    this.#hasEnded = true
    this.deadline.clear()
    const { state } = this.pipe
    state.fault ??= this.deadline.expired
    if (state.fault) return
    this.#frameReader.end()
    if (this.pipe.state.fault === undefined) this.#output += this.pipe.end()
  }

  /** What may still come after the vendor's last word is read, so that its connection can be kept; nobody waits for it. */
  async #drain(): Promise<void> {
    this.deadline.arm('idle', drainTimeout)
    try {
      while (!(await this.reader.read()).done);
      this.deadline.complete()
    } catch {
      // The time is up, or the connection broke: the answer was whole before.
      this.deadline.clear()
    }
  }

  #fail(error: GatewayError): void {
    this.#parsePending()
    this.pipe.state.fault ??= this.deadline.expired ?? error
    this.cancel()
  }
}
