/**
 * Corrects in passing what vendors get wrong in a stream of Responses: parts of a message that are not numbered from 0
 * and reasoning announced as `reasoning_part` (vLLM and servers built on it), a final answer without its items (the
 * ChatGPT backend), and usage without details.
 */
import { isObject, type JsonObject } from '../../base/json/json.ts'

/** Corrects the events of one stream, in order. */
type StreamNormalizer = {
  /** True while no part had to be renumbered. Deltas may then pass without being parsed. */
  readonly isUnchanged: boolean
  /** Normalizes an event in place. Returns the name of the event if anything was changed. */
  normalizeEvent: (type: string, body: JsonObject) => string | undefined
  /** Normalizes the answer that an event holds. Returns true if anything was changed. */
  normalizeResponse: (response: JsonObject) => boolean
}

/** Creates the normalizer of one stream. */
export const createStreamNormalizer = (): StreamNormalizer => {
  const items: JsonObject[] = []
  /** Output index → how many parts there are so far, and the position of each by the content index of the vendor. */
  const partNumbers = new Map<unknown, { count: number; positions: Map<unknown, number> }>()
  let isUnchanged = true

  const renumber = (type: string, body: JsonObject): boolean => {
    if (body.content_index === undefined) return false
    const known = partNumbers.get(body.output_index) ?? { count: 0, positions: new Map() }
    partNumbers.set(body.output_index, known)
    const { positions } = known
    if (type.endsWith('_part.added')) {
      if (!positions.has(body.content_index)) positions.set(body.content_index, known.count)
      known.count++
    }
    const position = positions.get(body.content_index)
    if (position === undefined || position === body.content_index) return false
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
