/**
 * Items that a request names by their id in place of repeating them (`item_reference`), and the ids they are named by.
 * https://platform.openai.com/docs/api-reference/responses/create (2026-11)
 */
import { GatewayError } from '../../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../../base/json/json.ts'
import { sealPrefix } from '../../../ir/seal.ts'
import { inputOf, outputOf, previousOf } from './previous-response.ts'

/** The id of the item that is named; undefined where it is an item itself. `type` may be left out. */
export const referenceOf = (item: Json): string | undefined => {
  if (!isObject(item)) return undefined
  const { type, id, role, content } = item
  const isBare = (type ?? undefined) === undefined && role === undefined && content === undefined
  return type === 'item_reference' || isBare ? textOf(id) : undefined
}

/** The ids of all items that are named. */
export const referencesIn = (items: Json[]): string[] => items.flatMap(item => referenceOf(item) ?? [])

/** OpenAI's words, which clients know. */
export const unknownItem = (id: string): GatewayError =>
  new GatewayError('not_found', `Item with id '${id.slice(0, 100)}' not found.`, { param: 'input' })

/** What led to an answer, every item with an id. */
export const namedInput = (id: string, input: Json[]): JsonObject[] =>
  input.filter(isObject).map((item, index) => ({ ...item, id: textOf(item.id) ?? `msg_${id.slice(5)}_${index}` }))

/** The items of an answer and of what led to it, by their ids. */
export const itemsOf = (
  id: string,
  { answer, input }: { answer: JsonObject; input: Json[] },
): ReadonlyMap<string, JsonObject> => {
  const given = namedInput(id, input).filter(item => referenceOf(item) === undefined)
  const said = outputOf(answer).filter(isObject)
  return new Map([...given, ...said].flatMap(item => (typeof item.id === 'string' ? [[item.id, item] as const] : [])))
}

/** The request as it would stand had its client repeated what it names; what `known` does not give stays named. */
export const spelledOut = (body: JsonObject, known: (id: string) => Json[] | undefined): JsonObject => {
  const { previous_response_id: _, ...rest } = body
  const previous = previousOf(body)
  const earlier = previous === undefined ? undefined : known(previous)
  const input = inputOf(body).flatMap(item => {
    const id = referenceOf(item)
    return (id === undefined ? undefined : known(id)) ?? [item]
  })
  return earlier ? { ...rest, input: [...earlier, ...input] } : { ...body, input }
}

const plain = new Set<Json>([
  'message',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
])

/** An item for another vendor than the one that keeps it, which would look for the id among its own. */
export const unnamed = (item: Json): Json => {
  if (!isObject(item) || !plain.has(item.type ?? 'message')) return item
  const { id: _, ...rest } = item
  return rest
}

/** Thoughts for whoever cannot read what their writer sealed: their words alone, which no vendor takes for its own. */
export const unsealed = (item: Json): Json => {
  if (!isObject(item) || item.type !== 'reasoning') return item
  const { encrypted_content: _, ...rest } = item
  return { ...rest, id: `rs_${sealPrefix}` }
}
