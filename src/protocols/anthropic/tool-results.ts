/** Calls and their results: each call is answered in the next message of the user, before anything else it says, and nothing else is answered. */
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { NoteLoss } from '../protocol.ts'

export type Message = { role: 'user' | 'assistant' | 'system'; content: JsonObject[] }

/** Puts results first, gives a call without one a failed one, and tells a result without its call as text. Each repair is noted. */
export const answerCalls = (messages: readonly Message[], loss: NoteLoss): Message[] => {
  const answered: Message[] = []
  let open: string[] = []

  const settle = (results: JsonObject[]): JsonObject[] => {
    const given = new Set(results.map(({ tool_use_id: call }) => call))
    const missing = open.filter(call => !given.has(call))
    if (missing.length > 0) loss('messages', 'a call without a result was answered with a failure')
    open = []
    return [...results, ...missing.map(unanswered)]
  }

  messages.forEach((message, index) => {
    if (message.role !== 'user' && open.length > 0) answered.push({ role: 'user', content: settle([]) })
    if (message.role !== 'user') {
      answered.push(message)
      open = callsOf(message)
      return
    }
    const { results, others, orphans } = sorted(message, open)
    if (orphans > 0) loss(`messages[${index}]`, 'a result without its call was told as text')
    answered.push({ role: 'user', content: [...settle(results), ...others] })
  })
  if (open.length > 0) answered.push({ role: 'user', content: settle([]) })
  return answered
}

const callsOf = ({ role, content }: Message): string[] =>
  role === 'assistant'
    ? content.flatMap(({ type, id }) => (type === 'tool_use' && typeof id === 'string' ? [id] : []))
    : []

const unanswered = (call: string): JsonObject => ({
  type: 'tool_result',
  tool_use_id: call,
  content: 'This call has no result.',
  is_error: true,
})

const sorted = ({ content }: Message, open: readonly string[]) => {
  const results: JsonObject[] = []
  const others: JsonObject[] = []
  let orphans = 0
  for (const block of content) {
    const call = block.type === 'tool_result' ? textOf(block.tool_use_id) : undefined
    if (call === undefined) others.push(block)
    else if (open.includes(call) && !results.some(one => one.tool_use_id === call)) results.push(block)
    else {
      orphans++
      others.push(...asText(call, block.content))
    }
  }
  return { results, others, orphans }
}

const asText = (call: string, content: Json | undefined): JsonObject[] => {
  const said: Json[] =
    typeof content === 'string' ? [{ type: 'text', text: content }] : Array.isArray(content) ? content : []
  return [{ type: 'text', text: `Result of the call ${call}:` }, ...said.filter(isObject)]
}
