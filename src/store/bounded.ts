/** What is kept for a while, in memory: bounded in entries, bytes and time; the least recent goes first. */

export type Bounds = { entries: number; bytes: number; seconds: number }

export type BoundedCache<Value> = {
  /** `bytes`: what it is taken for. False where that is more than half of all: it is not kept. */
  keep(key: string, value: Value, bytes: number): boolean
  /** Makes it the most recent. */
  find(key: string): Value | undefined
  /** True if it was there. */
  forget(key: string): boolean
}

type CacheEntry<Value> = { value: Value; bytes: number; expiresAt: number }

/**
 * @param now milliseconds, for tests
 * @param onRemove told of every value that is no longer there
 */
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
