/**
 * A non-streaming generateContent response ↔ a message.
 * Both directions go through the stream code: the mapping itself is in stream-decoder.ts and stream-encoder.ts only.
 */

import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Message } from '../../ir/chat.ts'
import { createCollector, replayMessage } from '../../ir/collect.ts'
import type { Exchange } from '../protocol.ts'
import { notAnAnswer } from '../shared/vendor-error.ts'
import { faultFrom, isErrorBody } from './error.ts'
import { createGeminiDecoder } from './stream-decoder.ts'
import { encodeGeminiStream } from './stream-encoder.ts'

/**
 * Parses a vendor's complete response, or the array of chunks of a stream without `alt=sse`.
 * @throws GatewayError the error it contains, or `upstream_failed` if it is not a response.
 */
export const parseMessage = (given: Json, exchange: Exchange): Message => {
  const chunks = readChunks(given, exchange)
  const collector = createCollector()
  const decoder = createGeminiDecoder(exchange, collector.push)
  for (const chunk of chunks) decoder.push(chunk)
  if (decoder.finishReason === undefined) exchange.loss('finishReason', 'the vendor sent none')
  decoder.end()
  return collector.message()
}

/**
 * Reads the chunks of a response and applies the vendor's own corrections.
 * @throws GatewayError the error it contains, or `upstream_failed` if it is not a response.
 */
export const readChunks = (given: Json, exchange: Exchange): JsonObject[] => {
  const chunks = (Array.isArray(given) ? given : [given]).filter(isObject)
  for (const chunk of chunks) exchange.patchResponse?.(chunk)
  const fault = chunks.find(isErrorBody)
  if (fault) throw faultFrom(fault, exchange)
  if (!chunks.some(chunk => 'candidates' in chunk || 'promptFeedback' in chunk || 'usageMetadata' in chunk))
    throw notAnAnswer(typeof given === 'string' ? given : JSON.stringify(given), exchange)
  return chunks
}

/** Renders the complete response for a client by merging the chunks of its stream. */
export const renderMessage = (message: Message, exchange: Exchange): JsonObject => {
  const parts: JsonObject[] = []
  let body: JsonObject = {}
  const encode = encodeGeminiStream(exchange)(chunk => {
    body = { ...body, ...chunk }
    for (const part of partsOf(chunk)) appendPart(parts, part)
  })
  for (const event of replayMessage(message)) encode(event)
  encode(undefined)
  const [candidate] = Array.isArray(body.candidates) ? body.candidates : []
  if (!isObject(candidate)) return body
  const kept = parts.length > 1 ? parts.filter(part => part.text !== '' || Object.keys(part).length > 1) : parts
  return { ...body, candidates: [{ ...candidate, content: { parts: kept, role: 'model' } }] }
}

const partsOf = ({ candidates }: JsonObject): JsonObject[] => {
  const [candidate] = Array.isArray(candidates) ? candidates : []
  const content = isObject(candidate) ? candidate.content : undefined
  return isObject(content) && Array.isArray(content.parts) ? content.parts.filter(isObject) : []
}

/** Appends a part. A signature that follows its text is added to the part of that text. */
const appendPart = (parts: JsonObject[], part: JsonObject): void => {
  const last = parts.at(-1)
  const isTrailingSignature = part.text === '' && part.thoughtSignature !== undefined
  const isSameText =
    typeof last?.text === 'string' && last.thought === part.thought && last.thoughtSignature === undefined
  if (isTrailingSignature && isSameText) Object.assign(last, { ...part, text: last.text })
  else parts.push({ ...part })
}
