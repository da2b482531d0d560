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
  let openCalls = new OpenCalls()
  let count = 0
  const generateId = (): string => `${generatedPrefix}${count++}`

  return {
    beginModelTurn() {
      openCalls = new OpenCalls()
    },
    idOfCall({ functionCall }) {
      const call = isObject(functionCall) ? functionCall : {}
      const id = textOf(call.id) || generateId()
      openCalls.add(id, textOf(call.name) ?? '')
      return id
    },
    idOfResult(part) {
      const given = isObject(part.functionResponse) ? textOf(part.functionResponse.id) : undefined
      if (!given) return openCalls.take(responseName(part)) ?? generateId()
      openCalls.close(given)
      return given
    },
  }
}

type OpenCall = { id: string; isOpen: boolean }

/** Calls in order. Those already taken are skipped when they are met. */
class CallQueue {
  readonly #calls: OpenCall[] = []
  #next = 0

  push(call: OpenCall): void {
    this.#calls.push(call)
  }

  take(): OpenCall | undefined {
    while (this.#next < this.#calls.length) {
      const call = this.#calls[this.#next++]!
      if (call.isOpen) return call
    }
    return undefined
  }
}

/** The calls of a model turn that wait for a result. Each operation takes constant time on average. */
class OpenCalls {
  readonly #all = new CallQueue()
  readonly #byName = new Map<string, CallQueue>()
  readonly #byId = new Map<string, OpenCall[]>()

  add(id: string, name: string): void {
    const call = { id, isOpen: true }
    this.#all.push(call)
    const named = this.#byName.get(name) ?? new CallQueue()
    named.push(call)
    this.#byName.set(name, named)
    const sameId = this.#byId.get(id)
    if (sameId) sameId.push(call)
    else this.#byId.set(id, [call])
  }

  /** Closes the first open call of this name, or of any name if there is none. Returns its id. */
  take(name: string): string | undefined {
    const call = this.#byName.get(name)?.take() ?? this.#all.take()
    if (call) call.isOpen = false
    return call?.id
  }

  /** Closes the calls with this id. */
  close(id: string): void {
    for (const call of this.#byId.get(id) ?? []) call.isOpen = false
    this.#byId.delete(id)
  }
}
