/**
 * Free-text tools of another protocol, as functions of one `input`: of all that speak Chat Completions only OpenAI knows such tools. Those a
 * client of this protocol asks for itself stay as they are.
 */

import { isObject, type Json } from '../../base/json/json.ts'
import type { Chat, Tool, ToolCall, Turn } from '../../ir/chat.ts'
import type { NoteLoss } from '../protocol.ts'

const schema: Json = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] }

/** The chat itself where it has none. */
export const asFunctions = (chat: Chat, loss: NoteLoss): Chat => {
  const free = new Set(chat.tools?.filter(isForeign).map(({ name }) => name))
  if (free.size === 0 || !chat.tools) return chat
  const isFree = (call: ToolCall): boolean => call.custom === true && free.has(call.name)
  const turn = ({ parts, ...rest }: Turn): Turn => ({
    ...rest,
    parts: parts.map(part => (part.type === 'call' && isFree(part) ? asCall(part) : part)),
  })
  return {
    ...chat,
    tools: chat.tools.map(tool => (isForeign(tool) ? asFunction(tool, loss) : tool)),
    turns: chat.turns.map(turn),
  }
}

const isForeign = ({ custom, seal }: Tool): boolean =>
  custom !== undefined && seal !== undefined && seal.by !== 'openai-chat'

/** A grammar binds nobody any more; the model may still read it. */
const asFunction = ({ custom, description, ...tool }: Tool, loss: NoteLoss): Tool => {
  const grammar = isObject(custom) && isObject(custom.grammar) ? custom.grammar : undefined
  if (grammar) loss(`tools.${tool.name}.format`, 'the grammar is told, and not held to')
  const told = grammar && `The input follows this ${grammar.syntax} grammar:\n${grammar.definition}`
  const words = [description, told].filter(one => one !== undefined).join('\n\n')
  return { ...tool, ...(words !== '' && { description: words }), schema }
}

const asCall = ({ custom: _custom, args, ...call }: ToolCall): ToolCall => ({
  ...call,
  args: JSON.stringify({ input: args }),
})
