/** A configuration file as it was written: values with their places, before anything is decided about them. */
import type { Json } from '../../base/json/json.ts'

/** Both count from 1; a column counts UTF-16 units. */
export type SourcePosition = { line: number; column: number }

export type ScalarNode = {
  position: SourcePosition
  scalar: string | number | boolean | null
  /** The digits of a number as they were written: a long id loses none of them. */
  raw?: string
  /** It may stand for a number or a boolean though it is text (it came from a variable), or for text though it is a number (YAML). */
  isCoercible?: boolean
}
export type ListNode = { position: SourcePosition; list: Tree[] }
/** `at` of a member is the place of its key. */
export type ObjectMember = { key: string; position: SourcePosition; value: Tree }
export type ObjectNode = { position: SourcePosition; members: ObjectMember[] }
export type Tree = ScalarNode | ListNode | ObjectNode

/** Keys that would reach a prototype are refused wherever a file is read. */
export const isPrototypeKey = (key: string): boolean =>
  key === '__proto__' || key === 'constructor' || key === 'prototype'

/** The path of a member or an element: `services.deepseek[0].model_map["a.b"]`. */
export const pathTo = (parent: string, key: string | number): string => {
  if (typeof key === 'number') return `${parent}[${key}]`
  if (!/^[\w$@/:*-]+$/.test(key)) return `${parent}[${JSON.stringify(key)}]`
  return parent === '' ? key : `${parent}.${key}`
}

/** The path one step up; '' at the top. */
export const parentOf = (path: string): string => path.replace(/(\.?[\w$@/:*-]+|\[\d+\]|\["(?:[^"\\]|\\.)*"\])$/, '')

/** The bare values; objects have no prototype, so that no key of a file can mean more than itself. */
export const toPlainValue = (tree: Tree): Json => {
  if ('list' in tree) return tree.list.map(toPlainValue)
  if (!('members' in tree)) return tree.scalar
  const result: Record<string, Json> = Object.create(null)
  for (const { key, value } of tree.members) result[key] = toPlainValue(value)
  return result
}

/** Path → where its key (of an element: its value) stands. */
export const positionsOf = (
  tree: Tree,
  path = '',
  positions: Map<string, SourcePosition> = new Map([['', tree.position]]),
): Map<string, SourcePosition> => {
  if ('list' in tree)
    for (const [index, element] of tree.list.entries()) {
      positions.set(pathTo(path, index), element.position)
      positionsOf(element, pathTo(path, index), positions)
    }
  if ('members' in tree)
    for (const { key, position, value } of tree.members) {
      positions.set(pathTo(path, key), position)
      positionsOf(value, pathTo(path, key), positions)
    }
  return positions
}

/** The kind of a value in a word; what it says stays unsaid, it may be a secret. */
export const describeType = (tree: Tree): string => {
  if ('list' in tree) return 'a list'
  if ('members' in tree) return 'an object'
  return tree.scalar === null
    ? 'null'
    : { string: 'text', number: 'a number', boolean: 'a boolean' }[typeof tree.scalar as 'string']
}
