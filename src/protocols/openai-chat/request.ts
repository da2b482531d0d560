/**
 * A request of Chat Completions ↔ a chat. Fields that the neutral form lacks are kept in `extra` for vendors of this
 * protocol.
 */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Chat, ProtocolId, ResponseFormat, Tool, ToolChoice } from '../../ir/chat.ts'
import { isEffort, requestedEffort } from '../../ir/effort.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { carrySiblingFields, type SiblingFields } from '../shared/sibling-fields.ts'
import { createFieldTaker, keepExtra, takeNumbers } from '../shared/take-fields.ts'
import { customToolsAsFunctions } from './custom-tools.ts'
import { parseTurns, renderTurns, withoutForeignSeals } from './turns.ts'

const id: ProtocolId = 'openai-chat'

/** Wire name → name in the neutral form, for fields with the same value in both. */
const numberFields = { temperature: 'temperature', top_p: 'topP', top_k: 'topK', seed: 'seed' } as const

/** Parses a request. The caller has already validated `body`. */
export const parseRequest = (body: JsonObject, loss: NoteLoss): Chat => {
  const { rest, take } = createFieldTaker(body)
  const chat: Chat = {
    model: textOf(take('model')) ?? '',
    stream: take('stream') === true,
    turns: parseTurns(take('messages') as JsonObject[], loss),
  }
  take('stream_options')
  // One answer is what every protocol gives.
  if (rest.n === 1) delete rest.n
  takeNumbers(take, numberFields, chat)
  const stop = take('stop')
  if (stop !== undefined) chat.stop = typeof stop === 'string' ? [stop] : (stop as string[])
  const user = textOf(take('user'))
  if (user !== undefined) chat.user = user
  const parallel = take('parallel_tool_calls')
  if (typeof parallel === 'boolean') chat.parallel = parallel
  parseLimit(rest, chat)
  parseTools(rest, chat)
  parseReasoningAndFormat(rest, chat)
  keepExtra(rest, id, chat)
  return chat
}

/**
 * `max_completion_tokens` also stays in `extra`. Only a client that used this newer name can be sure that the vendor
 * understands it.
 */
const parseLimit = (rest: JsonObject, chat: Chat): void => {
  const { max_tokens: maxTokens, max_completion_tokens: maxCompletionTokens } = rest
  const limit = maxCompletionTokens ?? maxTokens
  if (typeof limit === 'number') chat.limit = limit
  delete rest.max_tokens
}

const parseReasoningAndFormat = (rest: JsonObject, chat: Chat): void => {
  if (isEffort(rest.reasoning_effort)) {
    chat.reasoning = { effort: rest.reasoning_effort }
    delete rest.reasoning_effort
  }
  const format = isObject(rest.response_format) ? parseFormat(rest.response_format) : undefined
  if (format === undefined) return
  chat.format = format
  delete rest.response_format
}

const parseFormat = (format: JsonObject): ResponseFormat | undefined => {
  if (format.type === 'json_object') return {}
  if (format.type !== 'json_schema' || !isObject(format.json_schema)) return undefined
  const { name, schema, strict, description } = format.json_schema
  return {
    ...(typeof name === 'string' && { name }),
    ...(schema !== undefined && schema !== null && { schema }),
    ...(typeof strict === 'boolean' && { strict }),
    ...(typeof description === 'string' && { description }),
  }
}

/** Tools that only this protocol knows stay in `extra`. Legacy functions become tools with a seal. */
const parseTools = (rest: JsonObject, chat: Chat): void => {
  const wireTools = Array.isArray(rest.tools) ? rest.tools.filter(isObject) : []
  const parsedTools = wireTools.map(tool => [tool, parseTool(tool)] as const)
  const unparsedTools = parsedTools.filter(([, tool]) => tool === undefined).map(([tool]) => tool)
  const tools = parsedTools.map(([, tool]) => tool).filter(tool => tool !== undefined)
  const functions = Array.isArray(rest.functions) ? rest.functions.filter(isObject) : []
  for (const one of functions) tools.push({ ...parseFunction(one), seal: { by: id, value: { legacy: true } } })
  if (tools.length > 0) chat.tools = tools
  delete rest.functions
  if (unparsedTools.length > 0) rest.tools = unparsedTools
  else delete rest.tools
  for (const key of ['tool_choice', 'function_call']) {
    const choice = parseChoice(rest[key])
    if (choice === undefined) continue
    chat.choice = choice
    delete rest[key]
  }
}

const parseTool = (tool: JsonObject): Tool | undefined => {
  const cache = isObject(tool.cache_control) ? { cache: {} } : {}
  if (tool.type === 'function' && isObject(tool.function)) return { ...parseFunction(tool.function), ...cache }
  if (tool.type !== 'custom' || !isObject(tool.custom)) return undefined
  const { name, description, format = null } = tool.custom
  return { name: textOf(name) ?? '', ...(typeof description === 'string' && { description }), custom: format, ...cache }
}

