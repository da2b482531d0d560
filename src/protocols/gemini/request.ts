/**
 * A generateContent request ↔ a chat. Fields without a place in the neutral form are kept in `extra`, under their path.
 */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Chat } from '../../ir/chat.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { pairToolResults } from '../shared/pair-tool-results.ts'
import { carrySiblingFields, type SiblingFields } from '../shared/sibling-fields.ts'
import { id } from './parts/part.ts'
import { renderTurns } from './render-turns.ts'
import { camelBody } from './syntax/casing.ts'
import { jsonSchemaOf } from './syntax/json-schema.ts'
import { acceptsFormatWithTools, parseThinking, renderThinking } from './thinking.ts'
import { parseChoice, parseTools, renderTools, withFormatOrTools } from './tools.ts'
import { parseTurns } from './turns.ts'

/** Wire name → our name of the fields that hold the same number. */
const numberFields = {
  temperature: 'temperature',
  topP: 'topP',
  topK: 'topK',
  seed: 'seed',
  maxOutputTokens: 'limit',
} as const

const configPrefix = 'generationConfig.'

/**
 * Parses a request that has been checked before. Model and streaming are part of the URL; a model in the body repeats
 * it.
 */
export const parseRequest = (given: JsonObject, loss: NoteLoss): Chat => {
  const { model, contents, systemInstruction, tools, toolConfig, generationConfig, ...rest } = camelBody(given)
  const { choice, kept } = parseChoice(toolConfig)
  const chat: Chat = {
    model: (textOf(model) ?? '').replace(/^models\//, ''),
    stream: false,
    turns: parseTurns({ systemInstruction, contents }, loss),
    ...parseTools(tools),
    ...(choice !== undefined && { choice }),
  }
  const extra: JsonObject = { ...rest, ...(kept && { toolConfig: kept }) }
  if (isObject(generationConfig)) Object.assign(extra, parseConfig(generationConfig, chat))
  const presentFields = Object.entries(extra).filter(([, value]) => value !== null && value !== undefined)
  if (presentFields.length > 0) chat.extra = { by: id, value: Object.fromEntries(presentFields) }
  return chat
}

/** Parses `generationConfig` into the chat. Returns the remaining fields. */
const parseConfig = (given: JsonObject, chat: Chat): JsonObject => {
  const rest: JsonObject = { ...given }
  for (const [wire, field] of Object.entries(numberFields)) {
    const value = rest[wire]
    if (typeof value !== 'number') continue
    chat[field] = value
    delete rest[wire]
  }
  const { stopSequences: stop, thinkingConfig, candidateCount } = rest
  if (Array.isArray(stop)) chat.stop = stop.filter(sequence => typeof sequence === 'string')
  const reasoning = parseThinking(thinkingConfig)
  if (reasoning) chat.reasoning = reasoning
  if (candidateCount === 1) delete rest.candidateCount
  for (const key of ['stopSequences', 'thinkingConfig']) delete rest[key]
  parseFormat(rest, chat)
  return Object.fromEntries(Object.entries(rest).map(([key, value]) => [configPrefix + key, value]))
}

const parseFormat = (rest: JsonObject, chat: Chat): void => {
  const { responseMimeType: mime, responseSchema, responseJsonSchema } = rest
  if (mime === 'text/plain') delete rest.responseMimeType
  if (mime !== 'application/json') return
  const schema = responseJsonSchema ?? (isObject(responseSchema) ? jsonSchemaOf(responseSchema) : undefined)
  chat.format = schema === undefined || schema === null ? {} : { schema }
  for (const key of ['responseMimeType', 'responseSchema', 'responseJsonSchema']) delete rest[key]
}

/** All results of a content's calls are in the next content. */
const resultRules = { foreignPartsFollow: true }

/**
 * Renders a chat as the body for a vendor. The model, which is part of the URL, determines how thinking is requested.
 */
export const renderRequest = (original: Chat, exchange: Exchange): JsonObject => {
  const { loss } = exchange
  const paired = { ...original, turns: pairToolResults(original.turns, loss, resultRules) }
  const chat = acceptsFormatWithTools(original.model) ? paired : withFormatOrTools(paired, exchange)
  const { model, turns, extra, user } = chat
  if (user !== undefined) loss('user', 'this protocol does not support user IDs')
  turns.forEach(({ name }, index) => {
    if (name !== undefined) loss(`contents[${index}].name`, 'this protocol does not support names')
  })
  const generationConfig = renderConfig(chat, loss)
  const body: JsonObject = {
    ...renderTurns(turns, model, exchange),
    ...renderTools(chat, exchange),
    ...(Object.keys(generationConfig).length > 0 && { generationConfig }),
  }
  carrySiblingFields(extra, id, { 'openai-chat': chatFields }, body, loss)
  return body
}

/** Chat Completions fields → the same fields of this protocol. */
const chatFields: SiblingFields = {
  presence_penalty: 'generationConfig.presencePenalty',
  frequency_penalty: 'generationConfig.frequencyPenalty',
  logprobs: 'generationConfig.responseLogprobs',
  top_logprobs: 'generationConfig.logprobs',
  max_completion_tokens: undefined,
}

const renderConfig = (chat: Chat, loss: NoteLoss): JsonObject => {
  const { stop, format, reasoning, model } = chat
  const body: JsonObject = {}
  for (const [wire, field] of Object.entries(numberFields)) if (chat[field] !== undefined) body[wire] = chat[field]
  if (stop !== undefined) body.stopSequences = stop
  if (format !== undefined) Object.assign(body, renderFormat(format.schema))
  const thinkingConfig = renderThinking(reasoning, model, loss)
  if (thinkingConfig) body.thinkingConfig = thinkingConfig
  return body
}

const renderFormat = (schema: Json | undefined): JsonObject => ({
  responseMimeType: 'application/json',
  ...(schema !== undefined && { responseJsonSchema: schema }),
})
