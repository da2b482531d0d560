/**
 * Renders free-text tools of another protocol as functions with a single `input`, because OpenAI is the only vendor of
 * Chat Completions that knows free-text tools. Free-text tools that a client of this protocol asks for stay unchanged.
 */

import { isObject, type Json } from '../../base/json/json.ts'
import type { Chat, Tool, ToolCall, Turn } from '../../ir/chat.ts'
import type { NoteLoss } from '../protocol.ts'

const schema: Json = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] }

/** Returns `chat` itself if it has no such tools. */
export const customToolsAsFunctions = (chat: Chat, loss: NoteLoss): Chat => {
  const customNames = new Set(chat.tools?.filter(isForeignCustomTool).map(({ name }) => name))
  if (customNames.size === 0 || !chat.tools) return chat
  const isForeignCustomCall = (call: ToolCall): boolean => call.custom === true && customNames.has(call.name)
  const convertTurn = ({ parts, ...rest }: Turn): Turn => ({
    ...rest,
    parts: parts.map(part => (part.type === 'call' && isForeignCustomCall(part) ? callAsFunctionCall(part) : part)),
  })
  return {
    ...chat,
    tools: chat.tools.map(tool => (isForeignCustomTool(tool) ? toolAsFunction(tool, loss) : tool)),
    turns: chat.turns.map(convertTurn),
  }
}

const isForeignCustomTool = ({ custom, seal }: Tool): boolean =>
  custom !== undefined && seal !== undefined && seal.by !== 'openai-chat'

/** The grammar is no longer enforced. It moves into the description, where the model can read it. */
const toolAsFunction = ({ custom, description, ...tool }: Tool, loss: NoteLoss): Tool => {
  const grammar = isObject(custom) && isObject(custom.grammar) ? custom.grammar : undefined
  if (grammar) loss(`tools.${tool.name}.format`, 'the grammar is only described to the model, not enforced')
  const grammarText = grammar && `The input follows this ${grammar.syntax} grammar:\n${grammar.definition}`
  const fullDescription = [description, grammarText].filter(one => one !== undefined).join('\n\n')
  return { ...tool, ...(fullDescription !== '' && { description: fullDescription }), schema }
}

const callAsFunctionCall = ({ custom: _custom, args, ...call }: ToolCall): ToolCall => ({
  ...call,
  args: JSON.stringify({ input: args }),
})
