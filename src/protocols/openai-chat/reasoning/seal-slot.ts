/**
 * Carries the seals of other protocols through a client of Chat Completions, in
 * `tool_calls[].extra_content.google.thought_signature`. Google defined this field for its own signatures
 * (https://ai.google.dev/gemini-api/docs/openai, 2026-11), and clients keep it. It holds the seal of the call and,
 * after a dot, the seal of the reasoning before the call, if there is one.
 */

import { isObject, type Json, type JsonObject } from '../../../base/json/json.ts'
import type { Seal } from '../../../ir/chat.ts'
import { sealPrefix, unwrapSeal, wrapSeal } from '../../../ir/seal.ts'

type SealSlot = { callSeal?: Seal; reasoningSeal?: Seal }

/** Returns undefined if there is no seal, or if the seals are too large. */
export const writeSealSlot = ({ callSeal, reasoningSeal }: SealSlot): JsonObject | undefined => {
  const texts = [callSeal, reasoningSeal].map(seal => (seal && wrapSeal(seal)) ?? '')
  if (texts.every(text => text === '')) return undefined
  const [first, second] = texts
  return { google: { thought_signature: second === '' ? first! : `${first}.${second}` } }
}

/** Returns an empty object if the slot is missing, or if its value is not a seal of the gateway. */
export const readSealSlot = (extra: Json | undefined): SealSlot => {
  const google = isObject(extra) ? extra.google : undefined
  const text = isObject(google) ? google.thought_signature : undefined
  if (typeof text !== 'string' || !text.includes(sealPrefix)) return {}
  const [callSeal, reasoningSeal] = text.split('.').map(unwrapSeal)
  return { ...(callSeal && { callSeal: callSeal.seal }), ...(reasoningSeal && { reasoningSeal: reasoningSeal.seal }) }
}

/** Removes the seal slots from a request, for a vendor that did not write the seals. */
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
