/**
 * Request fields that two related wire formats share, possibly under different names. A field that the neutral form
 * does not model can be carried to a sibling protocol.
 */

import { isObject, type JsonObject } from '../../base/json/json.ts'
import type { ProtocolId, Seal } from '../../ir/chat.ts'
import type { NoteLoss } from '../protocol.ts'

/**
 * Sibling field name → our field name. `text.verbosity` is a field one level deeper. Undefined: already carried
 * elsewhere, so dropping it is no loss.
 */
export type SiblingFields = Record<string, string | undefined>

/**
 * Writes the fields of `extra` into `body`: all of them if they belong to `protocol`, or those both protocols know if
 * they belong to a sibling. All others are noted as losses.
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
    else if (knownFields === undefined || !Object.hasOwn(knownFields, key)) loss(key, `only ${extra.by} supports it`)
    else if (knownFields[key] !== undefined) mergeField(body, knownFields[key], value)
  }
}

/** An object is merged into the object that is already there. */
const mergeField = (body: JsonObject, key: string, value: JsonObject[string]): void => {
  const [outer = '', inner] = key.split('.')
  const existing = body[outer]
  const added = inner === undefined ? value : { [inner]: value }
  body[outer] = isObject(existing) && isObject(added) ? { ...existing, ...added } : added
}
