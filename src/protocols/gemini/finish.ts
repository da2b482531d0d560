/** Google's finish reasons ↔ ours. https://ai.google.dev/api/generate-content#FinishReason (2026-11) */
import { GatewayError } from '../../base/errors.ts'
import type { Json } from '../../base/json/json.ts'
import { lookUp } from '../../base/look-up.ts'
import type { FinishReason } from '../../ir/chat.ts'

const finishReasons: Record<string, FinishReason> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  SAFETY: 'filter',
  RECITATION: 'filter',
  BLOCKLIST: 'filter',
  PROHIBITED_CONTENT: 'filter',
  SPII: 'filter',
  MODEL_ARMOR: 'filter',
  IMAGE_SAFETY: 'filter',
  IMAGE_PROHIBITED_CONTENT: 'filter',
  IMAGE_RECITATION: 'filter',
  CONTINUATION: 'pause',
  LANGUAGE: 'other',
  OTHER: 'other',
  FINISH_REASON_UNSPECIFIED: 'other',
  MALFORMED_FUNCTION_CALL: 'other',
  UNEXPECTED_TOOL_CALL: 'other',
  TOO_MANY_TOOL_CALLS: 'other',
  MISSING_THOUGHT_SIGNATURE: 'other',
  MALFORMED_RESPONSE: 'other',
  IMAGE_OTHER: 'other',
  NO_IMAGE: 'other',
}

/** Finish reasons in the order of their numbers, which Vertex sends if asked for `enum-encoding=int`. */
const finishReasonsByNumber = [
  'FINISH_REASON_UNSPECIFIED',
  'STOP',
  'MAX_TOKENS',
  'SAFETY',
  'RECITATION',
  'OTHER',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'MALFORMED_FUNCTION_CALL',
]

/** Why a prompt was not answered at all: https://ai.google.dev/api/generate-content#BlockReason. */
const blockReasons: ReadonlySet<string> = new Set([
  'BLOCK_REASON_UNSPECIFIED',
  'BLOCKED_REASON_UNSPECIFIED',
  'SAFETY',
  'OTHER',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'IMAGE_SAFETY',
  'MODEL_ARMOR',
  'JAILBREAK',
])

/** The name of a finish or block reason. Undefined while the answer continues. */
export const reasonNameOf = (reason: Json | undefined): string | undefined => {
  if (typeof reason === 'number') return finishReasonsByNumber[reason] ?? String(reason)
  return typeof reason === 'string' && reason !== '' ? reason : undefined
}

/** The model's output was unusable for the vendor. Without any other content the answer has failed. */
const failureReasons: ReadonlySet<string> = new Set([
  'MALFORMED_FUNCTION_CALL',
  'MALFORMED_RESPONSE',
  'MISSING_THOUGHT_SIGNATURE',
  'TOO_MANY_TOOL_CALLS',
])

/** @param hasContent whether the answer contains anything but thoughts */
export const faultOf = (reason: string | undefined, hasContent: boolean): GatewayError | undefined =>
  reason !== undefined && failureReasons.has(reason) && !hasContent
    ? new GatewayError('upstream_failed', `the vendor gave no answer (${reason})`)
    : undefined

/** An answer with tool calls always finishes with `calls`, although Gemini sends STOP. */
export const finishOf = (reason: string, hasCalls: boolean): FinishReason => {
  const finish = lookUp(finishReasons, reason) ?? 'other'
  return hasCalls && finish === 'stop' ? 'calls' : finish
}

const reasonNames: Record<FinishReason, string> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  calls: 'STOP',
  filter: 'SAFETY',
  pause: 'STOP',
  other: 'OTHER',
}

/** Renders our finish as Google's reason. `raw`, the vendor's own reason, is kept if it is Google's and fits. */
export const renderFinish = (reason: FinishReason, raw: string | undefined): string => {
  const vendorFinish = raw === undefined ? undefined : lookUp(finishReasons, raw)
  return vendorFinish !== undefined && (vendorFinish === reason || (vendorFinish === 'stop' && reason === 'calls'))
    ? raw!
    : reasonNames[reason]
}

/** Whether the vendor's reason is one for a prompt that was blocked. */
export const isBlockReason = (reason: FinishReason, raw: string | undefined): raw is string =>
  reason === 'filter' && raw !== undefined && blockReasons.has(raw)
