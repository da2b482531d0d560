/**
 * A non-streaming answer of Chat Completions ↔ a message. Both directions reuse the stream: stream-decoder.ts and
 * stream-encoder.ts hold the only mapping.
 */

import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Message } from '../../ir/chat.ts'
import { createCollector, replayMessage } from '../../ir/collect.ts'
import type { Exchange } from '../protocol.ts'
import { notAnAnswer } from '../shared/vendor-error.ts'
import { DeltaMerger } from './chunks/merge-deltas.ts'
import { normalizeMessage } from './normalize.ts'
import { readMessage } from './passthrough.ts'
import { ChatDecoder } from './stream-decoder.ts'
import { encodeChatStream } from './stream-encoder.ts'

/**
 * Parses a vendor's non-streaming answer.
 * @throws GatewayError the error the answer contains, or `upstream_failed` if it is not an answer
 */
export const parseMessage = (answer: Json, exchange: Exchange): Message => {
  if (!isObject(answer)) throw notAnAnswer(typeof answer === 'string' ? answer : JSON.stringify(answer), exchange)
  const body = readMessage(JSON.stringify(answer), exchange)
  normalizeMessage(body, exchange)
  const collector = createCollector()
  const decoder = new ChatDecoder(exchange, collector.push)
  decoder.push({ ...body, choices: (body.choices as JsonObject[]).map(asDelta) })
  decoder.end()
  return collector.message()
}

/** A message is treated as a single delta. Its calls are numbered by position. */
const asDelta = ({ message, ...choice }: JsonObject): JsonObject => {
  const { tool_calls: calls, ...delta } = message as JsonObject
  if (!Array.isArray(calls)) return { ...choice, delta }
  return {
    ...choice,
    delta: { ...delta, tool_calls: calls.map((call, index) => ({ ...(call as JsonObject), index })) },
  }
}

/** Renders a message as the non-streaming answer for a client. */
export const renderMessage = (message: Message, exchange: Exchange): JsonObject => {
  const body: JsonObject = {}
  const choice: JsonObject = {}
  const deltas = new DeltaMerger({})
  const encode = encodeChatStream({ ...exchange, usageRequested: true })(({ choices, usage, ...envelope }) => {
    Object.assign(body, envelope)
    if (usage) body.usage = usage
    const [streamed] = choices as JsonObject[]
    if (streamed === undefined) return
    deltas.merge(streamed.delta as JsonObject)
    Object.assign(choice, { index: 0, finish_reason: streamed.finish_reason })
  })
  for (const event of replayMessage(message)) encode(event)
  encode(undefined)
  const { content, tool_calls: calls, ...rest } = deltas.sum
  const fields = {
    ...rest,
    content: content === '' && !hasText(message) ? null : (content ?? null),
    refusal: rest.refusal ?? null,
  }
  const rendered = { ...fields, ...(calls !== undefined && { tool_calls: (calls as JsonObject[]).map(withoutIndex) }) }
  const { usage, ...envelope } = body
  const choices = [{ ...choice, message: rendered, logprobs: null }]
  return { ...envelope, object: 'chat.completion', choices, ...(usage !== undefined && { usage }) }
}

const hasText = ({ parts }: Message): boolean => parts.some(part => part.type === 'text')

const withoutIndex = ({ index: _index, ...call }: JsonObject): JsonObject => call
