/** Holds a tree against the schema: keys in another letter case are set right, unknown ones told and left out, wrong values told. */
import type { TSchema } from '@sinclair/typebox'
import type { Say } from '../checks/problems.ts'
import { kindOf, type List, type Member, type Members, pathTo, type Scalar, type Tree } from '../file/tree.ts'
import { nearest } from './nearest.ts'

export type Shaping = {
  say: Say
  /** A word on an unknown key that is known elsewhere. */
  misplaced: (schema: TSchema, key: string) => string | undefined
  /** A member got its right key: it is known by this path from now on. */
  renamed: (path: string, member: Member) => void
}

/** The tree in the schema's shape; undefined: nothing usable is there (null, or wrong, which has been told then). */
export const shape = (shaping: Shaping, schema: TSchema, tree: Tree, path = ''): Tree | undefined => {
  if (schema['anyOf']) return shapeEither(shaping, schema, tree, path)
  if ('scalar' in tree && tree.scalar === null && schema['type']) return
  if ('members' in tree && schema['type'] === 'object')
    return schema['patternProperties']
      ? shapeTable(shaping, schema, tree, path)
      : shapeGroup(shaping, schema, tree, path)
  if ('list' in tree && schema['type'] === 'array') return shapeList(shaping, schema['items'], tree, path)
  if (!schema['type']) return tree
  const scalar = 'scalar' in tree ? convert(schema, tree) : undefined
  if (scalar) return check(shaping, schema, scalar, path)
  shaping.say('error', path, `must be ${expected(schema)}, not ${kindOf(tree)}`)
}

const shapeEither = (shaping: Shaping, schema: TSchema, tree: Tree, path: string): Tree | undefined => {
  if ('scalar' in tree && tree.scalar === null) return
  const options: TSchema[] = schema['anyOf']
  // A text that came from a variable means what else it can mean first.
  const ordered = options.toSorted(
    (one, other) => Number(one['type'] === 'string') - Number(other['type'] === 'string'),
  )
  for (const option of ordered) {
    const scalar = 'scalar' in tree ? convert(option, tree) : undefined
    if (scalar) return check(shaping, option, scalar, path)
    if ('list' in tree && option['type'] === 'array') return shapeList(shaping, option['items'], tree, path)
  }
  shaping.say('error', path, `must be ${options.map(expected).join(' or ')}, not ${kindOf(tree)}`)
}

const shapeTable = (shaping: Shaping, schema: TSchema, tree: Members, path: string): Members => {
  const [value] = Object.values(schema['patternProperties'] as Record<string, TSchema>)
  return { ...tree, members: tree.members.flatMap(member => within(shaping, value!, member, path)) }
}

const within = (shaping: Shaping, schema: TSchema, member: Member, path: string): Member[] => {
  const value = shape(shaping, schema, member.value, pathTo(path, member.key))
  return value ? [{ ...member, value }] : []
}

/** An object that is none keeps its place as an empty one, so that the others keep their numbers. */
const shapeList = (shaping: Shaping, items: TSchema, tree: List, path: string): List => ({
  ...tree,
  list: tree.list.flatMap((element, index): Tree[] => {
    const here = pathTo(path, index)
    const isNull = 'scalar' in element && element.scalar === null
    if (isNull && items['type']) shaping.say('error', here, `must be ${expected(items)}, not null`)
    const shaped = isNull ? undefined : shape(shaping, items, element, here)
    if (shaped) return [shaped]
    return items['type'] === 'object' ? [{ at: element.at, members: [] }] : []
  }),
})

