/** Tools and tool choice. */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Chat, Seal, Tool, ToolChoice } from '../../ir/chat.ts'
import type { Exchange } from '../protocol.ts'
import { structuredOutputTool } from '../shared/structured-output-tool.ts'
import { id } from './parts/part.ts'
import { listOf, withoutNullish } from './syntax/casing.ts'
import { jsonSchemaOf } from './syntax/json-schema.ts'

const readFields: ReadonlySet<string> = new Set(['name', 'description', 'parameters', 'parametersJsonSchema'])

/**
 * Functions become neutral tools. Search, code execution, URL context and other tools of this vendor become `natives`.
 */
export const parseTools = (given: Json | undefined): Pick<Chat, 'tools' | 'nativeTools'> => {
  const groups = listOf(given)
  const tools = groups.flatMap(({ functionDeclarations }) => listOf(functionDeclarations).map(parseFunction))
  const natives = groups.flatMap(({ functionDeclarations: _, ...others }) =>
    Object.entries(others)
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([key, value]): Seal => ({ by: id, value: { [key]: value } })),
  )
  return { ...(tools.length > 0 && { tools }), ...(natives.length > 0 && { nativeTools: natives }) }
}

const parseFunction = (declared: JsonObject): Tool => {
  const { name, description, parameters, parametersJsonSchema } = declared
  const schema = parametersJsonSchema ?? (isObject(parameters) ? jsonSchemaOf(parameters) : undefined)
  const extraFields = Object.entries(declared).filter(([key, value]) => !readFields.has(key) && value !== null)
  return {
    name: textOf(name) ?? '',
    ...(typeof description === 'string' && { description }),
    ...(schema !== undefined && schema !== null && { schema }),
    ...(extraFields.length > 0 && { seal: { by: id, value: Object.fromEntries(extraFields) } }),
  }
}

/** Parses `toolConfig`. `kept`: the complete configuration, if the neutral form cannot express all of it. */
export const parseChoice = (config: Json | undefined): { choice?: ToolChoice; kept?: JsonObject } => {
  if (!isObject(config)) return {}
  const calling = isObject(config.functionCallingConfig) ? config.functionCallingConfig : {}
  const { mode, allowedFunctionNames, ...others } = calling
  const names = Array.isArray(allowedFunctionNames) ? allowedFunctionNames.filter(name => typeof name === 'string') : []
  const [only] = names
  const modeName = textOf(mode)?.toUpperCase()
  const choice = choiceOf(modeName, names)
  const isInexact = modeName === 'VALIDATED' || names.length > 1 || (only !== undefined && modeName !== 'ANY')
  const hasOtherConfig = Object.keys(config).some(key => key !== 'functionCallingConfig' && config[key] !== null)
  const kept = isInexact || hasOtherConfig || Object.keys(others).length > 0
  return { ...(choice !== undefined && { choice }), ...(kept && { kept: config }) }
}

const choiceOf = (modeName: string | undefined, names: readonly string[]): ToolChoice | undefined => {
  if (modeName === 'ANY') return names.length === 1 ? { name: names[0]! } : 'any'
  if (modeName === 'NONE') return 'none'
  return modeName === 'AUTO' || modeName === 'VALIDATED' ? 'auto' : undefined
}

export const renderTools = (chat: Chat, exchange: Exchange): JsonObject => {
  const { tools = [], nativeTools = [], choice, parallel } = chat
  const freeText = tools.filter(({ custom }) => custom !== undefined).map(({ name }) => name)
  if (freeText.length > 0) exchange.freeTextTools = new Set(freeText)
  const functionDeclarations = tools.map(tool => renderFunction(tool, exchange))
  const groups: JsonObject[] = functionDeclarations.length > 0 ? [{ functionDeclarations }] : []
  for (const { by, value } of nativeTools)
    if (by === id && isObject(value)) groups.push(value)
    else exchange.loss('tools', `only ${by} has this tool`)
  if (parallel === false && tools.length > 0)
    exchange.loss('parallel', 'this protocol cannot disable parallel tool calls')
  const functionCallingConfig = choice === undefined || groups.length === 0 ? undefined : renderChoice(choice)
  return withoutNullish({
    tools: groups.length > 0 ? groups : undefined,
    toolConfig: functionCallingConfig && { functionCallingConfig },
  })
}

/**
 * For models that cannot combine a response format with tools. If no tool may be called, the tools are dropped;
 * otherwise the format is requested by a tool.
 */
export const withFormatOrTools = (chat: Chat, exchange: Exchange): Chat => {
  const { format, tools, choice, ...rest } = chat
  if (format === undefined || tools === undefined) return chat
  if (choice === 'none') return { ...rest, format }
  if (typeof choice === 'object') return { ...rest, tools, choice }
  const { schema } = format
  if (isObject(schema) && schema.type !== undefined && schema.type !== 'object') {
    exchange.loss('response_format', 'it is not an object, and with tools the model returns objects only')
    return { ...rest, tools, ...(choice !== undefined && { choice }) }
  }
  const answerTool = structuredOutputTool(format, tools)
  exchange.structuredOutputTool = answerTool.name
  return { ...rest, tools: [...tools, answerTool], choice: 'any' }
}

/**
 * Schemas are sent unchanged: `parametersJsonSchema` accepts any JSON Schema
 * (https://ai.google.dev/api/caching#FunctionDeclaration, 2026-11).
 */
const renderFunction = (
  { name, description, schema, strict, custom, cache, seal }: Tool,
  exchange: Exchange,
): JsonObject => {
  if (strict === true) exchange.loss(`tools.${name}.strict`, 'this protocol has no such guarantee')
  if (cache) exchange.loss(`tools.${name}.cache`, 'this protocol caches automatically')
  if (isObject(custom)) exchange.loss(`tools.${name}.format`, 'this protocol does not support grammars')
  const ownFields = seal?.by === id && isObject(seal.value) ? seal.value : {}
  return withoutNullish({
    name,
    description,
    parametersJsonSchema: custom === undefined ? schema : freeTextSchema,
    ...ownFields,
  })
}

const freeTextSchema: JsonObject = {
  type: 'object',
  properties: { input: { type: 'string' } },
  required: ['input'],
}

const renderChoice = (choice: ToolChoice): JsonObject => {
  if (typeof choice === 'object') return { mode: 'ANY', allowedFunctionNames: [choice.name] }
  return { mode: { auto: 'AUTO', any: 'ANY', none: 'NONE' }[choice] }
}
