/** Tools, their choice and the format of the answer. https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools, …/structured-outputs */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Chat, ResponseFormat, Seal, Tool, ToolChoice } from '../../ir/chat.ts'
import { isReadable } from '../../ir/seal.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { objectSchema, structuredOutputTool } from '../shared/structured-output-tool.ts'
import type { Traits } from './model-traits.ts'
import { markOf } from './parse-blocks.ts'
import { cacheOf } from './render-blocks.ts'
import { id } from './wire.ts'

const read = new Set(['name', 'type', 'description', 'input_schema', 'strict', 'cache_control'])

/** Takes the tools, their choice and the format out of a request. The vendor's own tools are natives. */
export const parseTools = (take: (key: string) => Json | undefined, chat: Chat): void => {
  const given = take('tools')
  const all = Array.isArray(given) ? given.filter(isObject) : []
  const tools = all.filter(isOwn).map(parseTool)
  const natives = all.filter(tool => !isOwn(tool)).map((value): Seal => ({ by: id, value }))
  if (tools.length > 0) chat.tools = tools
  if (natives.length > 0) chat.nativeTools = natives
  const choice = take('tool_choice')
  if (!isObject(choice)) return
  const known = parseChoice(choice)
  if (known) chat.choice = known
  if (typeof choice.disable_parallel_tool_use === 'boolean') chat.parallel = !choice.disable_parallel_tool_use
}

/** A tool of the client's. */
const isOwn = ({ type }: JsonObject): boolean => type === undefined || type === null || type === 'custom'

const parseTool = (tool: JsonObject): Tool => {
  const kept = Object.entries(tool).filter(([key, value]) => !read.has(key) && value !== null)
  return {
    name: textOf(tool.name) ?? '',
    ...(typeof tool.description === 'string' && { description: tool.description }),
    ...(isObject(tool.input_schema) && { schema: tool.input_schema }),
    ...(typeof tool.strict === 'boolean' && { strict: tool.strict }),
    ...(kept.length > 0 && { seal: { by: id, value: Object.fromEntries(kept) } }),
    ...markOf(tool),
  }
}

const parseChoice = ({ type, name }: JsonObject): ToolChoice | undefined => {
  if (type === 'auto' || type === 'none' || type === 'any') return type
  return type === 'tool' && typeof name === 'string' ? { name } : undefined
}

/** `output_config.format`, or the `output_format` of its beta. */
export const parseFormat = (format: Json | undefined): ResponseFormat | undefined =>
  isObject(format) && format.type === 'json_schema' && format.schema !== undefined
    ? { schema: format.schema }
    : undefined

/** What of the request this file writes. `thinks`: thoughts are asked for, beside which no tool can be forced. */
export const renderTools = (chat: Chat, traits: Traits, thinks: boolean, exchange: Exchange): JsonObject => {
  const { loss } = exchange
  const { format } = chat
  const native = format?.schema !== undefined && traits.format && (isClosed(format.schema) || thinks || !traits.forces)
  const byTool = format !== undefined && !native && traits.forces && !thinks
  if (format !== undefined && !native && !byTool) loss('response_format', 'the model knows no JSON without a schema')
  const answer = byTool ? structuredOutputTool(format, chat.tools) : undefined
  if (answer) exchange.structuredOutputTool = answer.name
  const tools = [
    ...(chat.tools ?? []).map((tool, index) => renderTool(tool, `tools[${index}]`, traits, exchange)),
    ...renderNatives(chat.nativeTools ?? [], exchange),
    ...(answer ? [renderTool(answer, 'response_format', traits, exchange)] : []),
  ]
  const choice = tools.length > 0 ? renderChoice(chat, answer?.name, traits, thinks, loss) : undefined
  return {
    ...(tools.length > 0 && { tools }),
    ...(choice && { tool_choice: choice }),
    ...(native && { output_config: { format: { type: 'json_schema', schema: format.schema } } }),
  }
}

const freeText = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] }

const renderTool = (tool: Tool, path: string, traits: Traits, { sealOrigin, loss }: Exchange): JsonObject => {
  const { name, description, schema, strict, custom, seal, cache } = tool
  const reads = seal !== undefined && isReadable(seal, id, sealOrigin)
  if (seal && !reads && seal.by === id) loss(path, 'only the vendor it was written for knows all of it')
  if (custom) loss(`${path}.custom.format`, 'this protocol knows no grammar for free text')
  if (strict && !traits.format) loss(`${path}.strict`, 'the model does not promise to keep to a schema')
  return {
    name,
    ...(description !== undefined && { description }),
    input_schema: custom === undefined ? objectSchema(schema) : freeText,
    ...(strict !== undefined && traits.format && { strict }),
    ...(reads && isObject(seal.value) ? seal.value : {}),
    ...cacheOf(cache),
  }
}

const renderNatives = (natives: readonly Seal[], { sealOrigin, loss }: Exchange): JsonObject[] =>
  natives.flatMap(seal => {
    if (isReadable(seal, id, sealOrigin) && isObject(seal.value)) return [seal.value]
    loss('tools', `a tool only ${seal.by} has`)
    return []
  })

const renderChoice = (
  { tools, nativeTools, choice, parallel }: Chat,
  answerTool: string | undefined,
  traits: Traits,
  thinks: boolean,
  loss: NoteLoss,
): JsonObject | undefined => {
  const others = tools !== undefined || nativeTools !== undefined
  const wanted =
    answerTool === undefined ? choice : others && choice !== 'none' ? ('any' as const) : { name: answerTool }
  const forced = wanted === 'any' || typeof wanted === 'object'
  const refused = forced && (thinks || !traits.forces)
  if (refused) loss('tool_choice', 'this model cannot be told to call a tool')
  const known = refused ? 'auto' : wanted
  const apart = parallel === undefined || known === 'none' ? {} : { disable_parallel_tool_use: !parallel }
  if (known === undefined && parallel === undefined) return undefined
  return {
    type: typeof known === 'object' ? 'tool' : (known ?? 'auto'),
    ...(typeof known === 'object' && known),
    ...apart,
  }
}

/** Anthropic takes a schema as a format only if each of its objects is closed. */
const isClosed = (schema: Json | undefined): boolean => {
  if (Array.isArray(schema)) return schema.every(isClosed)
  if (!isObject(schema)) return true
  if (schema.type === 'object' && schema.additionalProperties !== false) return false
  return Object.values(schema).every(isClosed)
}
