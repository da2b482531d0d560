/**
 * A request of Responses ↔ a chat. Fields that the neutral form lacks are kept in `extra` for vendors of this protocol.
 */

import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import { hasNoEncryptedReasoning } from '../../catalog/openai-responses.ts'
import type { Chat, Part, ResponseFormat } from '../../ir/chat.ts'
import { isEffort, requestedEffort } from '../../ir/effort.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { carrySiblingFields, type SiblingFields } from '../shared/sibling-fields.ts'
import { createFieldTaker, keepExtra, takeNumbers } from '../shared/take-fields.ts'
import { id } from './content-parts.ts'
import { renderTurns } from './render-turns.ts'
import { parseTools, renderTools } from './tools.ts'
import { parseTurns } from './turns.ts'

const numberFields = { temperature: 'temperature', top_p: 'topP' } as const
const encryptedReasoning = 'reasoning.encrypted_content'

/**
 * Parses a request. The caller has already validated `body`. Fields that the gateway handles itself, for every vendor,
 * are dropped: `store`, encrypted reasoning, and a disabled truncation.
 * @throws GatewayError `invalid_request` for state that only one vendor could know
 */
export const parseRequest = (body: JsonObject, _loss: NoteLoss): Chat => {
  const { rest, take } = createFieldTaker(body)
  refuseStatefulFields(body)
  const instructions = textOf(take('instructions'))
  const turns = parseTurns(take('input'))
  if (instructions !== undefined) turns.unshift({ role: 'system', parts: [{ type: 'text', text: instructions }] })
  if (!turns.some(({ parts }) => parts.some(hasContent)))
    throw new GatewayError('invalid_request', 'input says nothing', { param: 'input' })
  const chat: Chat = { model: textOf(take('model')) ?? '', stream: take('stream') === true, turns }
  const limit = take('max_output_tokens')
  if (typeof limit === 'number') chat.limit = limit
  takeNumbers(take, numberFields, chat)
  const user = textOf(take('user'))
  if (user !== undefined) chat.user = user
  const parallel = take('parallel_tool_calls')
  if (typeof parallel === 'boolean') chat.parallel = parallel
  const choice = parseTools(take('tools'), take('tool_choice'), chat)
  if (choice !== undefined) rest.tool_choice = choice
  parseReasoning(take('reasoning'), rest, chat)
  parseText(take('text'), rest, chat)
  dropGatewayFields(rest)
  keepExtra(rest, id, chat)
  return chat
}

const hasContent = (part: Part): boolean => part.type !== 'text' || part.text !== ''

/** Conversations, prompt templates and background work exist at one vendor only. */
const refuseStatefulFields = (body: JsonObject): void => {
  for (const param of ['background', 'conversation', 'prompt'])
    if (body[param] !== undefined && body[param] !== null && body[param] !== false)
      throw new GatewayError('invalid_request', `${param} is known only to a vendor that speaks Responses itself`, {
        param,
      })
}

const dropGatewayFields = (rest: JsonObject): void => {
  delete rest.store
  delete rest.background
  delete rest.stream_options
  if (rest.truncation === 'disabled') delete rest.truncation
  if (!Array.isArray(rest.include)) return
  const include = rest.include.filter(one => one !== encryptedReasoning)
  if (include.length > 0) rest.include = include
  else delete rest.include
}

/** A requested summary shows the reasoning to the client. The length of the summary is specific to this protocol. */
const parseReasoning = (reasoning: Json | undefined, rest: JsonObject, chat: Chat): void => {
  if (!isObject(reasoning)) return
  const { effort, ...ownFields } = Object.fromEntries(Object.entries(reasoning).filter(([, value]) => value !== null))
  const summary = ownFields.summary ?? ownFields.generate_summary
  if (isEffort(effort)) chat.reasoning = { effort }
  else if (effort !== undefined) ownFields.effort = effort
  if (summary !== undefined) chat.reasoning = { ...chat.reasoning, shown: true }
  if (summary === 'auto' && ownFields.summary === 'auto') delete ownFields.summary
  if (Object.keys(ownFields).length > 0) rest.reasoning = ownFields
}

