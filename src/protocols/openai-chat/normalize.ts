/**
 * Corrects in place what vendors get wrong in Chat Completions. Every function returns whether it changed anything, so
 * that a correct answer can be passed through unchanged. Fields not named in this file stay unchanged.
 */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Exchange } from '../protocol.ts'
import { type CallTracker, normalizeCall } from './chunks/call-tracker.ts'
import { faultOf, finishReasonAfter, finishReasonOf } from './finish.ts'
import { normalizeUsage } from './usage.ts'

/** The state of one choice of a streamed answer. */
export type ChoiceState = {
  readonly index: number
  /** The first chunk of the choice has been seen. */
  hasStarted: boolean
  /** `held`: the finish is known but not yet emitted, because more content may come. */
  phase: 'open' | 'held' | 'done'
  finish: string
  /** Content came after the finish. If another finish_reason follows, it replaces the first one. */
  hasLateContent: boolean
  /** A legacy `function_call` was seen. */
  hasLegacyCall: boolean
  calls: CallTracker
}

/** What differs between the protocols whose streams consist of choices (Chat Completions and the older Completions). */
export type ChoiceFormat = {
  object: string
  /** Normalizes one choice. Returns true if anything was changed. */
  normalize(body: JsonObject, choice: ChoiceState): boolean
  /** Returns true if the choice carries content. */
  hasContent(body: JsonObject): boolean
  /** Builds a choice that carries only a finish_reason. */
  finishOnlyChoice(index: number, finish: string): JsonObject
}

/**
 * The fields that are the same on every chunk of an answer. They are taken from the first chunk, or from the exchange
 * if the first chunk lacks them.
 */
export type ChunkIdentity = { id: string; created: number; model: string; object: string }

/** Takes the identity of an answer from its first chunk. The model is always that of the client. */
export const identityOf = (body: JsonObject, exchange: Exchange, object: string): ChunkIdentity => ({
  id: textOf(body.id) || exchange.id,
  created: unixSeconds(body.created) ?? exchange.created,
  model: exchange.model,
  object,
})

/**
 * Writes the identity into a chunk. A `model` that is a string stays unchanged here, because it is replaced in the text
 * later.
 */
export const normalizeEnvelope = (body: JsonObject, identity: ChunkIdentity): boolean => {
  let isChanged = typeof body.model !== 'string'
  if (isChanged) body.model = identity.model
  for (const key of identityKeys) {
    if (body[key] === identity[key]) continue
    body[key] = identity[key]
    isChanged = true
  }
  return isChanged
}

const identityKeys = ['id', 'object', 'created'] as const

/**
 * Converts a number, a numeric string, a fraction or milliseconds to Unix seconds. Returns undefined for 0, which is
 * not a valid time.
 */
const unixSeconds = (value: Json | undefined): number | undefined => {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number) || number <= 0) return undefined
  return Math.floor(number > 1e11 ? number / 1000 : number)
}

/**
 * Normalizes what a delta and a message have in common: content as text, reasoning under one name, no empty fields of
 * calls.
 */
const normalizeContentFields = (fields: JsonObject): boolean => {
  let isChanged = normalizeContent(fields)
  const { reasoning } = fields
  if (typeof reasoning === 'string' && reasoning !== '' && typeof fields.reasoning_content !== 'string') {
    fields.reasoning_content = reasoning
    isChanged = true
  }
  const { tool_calls: calls, function_call: legacy } = fields
  if (isObject(calls)) fields.tool_calls = [calls]
  else if (calls !== undefined && !(Array.isArray(calls) && calls.length > 0)) isChanged = delete fields.tool_calls
  if (legacy !== undefined && !isNonEmptyCall(legacy)) isChanged = delete fields.function_call
  return isChanged || isObject(calls)
}

const isNonEmptyCall = (call: Json): boolean =>
  isObject(call) && [call.name, call.arguments].some(value => typeof value === 'string' && value !== '')

/**
 * Converts content that is not a string: an array of parts, which may include reasoning (Mistral), or an object
 * (Cloudflare with a schema).
 */
const normalizeContent = (fields: JsonObject): boolean => {
  const { content } = fields
  if (typeof content === 'string' || content === null || content === undefined) return false
  if (!Array.isArray(content)) {
    fields.content = typeof content === 'object' ? JSON.stringify(content) : String(content)
    return true
  }
  const reasoning = content
    .map(part => (isObject(part) && part.type === 'thinking' ? partText(part.thinking) : ''))
    .join('')
  const textParts = content.filter(part => !isObject(part) || part.type !== 'thinking')
  if (reasoning !== '') fields.reasoning_content = `${textOf(fields.reasoning_content) ?? ''}${reasoning}`
  const text = textParts.map(partText).join('')
  if (textParts.length > 0) fields.content = text
  else delete fields.content
  return true
}

const partText = (part: Json | undefined): string => {
  if (Array.isArray(part)) return part.map(partText).join('')
  return isObject(part) ? (textOf(part.text) ?? '') : (textOf(part) ?? '')
}

