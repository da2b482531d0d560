/** Tools, the choice among them, and the structure of an answer, which for some models is a tool too. */

import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import { writeJson } from '../../base/json/raw.ts'
import type { Chat, ResponseFormat, Tool, ToolChoice } from '../../ir/chat.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { objectSchema, structuredOutputTool } from '../shared/structured-output-tool.ts'
import type { Facts } from './model-traits.ts'

/** What a request says of tools; `forced`: the model must call one. */
export type Told = { toolConfig?: JsonObject; outputConfig?: JsonObject; forced: boolean }

export const renderTools = (chat: Chat, facts: Facts, exchange: Exchange): Told => {
  const { loss } = exchange
  for (const { by } of chat.nativeTools ?? []) loss('tools', `only ${by} knows this tool`)
  const native = chat.format !== undefined && isNative(chat.format, facts)
  const asked = toolsOf(chat, loss)
  const tools = asked.flatMap(tool => renderTool(tool, facts, loss))
  const answer = chat.format && !native ? answerOf(chat.format, asked, facts, loss) : undefined
  if (answer) {
    tools.push(...renderTool(answer, facts, loss))
    exchange.structuredOutputTool = answer.name
  }
  const choice = answer ? answerChoice(answer.name, tools.length > 1, chat.choice) : chat.choice
  const toolChoice = tools.length > 0 ? renderChoice(choice, facts, loss) : undefined
  return {
    ...(tools.length > 0 && { toolConfig: { tools, ...(toolChoice && { toolChoice }) } }),
    ...(native && { outputConfig: { textFormat: renderFormat(chat.format!) } }),
    forced: toolChoice !== undefined,
  }
}

/** Converse refuses calls in the conversation where no tool is named, and has no word against calling one. */
const toolsOf = ({ tools = [], choice, turns }: Chat, loss: NoteLoss): Tool[] => {
  const called = new Set(turns.flatMap(({ parts }) => parts.flatMap(part => (part.type === 'call' ? part.name : []))))
  const answered = turns.some(({ parts }) => parts.some(part => part.type === 'result'))
  if (choice === 'none') {
    if (called.size === 0 && !answered) return []
    loss('tool_choice', 'the conversation holds calls, and then tools cannot be forbidden')
  }
  if (tools.length > 0 || called.size === 0) return tools
  return [...called].map(name => ({ name }))
}

const renderTool = (tool: Tool, facts: Facts, loss: NoteLoss): JsonObject[] => {
  const { name, description, schema, strict, custom, cache } = tool
  if (custom !== undefined) loss(`tools.${name}`, 'a tool of free text is asked for as one with an `input`')
  if (strict && !facts.format) loss(`tools.${name}.strict`, 'this model takes no strict tools')
  const spec = {
    name,
    ...(description && { description }),
    inputSchema: { json: custom === undefined ? objectSchema(schema) : inputSchema },
    ...(strict && facts.format && { strict }),
  }
  const point = cache && !facts.nova ? cachePoint(cache, facts, 'tools', loss) : undefined
  return point ? [{ toolSpec: spec }, point] : [{ toolSpec: spec }]
}

const inputSchema = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] }

/** What stands behind the part that a mark ends at; undefined where the model caches nothing. */
export const cachePoint = (
  { ttl }: { ttl?: '5m' | '1h' },
  { caches }: Facts,
  path: string,
  loss: NoteLoss,
): JsonObject | undefined => {
  if (caches === false) return void loss(`${path}.cache_control`, 'this model has no cache that is asked for')
  if (ttl === '1h' && caches !== '1h') loss(`${path}.cache_control.ttl`, 'this model caches for five minutes')
  return { cachePoint: { type: 'default', ...(ttl === '1h' && caches === '1h' && { ttl }) } }
}

/** `auto` is what no word means, and some models refuse the word. */
const renderChoice = (choice: ToolChoice | undefined, { forces }: Facts, loss: NoteLoss): JsonObject | undefined => {
  if (choice === undefined || choice === 'auto' || choice === 'none') return undefined
  if (forces === 'none') return void loss('tool_choice', 'this model cannot be told to call a tool')
  if (choice === 'any') return { any: {} }
  if (forces === 'named') return { tool: { name: choice.name } }
  loss('tool_choice', 'this model can be told to call a tool, not which')
  return { any: {} }
}

/** With other tools beside it the model may call one of those first. */
const answerChoice = (name: string, others: boolean, choice: ToolChoice | undefined): ToolChoice =>
  others && choice !== 'none' ? 'any' : { name }

/** JSON without a schema is asked for by a tool that takes any; a model that answers in words all the same is not kept from it. */
const answerOf = (format: ResponseFormat, tools: readonly Tool[], facts: Facts, loss: NoteLoss): Tool | undefined => {
  const { schema } = format
  const isRefused = isObject(schema) && schema.type !== undefined && schema.type !== 'object'
  if (isRefused || (schema === undefined && facts.forces === 'none'))
    return void loss('response_format', isRefused ? 'it is no object' : 'the model knows no JSON without a schema')
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

/** The vendor refuses a schema that leaves an object open; where no tool can be forced it is tried all the same. */
const isNative = ({ schema }: ResponseFormat, { format, forces }: Facts): boolean =>
  format && isObject(schema) && (isClosed(schema) || forces === 'none')

const isClosed = (schema: Json | undefined): boolean => {
  if (Array.isArray(schema)) return schema.every(isClosed)
  if (!isObject(schema)) return true
  const open = (schema.type === 'object' || isObject(schema.properties)) && schema.additionalProperties !== false
  return !open && Object.values(schema).every(isClosed)
}
