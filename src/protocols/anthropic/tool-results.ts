/**
 * Pairs tool calls and results. Anthropic requires every call to be answered at the start of the next user message, and
 * allows no other results.
 */
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { NoteLoss } from '../protocol.ts'

/** A message of the wire whose content is always a list of blocks. */
export type WireMessage = { role: 'user' | 'assistant' | 'system'; content: JsonObject[] }

/**
 * Moves results to the front, adds a failed result for a call without one, and renders a result without a call as text.
 * Each repair is noted as a loss.
 */
export const pairToolResults = (messages: readonly WireMessage[], loss: NoteLoss): WireMessage[] => {
  const paired: WireMessage[] = []
  let openCalls: string[] = []

  const completeResults = (results: JsonObject[]): JsonObject[] => {
    const answeredIds = new Set(results.map(({ tool_use_id: call }) => call))
    const missing = openCalls.filter(call => !answeredIds.has(call))
    if (missing.length > 0) loss('messages', 'a call without a result was answered with a failure')
    openCalls = []
    return [...results, ...missing.map(missingResult)]
  }

  messages.forEach((message, index) => {
    if (message.role !== 'user' && openCalls.length > 0) paired.push({ role: 'user', content: completeResults([]) })
    if (message.role !== 'user') {
      paired.push(message)
      openCalls = callsOf(message)
      return
    }
    const { results, others, orphans } = splitResults(message, openCalls)
    if (orphans > 0) loss(`messages[${index}]`, 'a result without its call was told as text')
    paired.push({ role: 'user', content: [...completeResults(results), ...others] })
  })
  if (openCalls.length > 0) paired.push({ role: 'user', content: completeResults([]) })
  return paired
}

const callsOf = ({ role, content }: WireMessage): string[] =>
  role === 'assistant'
    ? content.flatMap(({ type, id }) => (type === 'tool_use' && typeof id === 'string' ? [id] : []))
    : []

const missingResult = (call: string): JsonObject => ({
  type: 'tool_result',
  tool_use_id: call,
  content: 'This call has no result.',
  is_error: true,
})

const splitResults = ({ content }: WireMessage, openCalls: readonly string[]) => {
  const results: JsonObject[] = []
  const others: JsonObject[] = []
  let orphans = 0
  for (const block of content) {
    const call = block.type === 'tool_result' ? textOf(block.tool_use_id) : undefined
    if (call === undefined) others.push(block)
    else if (openCalls.includes(call) && !results.some(one => one.tool_use_id === call)) results.push(block)
    else {
      orphans++
      others.push(...asText(call, block.content))
    }
  }
  return { results, others, orphans }
}

const asText = (call: string, content: Json | undefined): JsonObject[] => {
  const blocks: Json[] =
    typeof content === 'string' ? [{ type: 'text', text: content }] : Array.isArray(content) ? content : []
  return [{ type: 'text', text: `Result of the call ${call}:` }, ...blocks.filter(isObject)]
}
