/** A Messages request ↔ a chat. Fields without a place in the neutral form are kept in `extra` for this protocol. */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Chat, Part, Turn } from '../../ir/chat.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { pairToolResults } from '../shared/pair-tool-results.ts'
import { createFieldTaker, keepExtra, type TakeField, takeNumbers } from '../shared/take-fields.ts'
import { type ModelTraits, traitsOf } from './model-traits.ts'
import { parseThinking, renderSampling, renderThinking } from './thinking.ts'
import { parseFormat, parseTools, renderTools } from './tools.ts'
import { parseTurns, renderTurns } from './turns.ts'
import { id } from './wire.ts'

/** Wire name → our name of the fields that hold the same number. */
const numberFields = { max_tokens: 'limit', temperature: 'temperature', top_p: 'topP', top_k: 'topK' } as const

/**
 * Parses a request that has been checked before.
 * @throws GatewayError `invalid_request` if it continues a stored conversation (see refuseThread).
 */
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
 * Anthropic can store a conversation as a thread, so that the client sends only new messages. A request that creates a
 * thread is answered without storing it. A request that continues a thread is refused with 404, after which Anthropic's
 * SDK sends the complete conversation (message-threads-2026-08-12).
 * @throws GatewayError `invalid_request` with status 404 if the thread is to be continued.
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
  if (effort === 'max') loss('output_config.effort', 'the highest level in other protocols is xhigh')
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

/** Every call is answered at the start of the next user message. */
const resultRules = { foreignPartsFollow: true }

/** Renders a chat as the body for a vendor. */
export const renderRequest = (original: Chat, exchange: Exchange): JsonObject => {
  const { loss } = exchange
  const chat = { ...original, turns: pairToolResults(original.turns, loss, resultRules) }
  const traits = traitsOf(chat.model)
  const ownExtra = ownExtraOf(chat, loss)
  const { isThinking, limit, thinking, effort } = renderThinking(chat, traits, thinkingConflictOf(chat, traits), loss)
  const { output_config: format, ...tools } = renderTools(chat, traits, isThinking, exchange)
  const output = { ...objectOf(ownExtra.output_config), ...(effort !== undefined && { effort }), ...objectOf(format) }
  const stop = renderStop(chat, loss)
  if (chat.seed !== undefined) loss('seed', 'this protocol does not support it')
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
  for (const key of Object.keys(extra.value)) loss(key, `only ${extra.by} supports it`)
  return {}
}

const renderUser = ({ user }: Chat, ownExtra: JsonObject): JsonObject => {
  const metadata = { ...objectOf(ownExtra.metadata), ...(user !== undefined && { user_id: user }) }
  return Object.keys(metadata).length > 0 ? { metadata } : {}
}

/** Anthropic refuses stop sequences that consist of white space. */
const renderStop = ({ stop = [] }: Chat, loss: NoteLoss): string[] => {
  const kept = stop.filter(one => one.trim() !== '')
  if (kept.length < stop.length) loss('stop', 'this protocol does not accept a stop sequence of white space')
  return kept
}

/** Returns why thinking cannot be requested, or undefined if it can. */
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
 * Whether the last turn holds tool results and the assistant's round of tool calls began without thoughts.
 * All messages of a round count as one turn of the model, which may think at any point of it:
 * https://platform.claude.com/docs/en/build-with-claude/thinking#thinking-with-tool-use (2026-11)
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
