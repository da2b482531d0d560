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
  contentType?: string
  usage?: Usage | undefined
  source?: UpstreamEventSource
}

export type EventStreamOptions = {
  /** Seconds between signs of life; 0: none. */
  heartbeatInterval: number
  /** Seconds a client may take none of what lies ready for it. */
  clientIdleTimeout: number
  /** The sign itself, as the client's protocol writes it. */
  heartbeatFrame: string
  /** The content type of the stream. */
  contentType: string
  /** The in-band form of an error before a vendor has begun. */
  renderError: (error: GatewayError) => string
  /** Headers of the answer; the vendor's are absent if it has not answered yet. */
  headers: (contentType: string, vendorHeaders?: Headers) => ResponseHeaders
}

const encoder = new TextEncoder()

/**
 * From the first heartbeat on the status is 200; `answer` is rejected with what failed before. `start`, `pull` and `cancel` are the runtime's to call,
 * for the relay is itself the source of the stream it answers with; `tell` is the vendor's stream's; `stop` everybody else's. One object instead of
 * one with closures: between two frames all a stream consists of leaves the processor's cache, so it consists of little.
 */
export class ClientEventStream implements UnderlyingDefaultSource<Uint8Array>, EventSink {
  readonly response: Promise<Response>
  /** Its place among those that tick. */
  listIndex: number | undefined
  #resolve!: (response: Response) => void
  #reject!: (error: GatewayError) => void
  #hasResponded = false
  #hasEnded = false
  #source: UpstreamEventSource | undefined
  #controller!: ReadableStreamDefaultController<Uint8Array>
  #opened = Promise.withResolvers<void>()
  /** Something went out since the last beat. */
  #hasSent = false
  /** The client asked for more since the last beat. */
  #hasPulled = false
  /** Bytes given since the client last asked for more. */
  #bytesGiven = 0
  #lastSentAt = performance.now()
  readonly #stalledGuard: StalledClientGuard

  constructor(
    private readonly record: RequestRecord,
    private readonly options: EventStreamOptions,
    opening: Promise<OpenedStream>,
  ) {
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#stalledGuard = new StalledClientGuard(record, options.clientIdleTimeout)
    startTicking(this)
    opening.then(opened => this.#begin(opened)).catch(thrown => this.#fail(record.endReason ?? asGatewayError(thrown)))
  }

  /** Ends the stream from outside: the client left, or the gateway is stopping. */
  readonly stop = (error: GatewayError): void => {
    this.#source?.cancel()
    this.#fail(error)
  }

  tick(now: number): void {
    if (this.#hasResponded) this.#checkClient(now)
    if (this.#hasEnded) return
    if (this.#hasResponded && this.#source) this.#send(this.#source.flush(now))
    if (this.#hasSent) this.#lastSentAt = now
    this.#hasSent = false
    const { heartbeatInterval, heartbeatFrame } = this.options
    if (heartbeatInterval === 0 || now - this.#lastSentAt < heartbeatInterval * 1000) return
    if (!this.#hasResponded) this.#respond()
    if ((this.#controller.desiredSize ?? 0) > 0) this.#send(heartbeatFrame)
  }

  #checkClient(now: number): void {
    this.#stalledGuard.check(now, {
      hasPulled: this.#hasPulled,
      bytesGiven: this.#bytesGiven,
      desiredSize: this.#controller.desiredSize,
    })
    this.#hasPulled = false
  }

  #respond(vendorHeaders?: Headers): void {
    const stream = new ReadableStream<Uint8Array>(this)
    this.#resolve(new Response(stream, { headers: this.options.headers(this.options.contentType, vendorHeaders) }))
    this.#hasResponded = true
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller
  }

  /** The client left. */
  cancel(): void {
    this.record.cancel()
  }

  #begin(opened: OpenedStream): void {
    if (this.#hasEnded) return void opened.source?.cancel()
    this.record.timeToFirstContent = performance.now() - this.record.startedAt
    this.record.usage = opened.usage
    if (opened.contentType === undefined) this.#respondWithEvents(opened)
    else this.#respondComplete(opened, opened.contentType)
  }

  #respondWithEvents({ headers, source, text }: OpenedStream): void {
    if (!this.#hasResponded) this.#respond(headers)
    this.#source = source
    this.#send(text)
    if (source) this.#opened.resolve()
    else this.#finish()
  }

  /** A path that only passes has no frames to put a whole answer into: it goes on as it is, unless a heartbeat has promised events. */
  #respondComplete({ text, headers }: OpenedStream, contentType: string): void {
    if (this.#hasResponded) throw new GatewayError('upstream_failed', 'the vendor did not stream')
    this.#hasEnded = true
    stopTicking(this)
    this.#resolve(new Response(text, { headers: this.options.headers(contentType, headers) }))
    this.record.close()
  }

  /** Not an async function, as `Source.pump` is none: it runs once a frame. */
  pull(): Promise<void> | undefined {
    if (this.#hasEnded) return undefined
    this.#hasPulled = true
    this.#bytesGiven = 0
    return this.#source ? this.#source.pump(this) : this.#opened.promise.then(this.#pullOpened)
  }

  readonly #pullOpened = (): Promise<void> | undefined => (this.#source ? this.pull() : undefined)

  write(chunk: string | Uint8Array | undefined): void {
    if (chunk === undefined) this.#finish()
    else this.#send(chunk)
  }

  #send(chunk: string | Uint8Array): void {
    if (chunk === '' || this.#hasEnded) return
    this.#hasSent = true
    const bytes = typeof chunk === 'string' ? encoder.encode(chunk) : chunk
    this.#bytesGiven += bytes.length
    this.#controller.enqueue(bytes)
  }

  #finish(): void {
    const fault = this.#source?.pipe.state.fault
    if (fault) this.#fail(fault)
    if (this.#hasEnded) return
    this.#close()
    this.record.close()
  }

  #fail(error: GatewayError): void {
    if (this.#hasEnded) return
    if (this.#hasResponded) {
      if (error.code !== 'cancelled') this.#send(this.#source?.pipe.fail(error) ?? this.options.renderError(error))
      this.#close()
      this.record.close({ error })
    } else {
      this.#hasEnded = true
      stopTicking(this)
      this.#reject(error)
    }
  }

  #close(): void {
    this.#hasEnded = true
    this.record.usage ??= this.#source?.pipe.state.usage
    stopTicking(this)
    this.#opened.resolve()
    try {
      this.#controller.close()
    } catch {
      // The client has already cancelled the stream, which closed it.
    }
  }
}
