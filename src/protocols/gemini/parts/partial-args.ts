/**
 * Arguments that arrive in pieces: `partialArgs` of a call with `willContinue`, each a path and a value. Vertex streams
 * them if asked for `streamFunctionCallArguments`.
 * https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling (2026-11)
 */
import { isObject, type Json, type JsonObject } from '../../../base/json/json.ts'
import { listOf } from '../syntax/casing.ts'

type Container = JsonObject | Json[]

/** Maximum length of a list, whatever index a path contains. */
const maxListLength = 100_000

/** `push` adds the pieces of one chunk. `text` returns the arguments so far as JSON. */
export type PartialArgs = { push: (call: JsonObject) => void; text: () => string }

/** Assembles the arguments of one call. A string is continued if its previous piece has `willContinue`. */
export const createPartialArgs = (): PartialArgs => {
  const root: JsonObject = emptyObject()
  let growingPath: string | undefined

  const setPiece = ({ jsonPath, willContinue, ...value }: JsonObject): void => {
    if (typeof jsonPath !== 'string') return
    const piece = pieceValueOf(value)
    if (piece === undefined) return
    changeAt(root, stepsOf(jsonPath), before =>
      growingPath === jsonPath && typeof before === 'string' && typeof piece === 'string' ? before + piece : piece,
    )
    growingPath = willContinue === true ? jsonPath : undefined
  }

  return {
    push({ args, partialArgs: pieces }) {
      if (isObject(args)) Object.assign(root, args)
      listOf(pieces).forEach(setPiece)
    },
    text: () => JSON.stringify(root),
  }
}

/** An object without a prototype, because the model may use any key. */
const emptyObject = (): JsonObject => Object.create(null) as JsonObject

const pieceValueOf = (value: JsonObject): Json | undefined => {
  if ('nullValue' in value) return null
  return value.stringValue ?? value.numberValue ?? value.boolValue
}

/** Splits a path into keys and indices: `$.recipe.steps[0]['odd name']` → recipe, steps, 0, odd name. */
const stepsOf = (path: string): (string | number)[] =>
  [...path.matchAll(/\.([^.[\]]+)|\[(\d+)\]|\[(['"])(.*?)\3\]/g)].map(([, name, index, , quoted]) =>
    index === undefined ? (name ?? quoted ?? '') : Number(index),
  )

const changeAt = (root: JsonObject, steps: (string | number)[], change: (before: Json | undefined) => Json): void => {
  let node: Container = root
  for (let at = 0; at < steps.length; at++) {
    const step = steps[at]!
    if (Array.isArray(node) ? typeof step !== 'number' || step > maxListLength : typeof step === 'number') return
    const container = node as JsonObject
    if (at === steps.length - 1) {
      container[step] = change(container[step])
      return
    }
    const inner = container[step]
    if (typeof inner !== 'object' || inner === null)
      container[step] = typeof steps[at + 1] === 'number' ? [] : emptyObject()
    node = container[step] as Container
  }
}
