/**
 * Items that a request names by their id in place of repeating them (`item_reference`), and the ids they are named by.
 * https://platform.openai.com/docs/api-reference/responses/create (2026-11)
 */
import { GatewayError } from '../../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../../base/json/json.ts'
import { sealPrefix } from '../../../ir/seal.ts'
import { inputItemsOf, outputItemsOf, previousResponseIdOf } from './previous-response.ts'

/** The id of the item that is named; undefined where it is an item itself. `type` may be left out. */
export const referencedId = (item: Json): string | undefined => {
  if (!isObject(item)) return undefined
  const { type, id, role, content } = item
  const isBare = (type ?? undefined) === undefined && role === undefined && content === undefined
  return type === 'item_reference' || isBare ? textOf(id) : undefined
}

/** The ids of all items that are named. */
export const referencedIds = (items: Json[]): string[] => items.flatMap(item => referencedId(item) ?? [])

/** OpenAI's words, which clients know. */
export const itemNotFound = (id: string): GatewayError =>
  new GatewayError('not_found', `Item with id '${id.slice(0, 100)}' not found.`, { param: 'input' })

/** What led to an answer, every item with an id. */
export const inputWithIds = (id: string, input: Json[]): JsonObject[] =>
  input.filter(isObject).map((item, index) => ({ ...item, id: textOf(item.id) ?? `msg_${id.slice(5)}_${index}` }))

/** The items of an answer and of what led to it, by their ids. */
export const itemsById = (
  id: string,
  { answer, input }: { answer: JsonObject; input: Json[] },
): ReadonlyMap<string, JsonObject> => {
  const inputItems = inputWithIds(id, input).filter(item => referencedId(item) === undefined)
  const outputItems = outputItemsOf(answer).filter(isObject)
  return new Map(
    [...inputItems, ...outputItems].flatMap(item => (typeof item.id === 'string' ? [[item.id, item] as const] : [])),
  )
}

/** The request as it would stand had its client repeated what it names; what `known` does not give stays named. */
export const expandReferences = (body: JsonObject, itemsFor: (id: string) => Json[] | undefined): JsonObject => {
  const { previous_response_id: _, ...rest } = body
  const previous = previousResponseIdOf(body)
  const earlier = previous === undefined ? undefined : itemsFor(previous)
  const input = inputItemsOf(body).flatMap(item => {
    const id = referencedId(item)
    return (id === undefined ? undefined : itemsFor(id)) ?? [item]
  })
  return earlier ? { ...rest, input: [...earlier, ...input] } : { ...body, input }
}

const portableTypes = new Set<Json>([
  'message',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
])

/** An item for another vendor than the one that keeps it, which would look for the id among its own. */
export const withoutItemId = (item: Json): Json => {
  if (!isObject(item) || !portableTypes.has(item.type ?? 'message')) return item
  const { id: _, ...rest } = item
  return rest
}

/** Thoughts for whoever cannot read what their writer sealed: their words alone, which no vendor takes for its own. */
export const withoutEncryptedContent = (item: Json): Json => {
  if (!isObject(item) || item.type !== 'reasoning') return item
  const { encrypted_content: _, ...rest } = item
  return { ...rest, id: `rs_${sealPrefix}` }
}
