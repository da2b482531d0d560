/**
 * An in-memory LRU cache that callers share, bounded by entries, bytes and time: in total and for each caller. When it is
 * full, the caller that uses most of it loses its least recently used value, so no caller can evict what others keep.
 */

/** The bounds of the whole cache. A caller may use three quarters of the entries and of the bytes. */
export type Bounds = { entries: number; bytes: number; seconds: number }

export type BoundedCache<Value> = {
  /**
   * Adds or replaces a value. Returns false, without storing it, if `bytes` exceeds half of the total.
   * @param owner the caller whose share the value uses
   * @param bytes the estimated size of the value
   */
  keep(owner: string, key: string, value: Value, bytes: number): boolean
  /** Marks the value as the most recently used, and renews the time after which it expires. */
  find(owner: string, key: string): Value | undefined
  /** Returns true if the key existed. */
  forget(owner: string, key: string): boolean
}

type CacheEntry<Value> = { value: Value; bytes: number; expiresAt: number }

/** The part of the cache that one caller uses at most. */
const maxShare = 3 / 4

/** The values of one caller, the least recently used first. */
class Share<Value> {
  readonly entries = new Map<string, CacheEntry<Value>>()
  bytes = 0

  /** The part of the whole cache that the caller uses, from 0 to 1: of the entries or of the bytes, whichever is more. */
  partOf(bounds: Bounds): number {
    return Math.max(this.entries.size / bounds.entries, this.bytes / bounds.bytes)
  }

  hasExpired(now: number): boolean {
    for (const { expiresAt } of this.entries.values()) return expiresAt <= now
    return false
  }
}

/** @param now returns milliseconds; for tests @param onRemove called for every value that is removed */
export const createBoundedCache = <Value>(
  bounds: Bounds,
  now: () => number = Date.now,
  onRemove: (value: Value) => void = () => undefined,
): BoundedCache<Value> => new SharedCache(bounds, now, onRemove)

class SharedCache<Value> implements BoundedCache<Value> {
  /** By caller, the least recently used first. A caller without values has none. */
  readonly #shares = new Map<string, Share<Value>>()
  #entries = 0
  #bytes = 0

  constructor(
    private readonly bounds: Bounds,
    private readonly now: () => number,
    private readonly onRemove: (value: Value) => void,
  ) {}

  keep(owner: string, key: string, value: Value, bytes: number): boolean {
    this.forget(owner, key)
    if (bytes > this.bounds.bytes / 2) return false
    this.#put(owner, key, value, bytes)
    this.#makeRoom(owner)
    return true
  }

  find(owner: string, key: string): Value | undefined {
    const found = this.#shares.get(owner)?.entries.get(key)
    if (found === undefined) return undefined
    const isExpired = found.expiresAt <= this.now()
    this.#take(owner, key)
    if (isExpired) this.onRemove(found.value)
    else this.#put(owner, key, found.value, found.bytes)
    return isExpired ? undefined : found.value
  }

  forget(owner: string, key: string): boolean {
    const taken = this.#take(owner, key)
    if (taken) this.onRemove(taken.value)
    return taken !== undefined
  }

  #put(owner: string, key: string, value: Value, bytes: number): void {
    const share = this.#shares.get(owner) ?? new Share<Value>()
    this.#shares.delete(owner)
    this.#shares.set(owner, share)
    share.entries.set(key, { value, bytes, expiresAt: this.now() + this.bounds.seconds * 1000 })
    share.bytes += bytes
    this.#entries++
    this.#bytes += bytes
  }

  #take(owner: string, key: string): CacheEntry<Value> | undefined {
    const share = this.#shares.get(owner)
    const entry = share?.entries.get(key)
    if (share === undefined || entry === undefined) return undefined
    share.entries.delete(key)
    share.bytes -= entry.bytes
    if (share.entries.size === 0) this.#shares.delete(owner)
    this.#entries--
    this.#bytes -= entry.bytes
    return entry
  }

  /** Removes what has expired, then what exceeds the caller's share, then the oldest of whoever uses most. */
  #makeRoom(owner: string): void {
    const now = this.now()
    this.#removeExpired(owner, now)
    for (const [idleOwner, share] of this.#shares) {
      if (!share.hasExpired(now)) break
      this.#removeExpired(idleOwner, now)
    }
    while ((this.#shares.get(owner)?.partOf(this.bounds) ?? 0) > maxShare) this.#removeOldest(owner)
    while (this.#entries > this.bounds.entries || this.#bytes > this.bounds.bytes) this.#removeOldest(this.#largest())
  }

  #removeExpired(owner: string, now: number): void {
    while (this.#shares.get(owner)?.hasExpired(now)) this.#removeOldest(owner)
  }

  #removeOldest(owner: string): void {
    for (const key of this.#shares.get(owner)?.entries.keys() ?? []) {
      this.forget(owner, key)
      return
    }
  }

  /** The caller that uses most. Called only while something is stored. */
  #largest(): string {
    let largest = ''
    let largestPart = -1
    for (const [owner, share] of this.#shares) {
      const part = share.partOf(this.bounds)
      if (part > largestPart) [largest, largestPart] = [owner, part]
    }
    return largest
  }
}
