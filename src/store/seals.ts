/** Where the thoughts and seals of calls wait for the next turn of their conversation: in memory, bounded, forgotten after an hour. */
import type { Call } from '../ir/chat.ts'
import type { Kept, SealMemory } from '../ir/seal.ts'

export type SealStore = {
  /** What one caller may find. */
  of(caller: string): SealMemory
}

export const sealBounds = { entries: 20_000, bytes: 64 * 1024 * 1024, seconds: 3600 }

type Stored = { kept: Kept; bytes: number; until: number }

/** The least recent is forgotten first. @param now milliseconds, for tests */
export const createSealStore = (bounds = sealBounds, now: () => number = Date.now): SealStore => {
  const stored = new Map<string, Stored>()
  let bytes = 0

  const forget = (key: string): void => {
    bytes -= stored.get(key)?.bytes ?? 0
    stored.delete(key)
  }

  const keep = (key: string, kept: Kept): void => {
    forget(key)
    const size = sizeOf(kept) + key.length
    if (size > bounds.bytes / 8) return
    stored.set(key, { kept, bytes: size, until: now() + bounds.seconds * 1000 })
    bytes += size
    for (const oldest of stored.keys()) {
      if (stored.size <= bounds.entries && bytes <= bounds.bytes && stored.get(oldest)!.until > now()) break
      forget(oldest)
    }
  }

  const find = (key: string): Kept | undefined => {
    const found = stored.get(key)
    if (found === undefined) return undefined
    if (found.until <= now()) return void forget(key)
    stored.delete(key)
    stored.set(key, { ...found, until: now() + bounds.seconds * 1000 })
    return found.kept
  }

  return {
    of: caller => ({ keep: (call, kept) => keep(keyOf(caller, call), kept), find: call => find(keyOf(caller, call)) }),
  }
}

/** Clients may write arguments anew: white space between them does not count. */
const keyOf = (caller: string, { id, name, args }: Call): string =>
  `${caller}\n${id}\n${Bun.hash(`${name}\n${args.replace(/\s+/g, '')}`).toString(36)}`

const sizeOf = ({ before, seal }: Kept): number =>
  2 * (before.reduce((sum, part) => sum + JSON.stringify(part).length, 0) + (seal ? JSON.stringify(seal).length : 0))
