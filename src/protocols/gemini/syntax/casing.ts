/** Google's JSON takes names in snake_case as well: https://protobuf.dev/programming-guides/json. Here they become the camelCase of its documentation. */
import { isObject, type Json, type JsonObject } from '../../../base/json/json.ts'

/** What stands under these is the user's own: arguments, schemas, labels. Their names are left alone. */
const opaqueFields = new Set([
  'args',
  'response',
  'parameters',
  'parametersJsonSchema',
  'responseJsonSchema',
  'responseSchema',
  'labels',
  'partMetadata',
])

/** The same where nothing is to be renamed; the given value is never changed. A name in both spellings keeps the camelCase one. */
export const camelCased = (value: Json): Json => {
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

/** The request in camelCase. */
export const camelBody = (body: JsonObject): JsonObject => camelCased(body) as JsonObject

/** Where Google's JSON wants a list, one object alone is taken for a list of one. */
export const listOf = (value: Json | undefined): JsonObject[] =>
  Array.isArray(value) ? value.filter(isObject) : isObject(value) ? [value] : []

/** Without what is undefined or null: absent stays absent. */
export const withoutNullish = (fields: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null))
