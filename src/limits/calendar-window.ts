/**
 * A quota that renews at a time of the wall clock, or never. It has the methods of `SlidingWindow`. Times of the methods
 * are milliseconds of the monotonic clock; the renewal is found on the wall clock, so that a suspended machine and a
 * corrected clock do no harm.
 */
import { nextReset, type ResetRule } from '../base/reset-time.ts'

export type Renewal = { rule: ResetRule; period: 'day' | 'month' } | 'never'

const longestPeriod = { day: 2 * 86_400_000, month: 63 * 86_400_000 }

export class CalendarWindow {
  #total = 0
  #resetAt = 0
  /** Charges of an earlier period have a lower generation. */
  #generation = 0

  /** @param wallClock milliseconds since 1970 */
  constructor(
    private limit: number,
    private renewal: Renewal,
    private readonly wallClock: () => number = Date.now,
  ) {
    this.#resetAt = this.#nextReset()
  }

  resize(limit: number, renewal: Renewal): void {
    this.limit = limit
    if (JSON.stringify(renewal) === JSON.stringify(this.renewal)) return
    this.renewal = renewal
    this.#resetAt = this.#nextReset()
  }

  hasCapacity(amount: number): boolean {
    this.#renew()
    return this.#total === 0 || this.#total + amount <= this.limit
  }

  /** Charges without a capacity check. Returns the handle by which `correct` finds the charge. */
  charge(amount: number): number {
    this.#renew()
    this.#total += amount
    return this.#generation
  }

  /** Corrects a charge by `delta`. What was charged before the last renewal stays there. */
  correct(handle: number, delta: number): void {
    this.#renew()
    if (handle === this.#generation) this.#total = Math.max(0, this.#total + delta)
  }

  /** The earliest time at which `amount` can be charged: `now`, the renewal, or Infinity if there is none. */
  readyAt(amount: number, now: number): number {
    if (this.hasCapacity(amount)) return now
    return this.#resetAt === Number.POSITIVE_INFINITY ? this.#resetAt : now + (this.#resetAt - this.wallClock())
  }

  shareLeft(): number {
    this.#renew()
    return Math.max(0, 1 - this.#total / this.limit)
  }

  isIdle(): boolean {
    this.#renew()
    return this.#total === 0
  }

  #renew(): void {
    if (this.renewal === 'never') return
    const now = this.wallClock()
    // A clock that was set back by much would put the renewal out of reach.
    if (this.#resetAt - now > longestPeriod[this.renewal.period]) this.#resetAt = this.#nextReset()
    if (now < this.#resetAt) return
    this.#total = 0
    this.#generation++
    this.#resetAt = this.#nextReset()
  }

  #nextReset(): number {
    if (this.renewal === 'never') return Number.POSITIVE_INFINITY
    return nextReset(this.renewal.rule, this.renewal.period, this.wallClock())
  }
}
