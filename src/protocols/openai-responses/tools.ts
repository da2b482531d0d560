/** Tools and their choice ↔ ours. https://platform.openai.com/docs/api-reference/responses/create (2026-11) */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Chat, Seal, Tool, ToolChoice } from '../../ir/chat.ts'
import { isReadable } from '../../ir/seal.ts'
import type { Exchange } from '../protocol.ts'

const id = 'openai-responses'

/** `chat` gets the tools, the vendor's own ones and the choice; gives back the choice where only this protocol knows it. */
export const parseTools = (tools: Json | undefined, choice: Json | undefined, chat: Chat): Json | undefined => {
  const given = Array.isArray(tools) ? tools.filter(isObject) : []
  const allowed = allowedBy(choice)
  const known: Tool[] = []
  const natives: Seal[] = []
  for (const tool of given) {
    if (allowed && !allowed.some(one => isSame(one, tool))) continue
    const parsed = parseTool(tool)
    if (parsed) known.push(parsed)
    else natives.push({ by: id, value: tool })
  }
  if (known.length > 0) chat.tools = known
  if (natives.length > 0) chat.nativeTools = natives
  const parsed = parseChoice(choice)
  if (parsed !== undefined) chat.choice = parsed
  return parsed === undefined ? choice : undefined
}

/** Of many tools a few may be called: no other protocol says it but by leaving out the rest. */
const allowedBy = (choice: Json | undefined): JsonObject[] | undefined =>
  isObject(choice) && choice.type === 'allowed_tools' && Array.isArray(choice.tools)
    ? choice.tools.filter(isObject)
    : undefined

const isSame = (one: JsonObject, tool: JsonObject): boolean =>
  one.type === tool.type && one.name === tool.name && one.server_label === tool.server_label

const parseTool = (tool: JsonObject): Tool | undefined => {
  const { type, name, description, parameters, strict, format, ...rest } = tool
  const told = {
    name: textOf(name) ?? '',
    ...(typeof description === 'string' && { description }),
  }
  if (type === 'custom') return { ...told, custom: parseGrammar(format), seal: { by: id, value: rest } }
  if (type !== 'function') return undefined
  return {
    ...told,
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
  const named = choice.type === 'function' || choice.type === 'custom'
  return named && typeof choice.name === 'string' ? { name: choice.name } : undefined
}

export const renderTools = (chat: Chat, { sealOrigin, loss }: Exchange): JsonObject => {
  const { tools = [], nativeTools = [], choice } = chat
  const own = nativeTools.filter(seal => isReadable(seal, id, sealOrigin))
  for (const seal of nativeTools) if (!own.includes(seal)) loss('tools', `only ${seal.by} knows a tool of its own`)
  const told = [...tools.map(tool => renderTool(tool, sealOrigin)), ...own.map(({ value }) => value)]
  const rendered = renderChoice(choice, tools)
  return { ...(told.length > 0 && { tools: told }), ...(rendered !== undefined && { tool_choice: rendered }) }
}

/** Functions are strict here unless they say they are not, which would make optional arguments required: elsewhere they are not. */
const renderTool = ({ name, description, schema, strict, custom, seal }: Tool, target: string): JsonObject => {
  const own = seal && isReadable(seal, id, target) && isObject(seal.value) ? seal.value : undefined
  const told = { name, ...(description !== undefined && { description }) }
  if (custom !== undefined) {
    const format = renderGrammar(custom)
    return { type: 'custom', ...told, ...(format && { format }), ...own }
  }
  const parameters = schema ?? (own ? undefined : { type: 'object', properties: {} })
  const strictly = strict ?? (own ? undefined : false)
  return {
    type: 'function',
    ...told,
    ...(parameters !== undefined && { parameters }),
    ...(strictly !== undefined && { strict: strictly }),
    ...own,
  }
}

const renderChoice = (choice: ToolChoice | undefined, tools: readonly Tool[]): Json | undefined => {
  if (typeof choice !== 'object') return choice === 'any' ? 'required' : choice
  const custom = tools.some(tool => tool.name === choice.name && tool.custom !== undefined)
  return { type: custom ? 'custom' : 'function', name: choice.name }
}
