/** An in-memory LRU cache, bounded by entries, bytes and time. */

export type Bounds = { entries: number; bytes: number; seconds: number }

export type BoundedCache<Value> = {
  /**
   * Adds or replaces a value. Returns false, without storing it, if `bytes` exceeds half of the total.
   * @param bytes the estimated size of the value
   */
  keep(key: string, value: Value, bytes: number): boolean
  /** Marks the value as the most recently used, and renews the time after which it expires. */
  find(key: string): Value | undefined
  /** Returns true if the key existed. */
  forget(key: string): boolean
}

type CacheEntry<Value> = { value: Value; bytes: number; expiresAt: number }

/** @param now returns milliseconds; for tests @param onRemove called for every value that is removed */
export const createBoundedCache = <Value>(
  bounds: Bounds,
  now: () => number = Date.now,
  onRemove: (value: Value) => void = () => undefined,
): BoundedCache<Value> => {
  const entries = new Map<string, CacheEntry<Value>>()
  let bytes = 0

  const forget = (key: string): boolean => {
    const entry = entries.get(key)
    if (entry === undefined) return false
    bytes -= entry.bytes
    entries.delete(key)
    onRemove(entry.value)
    return true
  }

  const touch = (key: string, entry: Omit<CacheEntry<Value>, 'expiresAt'>): void => {
    entries.set(key, { ...entry, expiresAt: now() + bounds.seconds * 1000 })
  }

  return {
    forget,
    keep(key, value, size) {
      forget(key)
      if (size > bounds.bytes / 2) return false
      touch(key, { value, bytes: size })
      bytes += size
      for (const [oldest, { expiresAt }] of entries) {
        if (entries.size <= bounds.entries && bytes <= bounds.bytes && expiresAt > now()) break
        forget(oldest)
      }
      return true
    },
    find(key) {
      const found = entries.get(key)
      if (found === undefined) return undefined
      if (found.expiresAt <= now()) {
        forget(key)
        return undefined
      }
      entries.delete(key)
      touch(key, found)
      return found.value
    },
  }
}
