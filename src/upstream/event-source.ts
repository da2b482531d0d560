/** A vendor's answer being read: bytes → frames → what the client gets. */
import { asGatewayError, type GatewayError } from '../base/errors.ts'
import type { StreamPipe } from '../protocols/protocol.ts'
import { connectionError } from './call.ts'
import type { Deadline } from './deadline.ts'
import { FrameTemplate } from './frame-template.ts'
import { type FrameReader, type Framing, sse } from './framing/sse.ts'
import type { Reader } from './read-body.ts'

type Piece = { value?: Uint8Array | undefined }

/** Who is told what there is for the client; undefined: the stream has ended. An object, for its method costs a stream nothing. */
export interface EventSink {
  write(said: string | Uint8Array | undefined): void
}

/** Seconds a vendor may take to end its body after its last word. */
const drained = 1
/** What may be held back before the first content: a vendor that says this much without content is passed on as it is. */
const largestHeld = { frames: 64, characters: 256 * 1024 }

/** A stream: read it piece by piece with `pump`, end it with `cancel`. */
export class UpstreamEventSource {
  #frames: FrameReader
  #out = ''
  #count = 0
  #ended = false
  #reading = false
  /** Something came since the last look at the clock. */
  #heardAnew = true
  #lastHeard = 0
  #listener: EventSink | undefined
  readonly #template: FrameTemplate | undefined

  constructor(
    private readonly reader: Reader,
    readonly pipe: StreamPipe,
    private readonly deadline: Deadline,
    private readonly idle: number,
    first: Uint8Array,
    framing: Framing = sse,
  ) {
    if (framing === sse && pipe.textDelta) this.#template = new FrameTemplate(pipe.volatileFields)
    this.#frames = framing(frame => {
      this.#count++
      if (pipe.state.fault === undefined) this.#out += pipe.push(frame)
    })
    this.#hear(first)
  }

  /**
   * Tells what there is for the client as soon as there is some; undefined when the stream has ended, well or (`passing.seen.fault`) not.
   * Runs once a frame, so it is no async function and makes one promise.
   */
  pump(listener: EventSink): Promise<void> | undefined {
    if (this.#out !== '' || this.#ended) return void listener.write(this.#take())
    this.#listener = listener
    this.#reading = true
    this.#heardAnew = true
    return this.reader.read().then(this.#piece, this.#loss)
  }

  readonly #piece = (read: Piece): Promise<void> | undefined => {
    const known = this.#shortCut(read.value)
    if (known) return void this.#listener!.write(known)
    this.#heard(read)
    return this.pump(this.#listener!)
  }

  /** What goes out for a piece that is one whole frame like the last one, as most are; one is learnt between two frames, where these leave it. */
  #shortCut(bytes: Uint8Array | undefined): Uint8Array | undefined {
    const known = bytes && this.#template?.match(bytes)
    if (known === undefined) return undefined
    this.#reading = false
    this.#heardAnew = true
    return known
  }

  /** What went the short way has been told, and is heard only now where it must be: all at once. */
  #catchUp(): void {
    const unheard = this.#template?.unparsed()
    if (unheard === undefined) return
    const told = this.#out
    this.#frames.push(unheard)
    this.#out = told
  }

  readonly #loss = (thrown: unknown): void => {
    this.#lost(thrown)
    this.#listener!.write(this.#take())
  }

  /** Reads until the vendor has said something that counts. @throws its fault, if it failed before. */
  async commit(): Promise<string> {
    const { state } = this.pipe
    const due = () => state.content || this.#count >= largestHeld.frames || this.#out.length >= largestHeld.characters
    while (!this.#ended && !due()) await this.#read()
    if (state.fault && !state.content) throw state.fault
    return this.#take() ?? ''
  }

  /**
   * What the protocol holds back, once the vendor has been silent for a moment; silent for too long it has failed. To be called at every beat
   * once `pump` reads: a frame then costs the idle time no more than a mark here.
   */
  flush(now: number): string {
    if (this.#heardAnew) this.#lastHeard = now
    this.#heardAnew = false
    const silent = this.#reading ? now - this.#lastHeard : 0
    if (silent >= this.idle * 1000) this.deadline.expire('idle', this.idle)
    if (silent < 250) return ''
    try {
      return this.pipe.flush()
    } catch (thrown) {
      this.#fail(asGatewayError(thrown))
      return ''
    }
  }

  cancel(): void {
    this.#ended = true
    this.deadline.clear()
    this.#catchUp()
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
    this.deadline.armAgain(this.idle)
  }

  readonly #heard = ({ value }: Piece): void => {
    this.#hear(value)
    this.#rest()
  }

  #rest(): void {
    this.#heardAnew = true
    this.#reading = false
    if (!this.#ended) this.deadline.rest()
  }

  readonly #lost = (thrown: unknown): void => {
    this.#fail(connectionError(thrown))
    this.#reading = false
  }

  /** `undefined`: the body has ended. */
  #hear(bytes: Uint8Array | undefined): void {
    const { state } = this.pipe
    try {
      this.#catchUp()
      if (bytes) this.#push(bytes)
      if (state.fault) this.cancel()
      else if (bytes === undefined) {
        this.#end()
        this.deadline.done()
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
    const before = this.#count
    const isClean = this.#frames.between() && this.#out === ''
    this.#frames.push(bytes)
    template?.forget()
    if (!template?.isCapturing || !isClean || this.#count !== before + 1 || !this.#frames.between()) return
    const word = this.#out === '' ? undefined : this.pipe.textDelta?.()
    if (word !== undefined) template.capture(bytes, word, this.#out, this.pipe.retainsText?.())
  }

  #end(): void {
    this.#ended = true
    this.deadline.clear()
    const { state } = this.pipe
    state.fault ??= this.deadline.expired
    if (state.fault) return
    this.#frames.end()
    if (this.pipe.state.fault === undefined) this.#out += this.pipe.end()
  }

  /** What may still come after the vendor's last word is read, so that its connection can be kept; nobody waits for it. */
  async #drain(): Promise<void> {
    this.deadline.arm('idle', drained)
    try {
      while (!(await this.reader.read()).done);
      this.deadline.done()
    } catch {
      // The time is up, or the connection broke: the answer was whole before.
      this.deadline.clear()
    }
  }

  #fail(error: GatewayError): void {
    this.#catchUp()
    this.pipe.state.fault ??= this.deadline.expired ?? error
    this.cancel()
  }
}
