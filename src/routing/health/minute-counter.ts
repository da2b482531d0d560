/** Counts events of the last 60 seconds, in buckets of one second. All times are milliseconds of a monotonic clock. */
const seconds = 60

export class MinuteCounter {
  readonly #buckets = new Uint32Array(seconds)
  #second = 0
  #total = 0

  add(now: number): void {
    this.#advance(now)
    this.#buckets[this.#second % seconds]!++
    this.#total++
  }

  /** Removes the newest event: it did not count after all. */
  takeBack(now: number): void {
    this.#advance(now)
    for (let second = this.#second; second > this.#second - seconds; second--) {
      const at = ((second % seconds) + seconds) % seconds
      if (this.#buckets[at] === 0) continue
      this.#buckets[at]!--
      this.#total--
      return
    }
  }

  count(now: number): number {
    this.#advance(now)
    return this.#total
  }

  /** When fewer than `limit` events are left in the window; `now` if that is so already. */
  readyAt(limit: number, now: number): number {
    this.#advance(now)
    let left = this.#total
    for (let second = this.#second - seconds + 1; left >= limit && second <= this.#second; second++) {
      left -= this.#buckets[((second % seconds) + seconds) % seconds]!
      if (left < limit) return (second + seconds) * 1000
    }
    return now
  }

  #advance(now: number): void {
    const second = Math.floor(now / 1000)
    for (let old = Math.max(this.#second + 1, second - seconds + 1); old <= second; old++) {
      const at = old % seconds
      this.#total -= this.#buckets[at]!
      this.#buckets[at] = 0
    }
    if (second > this.#second) this.#second = second
  }
}