const shapeGroup = (shaping: Shaping, schema: TSchema, tree: Members, path: string): Members => {
  const properties = schema['properties'] as Record<string, TSchema>
  const written = new Set(tree.members.map(({ key }) => key))
  const members: Member[] = []
  for (const member of tree.members) {
    const key = meant(schema, member.key)
    if (key === undefined) tellUnknown(shaping, schema, member, path)
    else if (key !== member.key && written.has(key))
      shaping.say('warning', path, `${quote(member.key)} is ignored: \`${key}\` is there too`, { place: member.at })
    else {
      if (key !== member.key && key.toLowerCase() === member.key.toLowerCase())
        shaping.say('warning', pathTo(path, member.key), `taken as \`${key}\`; write it so`, { place: member.at })
      if (key !== member.key) shaping.renamed(pathTo(path, key), member)
      written.add(key)
      members.push(...within(shaping, properties[key]!, { ...member, key }, path))
    }
  }
  return { ...tree, members }
}

/** The schema's key for a key as it is written. */
const meant = ({ properties, aliases = {} }: TSchema, key: string): string | undefined => {
  if (Object.hasOwn(properties, key)) return key
  const folded = key.toLowerCase()
  const alias = Object.keys(aliases).find(name => name.toLowerCase() === folded)
  return alias ? aliases[alias] : Object.keys(properties).find(name => name.toLowerCase() === folded)
}

/** Keys that begin so are remarks. */
const remark = /^(?:_|\/\/|#|x-|\$)/

const tellUnknown = ({ say, misplaced }: Shaping, schema: TSchema, { key, at }: Member, path: string): void => {
  if (remark.test(key)) return
  const elsewhere = misplaced(schema, key)
  const near = elsewhere ? undefined : nearest(key, Object.keys(schema['properties']))
  const more = { place: at, ...(near !== undefined && { nearest: near }) }
  say('warning', isLong(key) ? path : pathTo(path, key), elsewhere ?? 'unknown key; it has no effect', more)
}

/** A key this long is no typing slip; it may be a secret in the wrong place. */
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

/** The scalar as the schema's type, where it may stand for one; undefined: it may not. */
const convert = (schema: TSchema, tree: Scalar): Scalar | undefined => {
  const { scalar, raw, soft } = tree
  const word = typeof scalar === 'string' && soft ? scalar.trim() : undefined
  switch (schema['type']) {
    case 'string':
      if (typeof scalar === 'string') return tree
      return raw !== undefined && (soft || schema['lenient']) ? { ...tree, scalar: raw } : undefined
    case 'boolean': {
      const value = word === undefined ? scalar : booleans[word.toLowerCase()]
      return typeof value === 'boolean' && (schema['const'] ?? value) === value ? { ...tree, scalar: value } : undefined
    }
    case 'number':
    case 'integer': {
      const value = word ? Number(word) : scalar
      return typeof value === 'number' && Number.isFinite(value) ? { ...tree, scalar: value } : undefined
    }
  }
}

const check = ({ say }: Shaping, schema: TSchema, tree: Scalar, path: string): Scalar | undefined => {
  const { scalar } = tree
  if (typeof scalar === 'number') {
    const fault = faultOf(schema, scalar)
    if (fault) say('error', path, fault)
    return fault ? undefined : tree
  }
  if (typeof scalar !== 'string' || !schema['enum']) return tree
  const word = scalar.trim().toLowerCase()
  if (word === '') return
  if (schema['enum'].includes(word)) return { ...tree, scalar: word }
  const near = nearest(word, schema['enum'])
  say('error', path, `must be one of ${schema['words'].join(', ')}`, near === undefined ? {} : { nearest: near })
}

const faultOf = ({ type, minimum, exclusiveMinimum, maximum }: TSchema, value: number): string | undefined => {
  if (type === 'integer' && !Number.isInteger(value)) return 'must be a whole number'
  if (minimum === 0 && value < 0) return 'must not be negative'
  if (minimum !== undefined && value < minimum) return `must be at least ${minimum}`
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return `must be more than ${exclusiveMinimum}`
  return maximum !== undefined && value > maximum ? `must be at most ${maximum}` : undefined
}

const names: Record<string, string> = {
  string: 'text',
  boolean: 'true or false',
  number: 'a number',
  integer: 'a whole number',
  array: 'a list',
  object: 'an object',
}

const expected = (schema: TSchema): string =>
  schema['const'] === undefined ? names[schema['type']]! : String(schema['const'])
