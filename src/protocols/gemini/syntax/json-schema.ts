/**
 * Google's schema format (a subset of OpenAPI 3.0 with type names in upper case) → JSON Schema, which every other
 * vendor accepts. Schemas for Google are sent as JSON Schema without changes: `parametersJsonSchema`,
 * `responseJsonSchema`. https://ai.google.dev/api/caching#Schema (2026-11)
 */
import { isObject, type Json, type JsonObject } from '../../../base/json/json.ts'

/** Keywords with a count. Google's JSON writes 64-bit numbers as strings. */
const countKeywords: ReadonlySet<string> = new Set([
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'minProperties',
  'maxProperties',
])
/** Keywords that map names to schemas. */
const schemaMapKeywords: ReadonlySet<string> = new Set(['properties', '$defs', 'definitions', 'patternProperties'])
const schemaKeywords: ReadonlySet<string> = new Set([
  'items',
  'anyOf',
  'oneOf',
  'allOf',
  'prefixItems',
  'additionalProperties',
  'not',
])

/** Converts a schema, or a list of schemas. */
export const jsonSchemaOf = (schema: Json): Json => {
  if (Array.isArray(schema)) return schema.map(jsonSchemaOf)
  if (!isObject(schema)) return schema
  const converted: JsonObject = {}
  for (const [key, value] of Object.entries(schema)) {
    if (value === undefined || key === 'nullable') continue
    const name = key === 'any_of' ? 'anyOf' : key
    if (key === 'type') converted.type = typeOf(value)
    else if (countKeywords.has(name) && typeof value === 'string' && /^\d+$/.test(value))
      converted[name] = Number(value)
    else if (schemaMapKeywords.has(name) && isObject(value))
      converted[name] = Object.fromEntries(
        Object.entries(value).map(([one, part]) => [one, jsonSchemaOf(part ?? null)]),
      )
    else converted[name] = schemaKeywords.has(name) ? jsonSchemaOf(value) : value
  }
  return schema.nullable === true ? withNull(converted) : converted
}

const typeOf = (type: Json): Json => {
  if (typeof type === 'string') return type.toLowerCase()
  return Array.isArray(type) ? type.map(typeOf) : type
}

const withNull = (schema: JsonObject): JsonObject => {
  if (typeof schema.type === 'string')
    return {
      ...schema,
      type: [schema.type, 'null'],
      ...(Array.isArray(schema.enum) && { enum: [...schema.enum, null] }),
    }
  return Array.isArray(schema.anyOf) ? { ...schema, anyOf: [...schema.anyOf, { type: 'null' }] } : schema
}
