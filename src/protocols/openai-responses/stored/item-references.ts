/**
 * Items that a request references by id in place of repeating them (`item_reference`), and the ids of items.
 * https://platform.openai.com/docs/api-reference/responses/create (2026-11)
 */
import { GatewayError } from '../../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../../base/json/json.ts'
import { sealPrefix } from '../../../ir/seal.ts'
import { inputItemsOf, outputItemsOf, previousResponseIdOf } from './previous-response.ts'

/** Returns the id that an item references, or undefined if it is a full item. A reference may omit its `type`. */
const referencedId = (item: Json): string | undefined => {
  if (!isObject(item)) return undefined
  const { type, id, role, content } = item
  const isBare = (type ?? undefined) === undefined && role === undefined && content === undefined
  return type === 'item_reference' || isBare ? textOf(id) : undefined
}

/** Returns the ids of all referenced items. */
export const referencedIds = (items: Json[]): string[] => items.flatMap(item => referencedId(item) ?? [])

/** The wording is OpenAI's, because clients know it. */
export const itemNotFound = (id: string): GatewayError =>
  new GatewayError('not_found', `Item with id '${id.slice(0, 100)}' not found.`, { param: 'input' })

/** Returns the input of an answer. Every item gets an id. */
export const inputWithIds = (id: string, input: Json[]): JsonObject[] =>
  input.filter(isObject).map((item, index) => ({ ...item, id: textOf(item.id) ?? `msg_${id.slice(5)}_${index}` }))

/** Returns the items of an answer and of its input, by id. */
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

/**
 * Replaces the references of a request with the items they stand for, including the conversation before
 * `previous_response_id`. A reference that `itemsFor` does not know stays.
 */
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

const portableTypes: ReadonlySet<Json> = new Set([
  'message',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
])

/**
 * Removes the id of an item, for a vendor that did not store the item. That vendor would look for the id among its own
 * items.
 */
export const withoutItemId = (item: Json): Json => {
  if (!isObject(item) || !portableTypes.has(item.type ?? 'message')) return item
  const { id: _, ...rest } = item
  return rest
}

/**
 * Removes the encrypted content of reasoning, for a target that cannot decrypt it. The remaining summary gets an id of
 * the gateway, so that no vendor takes the item for its own.
 */
export const withoutEncryptedContent = (item: Json): Json => {
  if (!isObject(item) || item.type !== 'reasoning') return item
  const { encrypted_content: _, ...rest } = item
  return { ...rest, id: `rs_${sealPrefix}` }
}
