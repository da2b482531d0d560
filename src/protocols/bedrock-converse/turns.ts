/**
 * Turns → system blocks and messages. Consecutive messages of the same role are merged, because roles must alternate.
 */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json/json.ts'
import { rawJson } from '../../base/json/raw.ts'
import type { Chat, Part, ReasoningPart, TextPart, ToolCall, ToolResult } from '../../ir/chat.ts'
import { isReadable } from '../../ir/seal.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { createDocumentNamer, type DocumentNamer, renderMedia } from './media.ts'
import type { ConverseTraits } from './model-traits.ts'
import { renderCachePoint } from './tools.ts'
import { id } from './wire.ts'

type Message = { role: 'user' | 'assistant'; content: JsonObject[] }
type PartContext = {
  traits: ConverseTraits
  exchange: Exchange
  nameDocument: DocumentNamer
  role: 'system' | 'user' | 'assistant'
}

export const renderTurns = (turns: Chat['turns'], traits: ConverseTraits, exchange: Exchange): JsonObject => {
  const { loss } = exchange
  const system: JsonObject[] = []
  const messages: Message[] = []
  const nameDocument = createDocumentNamer()
  let hasBegun = false

  const push = (role: Message['role'], blocks: JsonObject[]): void => {
    const last = messages.at(-1)
    if (blocks.length === 0) return
    if (last?.role === role) for (const block of blocks) last.content.push(block)
    else messages.push({ role, content: blocks })
  }

  turns.forEach(({ role, parts, name }, index) => {
    const path = `messages[${index}]`
    hasBegun ||= role !== 'system'
    if (name !== undefined) loss(`${path}.name`, 'this protocol does not support names')
    const blocks = parts.flatMap(part => renderPart(part, path, { traits, exchange, nameDocument, role }))
    if (role !== 'system') push(role, blocks)
    else if (!hasBegun) for (const block of blocks) system.push(block)
    else if (blocks.length > 0) {
      loss(path, 'a system message inside the conversation is sent as a user message')
      push('user', blocks.map(withSystemTags))
    }
  })
  return beginWithUser(system, messages, loss)
}

const withSystemTags = (block: JsonObject): JsonObject =>
  typeof block.text === 'string' ? { text: `<system>\n${block.text}\n</system>` } : block

/**
 * The first message must be the user's. A system prompt without any message is sent as the user's message.
 * @throws GatewayError `invalid_request` if there is no content at all.
 */
const beginWithUser = (system: JsonObject[], messages: Message[], loss: NoteLoss): JsonObject => {
  if (messages.length === 0) {
    if (system.length === 0) throw new GatewayError('invalid_request', 'messages say nothing', { param: 'messages' })
    loss('system', 'there is no other message, so it is sent as a user message')
    return { messages: [{ role: 'user', content: system }] }
  }
  if (messages[0]?.role === 'assistant') {
    loss('messages[0]', 'the conversation starts with the assistant, so a short user message was added before it')
    messages.unshift({ role: 'user', content: [{ text: '(begin)' }] })
  }
  return { messages, ...(system.length > 0 && { system }) }
}

const renderPart = (part: Part, path: string, context: PartContext): JsonObject[] => {
  const block = renderBlock(part, path, context)
  if (block === undefined) return []
  const { cache } = part.type === 'foreign' ? { cache: undefined } : part
  const point = cache && renderCachePoint(cache, context.traits, path, context.exchange.loss)
  return point ? [block, point] : [block]
}

const renderBlock = (part: Part, path: string, context: PartContext): JsonObject | undefined => {
  const { loss } = context.exchange
  switch (part.type) {
    case 'text':
      return renderText(part, context)
    case 'refusal':
      return isBlank(part.text) ? undefined : { text: part.text }
    case 'reasoning':
      return renderReasoning(part, path, context)
    case 'media':
      if (context.role === 'user') return renderMedia(part, path, context.nameDocument, loss)
      return void loss(path, `only user messages can contain files, not those of the ${context.role}`)
    case 'call':
      return { toolUse: renderCall(part, path, context) }
    case 'result':
      return { toolResult: renderResult(part, path, context) }
    case 'foreign':
      return renderForeign(part.seal, path, context)
  }
}

