/** The items of a conversation → turns. */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Part, Seal, ToolCall, Turn } from '../../ir/chat.ts'
import { sealPrefix, unwrapSeal } from '../../ir/seal.ts'
import { id, parseContent } from './content-parts.ts'
import { parsePicture } from './media.ts'

/** What a seal of ours held back for the part that follows it, or a part of its own. */
type Opened = { part?: Part; next?: Seal }

/**
 * One turn for all that a model said between two words of others, one for the outputs of tools that stand together, one for every other
 * message. Ids of items and their status say nothing elsewhere; `phase` waits in the seal of a message's first part.
 */
export const parseTurns = (input: Json | undefined): Turn[] => {
  if (typeof input === 'string') return [{ role: 'user', parts: [{ type: 'text', text: input }] }]
  const turns: Turn[] = []
  let waiting: Seal | undefined

  const put = (role: Turn['role'], parts: Part[], joins: (last: Turn) => boolean): void => {
    const [first] = parts
    if (first === undefined) return
    if (waiting && role === 'assistant' && first.type !== 'foreign') first.seal = waiting
    waiting = undefined
    const last = turns.at(-1)
    if (last?.role === role && joins(last)) last.parts.push(...parts)
    else turns.push({ role, parts })
  }

  for (const item of Array.isArray(input) ? input.filter(isObject) : []) {
    const type = textOf(item.type) ?? 'message'
    if (type === 'message') {
      const role = roles.get(textOf(item.role) ?? '') ?? 'user'
      put(role, parseMessage(item), () => role === 'assistant')
    } else if (type.endsWith('_output') || type === 'mcp_approval_response')
      put('user', [parseOutput(item, type)], ({ parts }) => parts.every(isOutput))
    else if (type === 'reasoning') {
      const { part, next } = parseReasoning(item)
      waiting = next ?? waiting
      if (part) put('assistant', [part], () => true)
    } else put('assistant', [parseCall(item, type)], () => true)
  }
  return turns
}

const roles = new Map<string, Turn['role']>([
  ['system', 'system'],
  ['developer', 'system'],
  ['assistant', 'assistant'],
])

const isOutput = (part: Part): boolean => part.type === 'result' || part.type === 'foreign'

/** Ids and status are left behind, what else a message says waits in the seal of its first part; a developer is the system. */
const parseMessage = (item: JsonObject): Part[] => {
  const { type: _type, id: _id, status: _status, role: _role, content, ...rest } = item
  const parts = parseContent(content)
  const own: JsonObject = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null))
  const [first] = parts
  if (first === undefined || first.type === 'foreign') return parts
  if (Object.keys(own).length > 0)
    first.seal = { by: id, value: { ...(isObject(first.seal?.value) ? first.seal.value : {}), message: own } }
  return parts
}

const parseOutput = (item: JsonObject, type: string): Part => {
  const { call_id: call, output } = item
  const known = type === 'function_call_output' || type === 'custom_tool_call_output'
  if (!known || typeof call !== 'string') return { type: 'foreign', seal: { by: id, value: { item } } }
  return { type: 'result', id: call, parts: parseContent(output) }
}

const parseCall = (item: JsonObject, type: string): Part => {
  const { type: _type, id: _id, status: _status, call_id: call, name, arguments: args, input, ...rest } = item
  const custom = type === 'custom_tool_call'
  if (!custom && type !== 'function_call')
    return parsePicture(item) ?? { type: 'foreign', seal: { by: id, value: { item } } }
  const kept = Object.entries(rest).filter(([, value]) => value !== null)
  const part: ToolCall = {
    type: 'call',
    id: textOf(call) ?? '',
    name: textOf(name) ?? '',
    args: wordsOf(custom ? input : args),
  }
  if (custom) part.custom = true
  if (kept.length > 0) part.seal = { by: id, value: Object.fromEntries(kept) }
  return part
}

const wordsOf = (said: Json | undefined): string =>
  typeof said === 'string' ? said : said === undefined || said === null ? '{}' : JSON.stringify(said)

/** Thoughts of ours whose slot holds a foreign seal, or the client's own, whose rest is sealed so that it can go back. */
const parseReasoning = (item: JsonObject): Opened => {
  const { type: _type, status: _status, summary, content, encrypted_content: encrypted, ...rest } = item
  const told = textsOf(summary)
  const text = told === '' ? textsOf(content) : told
  if (isOurs(rest.id)) delete rest.id
  const wrapped = unwrapSeal(encrypted)
  if (wrapped?.next && text === '') return { next: wrapped.seal }
  if (wrapped) return { part: unboxed(wrapped.seal) ?? { type: 'reasoning', text, seal: wrapped.seal } }
  const raw = Array.isArray(content) && content.length > 0
  const own = { ...rest, ...(typeof encrypted === 'string' && { encrypted_content: encrypted }), ...(raw && { raw }) }
  return { part: { type: 'reasoning', text, seal: { by: id, value: own } } }
}

/** An id that this gateway gave to thoughts: a vendor that sealed them knows them by another. */
export const isOurs = (id: Json | undefined): boolean => typeof id === 'string' && id.includes(sealPrefix)

const textsOf = (parts: Json | undefined): string =>
  Array.isArray(parts) ? parts.map(part => (isObject(part) ? (textOf(part.text) ?? '') : '')).join('\n\n') : ''

/** Blocks that only their own protocol knows cross in a slot as well; the box tells them from thoughts. */
export const boxed = ({ value, ...seal }: Seal): Seal => ({ ...seal, value: ['foreign', value] })

const unboxed = ({ value, ...seal }: Seal): Part | undefined =>
  Array.isArray(value) && value.length === 2 && value[0] === 'foreign'
    ? { type: 'foreign', seal: { ...seal, value: value[1]! } }
    : undefined
