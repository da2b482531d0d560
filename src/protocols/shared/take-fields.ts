/** The top-level fields of a request as a protocol reads them: what it knows is taken, the rest waits in `extra` for its own vendors. */

import type { Json, JsonObject } from '../../base/json/json.ts'
import type { Chat, ProtocolId } from '../../ir/chat.ts'

/** The value of a field, which is then gone; null is as good as absent. */
export type Take = (key: string) => Json | undefined

/** `rest`: what has not been taken yet, to be changed at will. */
export const fieldsOf = (body: JsonObject): { rest: JsonObject; take: Take } => {
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

type Number = 'limit' | 'temperature' | 'topP' | 'topK' | 'seed'

/** Numbers that mean the same here and there. @param names wire name → ours */
export const takeNumbers = (take: Take, names: Readonly<Record<string, Number>>, chat: Chat): void => {
  for (const [wire, ours] of Object.entries(names)) {
    const value = take(wire)
    if (typeof value === 'number') chat[ours] = value
  }
}

/** What is left belongs to the protocol `by` alone. */
export const keepRest = (rest: JsonObject, by: ProtocolId, chat: Chat): void => {
  const kept = Object.entries(rest).filter(([, value]) => value !== null && value !== undefined)
  if (kept.length > 0) chat.extra = { by, value: Object.fromEntries(kept) }
}
