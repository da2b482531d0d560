/**
 * Where foreign seals cross a client of this protocol: `tool_calls[].extra_content.google.thought_signature`, the slot Google gave its own
 * (https://ai.google.dev/gemini-api/docs/openai, 2026-11), which clients keep. It holds the call's seal, and behind a dot that of the
 * thoughts before the call, where there is one.
 */

import { isObject, type Json, type JsonObject } from '../../../base/json/json.ts'
import type { Seal } from '../../../ir/chat.ts'
import { sealPrefix, unwrapSeal, wrapSeal } from '../../../ir/seal.ts'

export type SealSlot = { callSeal?: Seal; reasoningSeal?: Seal }

/** Undefined where there is nothing to carry, or it is too large. */
export const writeSealSlot = ({ callSeal, reasoningSeal }: SealSlot): JsonObject | undefined => {
  const texts = [callSeal, reasoningSeal].map(seal => (seal && wrapSeal(seal)) ?? '')
  if (texts.every(text => text === '')) return undefined
  const [first, second] = texts
  return { google: { thought_signature: second === '' ? first! : `${first}.${second}` } }
}

/** Empty where the slot is the client's own, or none. */
export const readSealSlot = (extra: Json | undefined): SealSlot => {
  const google = isObject(extra) ? extra.google : undefined
  const text = isObject(google) ? google.thought_signature : undefined
  if (typeof text !== 'string' || !text.includes(sealPrefix)) return {}
  const [callSeal, reasoningSeal] = text.split('.').map(unwrapSeal)
  return { ...(callSeal && { callSeal: callSeal.seal }), ...(reasoningSeal && { reasoningSeal: reasoningSeal.seal }) }
}

/** A request whose calls go to a vendor that did not write their seals. */
export const withoutSealSlots = (body: JsonObject): JsonObject => {
  const withoutSlot = (call: Json): Json => {
    if (!isObject(call) || !hasSealSlot(call.extra_content)) return call
    const { extra_content: _, ...rest } = call
    return rest
  }
  const messages = Array.isArray(body.messages) ? body.messages : []
  return {
    ...body,
    messages: messages.map(message =>
      isObject(message) && Array.isArray(message.tool_calls)
        ? { ...message, tool_calls: message.tool_calls.map(withoutSlot) }
        : message,
    ),
  }
}

const hasSealSlot = (extra: Json | undefined): boolean => Object.keys(readSealSlot(extra)).length > 0