const parseFunction = ({ name, description, parameters, strict }: JsonObject): Tool => ({
  name: textOf(name) ?? '',
  ...(typeof description === 'string' && { description }),
  ...(parameters !== undefined && parameters !== null && { schema: parameters }),
  ...(typeof strict === 'boolean' && { strict }),
})

/** `any` is Mistral's word for OpenAI's `required`. The legacy `function_call` names a function by its bare name. */
const parseChoice = (choice: Json | undefined): ToolChoice | undefined => {
  if (choice === 'auto' || choice === 'none') return choice
  if (choice === 'required' || choice === 'any') return 'any'
  if (!isObject(choice)) return undefined
  const inner = [choice.function, choice.custom].find(isObject) ?? choice
  return typeof inner.name === 'string' ? { name: inner.name } : undefined
}

/** Renders a chat as the body for a vendor. A streaming request always requests usage. */
export const renderRequest = (original: Chat, { loss, sealOrigin, requestUsage }: Exchange): JsonObject => {
  const chat = customToolsAsFunctions(original, loss)
  const { extra } = chat
  const ownExtra = extra?.by === id ? objectOf(extra.value) : {}
  for (const { by } of chat.nativeTools ?? []) loss('tools', `only ${by} has this built-in tool`)
  const { tools: unparsedTools, ...rest } = ownExtra
  const body: JsonObject = {
    model: chat.model,
    messages: renderTurns(withoutForeignSeals(chat.turns, sealOrigin, loss), loss),
    ...(chat.stream && streamFields(requestUsage)),
  }
  if (chat.limit !== undefined && ownExtra.max_completion_tokens === undefined) body.max_tokens = chat.limit
  for (const [wire, field] of Object.entries(numberFields)) if (chat[field] !== undefined) body[wire] = chat[field]
  setDefined(body, {
    stop: chat.stop,
    user: chat.user,
    parallel_tool_calls: chat.parallel,
    reasoning_effort: requestedEffort(chat.reasoning),
  })
  if (chat.format !== undefined) body.response_format = renderFormat(chat.format)
  Object.assign(body, renderTools(chat, Array.isArray(unparsedTools) ? unparsedTools : []), rest)
  if (extra && extra.by !== id) carrySiblingFields(extra, id, { gemini: geminiSiblingFields }, body, loss)
  return body
}

const setDefined = (body: JsonObject, fields: { [key: string]: Json | undefined }): void => {
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) body[key] = value
}

const objectOf = (value: Json): JsonObject => (isObject(value) ? value : {})

const streamFields = (requestUsage: boolean | undefined): JsonObject => ({
  stream: true,
  ...(requestUsage !== false && { stream_options: { include_usage: true } }),
})

/** Fields of Gemini that this protocol has too. */
const geminiSiblingFields: SiblingFields = {
  'generationConfig.presencePenalty': 'presence_penalty',
  'generationConfig.frequencyPenalty': 'frequency_penalty',
  'generationConfig.responseLogprobs': 'logprobs',
  'generationConfig.logprobs': 'top_logprobs',
}

const renderFormat = ({ name, schema, strict, description }: ResponseFormat): JsonObject =>
  schema === undefined && name === undefined
    ? { type: 'json_object' }
    : { type: 'json_schema', json_schema: definedFields({ name: name ?? 'answer', description, schema, strict }) }

const renderTools = ({ tools = [], choice }: Chat, unparsedTools: Json[]): JsonObject => {
  const isLegacy = (tool: Tool) => tool.seal?.by === id && isObject(tool.seal.value) && tool.seal.value.legacy === true
  const functions = tools.filter(isLegacy).map(renderFunction)
  const renderedTools = [...tools.filter(tool => !isLegacy(tool)).map(renderTool), ...unparsedTools]
  const custom =
    typeof choice === 'object' && tools.some(tool => tool.name === choice.name && tool.custom !== undefined)
  return definedFields({
    tools: renderedTools.length > 0 ? renderedTools : undefined,
    functions: functions.length > 0 ? functions : undefined,
    [functions.length > 0 ? 'function_call' : 'tool_choice']: renderChoice(choice, functions.length > 0, custom),
  })
}

const renderTool = (tool: Tool): JsonObject => {
  const cache = tool.cache ? { cache_control: { type: 'ephemeral', ...tool.cache } } : {}
  if (tool.custom === undefined) return { type: 'function', function: renderFunction(tool), ...cache }
  const format = tool.custom === null ? undefined : tool.custom
  return { type: 'custom', custom: definedFields({ name: tool.name, description: tool.description, format }), ...cache }
}

const renderFunction = ({ name, description, schema, strict }: Tool): JsonObject =>
  definedFields({ name, description, parameters: schema, strict })

const renderChoice = (choice: ToolChoice | undefined, legacy: boolean, custom: boolean): Json | undefined => {
  if (typeof choice !== 'object') return choice === 'any' ? 'required' : choice
  if (legacy) return { name: choice.name }
  return custom
    ? { type: 'custom', custom: { name: choice.name } }
    : { type: 'function', function: { name: choice.name } }
}

/** Drops fields that are undefined. */
const definedFields = (fields: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
