/** A configuration file as it was written: values with their positions, before any interpretation. */
import type { Json } from '../../base/json/json.ts'

/** Both are counted from 1. Columns count UTF-16 units. */
export type SourcePosition = { line: number; column: number }

export type ScalarNode = {
  position: SourcePosition
  scalar: string | number | boolean | null
  /** The digits of a number as written, so that a long id loses none. */
  raw?: string
  /**
   * The value may be converted: a string that contained a variable to a number or a boolean, or a YAML number or
   * boolean to a string.
   */
  isCoercible?: boolean
}
export type ListNode = { position: SourcePosition; list: Tree[] }
/** `position` of a member is the position of its key. */
export type ObjectMember = { key: string; position: SourcePosition; value: Tree }
export type ObjectNode = { position: SourcePosition; members: ObjectMember[] }
export type Tree = ScalarNode | ListNode | ObjectNode

/** Keys that would reach a prototype are refused in every file. */
export const isPrototypeKey = (key: string): boolean =>
  key === '__proto__' || key === 'constructor' || key === 'prototype'

/** The path of a member or an element: `services.deepseek[0].model_map["a.b"]`. */
export const pathTo = (parent: string, key: string | number): string => {
  if (typeof key === 'number') return `${parent}[${key}]`
  if (!/^[\w$@/:*-]+$/.test(key)) return `${parent}[${JSON.stringify(key)}]`
  return parent === '' ? key : `${parent}.${key}`
}

/** The path of the parent. '' at the top. */
export const parentOf = (path: string): string => path.replace(/(\.?[\w$@/:*-]+|\[\d+\]|\["(?:[^"\\]|\\.)*"\])$/, '')

/** The plain values. Objects have no prototype, so that no key of a file has a special meaning. */
export const toPlainValue = (tree: Tree): Json => {
  if ('list' in tree) return tree.list.map(toPlainValue)
  if (!('members' in tree)) return tree.scalar
  const result: Record<string, Json> = Object.create(null)
  for (const { key, value } of tree.members) result[key] = toPlainValue(value)
  return result
}

/** Path → position of its key, or of the value for an element of a list. */
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

/** The type of a value as text. The value itself is not included, because it may be a secret. */
export const describeType = (tree: Tree): string => {
  if ('list' in tree) return 'a list'
  if ('members' in tree) return 'an object'
  return tree.scalar === null
    ? 'null'
    : { string: 'text', number: 'a number', boolean: 'a boolean' }[typeof tree.scalar as 'string']
}
