/** Fields of a request that two wires of one family both have, under whatever name: what one protocol keeps for itself, the other may know. */

import { isObject, type JsonObject } from '../../base/json/json.ts'
import type { ProtocolId, Seal } from '../../ir/chat.ts'
import type { NoteLoss } from '../protocol.ts'

/** Their name → ours, `text.verbosity` for one that stands a step deeper; undefined: said already, and not missed. */
export type SiblingFields = Record<string, string | undefined>

/**
 * Puts what `extra` holds into `body`: everything of the protocol's own, of a relative what both know. The rest is a loss.
 * @param relatives protocol → its fields
 */
export const carrySiblingFields = (
  extra: Seal | undefined,
  protocol: ProtocolId,
  relatives: Record<ProtocolId, SiblingFields>,
  body: JsonObject,
  loss: NoteLoss,
): void => {
  if (!extra || !isObject(extra.value)) return
  const knownFields = Object.hasOwn(relatives, extra.by) ? relatives[extra.by] : undefined
  for (const [key, value] of Object.entries(extra.value)) {
    if (extra.by === protocol) mergeField(body, key, value)
    else if (knownFields === undefined || !Object.hasOwn(knownFields, key)) loss(key, `only ${extra.by} knows it`)
    else if (knownFields[key] !== undefined) mergeField(body, knownFields[key], value)
  }
}

/** An object joins the one that stands there already. */
const mergeField = (body: JsonObject, key: string, value: JsonObject[string]): void => {
  const [outer = '', inner] = key.split('.')
  const existing = body[outer]
  const added = inner === undefined ? value : { [inner]: value }
  body[outer] = isObject(existing) && isObject(added) ? { ...existing, ...added } : added
}