/** Converse refuses a blank text. */
const isBlank = (text: string): boolean => text.trim() === ''

/** Citations are sent back with their text if all of them are this vendor's own. */
const renderText = ({ text, citations = [] }: TextPart, { role, exchange }: PartContext): JsonObject | undefined => {
  if (isBlank(text)) return undefined
  const ownCitations = citations.map(({ seal }) =>
    seal && isReadable(seal, id, exchange.sealOrigin) ? seal.value : undefined,
  )
  if (role !== 'assistant' || ownCitations.length === 0 || !ownCitations.every(isObject)) return { text }
  return { citationsContent: { content: [{ text }], citations: ownCitations } }
}

/** Converse refuses thoughts without their signature. */
const renderReasoning = (
  { text, seal }: ReasoningPart,
  path: string,
  { role, exchange }: PartContext,
): JsonObject | undefined => {
  const { loss, sealOrigin } = exchange
  const ownSeal = seal && isReadable(seal, id, sealOrigin) && isObject(seal.value) ? seal.value : undefined
  if (role !== 'assistant' || ownSeal === undefined) {
    if (text !== '' || seal) loss(`${path}.reasoning`, seal ? `only ${seal.by} can read it` : 'it has no signature')
    return undefined
  }
  if (typeof ownSeal.redactedContent === 'string')
    return { reasoningContent: { redactedContent: ownSeal.redactedContent } }
  return { reasoningContent: { reasoningText: { text, signature: ownSeal.signature } } }
}

const renderCall = (
  { id: call, name, args, custom, seal }: ToolCall,
  path: string,
  { exchange }: PartContext,
): JsonObject => {
  if (seal && !isReadable(seal, id, exchange.sealOrigin))
    exchange.loss(path, `only ${seal.by} can read this opaque state`)
  return { toolUseId: toolUseIdOf(call), name, input: custom ? { input: args } : inputOf(args, path, exchange) }
}

const inputOf = (args: string, path: string, { loss }: Exchange): JsonObject[string] => {
  if (args.trim() === '') return {}
  const input = rawJson(args)
  if (input !== undefined && args.trimStart().startsWith('{')) return input
  loss(`${path}.arguments`, 'they are not a JSON object and are sent in `input`')
  return { input: args }
}

/** Ids that Converse refuses are replaced by a hash. A call and its result get the same id. */
const toolUseIdOf = (call: string): string =>
  /^[a-zA-Z0-9_.:-]{1,64}$/.test(call)
    ? call
    : `call_${new Bun.CryptoHasher('sha256').update(call).digest('hex').slice(0, 32)}`

const renderResult = ({ id: call, parts, failed }: ToolResult, path: string, context: PartContext): JsonObject => {
  const { loss } = context.exchange
  const content = parts.map(part => renderResultContent(part, path, context)).filter(block => block !== undefined)
  if (failed && !context.traits.acceptsResultStatus)
    loss(`${path}.failed`, 'this model cannot be told that a tool call failed')
  return {
    toolUseId: toolUseIdOf(call),
    content,
    ...(failed && context.traits.acceptsResultStatus && { status: 'error' }),
  }
}

const renderResultContent = (part: Part, path: string, context: PartContext): JsonObject | undefined => {
  if (part.type === 'text' || part.type === 'refusal') return isBlank(part.text) ? undefined : { text: part.text }
  if (part.type === 'media') return renderMedia(part, path, context.nameDocument, context.exchange.loss)
  if (part.type === 'foreign') return renderForeign(part.seal, path, context)
  return void context.exchange.loss(path, `a tool result cannot contain ${part.type}`)
}

/** A block that only this protocol has is sent back unchanged. */
const renderForeign = (
  seal: Extract<Part, { type: 'foreign' }>['seal'],
  path: string,
  { exchange }: PartContext,
): JsonObject | undefined => {
  if (isReadable(seal, id, exchange.sealOrigin) && isObject(seal.value) && isObject(seal.value.block))
    return seal.value.block
  return void exchange.loss(path, `only ${seal.by} can read it`)
}
