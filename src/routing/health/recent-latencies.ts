/** The last latencies of a target, for their 95th percentile. */

const size = 32
/** Fewer samples say too little. */
const minSamples = 8

export class RecentLatencies {
  #samples: Float64Array | undefined
  #count = 0
  #percentile: number | undefined

  /** @param milliseconds of one answer */
  add(milliseconds: number): void {
    this.#samples ??= new Float64Array(size)
    this.#samples[this.#count++ % size] = milliseconds
    this.#percentile = undefined
  }

  /** Milliseconds; undefined while there are too few samples. */
  percentile95(): number | undefined {
    if (this.#count < minSamples || !this.#samples) return undefined
    this.#percentile ??= percentileOf(this.#samples.slice(0, Math.min(this.#count, size)))
    return this.#percentile
  }
}

const percentileOf = (samples: Float64Array): number => samples.sort()[Math.ceil(samples.length * 0.95) - 1]!
