/**
 * Reads the top-level fields of a request: a protocol takes the fields it knows, and the rest stays in `extra` for
 * vendors of the same protocol.
 */

import type { Json, JsonObject } from '../../base/json/json.ts'
import type { Chat, ProtocolId } from '../../ir/chat.ts'

/** Removes a field and returns its value; null counts as absent. */
export type TakeField = (key: string) => Json | undefined

/** `rest` holds the fields not taken yet and may be modified. */
export const createFieldTaker = (body: JsonObject): { rest: JsonObject; take: TakeField } => {
  const rest: JsonObject = { ...body }
  return {
    rest,
    take(key) {
      const value = rest[key]
      delete rest[key]
      return value === null ? undefined : value
    },
  }
}

type NumericField = 'limit' | 'temperature' | 'topP' | 'topK' | 'seed'

/**
 * Takes numbers that have the same meaning in the neutral form.
 * @param names wire name → field of the chat
 */
export const takeNumbers = (take: TakeField, names: Readonly<Record<string, NumericField>>, chat: Chat): void => {
  for (const [wireName, chatField] of Object.entries(names)) {
    const value = take(wireName)
    if (typeof value === 'number') chat[chatField] = value
  }
}

/** Stores the remaining fields as belonging to the protocol `by` only. */
export const keepExtra = (rest: JsonObject, by: ProtocolId, chat: Chat): void => {
  const extra = Object.entries(rest).filter(([, value]) => value !== null && value !== undefined)
  if (extra.length > 0) chat.extra = { by, value: Object.fromEntries(extra) }
}
