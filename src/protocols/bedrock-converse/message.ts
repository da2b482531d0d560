/** A non-streaming Converse response → a message. */

import { isObject, type Json } from '../../base/json/json.ts'
import type { Message } from '../../ir/chat.ts'
import { createCollector } from '../../ir/collect.ts'
import type { Exchange } from '../protocol.ts'
import { notAnAnswer } from '../shared/vendor-error.ts'
import { ConverseDecoder } from './stream-decoder.ts'

/** Parses a complete response. @throws GatewayError `upstream_failed` if it is not one. */
export const parseMessage = (body: Json, exchange: Exchange): Message => {
  const output = isObject(body) && isObject(body.output) ? body.output.message : undefined
  if (!isObject(body) || !isObject(output) || !Array.isArray(output.content))
    throw notAnAnswer(typeof body === 'string' ? body : JSON.stringify(body), exchange)
  const collector = createCollector()
  const decoder = new ConverseDecoder(exchange, collector.push)
  for (const block of output.content) if (isObject(block)) decoder.pushBlock(block)
  decoder.finishMessage(body)
  return collector.message()
}
