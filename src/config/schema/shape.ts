/**
 * Applies the schema to a tree. Keys in another letter case are corrected, unknown keys are reported and removed, and
 * wrong values are reported.
 */
import type { TSchema } from '@sinclair/typebox'
import type { ReportProblem } from '../checks/problems.ts'
import {
  describeType,
  type ListNode,
  type ObjectMember,
  type ObjectNode,
  pathTo,
  type ScalarNode,
  type Tree,
} from '../file/tree.ts'
import { nearest } from './nearest.ts'

type ShapeContext = {
  report: ReportProblem
  /** A hint for an unknown key that is known in another place. */
  misplacedKeyHint: (schema: TSchema, key: string) => string | undefined
  /** How many more unknown keys get a suggestion: each costs a comparison with every known key. */
  suggestions: { left: number }
  /** Called when a member gets its correct key. From then on the new path is valid. */
  onKeyRenamed: (path: string, member: ObjectMember) => void
}

/**
 * The tree with the schema applied. Undefined if there is no usable value: null, or an error that has been reported.
 */
export const shape = (context: ShapeContext, schema: TSchema, tree: Tree, path = ''): Tree | undefined => {
  if (schema['anyOf']) return shapeUnion(context, schema, tree, path)
  if ('scalar' in tree && tree.scalar === null && schema['type']) return
  if ('members' in tree && schema['type'] === 'object')
    return schema['patternProperties']
      ? shapeTable(context, schema, tree, path)
      : shapeGroup(context, schema, tree, path)
  if ('list' in tree && schema['type'] === 'array') return shapeList(context, schema['items'], tree, path)
  if (!schema['type']) return tree
  const scalar = 'scalar' in tree ? coerce(schema, tree) : undefined
  if (scalar) return checkScalar(context, schema, scalar, path)
  context.report('error', path, `must be ${expectedType(schema)}, not ${describeType(tree)}`)
}

const shapeUnion = (context: ShapeContext, schema: TSchema, tree: Tree, path: string): Tree | undefined => {
  if ('scalar' in tree && tree.scalar === null) return
  const options: TSchema[] = schema['anyOf']
  // A string from a variable is converted to another type if possible, so the string option comes last.
  const ordered = options.toSorted(
    (first, second) => Number(first['type'] === 'string') - Number(second['type'] === 'string'),
  )
  for (const option of ordered) {
    const scalar = 'scalar' in tree ? coerce(option, tree) : undefined
    if (scalar) return checkScalar(context, option, scalar, path)
    if ('list' in tree && option['type'] === 'array') return shapeList(context, option['items'], tree, path)
  }
  context.report('error', path, `must be ${options.map(expectedType).join(' or ')}, not ${describeType(tree)}`)
}

const shapeTable = (context: ShapeContext, schema: TSchema, tree: ObjectNode, path: string): ObjectNode => {
  const [value] = Object.values(schema['patternProperties'] as Record<string, TSchema>)
  return { ...tree, members: tree.members.flatMap(member => shapeMember(context, value!, member, path)) }
}

const shapeMember = (context: ShapeContext, schema: TSchema, member: ObjectMember, path: string): ObjectMember[] => {
  const value = shape(context, schema, member.value, pathTo(path, member.key))
  return value ? [{ ...member, value }] : []
}

/** An element that is not an object is replaced by an empty object, so that the other elements keep their indices. */
const shapeList = (context: ShapeContext, items: TSchema, tree: ListNode, path: string): ListNode => ({
  ...tree,
  list: tree.list.flatMap((element, index): Tree[] => {
    const elementPath = pathTo(path, index)
    const isNull = 'scalar' in element && element.scalar === null
    if (isNull && items['type']) context.report('error', elementPath, `must be ${expectedType(items)}, not null`)
    const shaped = isNull ? undefined : shape(context, items, element, elementPath)
    if (shaped) return [shaped]
    return items['type'] === 'object' ? [{ position: element.position, members: [] }] : []
  }),
})

const shapeGroup = (context: ShapeContext, schema: TSchema, tree: ObjectNode, path: string): ObjectNode => {
  const properties = schema['properties'] as Record<string, TSchema>
  const writtenKeys = new Set(tree.members.map(({ key }) => key))
  const members: ObjectMember[] = []
  for (const member of tree.members) {
    const key = canonicalKey(schema, member.key)
    if (key === undefined) reportUnknownKey(context, schema, member, path)
    else if (key !== member.key && writtenKeys.has(key))
      context.report('warning', path, `${quote(member.key)} is ignored: \`${key}\` is there too`, {
        place: member.position,
      })
    else {
      if (key !== member.key && key.toLowerCase() === member.key.toLowerCase())
        context.report('warning', pathTo(path, member.key), `taken as \`${key}\`; write it so`, {
          place: member.position,
        })
      if (key !== member.key) context.onKeyRenamed(pathTo(path, key), member)
      writtenKeys.add(key)
      members.push(...shapeMember(context, properties[key]!, { ...member, key }, path))
    }
  }
  return { ...tree, members }
}

