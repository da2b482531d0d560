/** Parses the items of a conversation into turns. */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Part, Seal, ToolCall, Turn } from '../../ir/chat.ts'
import { sealPrefix, unwrapSeal } from '../../ir/seal.ts'
import { id, parseContent } from './content-parts.ts'
import { parseGeneratedImage } from './media.ts'

/** The result of parsing a reasoning item: a part, or a seal for the part that follows. */
type ParsedReasoning = { part?: Part; nextSeal?: Seal }

/**
 * Builds one turn for consecutive items of the model, one for consecutive tool outputs, and one for every other
 * message. Ids and the status of items have no meaning for other vendors and are dropped. `phase` goes into the seal of
 * the first part of a message.
 */
export const parseTurns = (input: Json | undefined): Turn[] => {
  if (typeof input === 'string') return [{ role: 'user', parts: [{ type: 'text', text: input }] }]
  const turns: Turn[] = []
  let pendingSeal: Seal | undefined
  /** The last turn, if it consists of outputs. */
  let outputTurn: Turn | undefined

  const addParts = (role: Turn['role'], parts: Part[], canJoin: (last: Turn) => boolean): void => {
    const [first] = parts
    if (first === undefined) return
    if (pendingSeal && role === 'assistant' && first.type !== 'foreign') first.seal = pendingSeal
    pendingSeal = undefined
    const last = turns.at(-1)
    if (last?.role === role && canJoin(last)) {
      for (const part of parts) last.parts.push(part)
      return
    }
    const turn = { role, parts }
    turns.push(turn)
    outputTurn = parts.every(isOutput) ? turn : undefined
  }

  for (const item of Array.isArray(input) ? input.filter(isObject) : []) {
    const type = textOf(item.type) ?? 'message'
    if (type === 'message') {
      const role = roles.get(textOf(item.role) ?? '') ?? 'user'
      addParts(role, parseMessage(item), () => role === 'assistant')
    } else if (type.endsWith('_output') || type === 'mcp_approval_response')
      addParts('user', [parseOutput(item, type)], last => last === outputTurn)
    else if (type === 'reasoning') {
      const { part, nextSeal } = parseReasoning(item)
      pendingSeal = nextSeal ?? pendingSeal
      if (part) addParts('assistant', [part], () => true)
    } else addParts('assistant', [parseCall(item, type)], () => true)
  }
  return turns
}

const roles: ReadonlyMap<string, Turn['role']> = new Map([
  ['system', 'system'],
  ['developer', 'system'],
  ['assistant', 'assistant'],
])

const isOutput = (part: Part): boolean => part.type === 'result' || part.type === 'foreign'

/**
 * Drops the id and the status of a message. Its other fields go into the seal of its first part. The role `developer`
 * becomes `system`.
 */
const parseMessage = (item: JsonObject): Part[] => {
  const { type: _type, id: _id, status: _status, role: _role, content, ...rest } = item
  const parts = parseContent(content)
  const sealedFields: JsonObject = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null))
  const [first] = parts
  if (first === undefined || first.type === 'foreign') return parts
  if (Object.keys(sealedFields).length > 0)
    first.seal = { by: id, value: { ...(isObject(first.seal?.value) ? first.seal.value : {}), message: sealedFields } }
  return parts
}

const parseOutput = (item: JsonObject, type: string): Part => {
  const { call_id: call, output } = item
  const isKnown = type === 'function_call_output' || type === 'custom_tool_call_output'
  if (!isKnown || typeof call !== 'string') return { type: 'foreign', seal: { by: id, value: { item } } }
  return { type: 'result', id: call, parts: parseContent(output) }
}

const parseCall = (item: JsonObject, type: string): Part => {
  const { type: _type, id: _id, status: _status, call_id: call, name, arguments: args, input, ...rest } = item
  const isCustom = type === 'custom_tool_call'
  if (!isCustom && type !== 'function_call')
    return parseGeneratedImage(item) ?? { type: 'foreign', seal: { by: id, value: { item } } }
  const sealedEntries = Object.entries(rest).filter(([, value]) => value !== null)
  const part: ToolCall = {
    type: 'call',
    id: textOf(call) ?? '',
    name: textOf(name) ?? '',
    args: argsTextOf(isCustom ? input : args),
  }
  if (isCustom) part.custom = true
  if (sealedEntries.length > 0) part.seal = { by: id, value: Object.fromEntries(sealedEntries) }
  return part
}

const argsTextOf = (value: Json | undefined): string => {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? '{}' : JSON.stringify(value)
}

/**
 * Parses a reasoning item. If the gateway wrote it, its encrypted content holds a wrapped seal. Otherwise its other
 * fields are sealed, so that the item can go back to its vendor.
 */
const parseReasoning = (item: JsonObject): ParsedReasoning => {
  const { type: _type, status: _status, summary, content, encrypted_content: encrypted, ...rest } = item
  const summaryText = sectionsText(summary)
  const text = summaryText === '' ? sectionsText(content) : summaryText
  if (isGatewayId(rest.id)) delete rest.id
  const wrapped = unwrapSeal(encrypted)
  if (wrapped?.next && text === '') return { nextSeal: wrapped.seal }
  if (wrapped) return { part: unboxForeignPart(wrapped.seal) ?? { type: 'reasoning', text, seal: wrapped.seal } }
  const raw = Array.isArray(content) && content.length > 0
  const sealedFields = {
    ...rest,
    ...(typeof encrypted === 'string' && { encrypted_content: encrypted }),
    ...(raw && { raw }),
  }
  return { part: { type: 'reasoning', text, seal: { by: id, value: sealedFields } } }
}

/**
 * Returns true for an id that the gateway gave to a reasoning item. The vendor that sealed the reasoning knows it by
 * another id.
 */
export const isGatewayId = (id: Json | undefined): boolean => typeof id === 'string' && id.includes(sealPrefix)

const sectionsText = (parts: Json | undefined): string =>
  Array.isArray(parts) ? parts.map(part => (isObject(part) ? (textOf(part.text) ?? '') : '')).join('\n\n') : ''

/**
 * A block that only its own protocol knows travels in the encrypted content of a reasoning item too. The box
 * distinguishes it from reasoning.
 */
export const boxForeignSeal = ({ value, ...seal }: Seal): Seal => ({ ...seal, value: ['foreign', value] })

const unboxForeignPart = ({ value, ...seal }: Seal): Part | undefined =>
  Array.isArray(value) && value.length === 2 && value[0] === 'foreign'
    ? { type: 'foreign', seal: { ...seal, value: value[1]! } }
    : undefined
