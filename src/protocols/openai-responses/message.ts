/** A whole answer of Responses ↔ a message. Both are told as a stream: the mapping itself stands in hear.ts and tell.ts alone. */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Message } from '../../ir/chat.ts'
import { createCollector, replayMessage } from '../../ir/collect.ts'
import type { Exchange } from '../protocol.ts'
import { faultFrom, isErrorBody, notAnAnswer } from '../shared/vendor-error.ts'
import { createResponsesDecoder } from './stream-decoder.ts'
import { encodeResponsesStream } from './stream-encoder.ts'

/** A vendor's whole answer → a message. @throws GatewayError the fault it tells, `upstream_failed` where it is none. */
export const parseMessage = (answer: Json, exchange: Exchange): Message => {
  const body = readResponse(answer, exchange)
  const collector = createCollector()
  createResponsesDecoder(exchange, collector.push).pushResponse(body)
  return collector.message()
}

/** An answer of this protocol as it is. @throws as parseMessage */
export const readResponse = (answer: Json | undefined, exchange: Exchange): JsonObject => {
  if (!isObject(answer)) throw notAnAnswer(typeof answer === 'string' ? answer : JSON.stringify(answer ?? ''), exchange)
  exchange.patchResponse?.(answer)
  if (answer.status === undefined && isErrorBody(answer)) throw faultFrom(answer, exchange)
  if (!Array.isArray(answer.output) && answer.object !== 'response') throw notAnAnswer(JSON.stringify(answer), exchange)
  return answer
}

/** A message → the whole answer a client gets. */
export const renderMessage = (message: Message, exchange: Exchange): JsonObject => {
  let last: JsonObject = {}
  const encode = encodeResponsesStream(exchange)(event => {
    last = event
  })
  for (const event of replayMessage(message)) encode(event)
  if (!isObject(last.response)) throw new GatewayError('internal', 'an answer that has no end')
  return last.response
}
