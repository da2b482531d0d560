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
  own: ProtocolId,
  relatives: Record<ProtocolId, SiblingFields>,
  body: JsonObject,
  loss: NoteLoss,
): void => {
  if (!extra || !isObject(extra.value)) return
  const kin = Object.hasOwn(relatives, extra.by) ? relatives[extra.by] : undefined
  for (const [key, value] of Object.entries(extra.value)) {
    if (extra.by === own) join(body, key, value)
    else if (kin === undefined || !Object.hasOwn(kin, key)) loss(key, `only ${extra.by} knows it`)
    else if (kin[key] !== undefined) join(body, kin[key], value)
  }
}

/** An object joins the one that stands there already. */
const join = (body: JsonObject, key: string, value: JsonObject[string]): void => {
  const [outer = '', inner] = key.split('.')
  const before = body[outer]
  const added = inner === undefined ? value : { [inner]: value }
  body[outer] = isObject(before) && isObject(added) ? { ...before, ...added } : added
}
