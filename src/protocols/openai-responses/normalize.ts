/**
 * What vendors get wrong in a stream of Responses, put right as it passes: parts of a message numbered from another place than 0 and thoughts
 * announced as `reasoning_part` (vLLM and what stands on it), an answer that forgets its items (the ChatGPT backend), usage without its parts.
 */
import { isObject, type JsonObject } from '../../base/json/json.ts'

export type Mender = {
  /** No item so far was told otherwise than it should be: its words may pass unread. */
  readonly isStrict: boolean
  /** Mends a frame in place; gives the name of its event where something was changed. */
  event: (type: string, body: JsonObject) => string | undefined
  /** Mends the answer a frame holds; true where something was changed. */
  response: (response: JsonObject) => boolean
}

export const mendStream = (): Mender => {
  const items: JsonObject[] = []
  /** Item → the numbers its vendor gave to its parts, in their order. */
  const numbers = new Map<unknown, unknown[]>()
  let strict = true

  const renumber = (type: string, body: JsonObject): boolean => {
    if (body.content_index === undefined) return false
    const known = numbers.get(body.output_index) ?? []
    numbers.set(body.output_index, known)
    if (type.endsWith('_part.added')) known.push(body.content_index)
    const place = known.indexOf(body.content_index)
    if (place < 0 || place === body.content_index) return false
    body.content_index = place
    strict = false
    return true
  }

  return {
    get isStrict() {
      return strict
    },
    event(type, body) {
      if (type === 'response.output_item.done' && isObject(body.item)) items.push(body.item)
      const renumbered = renumber(type, body)
      const named = type.replace('response.reasoning_part.', 'response.content_part.')
      if (named !== type) body.type = named
      return renumbered || named !== type ? named : undefined
    },
    response(response) {
      const forgotten = Array.isArray(response.output) && response.output.length === 0 && items.length > 0
      if (forgotten) response.output = items
      return mendUsage(response) || forgotten
    },
  }
}

const parts = { input_tokens_details: 'cached_tokens', output_tokens_details: 'reasoning_tokens' }

const mendUsage = ({ usage }: JsonObject): boolean => {
  if (!isObject(usage)) return false
  const missing = Object.entries(parts).filter(([key]) => !isObject(usage[key]))
  for (const [key, count] of missing) usage[key] = { [count]: 0 }
  return missing.length > 0
}
