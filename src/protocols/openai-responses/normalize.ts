/**
 * What vendors get wrong in a stream of Responses, put right as it passes: parts of a message numbered from another place than 0 and thoughts
 * announced as `reasoning_part` (vLLM and what stands on it), an answer that forgets its items (the ChatGPT backend), usage without its parts.
 */
import { isObject, type JsonObject } from '../../base/json/json.ts'

export type StreamNormalizer = {
  /** No item so far was told otherwise than it should be: its words may pass unread. */
  readonly isUnchanged: boolean
  /** Mends a frame in place; gives the name of its event where something was changed. */
  normalizeEvent: (type: string, body: JsonObject) => string | undefined
  /** Mends the answer a frame holds; true where something was changed. */
  normalizeResponse: (normalizeResponse: JsonObject) => boolean
}

export const createStreamNormalizer = (): StreamNormalizer => {
  const items: JsonObject[] = []
  /** Item → the numbers its vendor gave to its parts, in their order. */
  const partNumbers = new Map<unknown, unknown[]>()
  let isUnchanged = true

  const renumber = (type: string, body: JsonObject): boolean => {
    if (body.content_index === undefined) return false
    const known = partNumbers.get(body.output_index) ?? []
    partNumbers.set(body.output_index, known)
    if (type.endsWith('_part.added')) known.push(body.content_index)
    const position = known.indexOf(body.content_index)
    if (position < 0 || position === body.content_index) return false
    body.content_index = position
    isUnchanged = false
    return true
  }

  return {
    get isUnchanged() {
      return isUnchanged
    },
    normalizeEvent(type, body) {
      if (type === 'response.output_item.done' && isObject(body.item)) items.push(body.item)
      const isRenumbered = renumber(type, body)
      const newType = type.replace('response.reasoning_part.', 'response.content_part.')
      if (newType !== type) body.type = newType
      return isRenumbered || newType !== type ? newType : undefined
    },
    normalizeResponse(response) {
      const lacksItems = Array.isArray(response.output) && response.output.length === 0 && items.length > 0
      if (lacksItems) response.output = items
      return normalizeUsage(response) || lacksItems
    },
  }
}

const usageDetails = { input_tokens_details: 'cached_tokens', output_tokens_details: 'reasoning_tokens' }

const normalizeUsage = ({ usage }: JsonObject): boolean => {
  if (!isObject(usage)) return false
  const missing = Object.entries(usageDetails).filter(([key]) => !isObject(usage[key]))
  for (const [key, count] of missing) usage[key] = { [count]: 0 }
  return missing.length > 0
}
