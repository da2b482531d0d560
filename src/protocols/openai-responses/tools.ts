/**
 * Tools and tool choice ↔ the neutral form. https://platform.openai.com/docs/api-reference/responses/create (2026-11)
 */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Chat, Seal, Tool, ToolChoice } from '../../ir/chat.ts'
import { isReadable } from '../../ir/seal.ts'
import type { Exchange } from '../protocol.ts'

const id = 'openai-responses'

/**
 * Adds the tools, the vendor's built-in tools and the tool choice to `chat`. Returns the choice if only this protocol
 * knows it.
 */
export const parseTools = (tools: Json | undefined, choice: Json | undefined, chat: Chat): Json | undefined => {
  const wireTools = Array.isArray(tools) ? tools.filter(isObject) : []
  const allowed = allowedToolsOf(choice)
  const parsedTools: Tool[] = []
  const natives: Seal[] = []
  for (const tool of wireTools) {
    if (allowed && !allowed.has(toolKeyOf(tool))) continue
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

/**
 * `allowed_tools` restricts the calls to some of the tools. Other protocols can express that only by leaving out the
 * other tools.
 */
const allowedToolsOf = (choice: Json | undefined): ReadonlySet<string> | undefined =>
  isObject(choice) && choice.type === 'allowed_tools' && Array.isArray(choice.tools)
    ? new Set(choice.tools.filter(isObject).map(toolKeyOf))
    : undefined

/** The same for two objects that name the same tool. */
const toolKeyOf = ({ type, name, server_label: label }: JsonObject): string =>
  JSON.stringify([type, name, label].map(value => value ?? null))

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

/**
 * Parses the grammar of a custom tool. Chat Completions nests it one level deeper, and the neutral form keeps it in
 * that way.
 */
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

/** Renders the tools and the tool choice as fields of a request. */
export const renderTools = (chat: Chat, { sealOrigin, loss }: Exchange): JsonObject => {
  const { tools = [], nativeTools = [], choice } = chat
  const ownTools = nativeTools.filter(seal => isReadable(seal, id, sealOrigin))
  for (const seal of nativeTools)
    if (!isReadable(seal, id, sealOrigin)) loss('tools', `only ${seal.by} has this built-in tool`)
  const renderedTools = [...tools.map(tool => renderTool(tool, sealOrigin)), ...ownTools.map(({ value }) => value)]
  const rendered = renderChoice(choice, tools)
  return {
    ...(renderedTools.length > 0 && { tools: renderedTools }),
    ...(rendered !== undefined && { tool_choice: rendered }),
  }
}

/**
 * In Responses a function is strict by default, which makes optional arguments required. Other protocols are not strict
 * by default, so `strict: false` is written for their functions.
 */
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
