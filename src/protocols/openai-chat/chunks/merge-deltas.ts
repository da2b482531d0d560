/** Merges the deltas of a stream into one object. */
import { isObject, type Json, type JsonObject } from '../../../base/json/json.ts'

/**
 * Merges a delta into `sum`. Strings are appended, array entries with the same index are merged, and all other values
 * are replaced.
 */
export const mergeDelta = (sum: JsonObject, delta: JsonObject): void => {
  for (const [key, value] of Object.entries(delta)) {
    const before = sum[key]
    if (value === undefined) continue
    if (typeof value === 'string' && typeof before === 'string')
      sum[key] = repeatedFields.has(key) ? value : before + value
    else if (isObject(value) && isObject(before)) mergeDelta(before, value)
    else if (Array.isArray(value) && Array.isArray(before)) mergeEntries(before, value)
    else if (value !== null || before === undefined) sum[key] = structuredClone(value)
  }
}

/** Strings that identify something: a later delta repeats them, so they replace the earlier value. */
const repeatedFields: ReadonlySet<string> = new Set(['id', 'type', 'name', 'role', 'format'])

const mergeEntries = (sum: Json[], entries: readonly Json[]): void => {
  for (const entry of entries) {
    const same =
      isObject(entry) && entry.index !== undefined
        ? sum.find(known => isObject(known) && known.index === entry.index)
        : undefined
    if (isObject(same) && isObject(entry)) mergeDelta(same, entry)
    else sum.push(structuredClone(entry))
  }
}
