/**
 * The stream we answer with. Two points: *answered* (the first heartbeat or frame fixes the status 200; later failures are told in-band)
 * and *committed* (the first content; `Source.commit` holds everything back until then).
 */
import { asGatewayError, GatewayError } from '../base/errors.ts'
import { startTicking, stopTicking } from '../base/ticker.ts'
import type { Usage } from '../ir/chat.ts'
import type { RequestRecord } from '../telemetry/request-record.ts'
import type { EventSink, UpstreamEventSource } from '../upstream/event-source.ts'
import type { ResponseHeaders } from './response-headers.ts'
import { StalledClientGuard } from './stalled-client.ts'

/** A vendor's stream that has begun: what it said so far, and the rest (none: that was all). `type`: what it is, if it is no stream. */
export type OpenedStream = {
  headers: Headers
  text: string
  type?: string
  usage?: Usage | undefined
  source?: UpstreamEventSource
}

export type EventStreamOptions = {
  /** Seconds between signs of life; 0: none. */
  heartbeat: number
  /** Seconds a client may take none of what lies ready for it. */
  patience: number
  /** The sign itself, as the client's protocol writes it. */
  sign: string
  /** The content type of the stream. */
  type: string
  /** The in-band form of an error before a vendor has begun. */
  fail: (error: GatewayError) => string
  /** Headers of the answer; the vendor's are absent if it has not answered yet. */
  headers: (type: string, vendor?: Headers) => ResponseHeaders
}

const encoder = new TextEncoder()

/**
 * From the first heartbeat on the status is 200; `answer` is rejected with what failed before. `start`, `pull` and `cancel` are the runtime's to call,
 * for the relay is itself the source of the stream it answers with; `tell` is the vendor's stream's; `stop` everybody else's. One object instead of
 * one with closures: between two frames all a stream consists of leaves the processor's cache, so it consists of little.
 */
export class ClientEventStream implements UnderlyingDefaultSource<Uint8Array>, EventSink {
  readonly answer: Promise<Response>
  /** Its place among those that tick. */
  listIndex: number | undefined
  #resolve!: (response: Response) => void
  #reject!: (error: GatewayError) => void
  #answered = false
  #ended = false
  #source: UpstreamEventSource | undefined
  #controller!: ReadableStreamDefaultController<Uint8Array>
  #begun = Promise.withResolvers<void>()
  /** Something went out since the last beat. */
  #spoke = false
  /** The client asked for more since the last beat. */
  #took = false
  /** Bytes given since the client last asked for more. */
  #given = 0
  #lastOut = performance.now()
  readonly #taking: StalledClientGuard

  constructor(
    private readonly record: RequestRecord,
    private readonly terms: EventStreamOptions,
    opening: Promise<OpenedStream>,
  ) {
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#taking = new StalledClientGuard(record, terms.patience)
    startTicking(this)
    opening.then(opened => this.#begin(opened)).catch(thrown => this.#fail(record.ended ?? asGatewayError(thrown)))
  }

  /** Ends the stream from outside: the client left, or the gateway is stopping. */
  readonly stop = (error: GatewayError): void => {
    this.#source?.cancel()
    this.#fail(error)
  }

  tick(now: number): void {
    if (this.#answered) this.#look(now)
    if (this.#ended) return
    if (this.#answered && this.#source) this.#send(this.#source.flush(now))
    if (this.#spoke) this.#lastOut = now
    this.#spoke = false
    const { heartbeat, sign } = this.terms
    if (heartbeat === 0 || now - this.#lastOut < heartbeat * 1000) return
    if (!this.#answered) this.#respond()
    if ((this.#controller.desiredSize ?? 0) > 0) this.#send(sign)
  }

  #look(now: number): void {
    this.#taking.check(now, { hasPulled: this.#took, bytesGiven: this.#given, room: this.#controller.desiredSize })
    this.#took = false
  }

  #respond(vendor?: Headers): void {
    const stream = new ReadableStream<Uint8Array>(this)
    this.#resolve(new Response(stream, { headers: this.terms.headers(this.terms.type, vendor) }))
    this.#answered = true
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller
  }

  /** The client left. */
  cancel(): void {
    this.record.cancel()
  }

  #begin(opened: OpenedStream): void {
    if (this.#ended) return void opened.source?.cancel()
    this.record.first = performance.now() - this.record.started
    this.record.usage = opened.usage
    if (opened.type === undefined) this.#tellEvents(opened)
    else this.#tellWhole(opened, opened.type)
  }

  #tellEvents({ headers, source, text }: OpenedStream): void {
    if (!this.#answered) this.#respond(headers)
    this.#source = source
    this.#send(text)
    if (source) this.#begun.resolve()
    else this.#finish()
  }

  /** A path that only passes has no frames to put a whole answer into: it goes on as it is, unless a heartbeat has promised events. */
  #tellWhole({ text, headers }: OpenedStream, type: string): void {
    if (this.#answered) throw new GatewayError('upstream_failed', 'the vendor did not stream')
    this.#ended = true
    stopTicking(this)
    this.#resolve(new Response(text, { headers: this.terms.headers(type, headers) }))
    this.record.close()
  }

  /** Not an async function, as `Source.pump` is none: it runs once a frame. */
  pull(): Promise<void> | undefined {
    if (this.#ended) return undefined
    this.#took = true
    this.#given = 0
    return this.#source ? this.#source.pump(this) : this.#begun.promise.then(this.#pullBegun)
  }

  readonly #pullBegun = (): Promise<void> | undefined => (this.#source ? this.pull() : undefined)

  write(said: string | Uint8Array | undefined): void {
    if (said === undefined) this.#finish()
    else this.#send(said)
  }

  #send(said: string | Uint8Array): void {
    if (said === '' || this.#ended) return
    this.#spoke = true
    const bytes = typeof said === 'string' ? encoder.encode(said) : said
    this.#given += bytes.length
    this.#controller.enqueue(bytes)
  }

  #finish(): void {
    const fault = this.#source?.pipe.state.fault
    if (fault) this.#fail(fault)
    if (this.#ended) return
    this.#close()
    this.record.close()
  }

  #fail(error: GatewayError): void {
    if (this.#ended) return
    if (this.#answered) {
      if (error.code !== 'cancelled') this.#send(this.#source?.pipe.fail(error) ?? this.terms.fail(error))
      this.#close()
      this.record.close({ error })
    } else {
      this.#ended = true
      stopTicking(this)
      this.#reject(error)
    }
  }

  #close(): void {
    this.#ended = true
    this.record.usage ??= this.#source?.pipe.state.usage
    stopTicking(this)
    this.#begun.resolve()
    try {
      this.#controller.close()
    } catch {
      // The client has already cancelled the stream, which closed it.
    }
  }
}
