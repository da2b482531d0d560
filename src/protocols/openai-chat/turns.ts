/** Messages of Chat Completions ↔ turns. */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import { lookUp } from '../../base/look-up.ts'
import type { MediaPart, Part, ProtocolId, ToolCall, ToolResult, Turn } from '../../ir/chat.ts'
import { isReadable } from '../../ir/seal.ts'
import type { NoteLoss } from '../protocol.ts'
import { parseMedia, renderMedia } from './media.ts'
import { readSealSlot } from './reasoning/seal-slot.ts'
import { legacyId } from './stream-decoder.ts'

const id: ProtocolId = 'openai-chat'
const roles: Record<string, Turn['role']> = {
  system: 'system',
  developer: 'system',
  assistant: 'assistant',
  tool: 'user',
  function: 'user',
}
const knownFields: ReadonlySet<string> = new Set([
  'role',
  'content',
  'name',
  'tool_calls',
  'tool_call_id',
  'refusal',
  'function_call',
])
const reasoningFields = ['reasoning_content', 'reasoning']

/**
 * Parses every message into one turn. A role that the neutral form does not know, and fields that only this protocol
 * knows, go into a sealed part at the end of the turn. A legacy function call has no id, so it gets a number; the
 * function message that follows it carries its result.
 */
export const parseTurns = (messages: readonly JsonObject[], loss: NoteLoss): Turn[] => {
  let legacyCalls = 0
  return messages.map(message => {
    const wireRole = textOf(message.role)!
    const knownRole = lookUp(roles, wireRole)
    const role = knownRole ?? 'user'
    if (wireRole !== 'user' && knownRole === undefined)
      loss('messages.role', `other protocols have no role "${wireRole}"`)
    const turn: Turn = { role, parts: [] }
    const isToolResult = wireRole === 'tool' || wireRole === 'function'
    if (typeof message.name === 'string' && !isToolResult) turn.name = message.name
    if (isToolResult)
      turn.parts.push(
        parseResult(
          message,
          wireRole === 'tool' ? (textOf(message.tool_call_id) ?? '') : `${legacyId}${legacyCalls - 1}`,
        ),
      )
    else turn.parts = [...parseReasoning(message), ...parseContent(message.content)]
    if (typeof message.refusal === 'string') turn.parts.push({ type: 'refusal', text: message.refusal })
    if (Array.isArray(message.tool_calls)) pushCalls(turn.parts, message.tool_calls.filter(isObject))
    if (isObject(message.function_call)) turn.parts.push(parseLegacy(message.function_call, legacyCalls++))
    const unreadFields = unreadFieldsOf(message, wireRole)
    if (unreadFields) turn.parts.push({ type: 'foreign', seal: { by: id, value: unreadFields } })
    return turn
  })
}

const unreadFieldsOf = (message: JsonObject, role: string): JsonObject | undefined => {
  const entries = Object.entries(message).filter(
    ([key, value]) =>
      value !== null && !knownFields.has(key) && !(reasoningFields.includes(key) && typeof value === 'string'),
  )
  if (!['system', 'user', 'assistant', 'tool', 'function'].includes(role)) entries.push(['role', role])
  if ((role === 'tool' || role === 'function') && typeof message.name === 'string') entries.push(['name', message.name])
  return entries.length > 0 ? Object.fromEntries(entries) : undefined
}

const parseReasoning = (message: JsonObject): Part[] => {
  const text = reasoningFields.map(key => textOf(message[key])).find(one => one !== undefined && one !== '')
  return text === undefined ? [] : [{ type: 'reasoning', text }]
}

const parseContent = (content: Json | undefined): Part[] => {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return Array.isArray(content) ? content.filter(isObject).map(parsePart) : []
}

const parsePart = (part: JsonObject): Part => {
  const cache = isObject(part.cache_control) ? { cache: cacheOf(part.cache_control) } : {}
  if (part.type === 'text' && typeof part.text === 'string') return { type: 'text', text: part.text, ...cache }
  if (part.type === 'refusal' && typeof part.refusal === 'string') return { type: 'refusal', text: part.refusal }
  if (part.type === 'thinking') return { type: 'reasoning', text: thinkingTextOf(part.thinking) }
  const media = parseMedia(part)
  return media ? { ...media, ...cache } : { type: 'foreign', seal: { by: id, value: { part } } }
}

const cacheOf = ({ ttl }: JsonObject): { ttl?: '5m' | '1h' } => (ttl === '5m' || ttl === '1h' ? { ttl } : {})

