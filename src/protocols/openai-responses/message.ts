/** A whole answer of Responses ↔ a message. Both are told as a stream: the mapping itself stands in hear.ts and tell.ts alone. */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Message } from '../../ir/chat.ts'
import { createCollector, replayMessage } from '../../ir/collect.ts'
import type { Exchange } from '../protocol.ts'
import { faultFrom, isErrorBody, notAnAnswer } from '../shared/vendor-error.ts'
import { hearResponse } from './stream-decoder.ts'
import { tellResponse } from './stream-encoder.ts'

/** A vendor's whole answer → a message. @throws GatewayError the fault it tells, `upstream_failed` where it is none. */
export const parseMessage = (given: Json, exchange: Exchange): Message => {
  const body = readResponse(given, exchange)
  const collector = createCollector()
  hearResponse(exchange, collector.push).whole(body)
  return collector.message()
}

/** An answer of this protocol as it is. @throws as parseMessage */
export const readResponse = (given: Json | undefined, exchange: Exchange): JsonObject => {
  if (!isObject(given)) throw notAnAnswer(typeof given === 'string' ? given : JSON.stringify(given ?? ''), exchange)
  exchange.patchResponse?.(given)
  if (given.status === undefined && isErrorBody(given)) throw faultFrom(given, exchange)
  if (!Array.isArray(given.output) && given.object !== 'response') throw notAnAnswer(JSON.stringify(given), exchange)
  return given
}

/** A message → the whole answer a client gets. */
export const renderMessage = (message: Message, exchange: Exchange): JsonObject => {
  let last: JsonObject = {}
  const mouth = tellResponse(exchange)(event => {
    last = event
  })
  for (const event of replayMessage(message)) mouth(event)
  if (!isObject(last.response)) throw new GatewayError('internal', 'an answer that has no end')
  return last.response
}
