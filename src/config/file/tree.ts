/** A configuration file as it was written: values with their places, before anything is decided about them. */
import type { Json } from '../../base/json/json.ts'

/** Both count from 1; a column counts UTF-16 units. */
export type Place = { line: number; column: number }

export type Scalar = {
  at: Place
  scalar: string | number | boolean | null
  /** The digits of a number as they were written: a long id loses none of them. */
  raw?: string
  /** It may stand for a number or a boolean though it is text (it came from a variable), or for text though it is a number (YAML). */
  soft?: boolean
}
export type List = { at: Place; list: Tree[] }
/** `at` of a member is the place of its key. */
export type Member = { key: string; at: Place; value: Tree }
export type Members = { at: Place; members: Member[] }
export type Tree = Scalar | List | Members

/** Keys that would reach a prototype are refused wherever a file is read. */
export const isPollution = (key: string): boolean => key === '__proto__' || key === 'constructor' || key === 'prototype'

/** The path of a member or an element: `services.deepseek[0].model_map["a.b"]`. */
export const pathTo = (parent: string, key: string | number): string => {
  if (typeof key === 'number') return `${parent}[${key}]`
  if (!/^[\w$@/:*-]+$/.test(key)) return `${parent}[${JSON.stringify(key)}]`
  return parent === '' ? key : `${parent}.${key}`
}

/** The path one step up; '' at the top. */
export const parentOf = (path: string): string => path.replace(/(\.?[\w$@/:*-]+|\[\d+\]|\["(?:[^"\\]|\\.)*"\])$/, '')

/** The bare values; objects have no prototype, so that no key of a file can mean more than itself. */
export const plain = (tree: Tree): Json => {
  if ('list' in tree) return tree.list.map(plain)
  if (!('members' in tree)) return tree.scalar
  const result: Record<string, Json> = Object.create(null)
  for (const { key, value } of tree.members) result[key] = plain(value)
  return result
}

/** Path → where its key (of an element: its value) stands. */
export const placesOf = (
  tree: Tree,
  path = '',
  places: Map<string, Place> = new Map([['', tree.at]]),
): Map<string, Place> => {
  if ('list' in tree)
    for (const [index, element] of tree.list.entries()) {
      places.set(pathTo(path, index), element.at)
      placesOf(element, pathTo(path, index), places)
    }
  if ('members' in tree)
    for (const { key, at, value } of tree.members) {
      places.set(pathTo(path, key), at)
      placesOf(value, pathTo(path, key), places)
    }
  return places
}

/** The kind of a value in a word; what it says stays unsaid, it may be a secret. */
export const kindOf = (tree: Tree): string => {
  if ('list' in tree) return 'a list'
  if ('members' in tree) return 'an object'
  return tree.scalar === null
    ? 'null'
    : { string: 'text', number: 'a number', boolean: 'a boolean' }[typeof tree.scalar as 'string']
}
