/** Whether a client takes what it is sent: one that stops reading without leaving would hold its slot and the vendor's connection for ever. */
import { GatewayError } from '../errors.ts'
import type { Trail } from '../record.ts'

/** Bytes a millisecond that a client on a poor line takes: a large piece is given the time it needs. */
const slowest = 64

/** What is given and taken of one stream, looked at by the shared ticker. Costs a frame two stores. */
export class Taking {
  #took = false
  /** Bytes given since the client last took something. */
  #given = 0
  #lastTook = performance.now()

  /** @param patience seconds in which the client has to take something of what lies ready for it */
  constructor(
    private readonly trail: Trail,
    private readonly patience: number,
  ) {}

  took(): void {
    this.#took = true
    this.#given = 0
  }

  gave(bytes: number): void {
    this.#given += bytes
  }

  /** @param room of the stream's queue; none: something lies there that nobody takes */
  look(now: number, room: number | null): void {
    if (this.#took || (room ?? 0) > 0) this.#lastTook = now
    this.#took = false
    if (now - this.#lastTook < this.patience * 1000 + this.#given / slowest) return
    this.trail.end(new GatewayError('cancelled', `the client has taken nothing for ${this.patience} s`))
    this.trail.connection?.hangUp()
  }
}
