/** A sliding window: the sum of the charges of the last `span`, in bounded memory for any limit. */

/**
 * Buckets of a window. Charges within a bucket are merged. This costs at most 1/512 of the limit and never exceeds it.
 */
const bucketCount = 512

/**
 * Converts a rate of `value` per `seconds` into a whole number per milliseconds: 2.5 a second becomes 2 in 800 ms, 0.5
 * a second becomes 1 in 2,000 ms. Fractions keep their rate this way, and a burst never exceeds `value`.
 */
export const wholeRate = (value: number, seconds: number): { limit: number; span: number } => {
  const limit = Math.max(1, Math.floor(value))
  return { limit, span: (limit / value) * seconds * 1000 }
}

/**
 * Allows at most `limit` in any `span` milliseconds, except for a single amount above the limit, which an empty window
 * accepts. All times are milliseconds of one monotonic clock; every method takes the current time.
 *
 * Charges are kept in a ring of buckets of `span / 512`. A bucket expires `span` after its last charge.
 */
export class SlidingWindow {
  #limit: number
  #span: number
  #total = 0
  /** Sequence numbers of the oldest bucket and of the next one. The ring index of a bucket is `sequence & mask`. */
  #oldestBucket = 0
  #nextBucket = 0
  #firstChargeTimes = new Float64Array(8)
  #lastChargeTimes = new Float64Array(8)
  #amounts = new Float64Array(8)

  constructor(limit: number, span: number) {
    this.#limit = limit
    this.#span = span
  }

  /** Sets a new limit and span. Existing charges remain. */
  resize(limit: number, span: number): void {
    this.#limit = limit
    this.#span = span
  }

  /** True if `amount` can be charged now. */
  hasCapacity(amount: number, now: number): boolean {
    this.#expire(now)
    return this.#total === 0 || this.#total + amount <= this.#limit
  }

  /** Charges without a capacity check. Returns the handle by which `correct` finds the charge. */
  charge(amount: number, now: number): number {
    this.#expire(now)
    this.#total += amount
    const newest = this.#nextBucket - 1
    const at = newest & (this.#firstChargeTimes.length - 1)
    if (newest >= this.#oldestBucket && now - this.#firstChargeTimes[at]! < this.#span / bucketCount) {
      this.#amounts[at]! += amount
      this.#lastChargeTimes[at] = now
      return newest
    }
    return this.#push(amount, now)
  }

  /**
   * Corrects a charge by `delta`. If the charge has left the window, a negative delta is ignored and a positive one is
   * charged now.
   */
  correct(handle: number, delta: number, now: number): void {
    this.#expire(now)
    if (handle < this.#oldestBucket) {
      if (delta > 0) this.charge(delta, now)
      return
    }
    this.#total += delta
    this.#amounts[handle & (this.#firstChargeTimes.length - 1)]! += delta
  }

  /** The earliest time at which `amount` can be charged if nothing else is charged until then: `now` or later. */
  readyAt(amount: number, now: number): number {
    if (this.hasCapacity(amount, now)) return now
    let excess = amount > this.#limit ? this.#total : this.#total + amount - this.#limit
    const mask = this.#firstChargeTimes.length - 1
    for (let sequence = this.#oldestBucket; sequence < this.#nextBucket; sequence++) {
      excess -= this.#amounts[sequence & mask]!
      if (excess <= 0) return this.#lastChargeTimes[sequence & mask]! + this.#span
    }
    return now
  }

  /** The part of the limit that is left, from 0 to 1. */
  shareLeft(now: number): number {
    this.#expire(now)
    return Math.max(0, 1 - this.#total / this.#limit)
  }

  /** True if nothing is charged, as in a new window. */
  isIdle(now: number): boolean {
    this.#expire(now)
    return this.#oldestBucket === this.#nextBucket
  }

  #expire(now: number): void {
    const mask = this.#firstChargeTimes.length - 1
    while (
      this.#oldestBucket < this.#nextBucket &&
      this.#lastChargeTimes[this.#oldestBucket & mask]! + this.#span <= now
    ) {
      this.#total -= this.#amounts[this.#oldestBucket & mask]!
      this.#oldestBucket++
    }
  }

  #push(amount: number, now: number): number {
    if (this.#nextBucket - this.#oldestBucket === this.#firstChargeTimes.length) this.#grow()
    const at = this.#nextBucket & (this.#firstChargeTimes.length - 1)
    this.#firstChargeTimes[at] = now
    this.#lastChargeTimes[at] = now
    this.#amounts[at] = amount
    return this.#nextBucket++
  }

  #grow(): void {
    const { length } = this.#firstChargeTimes
    const enlarge = (ring: Float64Array<ArrayBuffer>) => {
      const enlarged = new Float64Array(length * 2)
      for (let sequence = this.#oldestBucket; sequence < this.#nextBucket; sequence++)
        enlarged[sequence & (length * 2 - 1)] = ring[sequence & (length - 1)]!
      return enlarged
    }
    this.#firstChargeTimes = enlarge(this.#firstChargeTimes)
    this.#lastChargeTimes = enlarge(this.#lastChargeTimes)
    this.#amounts = enlarge(this.#amounts)
  }
}
