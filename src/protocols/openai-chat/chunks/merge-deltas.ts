/** Merges the deltas of a stream into one object. */
import { isObject, type Json, type JsonObject } from '../../../base/json/json.ts'

/** Merges the deltas of one stream. Between two calls of `merge`, nothing else may change an array of the sum. */
export class DeltaMerger {
  /** The entries of each array of the sum, by their `index`. */
  readonly #entries = new Map<Json[], Map<Json, JsonObject>>()

  constructor(readonly sum: JsonObject) {}

  /**
   * Merges a delta into the sum. Strings are appended, array entries with the same index are merged, and all other
   * values are replaced.
   */
  merge(delta: JsonObject): void {
    this.#mergeInto(this.sum, delta)
  }

  #mergeInto(sum: JsonObject, delta: JsonObject): void {
    for (const [key, value] of Object.entries(delta)) {
      const before = sum[key]
      if (value === undefined) continue
      if (typeof value === 'string' && typeof before === 'string')
        sum[key] = repeatedFields.has(key) ? value : before + value
      else if (isObject(value) && isObject(before)) this.#mergeInto(before, value)
      else if (Array.isArray(value) && Array.isArray(before)) this.#mergeEntries(before, value)
      else if (value !== null || before === undefined) sum[key] = structuredClone(value)
    }
  }

  #mergeEntries(sum: Json[], entries: readonly Json[]): void {
    const byIndex = this.#entriesOf(sum)
    for (const entry of entries) {
      const index = isObject(entry) ? entry.index : undefined
      const same = index === undefined ? undefined : byIndex.get(index)
      if (same && isObject(entry)) {
        this.#mergeInto(same, entry)
        continue
      }
      const added = structuredClone(entry)
      sum.push(added)
      noteIndex(byIndex, added)
    }
  }

  #entriesOf(sum: Json[]): Map<Json, JsonObject> {
    const known = this.#entries.get(sum)
    if (known) return known
    const byIndex = new Map<Json, JsonObject>()
    for (const entry of sum) noteIndex(byIndex, entry)
    this.#entries.set(sum, byIndex)
    return byIndex
  }
}

/** The first entry of an index counts. */
const noteIndex = (byIndex: Map<Json, JsonObject>, entry: Json): void => {
  if (isObject(entry) && entry.index !== undefined && !byIndex.has(entry.index)) byIndex.set(entry.index, entry)
}

/** Strings that identify something: a later delta repeats them, so they replace the earlier value. */
const repeatedFields: ReadonlySet<string> = new Set(['id', 'type', 'name', 'role', 'format'])
