/** Ids of calls. Gemini before 3 gives none: they are made here, and never shown to a vendor. */
import { isObject, type JsonObject, textOf } from '../../../base/json/json.ts'
import { responseName } from './function-response.ts'

const generatedPrefix = 'gemini_call_'

/** The id the vendor itself gave, undefined where we made it. */
export const vendorCallId = (call: string): string | undefined =>
  call === '' || call.startsWith(generatedPrefix) ? undefined : call

/** Ids for the calls of one answer: the vendor's where it gives one that is new. At most 40 characters, as OpenAI has it. */
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

export type CallIdHistory = {
  /** Contents of the model begin anew: what was called before is no longer waited for. */
  beginModelTurn: () => void
  idOfCall: (part: JsonObject) => string
  idOfResult: (part: JsonObject) => string
}

/** Ids for a conversation that has none: the same for the same history, so that they hold from turn to turn. Answers find their call by name, then by order. */
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
