/**
 * Ids of tool calls. Gemini before version 3 sends none, so the gateway generates ids. Generated ids are never sent to
 * a vendor.
 */
import { isObject, type JsonObject, textOf } from '../../../base/json/json.ts'
import { responseName } from './function-response.ts'

const generatedPrefix = 'gemini_call_'

/** Returns the id that the vendor assigned. Undefined if the gateway generated the id. */
export const vendorCallId = (call: string): string | undefined =>
  call === '' || call.startsWith(generatedPrefix) ? undefined : call

/**
 * Returns a function that assigns ids to the calls of one answer. The vendor's id is used if it is unique. Ids have at
 * most 40 characters, OpenAI's limit.
 */
export const callIdsFor = (responseId: string): ((given: string | undefined) => string) => {
  const usedIds = new Set<string>()
  const tail = responseId.slice(-24).replace(/[^A-Za-z0-9_-]/g, '_')
  return given => {
    const call =
      given !== undefined && given !== '' && !usedIds.has(given) ? given : `${generatedPrefix}${tail}_${usedIds.size}`
    usedIds.add(call)
    return call
  }
}

/** Assigns ids to the calls and results of a conversation, in order. */
export type CallIdHistory = {
  /** A new model turn begins: earlier calls no longer wait for a result. */
  beginModelTurn: () => void
  idOfCall: (part: JsonObject) => string
  idOfResult: (part: JsonObject) => string
}

/**
 * Generates ids for a conversation without ids. The same history gives the same ids, so that they are stable from turn
 * to turn. A result is matched to its call by name, then by order.
 */
export const createCallIdHistory = (): CallIdHistory => {
  let openCalls: { id: string; name: string }[] = []
  let count = 0

  const takeOpenCall = (at: number): string =>
    openCalls.splice(Math.max(at, 0), 1)[0]?.id ?? `${generatedPrefix}${count++}`

  return {
    beginModelTurn() {
      openCalls = []
    },
    idOfCall({ functionCall }) {
      const call = isObject(functionCall) ? functionCall : {}
      const id = textOf(call.id) || `${generatedPrefix}${count++}`
      openCalls.push({ id, name: textOf(call.name) ?? '' })
      return id
    },
    idOfResult(part) {
      const given = isObject(part.functionResponse) ? textOf(part.functionResponse.id) : undefined
      if (given) {
        openCalls = openCalls.filter(({ id }) => id !== given)
        return given
      }
      const name = responseName(part)
      return takeOpenCall(openCalls.findIndex(one => one.name === name))
    },
  }
}
