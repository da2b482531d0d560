/** Whether a client takes what it is sent: one that stops reading without leaving would hold its slot and the vendor's connection for ever. */
import { GatewayError } from '../base/errors.ts'
import type { RequestRecord } from '../telemetry/request-record.ts'

/** Bytes a millisecond that a client on a poor line takes: a large piece is given the time it needs. */
const minBytesPerMillisecond = 64

/** What a stream tells of itself when it is looked at. */
export type ClientProgress = {
  /** The client asked for more since the last look. */
  hasPulled: boolean
  /** Bytes it was given since it last asked. */
  bytesGiven: number
  /** In the stream's queue; none: something lies there that nobody takes. */
  desiredSize: number | null
}

/** Looks at one stream at every beat of the shared ticker, so that a frame need not tell anything here. */
export class StalledClientGuard {
  #lastProgressAt = performance.now()

  /** @param idleTimeout seconds in which the client has to take something of what lies ready for it */
  constructor(
    private readonly record: RequestRecord,
    private readonly idleTimeout: number,
  ) {}

  check(now: number, { hasPulled, bytesGiven, desiredSize }: ClientProgress): void {
    if (hasPulled || (desiredSize ?? 0) > 0) this.#lastProgressAt = now
    if (now - this.#lastProgressAt < this.idleTimeout * 1000 + bytesGiven / minBytesPerMillisecond) return
    this.record.end(new GatewayError('cancelled', `the client has taken nothing for ${this.idleTimeout} s`))
    this.record.connection?.closeSoon()
  }
}