/** The choice format of Chat Completions streams. */
export const chatFormat: ChoiceFormat = {
  object: 'chat.completion.chunk',
  finishOnlyChoice: (index, finish) => ({ index, delta: {}, finish_reason: finish }),
  hasContent: ({ delta }) => isObject(delta) && contentFields.some(key => isPresent(delta[key])),
  normalize(body, choice) {
    let isChanged = normalizeDelta(body, choice)
    const delta = body.delta as JsonObject
    if (normalizeContentFields(delta)) isChanged = true
    if (normalizeRole(delta, choice.hasStarted)) isChanged = true
    if (delta.function_call !== undefined) choice.hasLegacyCall = true
    if (!Array.isArray(delta.tool_calls)) return isChanged
    const calls = choice.calls.normalize(delta.tool_calls)
    if (!calls.isChanged) return isChanged
    if (calls.entries.length > 0) delta.tool_calls = calls.entries
    else delete delta.tool_calls
    return true
  },
}

/** Fields of a delta that count as content. */
const contentFields = [
  'content',
  'tool_calls',
  'reasoning_content',
  'reasoning',
  'refusal',
  'function_call',
  'audio',
  'images',
  'reasoning_details',
]
const isPresent = (value: Json | undefined): boolean =>
  isObject(value) || (Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null && value !== '')

/**
 * A complete message in place of a delta is used as the delta if it comes first. Otherwise it repeats earlier content
 * and is dropped (MiniMax).
 */
const normalizeDelta = (body: JsonObject, { hasStarted }: ChoiceState): boolean => {
  if (isObject(body.delta)) return false
  body.delta = isObject(body.message) && !hasStarted ? body.message : {}
  if (body.delta === body.message) delete body.message
  return true
}

/** The first delta carries the role. A later delta may repeat the role but not change it. */
const normalizeRole = (delta: JsonObject, hasStarted: boolean): boolean => {
  const { role } = delta
  if (role === 'assistant' || (hasStarted && role === undefined)) return false
  if (hasStarted) delete delta.role
  else delta.role = 'assistant'
  return true
}

/**
 * Normalizes a non-streaming answer. Returns true if it changed anything, so that the text must be serialised anew.
 * @throws GatewayError `upstream_failed` if the answer has no choices, or if a choice broke off
 */
export const normalizeMessage = (body: JsonObject, exchange: Exchange): boolean => {
  const { choices } = body
  if (!Array.isArray(choices) || choices.length === 0)
    throw new GatewayError('upstream_failed', 'the vendor answered without choices')
  let isChanged = normalizeEnvelope(body, identityOf(body, exchange, 'chat.completion'))
  for (let position = 0; position < choices.length; position++)
    if (normalizeMessageChoice(choices, position, exchange)) isChanged = true
  const [first] = choices
  if (body.usage === undefined && isObject(first) && isObject(first.usage)) {
    body.usage = first.usage
    isChanged = delete first.usage
  }
  return normalizeUsage(body) || isChanged
}

const normalizeMessageChoice = (choices: Json[], position: number, exchange: Exchange): boolean => {
  const received = choices[position]!
  const choice = isObject(received) ? received : {}
  let isChanged = choice !== received
  choices[position] = choice
  const fault = faultOf(choice.finish_reason)
  if (fault) throw fault
  if (typeof choice.index !== 'number') {
    choice.index = position
    isChanged = true
  }
  if (!isObject(choice.message)) {
    choice.message = isObject(choice.delta) ? choice.delta : { role: 'assistant', content: textOf(choice.text) ?? null }
    delete choice.delta
    isChanged = true
  }
  const message = choice.message as JsonObject
  if (normalizeAssistantMessage(message, exchange, position)) isChanged = true
  const reason = finishReasonOf(choice.finish_reason, exchange) ?? 'stop'
  const finish = finishReasonAfter(reason, 'tool_calls' in message, 'function_call' in message)
  if (choice.finish_reason !== finish) {
    choice.finish_reason = finish
    isChanged = true
  }
  return isChanged
}

const normalizeAssistantMessage = (message: JsonObject, exchange: Exchange, choice: number): boolean => {
  let isChanged = normalizeContentFields(message)
  if (message.role !== 'assistant') {
    message.role = 'assistant'
    isChanged = true
  }
  if (message.content === undefined) {
    message.content = null
    isChanged = true
  }
  return (
    (Array.isArray(message.tool_calls) && normalizeCalls(message, message.tool_calls, exchange, choice)) || isChanged
  )
}

const normalizeCalls = (message: JsonObject, entries: Json[], exchange: Exchange, choice: number): boolean => {
  const before = JSON.stringify(entries)
  const usedIds = new Set<unknown>()
  const calls = entries.filter(isObject).map((call, index) => {
    const normalizedCall = normalizeCall(
      usedIds.has(call.id) ? { ...call, id: null } : call,
      callId(exchange, choice, index),
    )
    usedIds.add(normalizedCall?.id)
    return normalizedCall
  })
  const normalized = calls.filter(call => call !== undefined)
  if (normalized.length > 0) message.tool_calls = normalized
  else delete message.tool_calls
  return JSON.stringify(normalized) !== before
}

/** Builds an id for a call that came without one. It has at most 40 characters, the longest id that OpenAI accepts. */
export const callId = ({ id }: Pick<Exchange, 'id'>, choice: number, index: number): string =>
  `call_${id.replace(/^[a-z]+-/, '').slice(-24)}${choice > 0 ? `_${choice}` : ''}_${index}`
