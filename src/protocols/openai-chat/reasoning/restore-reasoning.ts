/**
 * Restores the reasoning that clients drop. Some vendors reason between tool calls and refuse a call that comes back
 * without its reasoning ("reasoning_content must be passed back", "reasoning_content is missing in assistant tool call
 * message"). Most clients of this protocol drop it.
 */
import { isObject, type JsonObject, textOf } from '../../../base/json/json.ts'
import type { SealMemory } from '../../../ir/seal.ts'
import type { CallReasoning } from '../../protocol.ts'

/**
 * Sets `reasoning_content` on every assistant message with tool calls: the remembered reasoning, or an empty string,
 * which these vendors accept.
 */
const restoreReasoning = (body: JsonObject, memory: SealMemory | undefined): void => {
  for (const message of Array.isArray(body.messages) ? body.messages.filter(isObject) : []) {
    const calls = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isObject) : []
    if (message.role !== 'assistant' || calls.length === 0 || typeof message.reasoning_content === 'string') continue
    message.reasoning_content = calls.map(call => rememberedReasoning(call, memory)).join('')
  }
}

const rememberedReasoning = ({ id, function: functionCall }: JsonObject, memory: SealMemory | undefined): string => {
  const { name, arguments: args } = isObject(functionCall) ? functionCall : {}
  const remembered = memory?.find({
    type: 'call',
    id: textOf(id) ?? '',
    name: textOf(name) ?? '',
    args: textOf(args) ?? '{}',
  })
  return (remembered?.thoughts ?? []).map(part => (part.type === 'reasoning' ? part.text : '')).join('')
}

export const callReasoning: CallReasoning = {
  mayHaveCalls: text => text.includes('"tool_calls"'),
  restore: restoreReasoning,
}
