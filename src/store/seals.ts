/** Where the thoughts and seals of calls wait for the next turn of their conversation. */
import type { ToolCall } from '../ir/chat.ts'
import type { CallMemory, SealMemory } from '../ir/seal.ts'
import { type Bounded, type Bounds, createBounded } from './bounded.ts'

export type SealStore = {
  /** What one caller may find. */
  of(caller: string): SealMemory
}

const ordinary: Bounds = { entries: 20_000, bytes: 64 * 1024 * 1024, seconds: 3600 }

/** @param now milliseconds, for tests */
export const createSealStore = (bounds = ordinary, now?: () => number): SealStore => {
  const kept = createBounded<CallMemory>(bounds, now)
  return { of: caller => new CallersSeals(caller, kept) }
}

/** Made for every request, and rarely asked. */
class CallersSeals implements SealMemory {
  constructor(
    private readonly caller: string,
    private readonly kept: Bounded<CallMemory>,
  ) {}

  save(call: ToolCall, value: CallMemory): void {
    this.kept.keep(keyOf(this.caller, call), value, sizeOf(value))
  }

  find(call: ToolCall): CallMemory | undefined {
    return this.kept.find(keyOf(this.caller, call))
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
