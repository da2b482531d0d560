/** Reads a vendor's response stream: bytes → frames → output for the client. */
import { asGatewayError, type GatewayError } from '../base/errors.ts'
import type { StreamPipe } from '../protocols/protocol.ts'
import { ByteTemplate } from '../protocols/shared/frame-template/byte-template.ts'
import { connectionError } from './call.ts'
import type { Deadline } from './deadline.ts'
import { type FrameReader, type Framing, sseFraming } from './framing/sse.ts'
import type { BodyReader } from './read-body.ts'

type ReadResult = { value?: Uint8Array | undefined }

/**
 * Receives the output for the client. `undefined` marks the end of the stream. It is an object because its method costs
 * no allocation per stream.
 */
export interface EventSink {
  write(output: string | Uint8Array | undefined): void
}

/** Seconds a vendor may take to close its body after the last event. */
const drainTimeout = 1
/**
 * Maximum that is held back before the first content. A vendor that sends this much without content is passed on as it
 * is.
 */
const maxHeld = { frames: 64, characters: 256 * 1024 }

interface EventSourceOptions {
  reader: BodyReader
  deadline: Deadline
  /** Seconds the vendor may be silent. */
  idle: number
  /** The bytes of the body that have been read already. */
  first: Uint8Array
  /** Server-sent events unless told otherwise. */
  framing?: Framing
}

/** A response stream. `pump` reads it piece by piece, `cancel` ends it. */
export class UpstreamEventSource {
  #frameReader: FrameReader
  #output = ''
  #frameCount = 0
  #hasEnded = false
  #isReading = false
  /** Data arrived since the last clock check. */
  #hasNewData = true
  #lastDataAt = 0
  #sink: EventSink | undefined
  readonly #template: ByteTemplate | undefined
  private readonly reader: BodyReader
  private readonly deadline: Deadline
  private readonly idle: number

  constructor(
    readonly pipe: StreamPipe,
    { reader, deadline, idle, first, framing = sseFraming }: EventSourceOptions,
  ) {
    this.reader = reader
    this.deadline = deadline
    this.idle = idle
    if (framing === sseFraming && pipe.lastDelta) this.#template = new ByteTemplate()
    this.#frameReader = framing(frame => {
      this.#frameCount++
      if (pipe.state.fault === undefined) this.#output += pipe.push(frame)
    })
    this.#receive(first)
  }

  /**
   * Writes the next output to `sink` as soon as there is some. Writes undefined when the stream has ended, either
   * successfully or with `pipe.state.fault` set.
   * It runs once per frame. As async functions, this and `ClientEventStream.pull` cost 160 ns more of 520 ns a frame
   * (medians of 2 × 15 pairs of runs in turn; quartiles of the difference 30 to 314 ns).
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

  /**
   * The output for a piece that is one whole frame and matches the frame template, as most do. A template is only
   * captured between two frames, so a match leaves the reader between two frames.
   */
  #matchTemplate(bytes: Uint8Array | undefined): Uint8Array | undefined {
    const matched = bytes && this.#template?.match(bytes)
    if (matched === undefined) return undefined
    this.#isReading = false
    this.#hasNewData = true
    return matched
  }

  /**
   * Parses the pieces that matched the template, all at once, for the state of the pipe. Their output has been sent
   * already, so the output of the parser is discarded.
   */
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

  /** Reads until the vendor has sent content. @throws the vendor's error if it failed before its first content */
  async commit(): Promise<string> {
    const { state } = this.pipe
    const canCommit = () =>
      state.content || this.#frameCount >= maxHeld.frames || this.#output.length >= maxHeld.characters
    while (!this.#hasEnded && !canCommit()) await this.#read()
    if (state.fault && !state.content) throw state.fault
    return this.#takeOutput() ?? ''
  }

  /**
   * Returns what the protocol holds back, after a short silence of the vendor. A longer silence expires the deadline.
   * Call it on every tick once `pump` reads: each frame then only sets a flag for the idle time.
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

  /** Processes bytes. `undefined` marks the end of the body. */
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

  /** Parses bytes and captures a new template. After a parsed frame the old template may no longer apply. */
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
    const delta = this.#output === '' ? undefined : this.pipe.lastDelta?.()
    if (delta !== undefined) template.capture(bytes, delta, this.#output)
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

  /** Reads whatever follows the vendor's last event, so that the connection can be reused. Nobody waits for it. */
  async #drain(): Promise<void> {
    this.deadline.arm('idle', drainTimeout)
    try {
      while (!(await this.reader.read()).done);
      this.deadline.complete()
    } catch {
      // The time is up or the connection broke. The response was already complete.
      this.deadline.clear()
    }
  }

  #fail(error: GatewayError): void {
    this.#parsePending()
    this.pipe.state.fault ??= this.deadline.expired ?? error
    this.cancel()
  }
}
