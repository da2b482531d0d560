/** Ids of calls. Gemini before 3 gives none: they are made here, and never shown to a vendor. */
import { isObject, type JsonObject, textOf } from '../../../base/json/json.ts'
import { responseName } from './function-response.ts'

const made = 'gemini_call_'

/** The id the vendor itself gave, undefined where we made it. */
export const vendorsId = (call: string): string | undefined => (call === '' || call.startsWith(made) ? undefined : call)

/** Ids for the calls of one answer: the vendor's where it gives one that is new. At most 40 characters, as OpenAI has it. */
export const namesFor = (answer: string): ((given: string | undefined) => string) => {
  const seen = new Set<string>()
  const tail = answer.slice(-24).replace(/[^A-Za-z0-9_-]/g, '_')
  return given => {
    const call = given !== undefined && given !== '' && !seen.has(given) ? given : `${made}${tail}_${seen.size}`
    seen.add(call)
    return call
  }
}

export type History = {
  /** Contents of the model begin anew: what was called before is no longer waited for. */
  begin: () => void
  call: (part: JsonObject) => string
  answer: (part: JsonObject) => string
}

/** Ids for a conversation that has none: the same for the same history, so that they hold from turn to turn. Answers find their call by name, then by order. */
export const historyIds = (): History => {
  let waiting: { id: string; name: string }[] = []
  let count = 0

  const take = (at: number): string => waiting.splice(Math.max(at, 0), 1)[0]?.id ?? `${made}${count++}`

  return {
    begin() {
      waiting = []
    },
    call({ functionCall }) {
      const call = isObject(functionCall) ? functionCall : {}
      const id = textOf(call.id) || `${made}${count++}`
      waiting.push({ id, name: textOf(call.name) ?? '' })
      return id
    },
    answer(part) {
      const given = isObject(part.functionResponse) ? textOf(part.functionResponse.id) : undefined
      if (given) {
        waiting = waiting.filter(({ id }) => id !== given)
        return given
      }
      const name = responseName(part)
      return take(waiting.findIndex(one => one.name === name))
    },
  }
}
