/** Requests that grow in one place: for every list and every string in the schema of an endpoint. */
import type { Schema } from './in-process-gateway.ts'

/** Builds a valid request in which the list or the string at one place has `size` items or characters. */
export type Shape = { place: string; build: (size: number) => unknown }

/** Deeper places repeat the shapes of those above. */
const maxDepth = 5

/** The shortest valid value. A description that begins with a word, as `user, assistant or system`, names valid values. */
const sample = (schema: Schema): unknown => {
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  if (schema.anyOf) return sample(schema.anyOf[0]!)
  if (schema.type === 'string') return /^([a-z_]+)(?:,| or )/.exec(schema.description ?? '')?.[1] ?? 'x'
  if (schema.type === 'number' || schema.type === 'integer') return 1
  if (schema.type === 'boolean') return false
  if (schema.type === 'array') return schema.items ? [sample(schema.items)] : ['x']
  if (schema.type === 'object') return sampleObject(schema)
  return 'x'
}

/** Besides the required members a part has its text. */
const sampleObject = ({ properties = {}, required = [] }: Schema): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(properties)
      .filter(([key]) => required.includes(key) || key === 'text' || key === 'parts')
      .map(([key, inner]) => [key, sample(inner)]),
  )

/** Every place of a schema that can grow. */
export const shapesOf = (schema: Schema, place = '', depth = 0): Shape[] => {
  if (depth > maxDepth) return []
  if (schema.anyOf) return schema.anyOf.flatMap(variant => shapesOf(variant, place, depth))
  if (schema.type === 'string' && !schema.enum) return [{ place, build: size => 'x'.repeat(size) }]
  if (schema.type === 'array') return listShapes(schema, place, depth)
  if (schema.type !== 'object') return []
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) =>
    shapesOf(inner, place === '' ? key : `${place}.${key}`, depth + 1).map(({ place: at, build }) => ({
      place: at,
      build: (size: number) => ({ ...sampleObject(schema), [key]: build(size) }),
    })),
  )
}

const listShapes = ({ items = { type: 'string' } }: Schema, place: string, depth: number): Shape[] => [
  { place: `${place}[]`, build: size => Array.from({ length: size }, () => sample(items)) },
  ...shapesOf(items, `${place}[0]`, depth + 1).map(inner => ({
    place: inner.place,
    build: (size: number) => [inner.build(size)],
  })),
]
