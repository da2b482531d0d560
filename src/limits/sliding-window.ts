/** A sliding window: how much was charged in the last `span`, with memory bounded whatever the limit. */

/** Stretches of a window whose charges are kept as one: what coarseness costs is 1/512 of the limit, never an excess. */
const stretches = 512

/**
 * A figure per `seconds` as a whole number per milliseconds: 2.5 a second is 2 in 800 ms, 0.5 a second is 1 in 2,000 ms.
 * Fractions keep their rate this way, and a burst is never more than the figure says.
 */
export const asRate = (figure: number, seconds: number): { limit: number; span: number } => {
  const limit = Math.max(1, Math.floor(figure))
  return { limit, span: (limit / figure) * seconds * 1000 }
}

/**
 * Never more than `limit` in any `span` milliseconds, but for a single amount above the limit, which an empty window takes.
 * Times are milliseconds of one clock that never goes back; every method is given the present.
 *
 * Charges are kept in a ring of stretches of `span / 512`; a stretch stands until `span` after its last charge.
 */
export class SlidingWindow {
  #limit: number
  #span: number
  #total = 0
  /** Sequence numbers of the oldest stretch and of the one to come; a stretch lies at `sequence & mask`. */
  #head = 0
  #tail = 0
  #firsts = new Float64Array(8)
  #lasts = new Float64Array(8)
  #amounts = new Float64Array(8)

  constructor(limit: number, span: number) {
    this.#limit = limit
    this.#span = span
  }

  /** Other numbers from now on; what has been charged stays charged. */
  resize(limit: number, span: number): void {
    this.#limit = limit
    this.#span = span
  }

  /** Can `amount` be charged now. */
  room(amount: number, now: number): boolean {
    this.#expire(now)
    return this.#total === 0 || this.#total + amount <= this.#limit
  }

  /** Charges, asked or not; gives the handle by which `correct` finds the charge. */
  charge(amount: number, now: number): number {
    this.#expire(now)
    this.#total += amount
    const newest = this.#tail - 1
    const at = newest & (this.#firsts.length - 1)
    if (newest >= this.#head && now - this.#firsts[at]! < this.#span / stretches) {
      this.#amounts[at]! += amount
      this.#lasts[at] = now
      return newest
    }
    return this.#push(amount, now)
  }

  /** A charge turned out larger or smaller. If it has left the window, what was saved is past and what came on top counts from now. */
  correct(handle: number, delta: number, now: number): void {
    this.#expire(now)
    if (handle < this.#head) {
      if (delta > 0) this.charge(delta, now)
      return
    }
    this.#total += delta
    this.#amounts[handle & (this.#firsts.length - 1)]! += delta
  }

  /** When `amount` can be charged if nothing else is charged until then: `now` or later. */
  readyAt(amount: number, now: number): number {
    if (this.room(amount, now)) return now
    let excess = amount > this.#limit ? this.#total : this.#total + amount - this.#limit
    const mask = this.#firsts.length - 1
    for (let sequence = this.#head; sequence < this.#tail; sequence++) {
      excess -= this.#amounts[sequence & mask]!
      if (excess <= 0) return this.#lasts[sequence & mask]! + this.#span
    }
    return now
  }

  /** Nothing is charged: as good as a new one. */
  idle(now: number): boolean {
    this.#expire(now)
    return this.#head === this.#tail
  }

  #expire(now: number): void {
    const mask = this.#firsts.length - 1
    while (this.#head < this.#tail && this.#lasts[this.#head & mask]! + this.#span <= now) {
      this.#total -= this.#amounts[this.#head & mask]!
      this.#head++
    }
  }

  #push(amount: number, now: number): number {
    if (this.#tail - this.#head === this.#firsts.length) this.#grow()
    const at = this.#tail & (this.#firsts.length - 1)
    this.#firsts[at] = now
    this.#lasts[at] = now
    this.#amounts[at] = amount
    return this.#tail++
  }

  #grow(): void {
    const { length } = this.#firsts
    const wider = (ring: Float64Array<ArrayBuffer>) => {
      const wide = new Float64Array(length * 2)
      for (let sequence = this.#head; sequence < this.#tail; sequence++)
        wide[sequence & (length * 2 - 1)] = ring[sequence & (length - 1)]!
      return wide
    }
    this.#firsts = wider(this.#firsts)
    this.#lasts = wider(this.#lasts)
    this.#amounts = wider(this.#amounts)
  }
}
