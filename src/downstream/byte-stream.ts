/** Bytes piped to the client as they arrive: audio, images, and streams of passthrough-only paths. */
import type { GatewayError } from '../base/errors.ts'
import { startTicking, stopTicking, type Tickable } from '../base/ticker.ts'
import type { RequestLifetime } from '../telemetry/request-lifetime.ts'
import { connectionError, type UpstreamResponse } from '../upstream/call.ts'
import type { BodyReader } from '../upstream/read-body.ts'
import { StalledClientGuard } from './stalled-client.ts'

/**
 * Seconds. `vendor`: how long the vendor may be silent within its response; undefined if the deadline of the whole
 * response applies. `client`: how long the client may read nothing.
 */
export type IdleTimeouts = { vendor: number | undefined; client: number }

/**
 * The runtime calls `start`, `pull` and `cancel`. If the vendor's connection breaks, the client's stream breaks too: a
 * client must not mistake half a file for a complete one.
 */
export class ClientByteStream implements UnderlyingDefaultSource<Uint8Array>, Tickable {
  listIndex: number | undefined
  readonly #reader: BodyReader
  readonly #stalledGuard: StalledClientGuard
  #controller!: ReadableStreamDefaultController<Uint8Array>
  /** The client has asked for more since the last tick. */
  #hasPulled = false
  /** Bytes enqueued since the client last asked for more. */
  #bytesGiven = 0

  constructor(
    private readonly upstream: UpstreamResponse,
    private readonly idleTimeouts: IdleTimeouts,
    private readonly lifetime: RequestLifetime,
  ) {
    this.#reader = upstream.response.body!.getReader()
    this.#stalledGuard = new StalledClientGuard(lifetime, idleTimeouts.client)
    lifetime.stopAtEnd(upstream)
    startTicking(this)
  }

  tick(now: number): void {
    if (this.lifetime.isClosed) return void stopTicking(this)
    this.#stalledGuard.check(now, {
      hasPulled: this.#hasPulled,
      bytesGiven: this.#bytesGiven,
      desiredSize: this.#controller.desiredSize,
    })
    this.#hasPulled = false
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller
  }

  async pull(): Promise<void> {
    this.#hasPulled = true
    this.#bytesGiven = 0
    const { deadline } = this.upstream
    if (this.idleTimeouts.vendor !== undefined) deadline.arm('idle', this.idleTimeouts.vendor)
    try {
      const { value, done } = await this.#reader.read()
      deadline.pause()
      if (done) return this.#finish()
      this.#bytesGiven += value.length
      this.#controller.enqueue(value)
    } catch (thrown) {
      this.#fail(deadline.expired ?? connectionError(thrown))
    }
  }

  /** The client disconnected. */
  cancel(): void {
    this.lifetime.cancel()
  }

  #finish(): void {
    this.upstream.deadline.complete()
    this.lifetime.close()
    this.#controller.close()
  }

  #fail(error: GatewayError): void {
    this.upstream.deadline.clear()
    this.lifetime.close({ error })
    this.#controller.error(error)
  }
}

/** The body of a response for the client. The request ends when the body ends. */
export const pipeBytes = (
  upstream: UpstreamResponse,
  idleTimeouts: IdleTimeouts,
  lifetime: RequestLifetime,
): ReadableStream<Uint8Array> => new ReadableStream(new ClientByteStream(upstream, idleTimeouts, lifetime))
