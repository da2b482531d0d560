/**
 * Stores answers that a later request may continue, by id, and their items by item id. It also remembers which target
 * wrote what only its writer can read. Each caller (a `Caller.owner`) sees only its own answers, and none can evict those of
 * another.
 */
import { isObject, type Json, type JsonObject } from '../base/json/json.ts'
import { itemsById } from '../protocols/openai-responses/stored/item-references.ts'
import { type Bounds, createBoundedCache } from './bounded.ts'
import { createItemIndex } from './items.ts'

/**
 * `answer`: the answer as the client got it. `input`: everything before it, earlier turns included. `target`: the id of
 * the target. `native`: the vendor stores the answer too.
 */
export type StoredAnswer = { answer: JsonObject; input: Json[]; target: string; native: boolean }

export type AnswerStore = {
  /** Returns false if the answer is too large. */
  keep(caller: string, id: string, answer: StoredAnswer): boolean
  find(caller: string, id: string): StoredAnswer | undefined
  /** An item of a stored answer, or of its input. */
  findItem(caller: string, id: string): { item: JsonObject; answer: StoredAnswer } | undefined
  /** Removes an answer and its pinned target. */
  forget(caller: string, id: string): void
  /** Remembers the target that knows an item by its id, or that wrote an item which only it can read. */
  pinTarget(caller: string, item: string, target: string): void
  pinnedTarget(caller: string, item: string): string | undefined
}

const defaultBounds: Bounds = { entries: 50_000, bytes: 64 * 1024 * 1024, seconds: 3600 }

/** `caller`: its owner. `key`: of the answer. `items`: by their keys. */
type AnswerRecord = { caller: string; key: string; answer: StoredAnswer; items: ReadonlyMap<string, JsonObject> }

/** @param now returns milliseconds; for tests */
export const createAnswerStore = (bounds = defaultBounds, now?: () => number): AnswerStore => {
  const items = createItemIndex<AnswerRecord>()
  const records = createBoundedCache<AnswerRecord>(bounds, now, record => items.drop(record.items.keys(), record))
  const pinnedTargets = createBoundedCache<string>({ ...bounds, bytes: bounds.bytes / 4 }, now)
  const find = (caller: string, key: string): StoredAnswer | undefined => records.find(caller, key)?.answer
  return {
    keep(caller, id, answer) {
      const key = keyOf(caller, id)
      const keyedItems = [...itemsById(id, answer)].map(([item, value]) => [keyOf(caller, item), value] as const)
      const record: AnswerRecord = { caller, key, answer, items: new Map(keyedItems) }
      const isKept = records.keep(
        caller,
        key,
        record,
        bytesOf(record.answer.answer) + bytesOf(answer.input) + bytesPerItem * record.items.size,
      )
      if (isKept) items.add(record.items, record)
      return isKept
    },
    find: (caller, id) => find(caller, keyOf(caller, id)),
    findItem(caller, id) {
      const indexed = items.find(keyOf(caller, id))
      const answer = indexed && find(caller, indexed.holder.key)
      return answer && { item: indexed.item, answer }
    },
    forget(caller, id) {
      records.forget(caller, keyOf(caller, id))
      pinnedTargets.forget(caller, keyOf(caller, id))
    },
    pinTarget: (caller, item, target) =>
      void pinnedTargets.keep(caller, keyOf(caller, item), target, item.length + target.length + 256),
    pinnedTarget: (caller, item) => pinnedTargets.find(caller, keyOf(caller, item)),
  }
}

const keyOf = (caller: string, id: string): string => `${caller}\n${id}`

/** The estimated cost of an item in the index. */
const bytesPerItem = 128

const beyondLatin1 = /[^\0-\xff]/

/**
 * An estimate of the memory of a value. A string takes a byte for each character, or two if any character is beyond
 * Latin-1.
 */
const bytesOf = (value: Json): number => {
  let bytes = 0
  const remaining: Json[] = [value]
  for (let item = remaining.pop(); item !== undefined; item = remaining.pop()) {
    bytes += 16
    if (typeof item === 'string') bytes += item.length * (beyondLatin1.test(item) ? 2 : 1)
    else if (Array.isArray(item) || isObject(item))
      for (const inner of Object.values(item)) if (inner !== undefined) remaining.push(inner)
  }
  return bytes
}