/** Mistral writes reasoning as an array of texts. */
const thinkingTextOf = (thinking: Json | undefined): string =>
  Array.isArray(thinking)
    ? thinking.map(one => (isObject(one) ? (textOf(one.text) ?? '') : '')).join('')
    : (textOf(thinking) ?? '')

const parseResult = (message: JsonObject, call: string): ToolResult => ({
  type: 'result',
  id: call,
  parts: parseContent(message.content),
})

/**
 * Adds the calls to `parts`. The slot of a call also carries the seal of the reasoning before it, because reasoning has
 * no slot of its own in this protocol.
 */
const pushCalls = (parts: Part[], calls: readonly JsonObject[]): void => {
  const unsealedThoughts = parts.filter(part => part.type === 'reasoning' && part.seal === undefined)
  for (const call of calls) {
    const { callSeal, reasoningSeal } = readSealSlot(call.extra_content)
    const thought = reasoningSeal && unsealedThoughts.pop()
    if (thought) Object.assign(thought, { seal: reasoningSeal })
    const { extra_content, ...rest } = call
    const isSealed = callSeal || reasoningSeal
    parts.push(isSealed ? { ...parseCall(rest), ...(callSeal && { seal: callSeal }) } : parseCall(call))
  }
}

const argumentsText = (args: Json | undefined): string => {
  if (typeof args === 'string') return args
  return args === undefined || args === null ? '{}' : JSON.stringify(args)
}

const parseCall = (call: JsonObject): ToolCall => {
  const custom = call.type === 'custom' && isObject(call.custom)
  const body = [custom ? call.custom : call.function].find(isObject) ?? {}
  const { extra_content } = call
  const args = custom ? body.input : body.arguments
  return {
    type: 'call',
    id: textOf(call.id) ?? '',
    name: textOf(body.name) ?? '',
    args: argumentsText(args),
    ...(custom && { custom: true }),
    ...(extra_content !== undefined && { seal: { by: id, value: { extra_content } } }),
  }
}

const parseLegacy = (call: JsonObject, index: number): ToolCall => ({
  type: 'call',
  id: `${legacyId}${index}`,
  name: textOf(call.name) ?? '',
  args: textOf(call.arguments) ?? '{}',
})

/** Removes what another vendor of this protocol has sealed, because only that vendor can read it. */
export const withoutForeignSeals = (turns: readonly Turn[], target: string, loss: NoteLoss): Turn[] => {
  const isForeign = (part: Part): boolean =>
    'seal' in part && part.seal?.by === id && !isReadable(part.seal, id, target)
  return turns.map((turn, index) => {
    if (!turn.parts.some(isForeign)) return turn
    loss(`messages[${index}]`, 'opaque state of another vendor cannot be sent')
    const ownParts = turn.parts.filter(part => !(part.type === 'foreign' && isForeign(part)))
    return { ...turn, parts: ownParts.map(part => (isForeign(part) ? withoutSeal(part) : part)) }
  })
}

const withoutSeal = (part: Part): Part => {
  const { seal: _, ...unsealed } = part as Exclude<Part, { type: 'foreign' }>
  return unsealed
}

/**
 * Renders turns as messages. Tool results become messages of their own, before the rest of their turn. Their media
 * follow in a user message.
 */
export const renderTurns = (turns: readonly Turn[], loss: NoteLoss): JsonObject[] => {
  const messages: JsonObject[] = []
  const names = new Map<string, string>()
  let resultMedia: JsonObject[] = []

  const pushResultMedia = (): void => {
    if (resultMedia.length > 0) messages.push({ role: 'user', content: resultMedia })
    resultMedia = []
  }

  turns.forEach((turn, index) => {
    const path = `messages[${index}]`
    for (const part of turn.parts) if (part.type === 'call') names.set(part.id, part.name)
    const results = turn.parts.filter(part => part.type === 'result')
    for (const result of results) {
      const { text, media } = splitResult(result, path, loss)
      messages.push({
        ...resultEnvelope(result.id, names),
        content: text,
        ...(results.length === 1 && sealedFieldsOf(turn)),
      })
      for (const one of media) resultMedia.push(one)
    }
    const remaining =
      results.length === 1 && turn.parts.every(part => part.type === 'result' || part.type === 'foreign')
        ? []
        : turn.parts
    const parts = remaining.filter(part => part.type !== 'result')
    if (results.length > 0 && parts.length === 0) return
    const message = renderMessage({ ...turn, parts }, path, loss)
    pushResultMedia()
    // A vendor that does not know reasoning_content would see a message without content.
    if (Object.keys(message).join() === 'role,reasoning_content') message.content = ''
    if (hasContent(message)) messages.push(message)
    else loss(path, 'this protocol cannot express any of it')
  })
  pushResultMedia()
  return messages
}

