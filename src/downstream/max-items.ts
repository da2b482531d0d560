/** Refuses requests with more items than the configuration allows: `max_items`. */
import { GatewayError } from '../base/errors.ts'
import type { JsonObject } from '../base/json/json.ts'
import type { MaxItems } from '../config/compiled.ts'
import { itemKinds } from '../protocols/shared/item-counts.ts'
import type { RequestReader } from '../protocols/shared/request-reader.ts'

/** The least characters of an item: `"",`. A shorter request cannot exceed a limit, so its items are not counted. */
const charactersPerItem = 3

/** @throws GatewayError `invalid_request` naming the field, the number of its items and the limit */
export const checkItemCounts = (
  reader: RequestReader,
  { text, body }: { text: string; body: JsonObject },
  maxItems: MaxItems,
): void => {
  for (const kind of itemKinds) {
    const limit = maxItems[kind]
    const found = text.length < charactersPerItem * limit ? undefined : reader.itemCount(kind, body)
    if (found && found.count > limit) throw tooManyItems(kind, found.param, found.count, limit)
  }
}

/** The error for a request with too many items of a kind. */
export const tooManyItems = (kind: keyof MaxItems, param: string, count: number, limit: number): GatewayError =>
  new GatewayError('invalid_request', `${param}: ${count} ${itemNames[kind]}, max_items.${kind} allows ${limit}`, {
    param,
  })

const itemNames: Record<keyof MaxItems, string> = {
  messages: 'messages',
  tools: 'tools',
  calls: 'tool calls',
  stop_sequences: 'stop sequences',
  inputs: 'inputs',
  media: 'images, recordings and documents',
  parts: 'requests to the vendor',
  form_fields: 'fields',
}
