/** A value that fits a JSON schema, the same for the same schema: what the mock answers and calls tools with. */
import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'

/** Optional properties and list items are left out below this depth; at most so many values are made. */
const deepest = 8
const most = 5_000

const formats: Record<string, string> = {
  date: '2025-01-01',
  time: '12:00:00Z',
  'date-time': '2025-01-01T12:00:00Z',
  duration: 'PT1H',
  email: 'someone@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com',
  uuid: '00000000-0000-4000-8000-000000000000',
}

/** `name`, the property's, is what a text without further rules says. */
export const sampleOf = (schema: Json | undefined, name = 'text'): Json =>
  build(schema, { root: schema, name, depth: 0, budget: { left: most } })

type At = { root: Json | undefined; name: string; depth: number; budget: { left: number } }

const build = (given: Json | undefined, at: At): Json => {
  const schema = at.budget.left-- > 0 ? resolve(given, at) : undefined
  if (!isObject(schema)) return null
  if (schema['const'] !== undefined) return schema['const']
  if (Array.isArray(schema['enum']) && schema['enum'].length > 0) return schema['enum'][0]!
  const branch = [schema['anyOf'], schema['oneOf']].find(Array.isArray)
  if (branch) return build(simplest(branch, at), { ...at, depth: at.depth + 1 })
  return makers[typeOf(schema)]?.(schema, at) ?? null
}

/** Follows `$ref` within the document and lays `allOf` together. */
const resolve = (schema: Json | undefined, { root, depth }: Pick<At, 'root' | 'depth'>): Json | undefined => {
  if (!isObject(schema) || depth > deepest * 4) return undefined
  if (typeof schema['$ref'] === 'string') {
    const steps = schema['$ref'].replace(/^#\/?/, '').split('/').filter(Boolean)
    const found = steps.reduce<Json | undefined>(
      (value, step) => (isObject(value) ? value[unescaped(step)] : undefined),
      root,
    )
    return found === schema ? undefined : resolve(found, { root, depth: depth + 1 })
  }
  if (!Array.isArray(schema['allOf'])) return schema
  const { allOf, ...own } = schema
  return [own, ...allOf.map(part => resolve(part, { root, depth: depth + 1 }))].filter(isObject).reduce(merge, {})
}

const unescaped = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~')

const merge = (one: JsonObject, other: JsonObject): JsonObject => {
  const properties = { ...(one['properties'] as JsonObject), ...(other['properties'] as JsonObject) }
  const required = [...((one['required'] as Json[]) ?? []), ...((other['required'] as Json[]) ?? [])]
  return {
    ...one,
    ...other,
    ...(Object.keys(properties).length > 0 && { properties }),
    ...(required.length > 0 && { required }),
  }
}

/** The first branch; deep down one that is a plain value, so that a schema that names itself comes to an end. */
const simplest = (branches: Json[], at: At): Json | undefined => {
  if (at.depth < deepest) return branches[0]
  const plain = branches.find(branch => {
    const schema = resolve(branch, at)
    return isObject(schema) && !['object', 'array'].includes(typeOf(schema))
  })
  return plain ?? branches[0]
}

const typeOf = ({ type, properties, items }: JsonObject): string => {
  const names = Array.isArray(type) ? type : [type]
  const name = names.find(one => typeof one === 'string' && one !== 'null') ?? names[0]
  if (typeof name === 'string') return name
  if (properties) return 'object'
  return items ? 'array' : 'string'
}

const numberOf = (value: Json | undefined): number | undefined => (typeof value === 'number' ? value : undefined)

const number = (schema: JsonObject, least: number): number => {
  const above = numberOf(schema['exclusiveMinimum'])
  const low = numberOf(schema['minimum']) ?? (above === undefined ? undefined : above + least)
  const high = numberOf(schema['maximum']) ?? numberOf(schema['exclusiveMaximum'])
  const value = low ?? (high !== undefined && high <= 1 ? high - least : 1)
  const step = numberOf(schema['multipleOf'])
  return step ? Math.ceil(value / step) * step : value
}

const text = (schema: JsonObject, { name }: At): string => {
  const word = formats[String(schema['format'])] ?? name
  const long = word.padEnd(numberOf(schema['minLength']) ?? 0, 'x')
  return long.slice(0, numberOf(schema['maxLength']) ?? long.length)
}

const list = (schema: JsonObject, at: At): Json[] => {
  const least = numberOf(schema['minItems']) ?? (at.depth < deepest ? 1 : 0)
  const length = Math.min(numberOf(schema['maxItems']) ?? least, least, 100)
  return Array.from({ length }, () => build(schema['items'] ?? {}, { ...at, depth: at.depth + 1 }))
}

const object = ({ properties, required }: JsonObject, at: At): JsonObject => {
  const needed = new Set(Array.isArray(required) ? required : [])
  const made: JsonObject = {}
  for (const [name, schema] of Object.entries(isObject(properties) ? properties : {}))
    if (at.depth < deepest || (needed.has(name) && at.depth < deepest * 2))
      made[name] = build(schema, { ...at, name, depth: at.depth + 1 })
  return made
}

const makers: Record<string, (schema: JsonObject, at: At) => Json> = {
  string: text,
  integer: schema => Math.ceil(number(schema, 1)),
  number: schema => number(schema, 0.5),
  boolean: () => true,
  null: () => null,
  array: list,
  object,
}
