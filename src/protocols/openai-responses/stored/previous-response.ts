/**
 * A request that goes on from an earlier answer names it (`previous_response_id`) in place of repeating it.
 * https://platform.openai.com/docs/guides/conversation-state (2026-11)
 */
import { GatewayError } from '../../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../../base/json/json.ts'
import { isWrappedSeal } from '../../../ir/seal.ts'
import { isGatewayId } from '../turns.ts'

/** The id of the answer a request goes on from. */
export const previousResponseIdOf = ({ previous_response_id: id }: JsonObject): string | undefined =>
  textOf(id) || undefined

/** Is the answer to be kept: unless the request says no. */
export const isStored = ({ store }: JsonObject): boolean => store !== false

/** Is its vendor still at work on an answer, in the background. */
export const isUnfinished = ({ status }: JsonObject): boolean => status === 'queued' || status === 'in_progress'

/** What the request says itself, as items. */
export const inputItemsOf = ({ input }: JsonObject): Json[] => {
  if (Array.isArray(input)) return input
  const text = textOf(input)
  return text === undefined ? [] : [{ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }]
}

/** What an answer adds to the conversation. */
export const outputItemsOf = ({ output }: JsonObject): Json[] => (Array.isArray(output) ? output : [])

/** How the last event begins on our wire, which names every event; inside its JSON no line could begin. */
const finalEventStarts = ['event: response.completed\ndata: ', 'event: response.incomplete\ndata: ']

/**
 * What an item is known by that only the target that wrote it can read, the surest last: thoughts that are kept there, and all that is
 * encrypted, though not by us. Clients may drop the id.
 */
export const sealKeys = (item: Json): string[] => {
  if (!isObject(item) || isWrappedSeal(item.encrypted_content)) return []
  const { type, id, encrypted_content: sealed } = item
  const isSealed = typeof sealed === 'string' && sealed !== ''
  if (!isSealed && type !== 'reasoning') return []
  const namedIds = typeof id === 'string' && !isGatewayId(id) ? [`sealed ${id}`] : []
  return isSealed ? [...namedIds, `sealed as ${Bun.hash(sealed).toString(36)}`] : namedIds
}

/** Where the event that carries the whole answer stands in a text of frames, once it is there: the last one. */
export const finalEventIn = (frames: string): { start: number; end: number } | undefined => {
  for (const start of finalEventStarts) {
    const at = frames.indexOf(start)
    if (at >= 0) return { start: at + start.length, end: frames.indexOf('\n\n', at) }
  }
  return undefined
}

/** OpenAI's words, which clients know. */
export const responseNotFound = (id: string, param?: string): GatewayError =>
  param === undefined
    ? new GatewayError('not_found', `Response with id '${id.slice(0, 100)}' not found.`)
    : new GatewayError('not_found', `Previous response with id '${id.slice(0, 100)}' not found.`, { param })

/** A page of the items that led to an answer: `order` desc unless asked, `limit` 20, at most 100, `after` an id. */
export const pageOfItems = (items: JsonObject[], query: URLSearchParams): JsonObject => {
  const ordered = query.get('order') === 'asc' ? items : items.toReversed()
  const after = ordered.findIndex(item => item.id === query.get('after'))
  const limit = Math.min(Math.max(Number.parseInt(query.get('limit') ?? '20', 10) || 20, 1), 100)
  const rest = ordered.slice(after + 1)
  const data = rest.slice(0, limit)
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
  return { object: 'list', data, ...ends, has_more: data.length < rest.length }
}
