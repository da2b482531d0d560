/** Answers that a later request may go on from, by their id, their items by theirs, and who wrote what only its writer can read: each belongs to the caller who asked for it. */
import { isObject, type Json, type JsonObject } from '../base/json/json.ts'
import { itemsById } from '../protocols/openai-responses/stored/item-references.ts'
import { type Bounds, createBounded } from './bounded.ts'
import { createItems } from './items.ts'

/** `answer`: as the client got it; `input`: everything that led to it, earlier turns included; `native`: the vendor keeps it too. */
export type Answer = { answer: JsonObject; input: Json[]; target: string; native: boolean }

export type AnswerStore = {
  /** False where it is too large. */
  keep(caller: string, id: string, answer: Answer): boolean
  find(caller: string, id: string): Answer | undefined
  /** An item of an answer that is kept, or of what led to it. */
  findItem(caller: string, id: string): { item: JsonObject; of: Answer } | undefined
  /** The answer and who keeps it. */
  forget(caller: string, id: string): void
  /** Which target knows an item by its name, or wrote one that only it can read. */
  pin(caller: string, item: string, target: string): void
  pinned(caller: string, item: string): string | undefined
}

const ordinary: Bounds = { entries: 50_000, bytes: 64 * 1024 * 1024, seconds: 3600 }

/** `key`: of the answer; `items`: by their keys. */
type Kept = { key: string; answer: Answer; items: ReadonlyMap<string, JsonObject> }

/** @param now milliseconds, for tests */
export const createAnswerStore = (bounds = ordinary, now?: () => number): AnswerStore => {
  const items = createItems<Kept>()
  const kept = createBounded<Kept>(bounds, now, one => items.drop(one.items.keys(), one))
  const pins = createBounded<string>({ ...bounds, bytes: bounds.bytes / 4 }, now)
  const find = (key: string): Answer | undefined => kept.find(key)?.answer
  return {
    keep(caller, id, answer) {
      const key = keyOf(caller, id)
      const named = [...itemsById(id, answer)].map(([item, value]) => [keyOf(caller, item), value] as const)
      const one: Kept = { key, answer, items: new Map(named) }
      const isKept = kept.keep(key, one, bytesOf(one.answer.answer) + bytesOf(answer.input) + perItem * one.items.size)
      if (isKept) items.add(one.items, one)
      return isKept
    },
    find: (caller, id) => find(keyOf(caller, id)),
    findItem(caller, id) {
      const held = items.find(keyOf(caller, id))
      const of = held && find(held.holder.key)
      return of && { item: held.item, of }
    },
    forget(caller, id) {
      kept.forget(keyOf(caller, id))
      pins.forget(keyOf(caller, id))
    },
    pin: (caller, item, target) => void pins.keep(keyOf(caller, item), target, item.length + target.length + 256),
    pinned: (caller, item) => pins.find(keyOf(caller, item)),
  }
}

const keyOf = (caller: string, id: string): string => `${caller}\n${id}`

/** What finding an item costs. */
const perItem = 128

const wide = /[^\0-\xff]/

/** About what the engine keeps: of a text a byte a character, two where any is beyond Latin-1. */
const bytesOf = (value: Json): number => {
  let bytes = 0
  const waiting: Json[] = [value]
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    bytes += 16
    if (typeof one === 'string') bytes += one.length * (wide.test(one) ? 2 : 1)
    else if (Array.isArray(one) || isObject(one))
      for (const inner of Object.values(one)) if (inner !== undefined) waiting.push(inner)
  }
  return bytes
}
