/** Renders turns as the items of a conversation, and its instructions. */

import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Part, ReasoningPart, ToolCall, ToolResult, Turn } from '../../ir/chat.ts'
import { isReadable } from '../../ir/seal.ts'
import type { Exchange } from '../protocol.ts'
import { id, isRoleOrName, renderContent } from './content-parts.ts'
import { renderGeneratedImage } from './media.ts'

type RenderedInput = { instructions?: string; input: JsonObject[] }

/** A system turn that comes first and is one plain text becomes the instructions. Every other turn becomes items. */
export const renderTurns = (turns: readonly Turn[], exchange: Exchange): RenderedInput => {
  const [first] = turns
  const [text, ...others] = first?.parts.filter(part => !isRoleOrName(part)) ?? []
  const hasInstructions =
    first?.role === 'system' && others.length === 0 && text?.type === 'text' && !sealedValueOf(text, exchange)
  const customCallIds = new Set<string>()
  const input = (hasInstructions ? turns.slice(1) : turns).flatMap((turn, index) => {
    for (const part of turn.parts) if (part.type === 'call' && part.custom) customCallIds.add(part.id)
    return renderTurn(turn, `input[${index}]`, customCallIds, exchange)
  })
  return hasInstructions ? { instructions: text.text, input } : { input }
}

/** Returns the sealed value of a part of this protocol, if the target may read it. */
const sealedValueOf = (part: Part, { sealOrigin }: Exchange): JsonObject | undefined => {
  const { seal } = part
  return seal && isReadable(seal, id, sealOrigin) && isObject(seal.value) ? seal.value : undefined
}

const sealedMessageOf = (part: Part, exchange: Exchange): JsonObject | undefined => {
  const message = sealedValueOf(part, exchange)?.message
  return isObject(message) ? message : undefined
}

const renderTurn = (turn: Turn, path: string, customCallIds: ReadonlySet<string>, exchange: Exchange): JsonObject[] => {
  const items: JsonObject[] = []
  let messageParts: Part[] = []
  const flushMessage = (): void => {
    const message = renderMessage(turn, messageParts, path, exchange)
    if (message) items.push(message)
    messageParts = []
  }
  for (const part of turn.parts) {
    const item = renderItem(part, turn.role, path, customCallIds, exchange)
    const startsMessage =
      item !== undefined || (part.type !== 'foreign' && sealedMessageOf(part, exchange) !== undefined)
    if (startsMessage && messageParts.length > 0) flushMessage()
    if (item === undefined) messageParts.push(part)
    else if (item !== null) items.push(item)
  }
  if (messageParts.length > 0) flushMessage()
  return items
}

/**
 * Renders a part that is an item of its own. Returns null if the part cannot be rendered, and undefined if the part
 * belongs into a message.
 */
const renderItem = (
  part: Part,
  role: Turn['role'],
  path: string,
  customCallIds: ReadonlySet<string>,
  exchange: Exchange,
): JsonObject | null | undefined => {
  if (part.type === 'reasoning') return renderReasoning(part, path, exchange)
  if (part.type === 'call') return renderCall(part, exchange)
  if (part.type === 'result') return renderResult(part, path, customCallIds, exchange)
  if (part.type === 'media' && role === 'assistant')
    return renderGeneratedImage(part, '') ? withoutId(renderGeneratedImage(part, '')!) : undefined
  const sealed = part.type === 'foreign' ? sealedValueOf(part, exchange) : undefined
  return sealed && isObject(sealed.item) ? sealed.item : undefined
}

const withoutId = ({ id: _id, ...item }: JsonObject): JsonObject => item

/** Only a message of the model contains output texts; every other message contains input texts. */
const renderMessage = (
  { role }: Turn,
  parts: readonly Part[],
  path: string,
  exchange: Exchange,
): JsonObject | undefined => {
  const content = renderContent(parts, role === 'assistant' ? 'output_text' : 'input_text', path, exchange)
  if (Array.isArray(content) && content.length === 0) return undefined
  const [first] = parts
  const sealed = first ? sealedMessageOf(first, exchange) : undefined
  return { type: 'message', role, ...sealed, content }
}

/**
 * Reasoning goes back only to the target that wrote it. Another credential could not decrypt it
 * ("invalid_encrypted_content", and the conversation would be stuck), and another vendor would look for an item it does
 * not know.
 */
const renderReasoning = (part: ReasoningPart, path: string, exchange: Exchange): JsonObject | null => {
  const at = part.seal?.at
  const sealed = at === undefined || at === exchange.sealOrigin ? sealedValueOf(part, exchange) : undefined
  if (sealed === undefined) {
    exchange.loss(`${path}.reasoning`, 'only the vendor that wrote these thoughts can read them')
    return null
  }
  const { raw, item: _item, ...rest } = sealed
  const texts = part.text === '' ? [] : [part.text]
  const content = raw === true ? { content: texts.map(text => ({ type: 'reasoning_text', text })) } : {}
  const summary = raw === true ? [] : texts.map(text => ({ type: 'summary_text', text }))
  return { type: 'reasoning', ...rest, summary, ...content }
}

const renderCall = (part: ToolCall, exchange: Exchange): JsonObject => {
  const { id: call, name, args, custom, seal } = part
  const sealed = sealedValueOf(part, exchange)
  if (seal && sealed === undefined) exchange.loss('function_call', `only ${seal.by} can read this opaque state`)
  return custom
    ? { type: 'custom_tool_call', call_id: call, name, input: args, ...sealed }
    : { type: 'function_call', call_id: call, name, arguments: args, ...sealed }
}

const renderResult = (
  { id: call, parts, failed }: ToolResult,
  path: string,
  customCallIds: ReadonlySet<string>,
  exchange: Exchange,
): JsonObject => {
  if (failed) exchange.loss(`${path}.failed`, 'this protocol cannot mark a tool call as failed')
  const output: Json = parts.length === 0 ? '' : renderContent(parts, 'input_text', path, exchange)
  return { type: customCallIds.has(call) ? 'custom_tool_call_output' : 'function_call_output', call_id: call, output }
}
