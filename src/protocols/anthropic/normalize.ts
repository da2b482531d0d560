/**
 * Corrects in place what vendors get wrong in Messages responses. The `normalize…` functions return whether they
 * changed anything.
 */
import { isObject, type Json, type JsonObject, parseJson } from '../../base/json/json.ts'
import type { Exchange } from '../protocol.ts'
import { notAnAnswer } from '../shared/vendor-error.ts'
import { faultFrom } from './error.ts'

/**
 * Reads a vendor's complete response and applies the vendor's own corrections.
 * @throws GatewayError the error it contains, or `upstream_failed` if it is not a response.
 */
export const readMessage = (given: Json, exchange: Exchange): JsonObject => {
  const body = typeof given === 'string' ? parseJson(given) : given
  const text = () => (typeof given === 'string' ? given : JSON.stringify(given))
  if (!isObject(body)) throw notAnAnswer(text(), exchange)
  exchange.patchResponse?.(body)
  if (body.type === 'error' || (isObject(body.error) && body.content === undefined)) throw faultFrom(body, exchange)
  if (!Array.isArray(body.content)) throw notAnAnswer(text(), exchange)
  if (!body.content.every(isObject)) body.content = body.content.filter(isObject)
  return body
}

const noUsage = { input_tokens: 0, output_tokens: 0 }

/**
 * Normalizes the envelope of a complete response or of `message_start`.
 * A `model` that is a string is left alone: it is replaced in the text later.
 */
export const normalizeEnvelope = (message: JsonObject, exchange: Exchange): boolean => {
  const wanted: JsonObject = {
    id: typeof message.id === 'string' && message.id !== '' ? message.id : exchange.id,
    type: 'message',
    role: 'assistant',
    model: typeof message.model === 'string' ? message.model : exchange.model,
    content: Array.isArray(message.content) ? message.content : [],
    stop_sequence: message.stop_sequence ?? null,
    usage: isObject(message.usage) ? message.usage : noUsage,
  }
  const wrong = Object.keys(wanted).filter(key => message[key] !== wanted[key])
  for (const key of wrong) message[key] = wanted[key]
  return wrong.length > 0
}

/** Normalizes a block of `content_block_start`: adds the field that holds its content. */
export const normalizeBlock = (block: JsonObject): boolean => {
  const lacks = (type: string, key: string) => block.type === type && (block[key] === undefined || block[key] === null)
  for (const [type, key, value] of [
    ['text', 'text', ''],
    ['thinking', 'thinking', ''],
    ['tool_use', 'input', {}],
  ] as const)
    if (lacks(type, key)) {
      block[key] = value
      return true
    }
  return false
}

/** Replaces `end_turn` by `tool_use` after tool calls. */
export const normalizeStopReason = (delta: JsonObject, hasCalls: boolean): boolean => {
  if (!hasCalls || delta.stop_reason !== 'end_turn') return false
  delta.stop_reason = 'tool_use'
  return true
}

export const isToolUse = (block: Json | undefined): boolean => isObject(block) && block.type === 'tool_use'
