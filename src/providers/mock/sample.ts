/**
 * Generates a value that fits a JSON schema. The same schema always gives the same value. The mock uses it for
 * structured output and tool arguments.
 */

import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import { lookUp } from '../../base/look-up.ts'

/** Optional properties and list items are omitted below this depth. At most `maxValues` values are generated. */
const maxDepth = 8
const maxValues = 5_000

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

/** A sample of the schema. `name` is the name of the property, and the text of a string without further rules. */
export const sampleOf = (schema: Json | undefined, name = 'text'): Json =>
  build(schema, { root: schema, name, depth: 0, budget: { left: maxValues } })

type SampleContext = { root: Json | undefined; name: string; depth: number; budget: { left: number } }

const build = (unresolved: Json | undefined, context: SampleContext): Json => {
  const schema = context.budget.left-- > 0 ? resolve(unresolved, context) : undefined
  if (!isObject(schema)) return null
  if (schema['const'] !== undefined) return schema['const']
  if (Array.isArray(schema['enum']) && schema['enum'].length > 0) return schema['enum'][0]!
  const branch = [schema['anyOf'], schema['oneOf']].find(Array.isArray)
  if (branch) return build(simplest(branch, context), { ...context, depth: context.depth + 1 })
  return generators[typeOf(schema)]?.(schema, context) ?? null
}

/** Resolves `$ref` within the document and merges `allOf`. */
const resolve = (
  schema: Json | undefined,
  { root, depth }: Pick<SampleContext, 'root' | 'depth'>,
): Json | undefined => {
  if (!isObject(schema) || depth > maxDepth * 4) return undefined
  if (typeof schema['$ref'] === 'string') {
    const steps = schema['$ref'].replace(/^#\/?/, '').split('/').filter(Boolean)
    const found = steps.reduce<Json | undefined>(
      (value, step) => (isObject(value) ? value[unescapePointer(step)] : undefined),
      root,
    )
    return found === schema ? undefined : resolve(found, { root, depth: depth + 1 })
  }
  if (!Array.isArray(schema['allOf'])) return schema
  const { allOf, ...siblings } = schema
  return [siblings, ...allOf.map(part => resolve(part, { root, depth: depth + 1 }))].filter(isObject).reduce(merge, {})
}

const unescapePointer = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~')

const merge = (first: JsonObject, second: JsonObject): JsonObject => {
  const properties = { ...(first['properties'] as JsonObject), ...(second['properties'] as JsonObject) }
  const required = [...((first['required'] as Json[]) ?? []), ...((second['required'] as Json[]) ?? [])]
  return {
    ...first,
    ...second,
    ...(Object.keys(properties).length > 0 && { properties }),
    ...(required.length > 0 && { required }),
  }
}

/** The first branch. At great depth it is a branch with a scalar value, so that a recursive schema terminates. */
const simplest = (branches: Json[], context: SampleContext): Json | undefined => {
  if (context.depth < maxDepth) return branches[0]
  const scalarBranch = branches.find(branch => {
    const schema = resolve(branch, context)
    return isObject(schema) && !['object', 'array'].includes(typeOf(schema))
  })
  return scalarBranch ?? branches[0]
}

const typeOf = ({ type, properties, items }: JsonObject): string => {
  const names = Array.isArray(type) ? type : [type]
  const name = names.find(candidate => typeof candidate === 'string' && candidate !== 'null') ?? names[0]
  if (typeof name === 'string') return name
  if (properties) return 'object'
  return items ? 'array' : 'string'
}

const numberOf = (value: Json | undefined): number | undefined => (typeof value === 'number' ? value : undefined)

const number = (schema: JsonObject, increment: number): number => {
  const above = numberOf(schema['exclusiveMinimum'])
  const minimum = numberOf(schema['minimum']) ?? (above === undefined ? undefined : above + increment)
  const maximum = numberOf(schema['maximum']) ?? numberOf(schema['exclusiveMaximum'])
  const value = minimum ?? (maximum !== undefined && maximum <= 1 ? maximum - increment : 1)
  const step = numberOf(schema['multipleOf'])
  return step ? Math.ceil(value / step) * step : value
}

const text = (schema: JsonObject, { name }: SampleContext): string => {
  const base = lookUp(formats, String(schema['format'])) ?? name
  const padded = base.padEnd(numberOf(schema['minLength']) ?? 0, 'x')
  return padded.slice(0, numberOf(schema['maxLength']) ?? padded.length)
}

const list = (schema: JsonObject, context: SampleContext): Json[] => {
  const minItems = numberOf(schema['minItems']) ?? (context.depth < maxDepth ? 1 : 0)
  const length = Math.min(numberOf(schema['maxItems']) ?? minItems, minItems, 100)
  return Array.from({ length }, () => build(schema['items'] ?? {}, { ...context, depth: context.depth + 1 }))
}

const object = ({ properties, required }: JsonObject, context: SampleContext): JsonObject => {
  const requiredNames = new Set(Array.isArray(required) ? required : [])
  const result: JsonObject = {}
  for (const [name, schema] of Object.entries(isObject(properties) ? properties : {}))
    if (context.depth < maxDepth || (requiredNames.has(name) && context.depth < maxDepth * 2))
      result[name] = build(schema, { ...context, name, depth: context.depth + 1 })
  return result
}

const generators: Record<string, (schema: JsonObject, context: SampleContext) => Json> = {
  string: text,
  integer: schema => Math.ceil(number(schema, 1)),
  number: schema => number(schema, 0.5),
  boolean: () => true,
  null: () => null,
  array: list,
  object,
}