const parseText = (text: Json | undefined, rest: JsonObject, chat: Chat): void => {
  if (!isObject(text)) return
  const { format, ...ownFields } = Object.fromEntries(Object.entries(text).filter(([, value]) => value !== null))
  if (isObject(format) && format.type === 'json_object') chat.format = {}
  else if (isObject(format) && format.type === 'json_schema') chat.format = parseFormat(format)
  else if (isObject(format) && format.type !== 'text') ownFields.format = format
  if (Object.keys(ownFields).length > 0) rest.text = ownFields
}

const parseFormat = ({ name, schema, strict, description }: JsonObject): ResponseFormat => ({
  ...(typeof name === 'string' && { name }),
  ...(schema !== undefined && schema !== null && { schema }),
  ...(typeof strict === 'boolean' && { strict }),
  ...(typeof description === 'string' && { description }),
})

/** Fields of Chat Completions that this protocol has too, some under another name or one level deeper. */
const chatSiblingFields: SiblingFields = {
  metadata: 'metadata',
  service_tier: 'service_tier',
  safety_identifier: 'safety_identifier',
  prompt_cache_key: 'prompt_cache_key',
  prompt_cache_retention: 'prompt_cache_retention',
  top_logprobs: 'top_logprobs',
  verbosity: 'text.verbosity',
  max_completion_tokens: undefined,
}

/**
 * Renders a chat as the body for a vendor. The vendor stores nothing, and returns its reasoning encrypted, so that the
 * client can keep it.
 */
export const renderRequest = (chat: Chat, exchange: Exchange): JsonObject => {
  const { loss } = exchange
  const { instructions, input } = renderTurns(chat.turns, exchange)
  const body: JsonObject = { model: chat.model, ...(instructions !== undefined && { instructions }), input }
  if (chat.stream) body.stream = true
  const limit = outputLimitOf(chat, loss)
  if (limit !== undefined) body.max_output_tokens = limit
  for (const [wire, field] of Object.entries(numberFields)) if (chat[field] !== undefined) body[wire] = chat[field]
  for (const [key, value] of Object.entries({ top_k: chat.topK, seed: chat.seed, stop: chat.stop }))
    if (value !== undefined) loss(key, 'this protocol does not support it')
  if (chat.user !== undefined) body.user = chat.user
  if (chat.parallel !== undefined) body.parallel_tool_calls = chat.parallel
  Object.assign(body, renderTools(chat, exchange))
  const reasoning = renderReasoning(chat)
  if (reasoning) body.reasoning = reasoning
  if (chat.format !== undefined) body.text = { format: renderFormat(chat.format) }
  carrySiblingFields(chat.extra, id, { 'openai-chat': chatSiblingFields }, body, loss)
  const include = Array.isArray(body.include) ? body.include : []
  const includes = hasNoEncryptedReasoning(chat.model) ? include : [encryptedReasoning, ...include]
  return { ...body, store: false, ...(includes.length > 0 && { include: includes }) }
}

/** OpenAI refuses less than this ("integer below minimum value. Expected a value >= 16"). */
const minOutputTokens = 16

const outputLimitOf = ({ limit }: Chat, loss: NoteLoss): number | undefined => {
  if (limit === undefined || limit >= minOutputTokens) return limit
  loss('max_output_tokens', `the minimum is ${minOutputTokens}`)
  return minOutputTokens
}

const renderReasoning = ({ reasoning }: Chat): JsonObject | undefined => {
  const effort = requestedEffort(reasoning)
  const rendered = { ...(effort !== undefined && { effort }), ...(reasoning?.shown && { summary: 'auto' }) }
  return Object.keys(rendered).length > 0 ? rendered : undefined
}

const renderFormat = ({ name, schema, strict, description }: ResponseFormat): JsonObject => {
  if (schema === undefined && name === undefined) return { type: 'json_object' }
  return {
    type: 'json_schema',
    name: name ?? 'answer',
    ...(description !== undefined && { description }),
    schema: schema ?? {},
    ...(strict !== undefined && { strict }),
  }
}
