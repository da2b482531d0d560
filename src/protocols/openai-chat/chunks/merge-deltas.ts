/** Deltas added up to what they say together. */
import { isObject, type Json, type JsonObject } from '../../../base/json/json.ts'

/** Adds a delta to what was said before: words are appended, entries with an index meet their like, the rest replaces. */
export const gather = (sum: JsonObject, delta: JsonObject): void => {
  for (const [key, value] of Object.entries(delta)) {
    const before = sum[key]
    if (value === undefined) continue
    if (typeof value === 'string' && typeof before === 'string') sum[key] = fixed.has(key) ? value : before + value
    else if (isObject(value) && isObject(before)) gather(before, value)
    else if (Array.isArray(value) && Array.isArray(before)) gatherEntries(before, value)
    else if (value !== null || before === undefined) sum[key] = structuredClone(value)
  }
}

/** Words that name something: a later delta repeats them. */
const fixed = new Set(['id', 'type', 'name', 'role', 'format'])

const gatherEntries = (sum: Json[], entries: readonly Json[]): void => {
  for (const entry of entries) {
    const same =
      isObject(entry) && entry.index !== undefined
        ? sum.find(one => isObject(one) && one.index === entry.index)
        : undefined
    if (isObject(same) && isObject(entry)) gather(same, entry)
    else sum.push(structuredClone(entry))
  }
}
