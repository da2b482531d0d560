/**
 * Whether an entry may be asked for usage in a stream. The gateway asks every vendor, because limits count tokens; some
 * vendors refuse the question, and a few are known to. How a vendor is asked: `UsageOption` of its protocol.
 */
import type { Target } from '../providers/entry.ts'
import type { Wire } from '../providers/provider.ts'

/** Milliseconds after which a vendor that refused is asked once more: it may have been updated. */
const forgetAfter = 24 * 60 * 60_000

/** What was learned, by entry id. Belongs to a Runtime. */
export class StreamUsage {
  readonly #refusedUntil = new Map<string, number>()

  /** @param now milliseconds of a clock that never goes back */
  constructor(private readonly now: () => number = () => performance.now()) {}

  isAllowed({ entry }: Pick<Target, 'entry'>, wire: Pick<Wire, 'refusesUsage'>): boolean {
    if (wire.refusesUsage) return false
    const until = this.#refusedUntil.get(entry.id)
    if (until === undefined) return true
    if (this.now() < until) return false
    this.#refusedUntil.delete(entry.id)
    return true
  }

  markRefused({ entry }: Pick<Target, 'entry'>): void {
    this.#refusedUntil.set(entry.id, this.now() + forgetAfter)
  }
}