/** Vendors refuse a message without content, except an assistant message with calls. */
const hasContent = (message: JsonObject): boolean => Object.keys(message).some(key => key !== 'role' && key !== 'name')

const resultEnvelope = (call: string, names: ReadonlyMap<string, string>): JsonObject =>
  call.startsWith(legacyId) ? { role: 'function', name: names.get(call) ?? '' } : { role: 'tool', tool_call_id: call }

const splitResult = (result: ToolResult, path: string, loss: NoteLoss): { text: string; media: JsonObject[] } => {
  if (result.failed) loss(`${path}.failed`, 'this protocol cannot mark a tool call as failed')
  const media = result.parts.filter(part => part.type === 'media').map(part => renderMedia(part, path, loss))
  const text = result.parts.map(part => (part.type === 'text' ? part.text : '')).join('')
  return { text, media: media.filter(part => part !== undefined) }
}

/** Returns the sealed fields of a message of this protocol. */
const sealedFieldsOf = ({ parts }: Turn): JsonObject => {
  const sealedPart = parts.find(
    part => part.type === 'foreign' && part.seal.by === id && isObject(part.seal.value) && !('part' in part.seal.value),
  )
  return sealedPart?.type === 'foreign' ? (sealedPart.seal.value as JsonObject) : {}
}

const renderMessage = (turn: Turn, path: string, loss: NoteLoss): JsonObject => {
  const message: JsonObject = { role: turn.role, ...(turn.name !== undefined && { name: turn.name }) }
  const content = renderContent(turn, path, loss)
  if (content !== undefined) message.content = content
  const textsOf = (type: 'reasoning' | 'refusal') =>
    turn.parts.filter(part => part.type === type).map(part => (part as { text: string }).text)
  const reasoning = textsOf('reasoning').join('')
  if (reasoning !== '' && turn.role === 'assistant') message.reasoning_content = reasoning
  const [refusal] = textsOf('refusal')
  if (refusal !== undefined) message.refusal = refusal
  const calls = turn.parts.filter(part => part.type === 'call')
  const legacy = calls.find(call => call.id.startsWith(legacyId))
  if (legacy) message.function_call = { name: legacy.name, arguments: legacy.args }
  else if (calls.length > 0) message.tool_calls = calls.map(call => renderCall(call, loss))
  return { ...message, ...sealedFieldsOf(turn) }
}

const renderCall = ({ id: call, name, args, custom, seal }: ToolCall, loss: NoteLoss): JsonObject => {
  const sealedFields = seal?.by === id && isObject(seal.value) ? seal.value : {}
  if (seal && seal.by !== id) loss('tool_calls', `only ${seal.by} can read this opaque state`)
  const body = custom
    ? { type: 'custom', custom: { name, input: args } }
    : { type: 'function', function: { name, arguments: args } }
  return { id: call, ...body, ...sealedFields }
}

/**
 * A single text is rendered as a string. All texts of an assistant message are joined, because many vendors accept no
 * parts there.
 */
const renderContent = (turn: Turn, path: string, loss: NoteLoss): Json | undefined => {
  const parts = turn.parts
    .filter(part => part.type === 'text' || part.type === 'media' || part.type === 'foreign')
    .map((part, index) => renderPart(part, `${path}.content[${index}]`, loss))
    .filter(part => part !== undefined)
  if (parts.length === 0) return undefined
  const isTextOnly = parts.every(part => part.type === 'text' && part.cache_control === undefined)
  if (isTextOnly && (parts.length === 1 || turn.role === 'assistant')) return parts.map(part => part.text).join('')
  return parts
}

const renderPart = (
  part: Extract<Part, { type: 'text' | 'foreign' }> | MediaPart,
  path: string,
  loss: NoteLoss,
): JsonObject | undefined => {
  if (part.type === 'foreign') {
    if (part.seal.by !== id) loss(path, `only ${part.seal.by} can read it`)
    const { value } = part.seal
    return part.seal.by === id && isObject(value) && isObject(value.part) ? value.part : undefined
  }
  const rendered: JsonObject | undefined =
    part.type === 'text' ? { type: 'text', text: part.text } : renderMedia(part, path, loss)
  return rendered && part.cache ? { ...rendered, cache_control: { type: 'ephemeral', ...part.cache } } : rendered
}
