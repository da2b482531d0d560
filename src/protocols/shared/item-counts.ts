/** How many items a request holds: messages, tools, calls and others. Each wire says where its own stand. */
import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'

/** What is counted in a request. `inputs`: texts that are answered one by one, such as those to embed. */
export const itemKinds = ['messages', 'tools', 'calls', 'stop_sequences', 'inputs', 'media'] as const
export type ItemKind = (typeof itemKinds)[number]

/** `param`: the field of the request that holds the items. */
export type ItemCount = { param: string; count: number }

/** Counts the items of one kind in a request. */
export type CountItems = (body: JsonObject) => ItemCount

/** Counts the items of the first of these fields that is a list. `generationConfig.stopSequences` is one level deeper. */
export const countList = (...paths: readonly string[]): CountItems => {
  const split = paths.map(path => ({ param: path, steps: path.split('.') }))
  return body => {
    for (const { param, steps } of split) {
      const value = memberAt(body, steps)
      if (Array.isArray(value)) return { param, count: value.length }
    }
    return { param: paths[0]!, count: 0 }
  }
}

/** Counts the texts of a field. A list of numbers is one text, as token numbers. */
export const countTexts = (field: string): CountItems => {
  const countItems = countList(field)
  return body => {
    const value = body[field]
    return Array.isArray(value) && typeof value[0] === 'number' ? { param: field, count: 1 } : countItems(body)
  }
}

/** Adds up `countIn` over the objects of the first of these fields that is a list, or of its only object. */
export const countInside = (paths: readonly string[], countIn: (item: JsonObject) => number): CountItems => {
  return body => {
    const param = paths.find(path => body[path] !== undefined) ?? paths[0]!
    const value = body[param]
    let count = 0
    for (const item of Array.isArray(value) ? value : [value]) if (isObject(item)) count += countIn(item)
    return { param, count }
  }
}

/** The number of items in a list that `isCounted`; a value that is no list is a list of one. */
export const countWhere = (value: Json | undefined, isCounted: (item: JsonObject) => boolean): number => {
  let count = 0
  for (const item of Array.isArray(value) ? value : [value]) if (isObject(item) && isCounted(item)) count++
  return count
}

const memberAt = (body: JsonObject, steps: readonly string[]): Json | undefined => {
  let value: Json | undefined = body
  for (const step of steps) value = isObject(value) ? value[step] : undefined
  return value
}