/** The key of the schema for a key as written. */
const canonicalKey = ({ properties, aliases = {} }: TSchema, key: string): string | undefined => {
  if (Object.hasOwn(properties, key)) return key
  const folded = key.toLowerCase()
  const alias = Object.keys(aliases).find(name => name.toLowerCase() === folded)
  return alias ? aliases[alias] : Object.keys(properties).find(name => name.toLowerCase() === folded)
}

/** Keys with these prefixes are comments. */
const remarkKey = /^(?:_|\/\/|#|x-|\$)/

const reportUnknownKey = (
  { report, misplacedKeyHint, suggestions }: ShapeContext,
  schema: TSchema,
  { key, position }: ObjectMember,
  path: string,
): void => {
  if (remarkKey.test(key)) return
  const hint = misplacedKeyHint(schema, key)
  const suggestion =
    hint || isLong(key) || suggestions.left-- <= 0 ? undefined : nearest(key, Object.keys(schema['properties']))
  const details = { place: position, ...(suggestion !== undefined && { nearest: suggestion }) }
  report('warning', isLong(key) ? path : pathTo(path, key), hint ?? 'unknown key; it has no effect', details)
}

/** A key this long is not a typo. It may be a secret in the wrong place. */
const isLong = (key: string): boolean => key.length > 32
const quote = (key: string): string => (isLong(key) ? 'a key' : `\`${key}\``)

const booleans: Record<string, boolean> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
}

/** The scalar converted to the schema's type. Undefined if that is not possible. */
const coerce = (schema: TSchema, tree: ScalarNode): ScalarNode | undefined => {
  const { scalar, raw, isCoercible } = tree
  const text = typeof scalar === 'string' && isCoercible ? scalar.trim() : undefined
  switch (schema['type']) {
    case 'string':
      if (typeof scalar === 'string') return tree
      return raw !== undefined && (isCoercible || schema['lenient']) ? { ...tree, scalar: raw } : undefined
    case 'boolean': {
      const value = text === undefined ? scalar : booleans[text.toLowerCase()]
      return isBooleanOf(schema, value) ? { ...tree, scalar: value } : undefined
    }
    case 'number':
    case 'integer': {
      const value = text ? Number(text) : scalar
      return isFiniteNumber(value) ? { ...tree, scalar: value } : undefined
    }
  }
}

const isBooleanOf = (schema: TSchema, value: unknown): value is boolean =>
  typeof value === 'boolean' && (schema['const'] ?? value) === value

const isFiniteNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

const checkScalar = (
  { report }: ShapeContext,
  schema: TSchema,
  tree: ScalarNode,
  path: string,
): ScalarNode | undefined => {
  const { scalar } = tree
  if (typeof scalar === 'number') {
    const error = rangeErrorOf(schema, scalar)
    if (error) report('error', path, error)
    return error ? undefined : tree
  }
  if (typeof scalar !== 'string' || !schema['enum']) return tree
  const value = scalar.trim().toLowerCase()
  if (value === '') return
  if (schema['enum'].includes(value)) return { ...tree, scalar: value }
  const suggestion = nearest(value, schema['enum'])
  report(
    'error',
    path,
    `must be one of ${schema['words'].join(', ')}`,
    suggestion === undefined ? {} : { nearest: suggestion },
  )
}

const rangeErrorOf = ({ type, minimum, exclusiveMinimum, maximum }: TSchema, value: number): string | undefined => {
  if (type === 'integer' && !Number.isInteger(value)) return 'must be a whole number'
  if (minimum === 0 && value < 0) return 'must not be negative'
  if (minimum !== undefined && value < minimum) return `must be at least ${minimum}`
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return `must be more than ${exclusiveMinimum}`
  return maximum !== undefined && value > maximum ? `must be at most ${maximum}` : undefined
}

const typeNames: Record<string, string> = {
  string: 'text',
  boolean: 'true or false',
  number: 'a number',
  integer: 'a whole number',
  array: 'a list',
  object: 'an object',
}

const expectedType = (schema: TSchema): string =>
  schema['const'] === undefined ? typeNames[schema['type']]! : String(schema['const'])
