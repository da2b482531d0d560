/** A request of Messages ↔ a chat. What has no place in the neutral form waits in `extra` for this protocol. */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Chat, Part, Turn } from '../../ir/chat.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { createFieldTaker, keepExtra, type TakeField, takeNumbers } from '../shared/take-fields.ts'
import { type ModelTraits, traitsOf } from './model-traits.ts'
import { parseThinking, renderSampling, renderThinking } from './thinking.ts'
import { parseFormat, parseTools, renderTools } from './tools.ts'
import { parseTurns, renderTurns } from './turns.ts'
import { id } from './wire.ts'

/** Wire name → ours, where the value is the same. */
const numberFields = { max_tokens: 'limit', temperature: 'temperature', top_p: 'topP', top_k: 'topK' } as const

/** The body has been checked. */
export const parseRequest = (body: JsonObject, loss: NoteLoss): Chat => {
  const { rest, take } = createFieldTaker(body)
  refuseThread(take('thread'))
  const chat: Chat = {
    model: textOf(take('model')) ?? '',
    stream: take('stream') === true,
    turns: parseTurns(take('system'), (take('messages') ?? []) as JsonObject[], loss),
  }
  takeNumbers(take, numberFields, chat)
  const stop = take('stop_sequences')
  if (Array.isArray(stop) && stop.length > 0) chat.stop = stop.filter(one => typeof one === 'string')
  parseTools(take, chat)
  parseOutput(take, rest, chat, loss)
  parseUser(take, rest, chat)
  keepExtra(rest, id, chat)
  return chat
}

/**
 * Anthropic can keep a conversation, of which the client then sends only what is new. Who asks for one to be kept gets an answer all the
 * same; who goes on with one hears that it is not there, upon which its SDK sends the whole (message-threads-2026-08-12).
 */
export const refuseThread = (thread: Json | undefined): void => {
  if (!isObject(thread) || thread.type !== 'continue') return
  throw new GatewayError('invalid_request', 'thread: the target keeps no conversations; send all of this one', {
    status: 404,
    vendorType: 'not_found_error',
    vendorCode: 'thread_not_found',
  })
}

const parseOutput = (take: TakeField, rest: JsonObject, chat: Chat, loss: NoteLoss): void => {
  const config = take('output_config')
  const { effort, format, ...more } = isObject(config) ? config : {}
  const reasoning = parseThinking(take('thinking'), effort)
  if (reasoning) chat.reasoning = reasoning
  if (effort === 'max') loss('output_config.effort', 'the most other protocols know is xhigh')
  const parsedFormat = parseFormat(format) ?? parseFormat(take('output_format'))
  if (parsedFormat) chat.format = parsedFormat
  if (Object.keys(more).length > 0) rest.output_config = more
}

const parseUser = (take: TakeField, rest: JsonObject, chat: Chat): void => {
  const metadata = take('metadata')
  const { user_id: user, ...more } = isObject(metadata) ? metadata : {}
  if (typeof user === 'string') chat.user = user
  if (Object.keys(more).length > 0) rest.metadata = more
}

/** A chat → the body for a vendor. */
export const renderRequest = (chat: Chat, exchange: Exchange): JsonObject => {
  const { loss } = exchange
  const traits = traitsOf(chat.model)
  const ownExtra = ownExtraOf(chat, loss)
  const { isThinking, limit, thinking, effort } = renderThinking(chat, traits, thinkingConflictOf(chat, traits), loss)
  const { output_config: format, ...tools } = renderTools(chat, traits, isThinking, exchange)
  const output = { ...objectOf(ownExtra.output_config), ...(effort !== undefined && { effort }), ...objectOf(format) }
  const stop = renderStop(chat, loss)
  if (chat.seed !== undefined) loss('seed', 'this protocol has none')
  return {
    model: chat.model,
    max_tokens: limit,
    ...renderTurns(chat.turns, traits, exchange),
    ...(chat.stream && { stream: true }),
    ...renderSampling(chat, traits, isThinking, loss),
    ...(stop.length > 0 && { stop_sequences: stop }),
    ...tools,
    ...(thinking && { thinking }),
    ...ownExtra,
    ...(Object.keys(output).length > 0 && { output_config: output }),
    ...renderUser(chat, ownExtra),
  }
}

const objectOf = (value: Json | undefined): JsonObject => (isObject(value) ? value : {})

const ownExtraOf = ({ extra }: Chat, loss: NoteLoss): JsonObject => {
  if (extra === undefined || !isObject(extra.value)) return {}
  if (extra.by === id) return extra.value
  for (const key of Object.keys(extra.value)) loss(key, `only ${extra.by} knows it`)
  return {}
}

const renderUser = ({ user }: Chat, ownExtra: JsonObject): JsonObject => {
  const metadata = { ...objectOf(ownExtra.metadata), ...(user !== undefined && { user_id: user }) }
  return Object.keys(metadata).length > 0 ? { metadata } : {}
}

/** A sequence of white space alone is refused. */
const renderStop = ({ stop = [] }: Chat, loss: NoteLoss): string[] => {
  const kept = stop.filter(one => one.trim() !== '')
  if (kept.length < stop.length) loss('stop', 'a sequence of white space does not stop this protocol')
  return kept
}

/** Why thoughts cannot be asked for, if they cannot. */
const thinkingConflictOf = (
  { choice, turns, tools, format }: Chat,
  { canForceTool, hasAdaptiveThinking, acceptsJsonSchema: native }: ModelTraits,
): string | undefined => {
  if (canForceTool && tools && (choice === 'any' || typeof choice === 'object'))
    return 'not beside a call the model must make'
  if (canForceTool && format && !(native && format.schema !== undefined)) return 'not beside an answer of a given form'
  return !hasAdaptiveThinking && isRoundWithoutThinking(turns)
    ? 'the thoughts before the open calls are not there'
    : undefined
}

/**
 * The last word is a result, and the round of calls it belongs to began without thoughts. All messages of a round are one turn of the model,
 * which thinks where it likes: https://platform.claude.com/docs/en/build-with-claude/thinking#thinking-with-tool-use (2026-11)
 */
const isRoundWithoutThinking = (turns: readonly Turn[]): boolean => {
  const last = turns.at(-1)
  if (!last?.parts.some(({ type }) => type === 'result')) return false
  const roundStart = turns.findLastIndex(
    ({ role, parts }) => role === 'user' && !parts.some(({ type }) => type === 'result'),
  )
  const first = turns.slice(roundStart + 1).find(({ role }) => role === 'assistant')
  return first?.parts.some(({ type }) => type === 'call') === true && !isOwnThinking(first.parts[0])
}

const isOwnThinking = (part: Part | undefined): boolean => part?.type === 'reasoning' && part.seal?.by === id
