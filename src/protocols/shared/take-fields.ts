/** The top-level fields of a request as a protocol reads them: what it knows is taken, the rest waits in `extra` for its own vendors. */

import type { Json, JsonObject } from '../../base/json/json.ts'
import type { Chat, ProtocolId } from '../../ir/chat.ts'

/** The value of a field, which is then gone; null is as good as absent. */
export type TakeField = (key: string) => Json | undefined

/** `rest`: what has not been taken yet, to be changed at will. */
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

/** Numbers that mean the same here and there. @param names wire name → ours */
export const takeNumbers = (take: TakeField, names: Readonly<Record<string, NumericField>>, chat: Chat): void => {
  for (const [wireName, chatField] of Object.entries(names)) {
    const value = take(wireName)
    if (typeof value === 'number') chat[chatField] = value
  }
}

/** What is left belongs to the protocol `by` alone. */
export const keepExtra = (rest: JsonObject, by: ProtocolId, chat: Chat): void => {
  const extra = Object.entries(rest).filter(([, value]) => value !== null && value !== undefined)
  if (extra.length > 0) chat.extra = { by, value: Object.fromEntries(extra) }
}
