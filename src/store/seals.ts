/** Where the thoughts and seals of calls wait for the next turn of their conversation. */
import type { ToolCall } from '../ir/chat.ts'
import type { CallMemory, SealMemory } from '../ir/seal.ts'
import { type BoundedCache, type Bounds, createBoundedCache } from './bounded.ts'

export type SealStore = {
  /** What one caller may find. */
  forCaller(caller: string): SealMemory
}

const defaultBounds: Bounds = { entries: 20_000, bytes: 64 * 1024 * 1024, seconds: 3600 }

/** @param now milliseconds, for tests */
export const createSealStore = (bounds = defaultBounds, now?: () => number): SealStore => {
  const memories = createBoundedCache<CallMemory>(bounds, now)
  return { forCaller: caller => new CallerSealMemory(caller, memories) }
}

/** Made for every request, and rarely asked. */
class CallerSealMemory implements SealMemory {
  constructor(
    private readonly caller: string,
    private readonly memories: BoundedCache<CallMemory>,
  ) {}

  save(call: ToolCall, value: CallMemory): void {
    this.memories.keep(keyOf(this.caller, call), value, sizeOf(value))
  }

  find(call: ToolCall): CallMemory | undefined {
    return this.memories.find(keyOf(this.caller, call))
  }
}

/** Clients may write arguments anew: white space between them does not count. */
const keyOf = (caller: string, { id, name, args }: ToolCall): string =>
  `${caller}\n${id}\n${Bun.hash(`${name}\n${args.replace(/\s+/g, '')}`).toString(36)}`

/** Two bytes a character, and what the entry itself takes. */
const sizeOf = ({ thoughts, seal }: CallMemory): number =>
  2 *
    (thoughts.reduce((sum, part) => sum + JSON.stringify(part).length, 0) + (seal ? JSON.stringify(seal).length : 0)) +
  256
