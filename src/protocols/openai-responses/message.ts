/**
 * A non-streaming answer of Responses ↔ a message. Both directions reuse the stream: stream-decoder.ts and
 * stream-encoder.ts hold the only mapping.
 */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Message } from '../../ir/chat.ts'
import { createCollector, replayMessage } from '../../ir/collect.ts'
import type { Exchange } from '../protocol.ts'
import { faultFrom, isErrorBody, notAnAnswer } from '../shared/vendor-error.ts'
import { createResponsesDecoder } from './stream-decoder.ts'
import { encodeResponsesStream } from './stream-encoder.ts'

/**
 * Parses a vendor's non-streaming answer.
 * @throws GatewayError the error the answer contains, or `upstream_failed` if it is not an answer
 */
export const parseMessage = (answer: Json, exchange: Exchange): Message => {
  const body = readResponse(answer, exchange)
  const collector = createCollector()
  createResponsesDecoder(exchange, collector.push).pushResponse(body)
  return collector.message()
}

/**
 * Checks that `answer` is an answer of this protocol, and returns it.
 * @throws GatewayError like parseMessage
 */
export const readResponse = (answer: Json | undefined, exchange: Exchange): JsonObject => {
  if (!isObject(answer)) throw notAnAnswer(typeof answer === 'string' ? answer : JSON.stringify(answer ?? ''), exchange)
  exchange.patchResponse?.(answer)
  if (answer.status === undefined && isErrorBody(answer)) throw faultFrom(answer, exchange)
  if (!Array.isArray(answer.output) && answer.object !== 'response') throw notAnAnswer(JSON.stringify(answer), exchange)
  return answer
}

/** Renders a message as the non-streaming answer for a client. */
export const renderMessage = (message: Message, exchange: Exchange): JsonObject => {
  let last: JsonObject = {}
  const encode = encodeResponsesStream(exchange)(event => {
    last = event
  })
  for (const event of replayMessage(message)) encode(event)
  if (!isObject(last.response)) throw new GatewayError('internal', 'an answer that has no end')
  return last.response
}
