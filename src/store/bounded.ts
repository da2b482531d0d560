/** What is kept for a while, in memory: bounded in entries, bytes and time; the least recent goes first. */

export type Bounds = { entries: number; bytes: number; seconds: number }

export type Bounded<Value> = {
  /** `bytes`: what it is taken for. False where that is more than half of all: it is not kept. */
  keep(key: string, value: Value, bytes: number): boolean
  /** Makes it the most recent. */
  find(key: string): Value | undefined
  /** True if it was there. */
  forget(key: string): boolean
}

type Slot<Value> = { value: Value; bytes: number; until: number }

/**
 * @param now milliseconds, for tests
 * @param gone told of every value that is no longer there
 */
export const createBounded = <Value>(
  bounds: Bounds,
  now: () => number = Date.now,
  gone: (value: Value) => void = () => undefined,
): Bounded<Value> => {
  const slots = new Map<string, Slot<Value>>()
  let bytes = 0

  const forget = (key: string): boolean => {
    const slot = slots.get(key)
    if (slot === undefined) return false
    bytes -= slot.bytes
    slots.delete(key)
    gone(slot.value)
    return true
  }

  const put = (key: string, slot: Omit<Slot<Value>, 'until'>): void => {
    slots.set(key, { ...slot, until: now() + bounds.seconds * 1000 })
  }

  return {
    forget,
    keep(key, value, size) {
      forget(key)
      if (size > bounds.bytes / 2) return false
      put(key, { value, bytes: size })
      bytes += size
      for (const [oldest, { until }] of slots) {
        if (slots.size <= bounds.entries && bytes <= bounds.bytes && until > now()) break
        forget(oldest)
      }
      return true
    },
    find(key) {
      const found = slots.get(key)
      if (found === undefined) return undefined
      if (found.until <= now()) {
        forget(key)
        return undefined
      }
      slots.delete(key)
      put(key, found)
      return found.value
    },
  }
}
