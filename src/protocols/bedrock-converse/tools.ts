/** Tools, tool choice and structured output, which for some models is rendered as a tool. */

import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import { writeJson } from '../../base/json/raw.ts'
import type { Chat, ResponseFormat, Tool, ToolChoice } from '../../ir/chat.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { objectSchema, structuredOutputTool } from '../shared/structured-output-tool.ts'
import type { ConverseTraits } from './model-traits.ts'

/** The fields of a request about tools. `isToolForced`: the model must call a tool. */
type RenderedTools = { toolConfig?: JsonObject; outputConfig?: JsonObject; isToolForced: boolean }

export const renderTools = (chat: Chat, traits: ConverseTraits, exchange: Exchange): RenderedTools => {
  const { loss } = exchange
  for (const { by } of chat.nativeTools ?? []) loss('tools', `only ${by} has this tool`)
  const isNativeFormat = chat.format !== undefined && canUseNativeFormat(chat.format, traits)
  const requestedTools = toolsOf(chat, loss)
  const tools = requestedTools.flatMap(tool => renderTool(tool, traits, loss))
  const answerTool =
    chat.format && !isNativeFormat ? answerToolFor(chat.format, requestedTools, traits, loss) : undefined
  if (answerTool) {
    tools.push(...renderTool(answerTool, traits, loss))
    exchange.structuredOutputTool = answerTool.name
  }
  const choice = answerTool ? answerToolChoice(answerTool.name, tools.length > 1, chat.choice) : chat.choice
  const toolChoice = tools.length > 0 ? renderChoice(choice, traits, loss) : undefined
  return {
    ...(tools.length > 0 && { toolConfig: { tools, ...(toolChoice && { toolChoice }) } }),
    ...(isNativeFormat && { outputConfig: { textFormat: renderFormat(chat.format!) } }),
    isToolForced: toolChoice !== undefined,
  }
}

/** Converse refuses a conversation with tool calls if no tool is declared, and has no tool choice `none`. */
const toolsOf = ({ tools = [], choice, turns }: Chat, loss: NoteLoss): Tool[] => {
  const calledNames = new Set(
    turns.flatMap(({ parts }) => parts.flatMap(part => (part.type === 'call' ? part.name : []))),
  )
  const hasResults = turns.some(({ parts }) => parts.some(part => part.type === 'result'))
  if (choice === 'none') {
    if (calledNames.size === 0 && !hasResults) return []
    loss('tool_choice', 'tools cannot be disabled in a conversation that contains tool calls')
  }
  if (tools.length > 0 || calledNames.size === 0) return tools
  return [...calledNames].map(name => ({ name }))
}

const renderTool = (tool: Tool, traits: ConverseTraits, loss: NoteLoss): JsonObject[] => {
  const { name, description, schema, strict, custom, cache } = tool
  if (custom !== undefined)
    loss(`tools.${name}`, 'a tool with free-text input is sent as a tool with one field, `input`')
  if (strict && !traits.acceptsJsonSchema) loss(`tools.${name}.strict`, 'this model does not support strict tools')
  const spec = {
    name,
    ...(description && { description }),
    inputSchema: { json: custom === undefined ? objectSchema(schema) : inputSchema },
    ...(strict && traits.acceptsJsonSchema && { strict }),
  }
  const point = cache && !traits.isNova ? renderCachePoint(cache, traits, 'tools', loss) : undefined
  return point ? [{ toolSpec: spec }, point] : [{ toolSpec: spec }]
}

const inputSchema = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] }

/** Renders the cache point that follows a marked part. Returns undefined and notes a loss if the model has no cache. */
export const renderCachePoint = (
  { ttl }: { ttl?: '5m' | '1h' },
  { maxCacheTtl }: ConverseTraits,
  path: string,
  loss: NoteLoss,
): JsonObject | undefined => {
  if (maxCacheTtl === false) return void loss(`${path}.cache_control`, 'this model does not support cache marks')
  if (ttl === '1h' && maxCacheTtl !== '1h') loss(`${path}.cache_control.ttl`, 'this model caches for five minutes only')
  return { cachePoint: { type: 'default', ...(ttl === '1h' && maxCacheTtl === '1h' && { ttl }) } }
}

/** `auto` is the default and is omitted, because some models refuse it. */
const renderChoice = (
  choice: ToolChoice | undefined,
  { toolForcing }: ConverseTraits,
  loss: NoteLoss,
): JsonObject | undefined => {
  if (choice === undefined || choice === 'auto' || choice === 'none') return undefined
  if (toolForcing === 'none') return void loss('tool_choice', 'this model cannot be forced to call a tool')
  if (choice === 'any') return { any: {} }
  if (toolForcing === 'named') return { tool: { name: choice.name } }
  loss('tool_choice', 'this model can be forced to call a tool, but not a specific one')
  return { any: {} }
}

/** If there are other tools, the model may call one of those first. */
const answerToolChoice = (name: string, hasOtherTools: boolean, choice: ToolChoice | undefined): ToolChoice =>
  hasOtherTools && choice !== 'none' ? 'any' : { name }

/**
 * JSON without a schema is requested by a tool that accepts any object. A model that cannot be forced may still answer
 * with text.
 */
const answerToolFor = (
  format: ResponseFormat,
  tools: readonly Tool[],
  traits: ConverseTraits,
  loss: NoteLoss,
): Tool | undefined => {
  const { schema } = format
  const isRefused = isObject(schema) && schema.type !== undefined && schema.type !== 'object'
  if (isRefused || (schema === undefined && traits.toolForcing === 'none'))
    return void loss(
      'response_format',
      isRefused ? 'it is not an object' : 'the model does not support JSON without a schema',
    )
  return structuredOutputTool(format, tools)
}

const renderFormat = ({ name, schema, description }: ResponseFormat): JsonObject => ({
  type: 'json_schema',
  structure: {
    jsonSchema: {
      schema: writeJson(schema!),
      name: name ?? 'answer',
      ...(description !== undefined && { description }),
    },
  },
})

/** The vendor refuses a schema with open objects. It is sent anyway if the model cannot be forced to call a tool. */
const canUseNativeFormat = ({ schema }: ResponseFormat, { acceptsJsonSchema, toolForcing }: ConverseTraits): boolean =>
  acceptsJsonSchema && isObject(schema) && (isClosed(schema) || toolForcing === 'none')

const isClosed = (schema: Json | undefined): boolean => {
  if (Array.isArray(schema)) return schema.every(isClosed)
  if (!isObject(schema)) return true
  const isOpen = (schema.type === 'object' || isObject(schema.properties)) && schema.additionalProperties !== false
  return !isOpen && Object.values(schema).every(isClosed)
}
