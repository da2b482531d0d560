/** Answers that a later request may go on from, by their id, and who wrote what only its writer can read: each belongs to the caller who asked for it. */
import type { Json, JsonObject } from '../ir/json.ts'
import { type Bounds, createBounded } from './bounded.ts'

/** `answer`: as the client got it; `input`: everything that led to it, earlier turns included; `native`: the vendor keeps it too. */
export type Answer = { answer: JsonObject; input: Json[]; target: string; native: boolean }

export type AnswerStore = {
  keep(caller: string, id: string, answer: Answer): void
  find(caller: string, id: string): Answer | undefined
  /** True if there was one. */
  forget(caller: string, id: string): boolean
  /** Which target wrote an item that only it can read. */
  pin(caller: string, item: string, target: string): void
  pinned(caller: string, item: string): string | undefined
}

const ordinary: Bounds = { entries: 50_000, bytes: 64 * 1024 * 1024, seconds: 3600 }

/** @param now milliseconds, for tests */
export const createAnswerStore = (bounds = ordinary, now?: () => number): AnswerStore => {
  const kept = createBounded<Answer>(bounds, now)
  const pins = createBounded<string>({ ...bounds, bytes: bounds.bytes / 16 }, now)
  const keyOf = (caller: string, id: string) => `${caller}\n${id}`
  return {
    keep: (caller, id, answer) => kept.keep(keyOf(caller, id), answer, sizeOf(answer)),
    find: (caller, id) => kept.find(keyOf(caller, id)),
    forget: (caller, id) => kept.forget(keyOf(caller, id)),
    pin: (caller, item, target) => pins.keep(keyOf(caller, item), target, 2 * (item.length + target.length) + 256),
    pinned: (caller, item) => pins.find(keyOf(caller, item)),
  }
}

/** Two bytes a character. */
const sizeOf = ({ answer, input }: Answer): number =>
  2 * (JSON.stringify(answer).length + JSON.stringify(input).length) + 256
