/** Contents → turns. */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import { lookUp } from '../../base/look-up.ts'
import type { Part, ReasoningPart, TextPart, Turn } from '../../ir/chat.ts'
import type { NoteLoss } from '../protocol.ts'
import { type CallIdHistory, createCallIdHistory } from './parts/call-ids.ts'
import { parseResult } from './parts/function-response.ts'
import { id, parseEmptyThought, parseMedia, sealOf } from './parts/part.ts'
import { listOf } from './syntax/casing.ts'

const roles: Record<string, Turn['role']> = {
  user: 'user',
  function: 'user',
  tool: 'user',
  model: 'assistant',
  assistant: 'assistant',
  system: 'system',
}

/**
 * Parses the system instruction as the first turn, then the contents. Consecutive contents of the model become one
 * turn, and consecutive texts one text, because clients keep every chunk of a stream as a content of its own.
 */
export const parseTurns = ({ systemInstruction, contents }: JsonObject, loss: NoteLoss): Turn[] => {
  const turns: Turn[] = []
  const callIds = createCallIdHistory()
  const system = partsOf(systemInstruction).flatMap(part => parsePart(part, callIds))
  if (system.length > 0) turns.push({ role: 'system', parts: system })
  for (const content of listOf(contents)) {
    const roleName = textOf(content.role) ?? 'user'
    const knownRole = lookUp(roles, roleName)
    if (knownRole === undefined) loss('contents.role', `other protocols have no role "${roleName}"`)
    const role = knownRole ?? 'user'
    const last = turns.at(-1)
    const continuesTurn = role === 'assistant' && last?.role === role
    if (role === 'assistant' && !continuesTurn) callIds.beginModelTurn()
    const parts = listOf(content.parts).flatMap(part => parsePart(part, callIds))
    if (continuesTurn) for (const part of parts) last.parts.push(part)
    else if (parts.length > 0) turns.push({ role, parts })
  }
  return turns.map(turn => (turn.role === 'assistant' ? { ...turn, parts: joinTexts(turn.parts) } : turn))
}

const partsOf = (content: Json | undefined): JsonObject[] => {
  if (typeof content === 'string') return [{ text: content }]
  return isObject(content) ? listOf(content.parts) : listOf(content).flatMap(one => listOf(one.parts))
}

const parsePart = (part: JsonObject, callIds: CallIdHistory): Part[] => {
  if (isObject(part.functionCall)) return [parseCall(part, part.functionCall, callIds)]
  if (isObject(part.functionResponse)) return [parseResult(part, callIds.idOfResult(part))]
  const media = part.thought === true ? undefined : parseMedia(part)
  if (media) return [media]
  if (typeof part.text !== 'string')
    return Object.keys(part).length > 0 ? [{ type: 'foreign', seal: { by: id, value: part } }] : []
  return parseText(part, part.text)
}

const parseText = (part: JsonObject, text: string): Part[] => {
  const seal = sealOf(part)
  if (text === '' && seal === undefined) return []
  if (part.thought !== true) return [{ type: 'text', text, ...(seal && { seal }) }]
  const thoughts =
    text === '' && seal ? parseEmptyThought(seal) : { type: 'reasoning' as const, text, ...(seal && { seal }) }
  return thoughts ? [thoughts] : []
}

const parseCall = (part: JsonObject, call: JsonObject, callIds: CallIdHistory): Part => {
  const seal = sealOf(part)
  const name = textOf(call.name) ?? ''
  return {
    type: 'call',
    id: callIds.idOfCall(part),
    name,
    args: JSON.stringify(call.args ?? {}),
    ...(seal && { seal }),
  }
}

const isTextual = (part: Part | undefined): part is TextPart | ReasoningPart =>
  part?.type === 'text' || part?.type === 'reasoning'

/** Joins consecutive texts. A text with a seal ends the joined text. */
const joinTexts = (parts: readonly Part[]): Part[] => {
  const joined: Part[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    if (isTextual(part) && isTextual(last) && last.type === part.type && last.seal === undefined)
      joined[joined.length - 1] = { ...last, ...part, text: last.text + part.text }
    else joined.push(part)
  }
  return joined
}
