/** Contents → turns. */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Part, ReasoningPart, TextPart, Turn } from '../../ir/chat.ts'
import type { NoteLoss } from '../protocol.ts'
import { type History, historyIds } from './parts/call-ids.ts'
import { parseResult } from './parts/function-response.ts'
import { id, mediaIn, sealIn, wordless } from './parts/part.ts'
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
 * The system instruction first. Contents of the model that follow each other are one turn, and pieces of a text one text: clients keep every
 * chunk of a stream as a content of its own.
 */
export const parseTurns = ({ systemInstruction, contents }: JsonObject, loss: NoteLoss): Turn[] => {
  const turns: Turn[] = []
  const ids = historyIds()
  const system = partsOf(systemInstruction).flatMap(part => parsePart(part, ids))
  if (system.length > 0) turns.push({ role: 'system', parts: system })
  for (const content of listOf(contents)) {
    const said = textOf(content.role) ?? 'user'
    if (roles[said] === undefined) loss('contents.role', `"${said}" is no role of other protocols`)
    const role = roles[said] ?? 'user'
    const last = turns.at(-1)
    const goesOn = role === 'assistant' && last?.role === role
    if (role === 'assistant' && !goesOn) ids.begin()
    const parts = listOf(content.parts).flatMap(part => parsePart(part, ids))
    if (goesOn) last.parts.push(...parts)
    else if (parts.length > 0) turns.push({ role, parts })
  }
  return turns.map(turn => (turn.role === 'assistant' ? { ...turn, parts: joined(turn.parts) } : turn))
}

const partsOf = (content: Json | undefined): JsonObject[] => {
  if (typeof content === 'string') return [{ text: content }]
  return isObject(content) ? listOf(content.parts) : listOf(content).flatMap(one => listOf(one.parts))
}

const parsePart = (part: JsonObject, ids: History): Part[] => {
  if (isObject(part.functionCall)) return [parseCall(part, part.functionCall, ids)]
  if (isObject(part.functionResponse)) return [parseResult(part, ids.answer(part))]
  const media = part.thought === true ? undefined : mediaIn(part)
  if (media) return [media]
  if (typeof part.text !== 'string')
    return Object.keys(part).length > 0 ? [{ type: 'foreign', seal: { by: id, value: part } }] : []
  return parseWords(part, part.text)
}

const parseWords = (part: JsonObject, text: string): Part[] => {
  const seal = sealIn(part)
  if (text === '' && seal === undefined) return []
  if (part.thought !== true) return [{ type: 'text', text, ...(seal && { seal }) }]
  const thoughts = text === '' && seal ? wordless(seal) : { type: 'reasoning' as const, text, ...(seal && { seal }) }
  return thoughts ? [thoughts] : []
}

const parseCall = (part: JsonObject, call: JsonObject, ids: History): Part => {
  const seal = sealIn(part)
  const name = textOf(call.name) ?? ''
  return { type: 'call', id: ids.call(part), name, args: JSON.stringify(call.args ?? {}), ...(seal && { seal }) }
}

const isWords = (part: Part | undefined): part is TextPart | ReasoningPart =>
  part?.type === 'text' || part?.type === 'reasoning'

/** Pieces of one text put together, up to the one that is sealed. */
const joined = (parts: readonly Part[]): Part[] => {
  const whole: Part[] = []
  for (const part of parts) {
    const last = whole.at(-1)
    if (isWords(part) && isWords(last) && last.type === part.type && last.seal === undefined)
      whole[whole.length - 1] = { ...last, ...part, text: last.text + part.text }
    else whole.push(part)
  }
  return whole
}
