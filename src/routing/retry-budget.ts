/**
 * Limits how often the targets of an entry are asked again after a failure, so that retries do not multiply the load of
 * a vendor that is down. Moving to another target is free.
 */
const windowMs = 10_000
const buckets = 10
/** Repeats that are always allowed within the window. */
const minRepeats = 10
const maxEntries = 10_000

type EntryCounts = { requests: number[]; repeats: number[]; bucket: number }

export class RetryBudget {
  readonly #counts = new Map<string, EntryCounts>()

  /** @param share the part of an entry's requests that may be repeats; `now` in milliseconds of a monotonic clock */
  constructor(
    public share: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  noteRequest(entryId: string): void {
    const counts = this.#countsOf(entryId)
    counts.requests[counts.bucket % buckets]!++
  }

  /** Takes one repeat. False if there were too many. */
  take(entryId: string): boolean {
    const counts = this.#countsOf(entryId)
    const allowed = Math.max(minRepeats, this.share * sum(counts.requests))
    if (sum(counts.repeats) >= allowed) return false
    counts.repeats[counts.bucket % buckets]!++
    return true
  }

  #countsOf(entryId: string): EntryCounts {
    const bucket = Math.floor(this.now() / (windowMs / buckets))
    const known = this.#counts.get(entryId) ?? { requests: zeros(), repeats: zeros(), bucket }
    if (!this.#counts.has(entryId)) this.#add(entryId, known)
    for (let old = Math.max(known.bucket + 1, bucket - buckets + 1); old <= bucket; old++) {
      known.requests[old % buckets] = 0
      known.repeats[old % buckets] = 0
    }
    known.bucket = bucket
    return known
  }

  #add(entryId: string, counts: EntryCounts): void {
    if (this.#counts.size >= maxEntries) this.#counts.delete(this.#counts.keys().next().value!)
    this.#counts.set(entryId, counts)
  }
}

const zeros = (): number[] => new Array<number>(buckets).fill(0)
const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)
