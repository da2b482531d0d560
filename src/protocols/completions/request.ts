/** Parses a request of the legacy Completions API as a chat: its prompt becomes the user's turn. */
import { GatewayError } from '../../base/errors.ts'
import { type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Chat } from '../../ir/chat.ts'
import type { BatchParts, NoteLoss } from '../protocol.ts'
import { countList, countTexts } from '../shared/item-counts.ts'
import { requestReader } from '../shared/request-reader.ts'

export const reader = requestReader({
  prompt: { text: ['prompt'] },
  answerLimits: body => [body.max_tokens],
  opening: body => ({ texts: [body.prompt] }),
  conversationNames: ['prompt_cache_key', 'user'],
  items: { inputs: countTexts('prompt'), stop_sequences: countList('stop') },
})

const numericFields = { temperature: 'temperature', top_p: 'topP', seed: 'seed' } as const
/** Fields that only a text completion model supports. */
const unsupportedFields = ['suffix', 'logprobs', 'logit_bias', 'presence_penalty', 'frequency_penalty']

/**
 * @throws GatewayError `invalid_request` for what a chat cannot express: token numbers in place of text, `best_of`
 * above 1
 */
export const parseRequest = (body: JsonObject, loss: NoteLoss): Chat => {
  const { best_of, max_tokens, user } = body
  if (typeof best_of === 'number' && best_of > 1) throw invalidField('best_of', 'is not known to a model that chats')
  for (const field of unsupportedFields) if (isSet(body[field])) loss(field, 'chat models do not support it')
  const chat: Chat = {
    model: textOf(body.model) ?? '',
    stream: body.stream === true,
    turns: [{ role: 'user', parts: [{ type: 'text', text: promptOf(body) }] }],
  }
  if (typeof max_tokens === 'number') chat.limit = max_tokens
  for (const [wireName, chatField] of Object.entries(numericFields)) {
    const value = body[wireName]
    if (typeof value === 'number') chat[chatField] = value
  }
  const stop = parseStop(body)
  if (stop) chat.stop = stop
  if (typeof user === 'string') chat.user = user
  return chat
}

const parseStop = ({ stop }: JsonObject): string[] | undefined => {
  if (stop === undefined || stop === null) return undefined
  const sequences = Array.isArray(stop) ? stop : [stop]
  if (sequences.every(sequence => typeof sequence === 'string')) return sequences
  throw invalidField('stop', 'must be a text or a list of texts')
}

/**
 * The only prompt of a request.
 * @throws GatewayError `invalid_request` if it is not a single text
 */
export const promptOf = ({ prompt }: JsonObject): string => {
  const only = Array.isArray(prompt) && prompt.length === 1 ? prompt[0] : prompt
  if (typeof only === 'string') return only
  throw invalidField(
    'prompt',
    Array.isArray(only) ? 'must be text for a model that chats, not tokens' : 'must be a text',
  )
}

/** One request for each prompt of a list that is longer than a target accepts; undefined if it accepts the list. */
export const splitRequest = (body: JsonObject, maxTexts: number): BatchParts | undefined => {
  const { prompt } = body
  if (!Array.isArray(prompt) || prompt.length <= maxTexts || prompt.some(one => typeof one === 'number'))
    return undefined
  return { count: prompt.length, bodyAt: index => ({ ...body, prompt: prompt[index]! }) }
}

const isSet = (value: Json | undefined): boolean => value !== undefined && value !== null && value !== 0 && value !== ''

const invalidField = (param: string, reason: string): GatewayError =>
  new GatewayError('invalid_request', `${param} ${reason}`, { param })
