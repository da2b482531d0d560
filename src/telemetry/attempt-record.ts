/** What one attempt borrowed and found out. The attempt that answers is merged into the record of its request. */
import { GatewayError } from '../base/errors.ts'
import type { Usage } from '../ir/chat.ts'
import type { Admission, Lease } from '../limits/limits.ts'
import type { Target } from '../providers/entry.ts'
import type { AttemptOutcome, Health } from '../routing/health/health.ts'
import type { AttemptSample } from '../routing/target-stats.ts'
import type { RequestRecord } from './request-record.ts'

/** Milliseconds without content after which a client that leaves counts against the vendor. */
const slowAfter = 8000
/** Losses noted of one attempt or of one request; more would fill the log and no one reads them. */
export const maxLosses = 50
/** Characters of one loss: a client chooses the names in its path. */
const maxLossLength = 500

/** Work that can be stopped from outside. */
export type Cancellable = { stop(error: GatewayError): void }

export class AttemptRecord {
  readonly target: Target
  usage: Usage | undefined
  losses: string[] | undefined
  /**
   * True once a vendor may have done work, and false again if the vendor refused. While it is false, the reserved
   * tokens are given back.
   */
  reachedVendor = false
  /** The call to the vendor, once it was made. */
  call: Cancellable | undefined
  /** Called once if nothing arrives for `silence` milliseconds before the answer begins. */
  onSilent: { milliseconds: number; run: () => void } | undefined
  /** The place in the queue, for a further attempt of the same request. */
  readonly arrival: number | undefined
  readonly #lease: Lease
  readonly #startedAt = performance.now()
  #isEnded = false
  #isAnswered = false

  /** @param sample absent if the strategy measures no targets */
  constructor(
    { target, lease, arrival }: Admission,
    private readonly sample: AttemptSample | undefined,
    private readonly health: Health,
  ) {
    this.target = target
    this.arrival = arrival
    this.#lease = lease
  }

  readonly noteLoss = (path: string, reason: string): void => {
    this.losses ??= []
    if (this.losses.length < maxLosses) this.losses.push(`${path}: ${reason}`.slice(0, maxLossLength))
  }

  /** The first content of a stream, or a complete response, is there. */
  markAnswered(isStream: boolean): void {
    this.sample?.markAnswered()
    if (this.#isAnswered) return
    this.#isAnswered = true
    this.health.report(this.target, 'answered')
    this.health.noteLatency(this.target, isStream, performance.now() - this.#startedAt)
  }

  /** Stops the call and ends the attempt, because another one answered first. */
  giveUp(): void {
    const error = new GatewayError('cancelled', 'another attempt answered first')
    this.call?.stop(error)
    this.end(error)
  }

  /** The same target is called once more under the same lease: what the first call left behind no longer counts. */
  restart(): void {
    this.losses = undefined
    this.usage = undefined
    this.reachedVendor = false
  }

  /** Returns the lease, charged with the tokens that were used, and ends the sample. Only the first call counts. */
  end(error?: GatewayError): void {
    if (this.#isEnded) return
    this.#isEnded = true
    if (error) this.health.report(this.target, this.#outcomeOf(error))
    this.#lease.settle(this.#tokens())
    this.sample?.end(error)
  }

  /** Adds what this attempt found out to the record of its request. */
  mergeInto(record: RequestRecord): void {
    record.usage = this.usage ?? record.usage
    if (this.losses) record.losses = [...(record.losses ?? []), ...this.losses]
  }

  /** A client that leaves says nothing of the vendor, unless it had to wait for long. */
  #outcomeOf(error: GatewayError): AttemptOutcome {
    if (error.code !== 'cancelled') return { error }
    const isSlow = !this.#isAnswered && performance.now() - this.#startedAt > slowAfter
    return isSlow ? 'slow' : 'unknown'
  }

  /** Undefined: the vendor did not say, so the estimate stands. */
  #tokens(): number | undefined {
    if (this.usage) return this.usage.input + this.usage.output
    return this.reachedVendor ? undefined : 0
  }
}
