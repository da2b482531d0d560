/** Whether a client takes what it is sent: one that stops reading without leaving would hold its slot and the vendor's connection for ever. */
import { GatewayError } from '../errors.ts'
import type { Trail } from '../record.ts'

/** Bytes a millisecond that a client on a poor line takes: a large piece is given the time it needs. */
const slowest = 64

/** Looks at one stream, at every beat of the shared ticker: its frames cost nothing here. */
export class Taking {
  #lastTook = performance.now()

  /** @param patience seconds in which the client has to take something of what lies ready for it */
  constructor(
    private readonly trail: Trail,
    private readonly patience: number,
  ) {}

  /**
   * @param took something was taken since the last look
   * @param bytes given since the client last took something
   * @param room of the stream's queue; none: something lies there that nobody takes
   */
  look(now: number, took: boolean, bytes: number, room: number | null): void {
    if (took || (room ?? 0) > 0) this.#lastTook = now
    if (now - this.#lastTook < this.patience * 1000 + bytes / slowest) return
    this.trail.end(new GatewayError('cancelled', `the client has taken nothing for ${this.patience} s`))
    this.trail.connection?.hangUp()
  }
}
