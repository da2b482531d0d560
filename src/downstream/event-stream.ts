/**
 * The event stream to the client. It has two milestones. *Responded*: the first heartbeat or frame fixes the status
 * 200, and later failures are reported in-band.
 * *Committed*: the first content has arrived; `UpstreamEventSource.commit` holds everything back until then.
 */
import { asGatewayError, GatewayError } from '../base/errors.ts'
import type { Redact } from '../base/redact.ts'
import { stopTicking } from '../base/ticker.ts'
import type { Usage } from '../ir/chat.ts'
import type { RequestLifetime } from '../telemetry/request-lifetime.ts'
import type { EventSink, UpstreamEventSource } from '../upstream/event-source.ts'
import { ClientStream } from './client-stream.ts'
import type { ResponseHeaders } from './response-headers.ts'
import { respondWhole } from './whole-answer.ts'

/**
 * A vendor's stream that has begun: its text so far, and the source of the remainder (undefined if there is none).
 * `contentType`: set if the response is not a stream.
 */
export type OpenedStream = {
  headers: Headers
  text: string
  contentType?: string
  usage?: Usage | undefined
  source?: UpstreamEventSource
  /** The answer ended with a plain stop and holds nothing. */
  isEmpty?: boolean
}

type EventStreamOptions = {
  /** Seconds between heartbeats; 0 turns them off. */
  heartbeatInterval: number
  /** Seconds a client may read nothing while data is ready for it. */
  clientIdleTimeout: number
  /** The heartbeat as the client's protocol writes it. */
  heartbeatFrame: string
  /** The content type of the stream. */
  contentType: string
  /** The in-band form of an error, used before the vendor's stream has begun. */
  renderError: (error: GatewayError) => string
  redact: Redact
  /** Headers of the response. `vendorHeaders` is undefined if the vendor has not answered yet. */
  headers: (contentType: string, vendorHeaders?: Headers) => ResponseHeaders
}

const encoder = new TextEncoder()

/**
 * Fixes the status 200 at the first heartbeat. The promise `response` is rejected with any failure before that.
 * The runtime calls `pull`, because this object is itself the source of the stream it responds with. The vendor's
 * stream calls `write`. Everybody else calls `stop`.
 */
export class ClientEventStream extends ClientStream implements EventSink {
  readonly response: Promise<Response>
  #resolve!: (response: Response) => void
  #reject!: (error: GatewayError) => void
  #hasResponded = false
  #hasEnded = false
  #source: UpstreamEventSource | undefined
  #opened = Promise.withResolvers<void>()
  /** Something was sent since the last tick. */
  #hasSent = false
  #lastSentAt = performance.now()

  constructor(
    lifetime: RequestLifetime,
    private readonly options: EventStreamOptions,
    opening: Promise<OpenedStream>,
  ) {
    super(lifetime, options.clientIdleTimeout)
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    opening
      .then(opened => this.#begin(opened))
      .catch(thrown => this.#fail(lifetime.endReason ?? asGatewayError(thrown)))
  }

  /** Ends the stream from outside: the client disconnected, or the gateway is stopping. */
  readonly stop = (error: GatewayError): void => {
    this.#source?.cancel()
    this.#fail(error)
  }

  override tick(now: number): void {
    if (this.#hasResponded) this.checkClient(now)
    if (this.#hasEnded) return
    if (this.#hasResponded && this.#source) this.#send(this.#source.flush(now))
    if (this.#hasSent) this.#lastSentAt = now
    this.#hasSent = false
    const { heartbeatInterval, heartbeatFrame } = this.options
    if (heartbeatInterval === 0 || now - this.#lastSentAt < heartbeatInterval * 1000) return
    if (!this.#hasResponded) this.#respond()
    if (this.hasRoom) this.#send(heartbeatFrame)
  }

  #respond(vendorHeaders?: Headers): void {
    const stream = new ReadableStream<Uint8Array>(this)
    this.#resolve(new Response(stream, { headers: this.options.headers(this.options.contentType, vendorHeaders) }))
    this.#hasResponded = true
  }

  #begin(opened: OpenedStream): void {
    if (this.#hasEnded) return void opened.source?.cancel()
    this.lifetime.markAnswered(opened.usage)
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

  /**
   * A passthrough-only path has no frames for a complete response. The response is passed unchanged, unless a heartbeat
   * has already promised events.
   * @throws GatewayError `upstream_failed` if a heartbeat has been sent
   */
  #respondComplete({ text, headers }: OpenedStream, contentType: string): void {
    if (this.#hasResponded) throw new GatewayError('upstream_failed', 'the vendor did not stream')
    this.#hasEnded = true
    stopTicking(this)
    const { headers: headersFor, clientIdleTimeout } = this.options
    this.#resolve(respondWhole(text, headersFor(contentType, headers), this.lifetime, clientIdleTimeout))
  }

  /** Not an async function, like `UpstreamEventSource.pump`: it runs once per frame. */
  pull(): Promise<void> | undefined {
    if (this.#hasEnded) return undefined
    this.notePull()
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
    this.enqueue(typeof chunk === 'string' ? encoder.encode(chunk) : chunk)
  }

  #finish(): void {
    const fault = this.#source?.pipe.state.fault
    if (fault) this.#fail(fault)
    if (this.#hasEnded) return
    this.#close()
    this.closeRequest()
  }

  #fail(error: GatewayError): void {
    if (this.#hasEnded) return
    if (this.#hasResponded) {
      if (error.code !== 'cancelled') this.#sendError(error)
      this.#close()
      this.closeRequest(error)
    } else {
      this.#hasEnded = true
      stopTicking(this)
      this.#reject(error)
    }
  }

  /** The last barrier for a secret: an error may quote anything. */
  #sendError(error: GatewayError): void {
    const { redact, renderError } = this.options
    this.#send(redact(this.#source?.pipe.fail(error) ?? renderError(error)))
  }

  #close(): void {
    this.#hasEnded = true
    this.lifetime.noteUsage(this.#source?.pipe.state.usage)
    this.#opened.resolve()
    this.lifetime.connection?.restoreTimeout()
    try {
      this.controller.close()
    } catch {
      // The client has already cancelled the stream, which closed it.
    }
  }
}
