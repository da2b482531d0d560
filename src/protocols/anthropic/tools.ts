/**
 * Tools, tool choice and output format.
 * https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools, …/structured-outputs
 */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Chat, ResponseFormat, Seal, Tool, ToolChoice } from '../../ir/chat.ts'
import { isReadable } from '../../ir/seal.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { objectSchema, structuredOutputTool } from '../shared/structured-output-tool.ts'
import type { ModelTraits } from './model-traits.ts'
import { parseCacheControl } from './parse-blocks.ts'
import { renderCacheControl } from './render-blocks.ts'
import { id } from './wire.ts'

const readFields: ReadonlySet<string> = new Set([
  'name',
  'type',
  'description',
  'input_schema',
  'strict',
  'cache_control',
])

/** Takes the tools and the tool choice out of a request. The vendor's own tools become `natives`. */
export const parseTools = (take: (key: string) => Json | undefined, chat: Chat): void => {
  const given = take('tools')
  const all = Array.isArray(given) ? given.filter(isObject) : []
  const tools = all.filter(isClientTool).map(parseTool)
  const natives = all.filter(tool => !isClientTool(tool)).map((value): Seal => ({ by: id, value }))
  if (tools.length > 0) chat.tools = tools
  if (natives.length > 0) chat.nativeTools = natives
  const choice = take('tool_choice')
  if (!isObject(choice)) return
  const known = parseChoice(choice)
  if (known) chat.choice = known
  if (typeof choice.disable_parallel_tool_use === 'boolean') chat.parallel = !choice.disable_parallel_tool_use
}

/** Whether the client defined the tool (the vendor's own tools have other types). */
const isClientTool = ({ type }: JsonObject): boolean => type === undefined || type === null || type === 'custom'

const parseTool = (tool: JsonObject): Tool => {
  const extraFields = Object.entries(tool).filter(([key, value]) => !readFields.has(key) && value !== null)
  return {
    name: textOf(tool.name) ?? '',
    ...(typeof tool.description === 'string' && { description: tool.description }),
    ...(isObject(tool.input_schema) && { schema: tool.input_schema }),
    ...(typeof tool.strict === 'boolean' && { strict: tool.strict }),
    ...(extraFields.length > 0 && { seal: { by: id, value: Object.fromEntries(extraFields) } }),
    ...parseCacheControl(tool),
  }
}

const parseChoice = ({ type, name }: JsonObject): ToolChoice | undefined => {
  if (type === 'auto' || type === 'none' || type === 'any') return type
  return type === 'tool' && typeof name === 'string' ? { name } : undefined
}

/** Parses `output_config.format`, or `output_format` of the earlier beta. */
export const parseFormat = (format: Json | undefined): ResponseFormat | undefined =>
  isObject(format) && format.type === 'json_schema' && format.schema !== undefined
    ? { schema: format.schema }
    : undefined

/** Renders tools, tool choice and output format. A tool cannot be forced if `isThinking` is set. */
export const renderTools = (chat: Chat, traits: ModelTraits, isThinking: boolean, exchange: Exchange): JsonObject => {
  const { loss } = exchange
  const { format } = chat
  const isNativeFormat = format !== undefined && isNative(format, traits, isThinking)
  const needsAnswerTool = format !== undefined && !isNativeFormat && traits.canForceTool && !isThinking
  if (format !== undefined && !isNativeFormat && !needsAnswerTool)
    loss('response_format', 'the model does not support JSON without a schema')
  const answerTool = needsAnswerTool ? structuredOutputTool(format, chat.tools) : undefined
  if (answerTool) exchange.structuredOutputTool = answerTool.name
  const { tools: ownTools = [], nativeTools = [] } = chat
  const tools = [
    ...ownTools.map((tool, index) => renderTool(tool, `tools[${index}]`, traits, exchange)),
    ...renderNatives(nativeTools, exchange),
    ...(answerTool ? [renderTool(answerTool, 'response_format', traits, exchange)] : []),
  ]
  const choice = tools.length > 0 ? renderChoice(chat, answerTool?.name, traits, isThinking, loss) : undefined
  return {
    ...(tools.length > 0 && { tools }),
    ...(choice && { tool_choice: choice }),
    ...(isNativeFormat && { output_config: { format: { type: 'json_schema', schema: format.schema } } }),
  }
}

/** Whether the model is given the schema itself, and no tool for the answer. */
const isNative = ({ schema }: ResponseFormat, traits: ModelTraits, isThinking: boolean): boolean =>
  schema !== undefined && traits.acceptsJsonSchema && (isClosed(schema) || isThinking || !traits.canForceTool)

const freeTextSchema = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] }

const renderTool = (tool: Tool, path: string, traits: ModelTraits, { sealOrigin, loss }: Exchange): JsonObject => {
  const { name, description, schema, strict, custom, seal, cache } = tool
  const canRead = seal !== undefined && isReadable(seal, id, sealOrigin)
  if (seal && !canRead && seal.by === id) loss(path, 'only the vendor it was written for supports all of it')
  if (custom) loss(`${path}.custom.format`, 'this protocol does not support grammars')
  if (strict && !traits.acceptsJsonSchema) loss(`${path}.strict`, 'the model does not guarantee to follow a schema')
  return {
    name,
    ...(description !== undefined && { description }),
    input_schema: custom === undefined ? objectSchema(schema) : freeTextSchema,
    ...(strict !== undefined && traits.acceptsJsonSchema && { strict }),
    ...(canRead && isObject(seal.value) ? seal.value : {}),
    ...renderCacheControl(cache),
  }
}

const renderNatives = (natives: readonly Seal[], { sealOrigin, loss }: Exchange): JsonObject[] =>
  natives.flatMap(seal => {
    if (isReadable(seal, id, sealOrigin) && isObject(seal.value)) return [seal.value]
    loss('tools', `only ${seal.by} has this tool`)
    return []
  })

/** With other tools the model may call those first, otherwise it must answer. */
const choiceWithAnswerTool = ({ tools, nativeTools, choice }: Chat, name: string): ToolChoice => {
  const hasOtherTools = tools !== undefined || nativeTools !== undefined
  return hasOtherTools && choice !== 'none' ? 'any' : { name }
}

const renderChoice = (
  chat: Chat,
  answerToolName: string | undefined,
  traits: ModelTraits,
  isThinking: boolean,
  loss: NoteLoss,
): JsonObject | undefined => {
  const { choice, parallel } = chat
  const wanted = answerToolName === undefined ? choice : choiceWithAnswerTool(chat, answerToolName)
  const isForced = wanted === 'any' || typeof wanted === 'object'
  const isRefused = isForced && (isThinking || !traits.canForceTool)
  if (isRefused) loss('tool_choice', 'this model cannot be forced to call a tool')
  const allowed = isRefused ? 'auto' : wanted
  const parallelFields = parallel === undefined || allowed === 'none' ? {} : { disable_parallel_tool_use: !parallel }
  if (allowed === undefined && parallel === undefined) return undefined
  return {
    type: typeof allowed === 'object' ? 'tool' : (allowed ?? 'auto'),
    ...(typeof allowed === 'object' && allowed),
    ...parallelFields,
  }
}

/**
 * Whether every object of a schema sets `additionalProperties: false`. Anthropic accepts only such schemas as an output
 * format.
 */
const isClosed = (schema: Json | undefined): boolean => {
  if (Array.isArray(schema)) return schema.every(isClosed)
  if (!isObject(schema)) return true
  if (schema.type === 'object' && schema.additionalProperties !== false) return false
  return Object.values(schema).every(isClosed)
}
