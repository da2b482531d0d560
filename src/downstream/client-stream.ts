/**
 * What every stream to a client shares: it sends what is enqueued at the speed of its reader, detects a client that
 * stops reading without disconnecting, and closes the request when it ends. Such a client would hold the memory of its
 * answer, its concurrency slot and the vendor's connection forever.
 */
import { GatewayError } from '../base/errors.ts'
import { startTicking, stopTicking, type Tickable } from '../base/ticker.ts'
import type { RequestLifetime } from '../telemetry/request-lifetime.ts'

/** Bytes per millisecond that a client on a slow connection reads: a large chunk gets the time it needs. */
const minBytesPerMillisecond = 64

/**
 * The source of a stream to the client. The runtime calls `start`, `pull` and `cancel`; the shared ticker calls `tick`,
 * so that a frame does not need to report anything. A subclass supplies the bytes: `pull` first calls `notePull`, then
 * `enqueue`.
 * It is one object instead of several closures: between two frames a stream's state is evicted from the processor's
 * cache, so there should be little of it.
 */
export abstract class ClientStream implements UnderlyingDefaultSource<Uint8Array>, Tickable {
  /** The position in the ticker's list. */
  listIndex: number | undefined
  protected controller!: ReadableStreamDefaultController<Uint8Array>
  /** The client has asked for more since the last tick. */
  #hasPulled = false
  /** Bytes enqueued since the client last asked for more. */
  #bytesGiven = 0
  #lastProgressAt = performance.now()

  /** @param clientIdleTimeout seconds in which the client must read some of the data that is ready for it */
  constructor(
    protected readonly lifetime: RequestLifetime,
    private readonly clientIdleTimeout: number,
  ) {
    startTicking(this)
  }

  abstract pull(): Promise<void> | undefined

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.controller = controller
  }

  /** The client disconnected. */
  cancel(): void {
    this.lifetime.cancel()
  }

  tick(now: number): void {
    if (this.lifetime.isClosed) stopTicking(this)
    else this.checkClient(now)
  }

  /** True if the client has read everything that was enqueued. */
  protected get hasRoom(): boolean {
    return (this.controller.desiredSize ?? 0) > 0
  }

  /** The client asks for more, so it has read what it was given. */
  protected notePull(): void {
    this.#hasPulled = true
    this.#bytesGiven = 0
  }

  protected enqueue(bytes: Uint8Array): void {
    this.#bytesGiven += bytes.length
    this.controller.enqueue(bytes)
  }

  /** Ends the request if the client has left data unread for too long. */
  protected checkClient(now: number): void {
    if (this.#hasPulled || this.hasRoom) this.#lastProgressAt = now
    this.#hasPulled = false
    if (now - this.#lastProgressAt < this.clientIdleTimeout * 1000 + this.#bytesGiven / minBytesPerMillisecond) return
    this.lifetime.end(new GatewayError('cancelled', `the client has taken nothing for ${this.clientIdleTimeout} s`))
    this.lifetime.connection?.closeSoon()
  }

  /** Nothing is sent any more: closes the request, with the error that ended the stream early if there is one. */
  protected closeRequest(error?: GatewayError): void {
    stopTicking(this)
    this.lifetime.close(error && { error })
  }
}
