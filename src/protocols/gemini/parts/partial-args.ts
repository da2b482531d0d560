/**
 * Arguments that come in pieces: `partialArgs` of a call that `willContinue`, each a path and a value, as Vertex streams them where it is
 * asked for `streamFunctionCallArguments`. https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling (2026-11)
 */
import { isObject, type Json, type JsonObject } from '../../../base/json/json.ts'
import { listOf } from '../syntax/casing.ts'

type Node = JsonObject | Json[]

/** A list is never longer than this, whatever index a path names. */
const longestList = 100_000

export type Pieces = { take: (call: JsonObject) => void; text: () => string }

/** Puts the pieces of one call together; a text goes on as long as its piece says so. */
export const partialArgs = (): Pieces => {
  const root: JsonObject = bare()
  let growing: string | undefined

  const put = ({ jsonPath, willContinue, ...value }: JsonObject): void => {
    if (typeof jsonPath !== 'string') return
    const told = toldBy(value)
    if (told === undefined) return
    set(root, stepsOf(jsonPath), before =>
      growing === jsonPath && typeof before === 'string' && typeof told === 'string' ? before + told : told,
    )
    growing = willContinue === true ? jsonPath : undefined
  }

  return {
    take({ args, partialArgs: pieces }) {
      if (isObject(args)) Object.assign(root, args)
      listOf(pieces).forEach(put)
    },
    text: () => JSON.stringify(root),
  }
}

/** Without a prototype: a model may name a key anything. */
const bare = (): JsonObject => Object.create(null) as JsonObject

const toldBy = (value: JsonObject): Json | undefined => {
  if ('nullValue' in value) return null
  return value.stringValue ?? value.numberValue ?? value.boolValue
}

/** `$.recipe.steps[0]['odd name']` → recipe, steps, 0, odd name. */
const stepsOf = (path: string): (string | number)[] =>
  [...path.matchAll(/\.([^.[\]]+)|\[(\d+)\]|\[(['"])(.*?)\3\]/g)].map(([, name, index, , quoted]) =>
    index === undefined ? (name ?? quoted ?? '') : Number(index),
  )

const set = (root: JsonObject, steps: (string | number)[], change: (before: Json | undefined) => Json): void => {
  let node: Node = root
  for (let at = 0; at < steps.length; at++) {
    const step = steps[at]!
    if (Array.isArray(node) ? typeof step !== 'number' || step > longestList : typeof step === 'number') return
    const place = node as JsonObject
    if (at === steps.length - 1) {
      place[step] = change(place[step])
      return
    }
    const inner = place[step]
    if (typeof inner !== 'object' || inner === null) place[step] = typeof steps[at + 1] === 'number' ? [] : bare()
    node = place[step] as Node
  }
}
