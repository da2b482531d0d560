/**
 * Google's JSON also accepts names in snake_case (https://protobuf.dev/programming-guides/json). They are converted to
 * the documented camelCase.
 */
import { isObject, type Json, type JsonObject } from '../../../base/json/json.ts'

/** Fields that hold the user's own names: arguments, schemas, labels. Names inside them are not converted. */
const opaqueFields: ReadonlySet<string> = new Set([
  'args',
  'response',
  'parameters',
  'parametersJsonSchema',
  'responseJsonSchema',
  'responseSchema',
  'labels',
  'partMetadata',
])

/**
 * Converts names to camelCase. Returns the same value if nothing changes; never modifies it. If both spellings are
 * present, the camelCase field wins.
 */
const camelCased = (value: Json): Json => {
  if (Array.isArray(value)) {
    const items = value.map(camelCased)
    return items.some((item, index) => item !== value[index]) ? items : value
  }
  return isObject(value) ? camelObject(value) : value
}

const camelObject = (object: JsonObject): JsonObject => {
  const renamed: JsonObject = {}
  let changed = false
  for (const [key, value] of Object.entries(object)) {
    const name = key.includes('_') ? key.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter) => letter.toUpperCase()) : key
    const inner = value === undefined || opaqueFields.has(name) ? value : camelCased(value)
    if (name !== key && name in object) continue
    if (name !== key || inner !== value) changed = true
    renamed[name] = inner
  }
  return changed ? renamed : object
}

/** Converts a request to camelCase. */
export const camelBody = (body: JsonObject): JsonObject => camelCased(body) as JsonObject

/** Returns the objects of a list. Where Google's JSON expects a list, a single object counts as a list of one. */
export const listOf = (value: Json | undefined): JsonObject[] => {
  if (Array.isArray(value)) return value.filter(isObject)
  return isObject(value) ? [value] : []
}

/** Removes fields that are undefined or null. */
export const withoutNullish = (fields: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null))
