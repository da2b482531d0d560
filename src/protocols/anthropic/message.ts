/**
 * A non-streaming Messages response ↔ a message.
 * Both directions go through the stream code: the mapping itself is in stream-decoder.ts and stream-encoder.ts only.
 */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import { rawJson } from '../../base/json/raw.ts'
import type { Message } from '../../ir/chat.ts'
import { createCollector, replayMessage } from '../../ir/collect.ts'
import type { Exchange } from '../protocol.ts'
import { readMessage } from './normalize.ts'
import { AnthropicDecoder } from './stream-decoder.ts'
import { encodeMessagesStream } from './stream-encoder.ts'

/**
 * Parses a vendor's complete response. @throws GatewayError the error it contains, or `upstream_failed` if it is not a
 * response.
 */
export const parseMessage = (given: Json, exchange: Exchange): Message => {
  const body = readMessage(given, exchange)
  const collector = createCollector()
  const decoder = new AnthropicDecoder(exchange, collector.push)
  const { content, usage, stop_reason, stop_sequence, stop_details } = body
  decoder.push({ type: 'message_start', message: body })
  for (const [index, block] of (content as JsonObject[]).entries()) {
    decoder.push({ type: 'content_block_start', index, content_block: block })
    decoder.push({ type: 'content_block_stop', index })
  }
  decoder.push({ type: 'message_delta', delta: { stop_reason, stop_sequence, stop_details }, usage })
  decoder.push({ type: 'message_stop' })
  return collector.message()
}

/**
 * Renders the complete response for a client. Tool call arguments keep the model's exact text (see base/json/raw.ts).
 */
export const renderMessage = (message: Message, exchange: Exchange): JsonObject => {
  let body: JsonObject = {}
  const content: JsonObject[] = []
  const inputTexts: string[] = []
  const encode = encodeMessagesStream(exchange)(event => {
    if (event.type === 'message_start') body = event.message as JsonObject
    else if (event.type === 'message_delta') Object.assign(body, event.delta, { usage: event.usage })
    else if (event.type === 'content_block_start') {
      content.push({ ...(event.content_block as JsonObject) })
      inputTexts.push('')
    } else if (event.type === 'content_block_delta') {
      const delta = event.delta as JsonObject
      inputTexts[inputTexts.length - 1] += textOf(delta.partial_json) ?? ''
      mergeDelta(content.at(-1)!, delta)
    } else if (event.type === 'content_block_stop') {
      const last = content.at(-1)!
      if (isObject(last.input) && inputTexts.at(-1) !== '')
        last.input = rawJson(inputTexts.at(-1)!) ?? { input: inputTexts.at(-1)! }
    }
  })
  for (const event of replayMessage(message)) encode(event)
  encode(undefined)
  return { ...body, content }
}

const mergeDelta = (block: JsonObject, { text, thinking, signature, citation }: JsonObject): void => {
  if (typeof text === 'string') block.text = (textOf(block.text) ?? '') + text
  if (typeof thinking === 'string') block.thinking = (textOf(block.thinking) ?? '') + thinking
  if (typeof signature === 'string') block.signature = signature
  if (!isObject(citation)) return
  if (Array.isArray(block.citations)) block.citations.push(citation)
  else block.citations = [citation]
}
