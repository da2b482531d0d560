/** Which of the kept answers hold an item, by the item's id. */
import type { JsonObject } from '../base/json/json.ts'

/** An item, and the answer that holds it. */
export type Held<Holder> = { item: JsonObject; holder: Holder }

export type Items<Holder> = {
  add(keys: ReadonlyMap<string, JsonObject>, holder: Holder): void
  drop(keys: Iterable<string>, holder: Holder): void
  /** By whoever holds it since last. */
  find(key: string): Held<Holder> | undefined
}

export const createItems = <Holder>(): Items<Holder> => {
  const held = new Map<string, Held<Holder>[]>()
  return {
    add(items, holder) {
      for (const [key, item] of items) {
        const known = held.get(key)
        if (known) known.push({ item, holder })
        else held.set(key, [{ item, holder }])
      }
    },
    drop(keys, holder) {
      for (const key of keys) {
        const left = held.get(key)?.filter(one => one.holder !== holder) ?? []
        if (left.length > 0) held.set(key, left)
        else held.delete(key)
      }
    },
    find: key => held.get(key)?.at(-1),
  }
}
