/**
 * Messages ↔ turns. Rules of the protocol: https://platform.claude.com/docs/en/build-with-claude/working-with-messages,
 * …/mid-conversation-system-messages
 */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Part, Turn } from '../../ir/chat.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import type { ModelTraits } from './model-traits.ts'
import { parseBlocks } from './parse-blocks.ts'
import { BlockWriter, isPlainText } from './render-blocks.ts'

/** A message of the wire whose content is always a list of blocks. */
type WireMessage = { role: 'user' | 'assistant' | 'system'; content: JsonObject[] }

/** Parses the messages. A system prompt becomes the first turn. */
export const parseTurns = (system: Json | undefined, messages: readonly JsonObject[], loss: NoteLoss): Turn[] => {
  const first = parseBlocks(system ?? [])
  const turns: Turn[] = first.length > 0 ? [{ role: 'system', parts: first }] : []
  messages.forEach(({ role, content }, index) => {
    const roleName = textOf(role) ?? ''
    const knownRole = roleName === 'assistant' || roleName === 'system' ? roleName : 'user'
    if (roleName !== knownRole) loss(`messages[${index}].role`, `other protocols have no role "${roleName}"`)
    turns.push({ role: knownRole, parts: parseBlocks(content) })
  })
  return turns
}

/** The fields of a request that hold the conversation. */
type RenderedTurns = { system?: Json; messages: JsonObject[] }

/**
 * Renders turns, whose calls and results are paired, as a system prompt and alternating messages that start with the
 * user's. Empty blocks are dropped.
 * @throws GatewayError `invalid_request` if no message is left.
 */
export const renderTurns = (turns: readonly Turn[], traits: ModelTraits, exchange: Exchange): RenderedTurns => {
  const { loss } = exchange
  const writer = new BlockWriter(traits, exchange)
  const firstNonSystem = turns.findIndex(({ role }) => role !== 'system')
  const start = firstNonSystem < 0 ? turns.length : firstNonSystem
  const system = turns.slice(0, start).flatMap((turn, index) => renderBlocks(turn, `system[${index}]`, writer, loss))
  const messages: WireMessage[] = []
  const nextRoles = nextSpeakersOf(turns)

  const push = (role: WireMessage['role'], blocks: JsonObject[]): void => {
    const last = messages.at(-1)
    if (blocks.length === 0) return
    if (last?.role === role) for (const block of blocks) last.content.push(block)
    else messages.push({ role, content: blocks })
  }

  const addTurn = (turn: Turn, index: number): void => {
    const path = `messages[${index}]`
    const blocks = renderBlocks(turn, path, writer, loss)
    const last = messages.at(-1)?.role
    if (turn.role !== 'system') push(turn.role, blocks)
    else if (traits.acceptsSystemTurns && nextRoles[start + index] !== 'user' && (last === 'user' || last === 'system'))
      push('system', blocks)
    else {
      if (blocks.length > 0) loss(path, 'a system message inside the conversation is sent as a user message')
      push('user', blocks.map(withSystemTags))
    }
  }

  turns.slice(start).forEach(addTurn)
  const conversation = beginWithUser(messages, system, loss)
  const [only] = conversation.system
  const prompt = only && conversation.system.length === 1 && isPlainText(only) ? only.text! : conversation.system
  return { ...(only && { system: prompt }), messages: conversation.messages.map(renderWireMessage) }
}

/** Returns for each turn the role of the next turn that is no system turn. */
const nextSpeakersOf = (turns: readonly Turn[]): (Turn['role'] | undefined)[] => {
  const roles: (Turn['role'] | undefined)[] = new Array(turns.length)
  let next: Turn['role'] | undefined
  for (let index = turns.length - 1; index >= 0; index--) {
    roles[index] = next
    const { role } = turns[index]!
    if (role !== 'system') next = role
  }
  return roles
}

const renderBlocks = ({ role, parts, name }: Turn, path: string, writer: BlockWriter, loss: NoteLoss): JsonObject[] => {
  if (name !== undefined) loss(`${path}.name`, 'this protocol does not support names')
  return parts.flatMap((part, index): JsonObject[] => {
    const at = `${path}.content[${index}]`
    const block = isAllowedFor(part, role) ? writer.write(part, at) : undefined
    if (!isAllowedFor(part, role)) loss(at, `a message of the ${role} cannot contain ${part.type}`)
    return block ? [block] : []
  })
}

const isAllowedFor = ({ type }: Part, role: Turn['role']): boolean => {
  if (role === 'system') return type === 'text' || type === 'foreign'
  if (type === 'reasoning' || type === 'call' || type === 'refusal') return role === 'assistant'
  return role === 'user' || (type !== 'result' && type !== 'media')
}

const withSystemTags = (block: JsonObject): JsonObject =>
  typeof block.text === 'string' ? { ...block, text: `<system>\n${block.text}\n</system>` } : block

/** The first message must be the user's. A system prompt without any message is sent as the user's message. */
const beginWithUser = (
  messages: WireMessage[],
  system: JsonObject[],
  loss: NoteLoss,
): { system: JsonObject[]; messages: WireMessage[] } => {
  if (messages.length === 0) {
    if (system.length === 0) throw new GatewayError('invalid_request', 'messages say nothing', { param: 'messages' })
    loss('system', 'there is no other message, so it is sent as a user message')
    return { system: [], messages: [{ role: 'user', content: system }] }
  }
  if (messages[0]?.role === 'user') return { system, messages }
  loss('messages[0]', 'the conversation starts with the assistant, so a short user message was added before it')
  return { system, messages: [{ role: 'user', content: [{ type: 'text', text: '(begin)' }] }, ...messages] }
}

/**
 * A single text is rendered as a string. The assistant's last message, which the model continues, must not end in white
 * space.
 */
const renderWireMessage = ({ role, content }: WireMessage, index: number, all: readonly WireMessage[]): JsonObject => {
  const last = content.at(-1)
  if (role === 'assistant' && index === all.length - 1 && last?.type === 'text' && typeof last.text === 'string')
    content[content.length - 1] = { ...last, text: last.text.trimEnd() }
  const [only] = content
  return { role, content: content.length === 1 && isObject(only) && isPlainText(only) ? only.text! : content }
}
