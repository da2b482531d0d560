/** Stores the reasoning and the seals of tool calls until the next turn of their conversation. */
import type { ToolCall } from '../ir/chat.ts'
import type { CallMemory, SealMemory } from '../ir/seal.ts'
import { type BoundedCache, type Bounds, createBoundedCache } from './bounded.ts'

export type SealStore = {
  /** The part of the store that one caller may read. */
  forCaller(caller: string): SealMemory
}

const defaultBounds: Bounds = { entries: 20_000, bytes: 64 * 1024 * 1024, seconds: 3600 }

/** @param now returns milliseconds; for tests */
export const createSealStore = (bounds = defaultBounds, now?: () => number): SealStore => {
  const memories = createBoundedCache<CallMemory>(bounds, now)
  return { forCaller: caller => new CallerSealMemory(caller, memories) }
}

/** Created for every request, and rarely used. */
class CallerSealMemory implements SealMemory {
  constructor(
    private readonly caller: string,
    private readonly memories: BoundedCache<CallMemory>,
  ) {}

  save(call: ToolCall, value: CallMemory): void {
    this.memories.keep(this.caller, keyOf(this.caller, call), value, sizeOf(value))
  }

  find(call: ToolCall): CallMemory | undefined {
    return this.memories.find(this.caller, keyOf(this.caller, call))
  }
}

/** Clients may rewrite arguments, so the key ignores white space in them. */
const keyOf = (caller: string, { id, name, args }: ToolCall): string =>
  `${caller}\n${id}\n${Bun.hash(`${name}\n${args.replace(/\s+/g, '')}`).toString(36)}`

/** Two bytes for each character, and the overhead of the entry. */
const sizeOf = ({ thoughts, seal }: CallMemory): number =>
  2 *
    (thoughts.reduce((sum, part) => sum + JSON.stringify(part).length, 0) + (seal ? JSON.stringify(seal).length : 0)) +
  256
