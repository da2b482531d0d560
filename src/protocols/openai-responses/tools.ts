/** Tools and their choice ↔ ours. https://platform.openai.com/docs/api-reference/responses/create (2026-11) */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Chat, Seal, Tool, ToolChoice } from '../../ir/chat.ts'
import { isReadable } from '../../ir/seal.ts'
import type { Exchange } from '../protocol.ts'

const id = 'openai-responses'

/** `chat` gets the tools, the vendor's own ones and the choice; gives back the choice where only this protocol knows it. */
export const parseTools = (tools: Json | undefined, choice: Json | undefined, chat: Chat): Json | undefined => {
  const wireTools = Array.isArray(tools) ? tools.filter(isObject) : []
  const allowed = allowedToolsOf(choice)
  const parsedTools: Tool[] = []
  const natives: Seal[] = []
  for (const tool of wireTools) {
    if (allowed && !allowed.some(one => isSameTool(one, tool))) continue
    const parsed = parseTool(tool)
    if (parsed) parsedTools.push(parsed)
    else natives.push({ by: id, value: tool })
  }
  if (parsedTools.length > 0) chat.tools = parsedTools
  if (natives.length > 0) chat.nativeTools = natives
  const parsed = parseChoice(choice)
  if (parsed !== undefined) chat.choice = parsed
  return parsed === undefined ? choice : undefined
}

/** Of many tools a few may be called: no other protocol says it but by leaving out the rest. */
const allowedToolsOf = (choice: Json | undefined): JsonObject[] | undefined =>
  isObject(choice) && choice.type === 'allowed_tools' && Array.isArray(choice.tools)
    ? choice.tools.filter(isObject)
    : undefined

const isSameTool = (one: JsonObject, tool: JsonObject): boolean =>
  one.type === tool.type && one.name === tool.name && one.server_label === tool.server_label

const parseTool = (tool: JsonObject): Tool | undefined => {
  const { type, name, description, parameters, strict, format, ...rest } = tool
  const fields = {
    name: textOf(name) ?? '',
    ...(typeof description === 'string' && { description }),
  }
  if (type === 'custom') return { ...fields, custom: parseGrammar(format), seal: { by: id, value: rest } }
  if (type !== 'function') return undefined
  return {
    ...fields,
    ...(isObject(parameters) && { schema: parameters }),
    ...(typeof strict === 'boolean' && { strict }),
    seal: { by: id, value: rest },
  }
}

/** The grammar of a custom tool stands a level deeper in Chat Completions, which is how the neutral form keeps it. */
const parseGrammar = (format: Json | undefined): Json => {
  if (!isObject(format)) return null
  const { type, ...grammar } = format
  return type === 'grammar' ? { type, grammar } : format
}

const renderGrammar = (format: Json): JsonObject | undefined => {
  if (!isObject(format)) return undefined
  return isObject(format.grammar) ? { type: 'grammar', ...format.grammar } : format
}

const parseChoice = (choice: Json | undefined): ToolChoice | undefined => {
  if (choice === 'auto' || choice === 'none') return choice
  if (choice === 'required') return 'any'
  if (!isObject(choice)) return undefined
  if (choice.type === 'allowed_tools') return choice.mode === 'required' ? 'any' : 'auto'
  const isNamed = choice.type === 'function' || choice.type === 'custom'
  return isNamed && typeof choice.name === 'string' ? { name: choice.name } : undefined
}

export const renderTools = (chat: Chat, { sealOrigin, loss }: Exchange): JsonObject => {
  const { tools = [], nativeTools = [], choice } = chat
  const ownTools = nativeTools.filter(seal => isReadable(seal, id, sealOrigin))
  for (const seal of nativeTools) if (!ownTools.includes(seal)) loss('tools', `only ${seal.by} knows a tool of its own`)
  const renderedTools = [...tools.map(tool => renderTool(tool, sealOrigin)), ...ownTools.map(({ value }) => value)]
  const rendered = renderChoice(choice, tools)
  return {
    ...(renderedTools.length > 0 && { tools: renderedTools }),
    ...(rendered !== undefined && { tool_choice: rendered }),
  }
}

/** Functions are strict here unless they say they are not, which would make optional arguments required: elsewhere they are not. */
const renderTool = ({ name, description, schema, strict, custom, seal }: Tool, target: string): JsonObject => {
  const sealedFields = seal && isReadable(seal, id, target) && isObject(seal.value) ? seal.value : undefined
  const fields = { name, ...(description !== undefined && { description }) }
  if (custom !== undefined) {
    const format = renderGrammar(custom)
    return { type: 'custom', ...fields, ...(format && { format }), ...sealedFields }
  }
  const parameters = schema ?? (sealedFields ? undefined : { type: 'object', properties: {} })
  const isStrict = strict ?? (sealedFields ? undefined : false)
  return {
    type: 'function',
    ...fields,
    ...(parameters !== undefined && { parameters }),
    ...(isStrict !== undefined && { strict: isStrict }),
    ...sealedFields,
  }
}

const renderChoice = (choice: ToolChoice | undefined, tools: readonly Tool[]): Json | undefined => {
  if (typeof choice !== 'object') return choice === 'any' ? 'required' : choice
  const isCustom = tools.some(tool => tool.name === choice.name && tool.custom !== undefined)
  return { type: isCustom ? 'custom' : 'function', name: choice.name }
}
