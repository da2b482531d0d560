/**
 * A request that continues an earlier answer names it in `previous_response_id`, and does not repeat the conversation.
 * https://platform.openai.com/docs/guides/conversation-state (2026-11)
 */
import { GatewayError } from '../../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../../base/json/json.ts'
import { isWrappedSeal } from '../../../ir/seal.ts'
import { isGatewayId } from '../turns.ts'

/** Returns the id of the answer that a request continues. */
export const previousResponseIdOf = ({ previous_response_id: id }: JsonObject): string | undefined =>
  textOf(id) || undefined

/** Returns true if the answer must be stored, which is the default. */
export const isStored = ({ store }: JsonObject): boolean => store !== false

/** Returns true if the vendor still works on an answer in the background. */
export const isUnfinished = ({ status }: JsonObject): boolean => status === 'queued' || status === 'in_progress'

/** Returns the input of a request as items. */
export const inputItemsOf = ({ input }: JsonObject): Json[] => {
  if (Array.isArray(input)) return input
  const text = textOf(input)
  return text === undefined ? [] : [{ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }]
}

/** Returns the items that an answer adds to the conversation. */
export const outputItemsOf = ({ output }: JsonObject): Json[] => (Array.isArray(output) ? output : [])

/**
 * How the final event begins in a stream of the gateway, which names every event. Inside the JSON of an event no line
 * can begin.
 */
const finalEventStarts = ['event: response.completed\ndata: ', 'event: response.incomplete\ndata: ']

/**
 * Returns the keys of an item that only its original target can read, the most reliable last: reasoning that is stored
 * there, and everything that is encrypted by a vendor. Clients may drop the id.
 */
export const sealKeys = (item: Json): string[] => {
  if (!isObject(item) || isWrappedSeal(item.encrypted_content)) return []
  const { type, id, encrypted_content: sealed } = item
  const isSealed = typeof sealed === 'string' && sealed !== ''
  if (!isSealed && type !== 'reasoning') return []
  const namedIds = typeof id === 'string' && !isGatewayId(id) ? [`sealed ${id}`] : []
  return isSealed ? [...namedIds, `sealed as ${Bun.hash(sealed).toString(36)}`] : namedIds
}

/**
 * Returns the position of the data of the final event, which carries the complete answer. Returns undefined if `frames`
 * does not contain that event.
 */
export const finalEventIn = (frames: string): { start: number; end: number } | undefined => {
  for (const start of finalEventStarts) {
    const at = frames.indexOf(start)
    if (at >= 0) return { start: at + start.length, end: frames.indexOf('\n\n', at) }
  }
  return undefined
}

/** The wording is OpenAI's, because clients know it. */
export const responseNotFound = (id: string, param?: string): GatewayError =>
  param === undefined
    ? new GatewayError('not_found', `Response with id '${id.slice(0, 100)}' not found.`)
    : new GatewayError('not_found', `Previous response with id '${id.slice(0, 100)}' not found.`, { param })

/**
 * Returns a page of the input items of an answer. `order` is `desc` by default, `limit` is 20 by default and 100 at
 * most, `after` is an id.
 */
export const pageOfItems = (items: JsonObject[], query: URLSearchParams): JsonObject => {
  const ordered = query.get('order') === 'asc' ? items : items.toReversed()
  const after = ordered.findIndex(item => item.id === query.get('after'))
  const limit = Math.min(Math.max(Number.parseInt(query.get('limit') ?? '20', 10) || 20, 1), 100)
  const rest = ordered.slice(after + 1)
  const data = rest.slice(0, limit)
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
  return { object: 'list', data, ...ends, has_more: data.length < rest.length }
}
