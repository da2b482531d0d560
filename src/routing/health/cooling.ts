/** A pause that a vendor's refusal imposes: how long, and who ends it. */
import type { GatewayError } from '../../base/errors.ts'
import { type Failure, type FailureReason, failureReasons } from '../../base/failure-reasons.ts'

type CoolingRule = {
  /** Seconds of the first pause if the vendor names none. It doubles with every further refusal. */
  first: number
  /** The longest pause in seconds, also if the vendor asks for more. */
  max: number
  /** After the pause one request tries it; the others wait for its outcome. */
  probes: boolean
}

const minute = 60
const hour = 60 * minute

/** The pause after a refusal of each reason. A reason without a rule pauses nothing. */
export const coolingRules: Readonly<Partial<Record<FailureReason, CoolingRule>>> = {
  key: { first: minute, max: 30 * minute, probes: true },
  balance: { first: minute, max: 30 * minute, probes: true },
  minute: { first: 1, max: hour, probes: false },
  day: { first: 10 * minute, max: 24 * hour, probes: true },
  model_gone: { first: hour, max: 24 * hour, probes: true },
  region: { first: 10 * minute, max: 6 * hour, probes: true },
  overload: { first: 0.5, max: minute, probes: false },
  unknown: { first: 10, max: 10 * minute, probes: true },
}

/** Seconds of the longest pause after refusals for which the vendor named none. Absent: as `max` says. */
export const maxBackoff: Readonly<Partial<Record<FailureReason, number>>> = { minute: 60, overload: 15, day: hour }

/** Refusals within this time, in milliseconds, belong to one pause: requests that were under way together. */
const sameRefusal = 1000

export class Cooling {
  /** Milliseconds of a monotonic clock; 0 if nothing cools. */
  until = 0
  error: GatewayError | undefined
  reason: FailureReason | undefined
  #strikes = 0
  #startedAt = Number.NEGATIVE_INFINITY
  #probes = false
  #isProbing = false

  /** Until when nothing is sent: 0 if something may be, Infinity while a probe is under way. */
  blockedUntil(now: number): number {
    if (this.until === 0) return 0
    if (now < this.until) return this.until
    return this.#isProbing ? Number.POSITIVE_INFINITY : 0
  }

  /** Whether the next request is the one that tries it. */
  get awaitsProbe(): boolean {
    return this.until !== 0 && this.#probes && !this.#isProbing
  }

  /**
   * Starts a pause, or makes a running one longer.
   * @param resetsIn seconds until the quota renews, if that is known
   */
  start(error: GatewayError, { reason, retryAfter }: Failure, now: number, resetsIn?: number): void {
    const rule = coolingRules[reason]
    if (!rule) return
    if (now - this.#startedAt > sameRefusal || this.#strikes === 0) this.#strikes++
    const doubled = Math.min(rule.first * 2 ** (this.#strikes - 1), maxBackoff[reason] ?? rule.max)
    const named = reason === 'day' ? Math.max(resetsIn ?? 0, retryAfter ?? 0) : (retryAfter ?? 0)
    const seconds = Math.min(named > 0 ? named : doubled, rule.max)
    this.#startedAt = now
    this.#probes = rule.probes
    this.until = Math.max(this.until, now + seconds * 1000)
    this.error = error
    this.reason = reason
  }

  /** Whether it passes by itself, so that waiting for it makes sense. */
  get isTemporary(): boolean {
    return this.reason === undefined || failureReasons[this.reason].isTemporary
  }

  beginProbe(): void {
    this.#isProbing = true
  }

  /** The probe has ended, with or without an answer. */
  endProbe(): void {
    this.#isProbing = false
  }

  /** The vendor answered: what it refused before is over. */
  clear(): void {
    this.until = 0
    this.#strikes = 0
    this.#probes = false
    this.error = undefined
    this.reason = undefined
  }
}
