/**
 * Detects a client that stops reading without disconnecting. It would hold its concurrency slot and the vendor's
 * connection forever.
 */
import { GatewayError } from '../base/errors.ts'
import type { RequestLifetime } from '../telemetry/request-lifetime.ts'

/** Bytes per millisecond that a client on a slow connection reads: a large chunk gets the time it needs. */
const minBytesPerMillisecond = 64

/** How far a client has read since the last check. */
type ClientProgress = {
  /** The client has asked for more since the last check. */
  hasPulled: boolean
  /** Bytes enqueued since the client last asked for more. */
  bytesGiven: number
  /** Free space in the stream's queue; 0 or less means that the client has left data unread. */
  desiredSize: number | null
}

/** Checks one stream on every tick of the shared ticker, so that a frame does not need to report anything. */
export class StalledClientGuard {
  #lastProgressAt = performance.now()

  /** @param idleTimeout seconds in which the client must read some of the data that is ready for it */
  constructor(
    private readonly lifetime: RequestLifetime,
    private readonly idleTimeout: number,
  ) {}

  check(now: number, { hasPulled, bytesGiven, desiredSize }: ClientProgress): void {
    if (hasPulled || (desiredSize ?? 0) > 0) this.#lastProgressAt = now
    if (now - this.#lastProgressAt < this.idleTimeout * 1000 + bytesGiven / minBytesPerMillisecond) return
    this.lifetime.end(new GatewayError('cancelled', `the client has taken nothing for ${this.idleTimeout} s`))
    this.lifetime.connection?.closeSoon()
  }
}
