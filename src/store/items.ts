/** An index of the items of stored answers, by item id. */
import type { JsonObject } from '../base/json/json.ts'

/** An item and the answer that holds it. */
type IndexedItem<Holder> = { item: JsonObject; holder: Holder }

type ItemIndex<Holder> = {
  add(keys: ReadonlyMap<string, JsonObject>, holder: Holder): void
  drop(keys: Iterable<string>, holder: Holder): void
  /** The item of the most recently added holder. */
  find(key: string): IndexedItem<Holder> | undefined
}

export const createItemIndex = <Holder>(): ItemIndex<Holder> => {
  const byKey = new Map<string, IndexedItem<Holder>[]>()
  return {
    add(items, holder) {
      for (const [key, item] of items) {
        const known = byKey.get(key)
        if (known) known.push({ item, holder })
        else byKey.set(key, [{ item, holder }])
      }
    },
    drop(keys, holder) {
      for (const key of keys) {
        const remaining = byKey.get(key)?.filter(indexed => indexed.holder !== holder) ?? []
        if (remaining.length > 0) byKey.set(key, remaining)
        else byKey.delete(key)
      }
    },
    find: key => byKey.get(key)?.at(-1),
  }
}
