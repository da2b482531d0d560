/** Why an answer ended, in Google's words: https://ai.google.dev/api/generate-content#FinishReason (2026-11) ↔ ours. */
import { GatewayError } from '../../base/errors.ts'
import type { Json } from '../../base/json/json.ts'
import type { FinishReason } from '../../ir/chat.ts'

const words: Record<string, FinishReason> = {
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

/** Vertex answers with the numbers of the words where it is asked for `enum-encoding=int`. */
const numbers = [
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
const blocks = new Set([
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

/** The vendor's word; undefined while the answer goes on. */
export const wordOf = (reason: Json | undefined): string | undefined => {
  if (typeof reason === 'number') return numbers[reason] ?? String(reason)
  return typeof reason === 'string' && reason !== '' ? reason : undefined
}

/** The model wrote something the vendor could not take for an answer: without any other word of it the answer has failed. */
const broken = new Set([
  'MALFORMED_FUNCTION_CALL',
  'MALFORMED_RESPONSE',
  'MISSING_THOUGHT_SIGNATURE',
  'TOO_MANY_TOOL_CALLS',
])

/** @param said does the answer hold anything but thoughts */
export const faultOf = (word: string | undefined, said: boolean): GatewayError | undefined =>
  word !== undefined && broken.has(word) && !said
    ? new GatewayError('upstream_failed', `the vendor gave no answer (${word})`)
    : undefined

/** A call always ends as calls: Gemini says STOP there. */
export const finishOf = (word: string, called: boolean): FinishReason => {
  const finish = words[word] ?? 'other'
  return called && finish === 'stop' ? 'calls' : finish
}

const ours: Record<FinishReason, string> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  calls: 'STOP',
  filter: 'SAFETY',
  pause: 'STOP',
  other: 'OTHER',
}

/** Our finish in Google's words, in the vendor's own where it is Google. */
export const renderFinish = (reason: FinishReason, raw: string | undefined): string => {
  const theirs = raw === undefined ? undefined : words[raw]
  return theirs !== undefined && (theirs === reason || (theirs === 'stop' && reason === 'calls')) ? raw! : ours[reason]
}

/** Has the word a form for an answer that never began. */
export const isBlock = (reason: FinishReason, raw: string | undefined): raw is string =>
  reason === 'filter' && raw !== undefined && blocks.has(raw)
