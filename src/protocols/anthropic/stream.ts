/** A Messages stream ↔ neutral events. */

import { isObject, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Frame, Stage } from '../protocol.ts'
import { AnthropicDecoder } from './stream-decoder.ts'
import { encodeMessagesStream } from './stream-encoder.ts'

/**
 * Parses the body of a frame. Returns undefined for an empty frame and for `[DONE]`, which some gateways send after
 * `message_stop`.
 */
const readFrame = ({ event, data }: Frame, { patchResponse, loss }: Exchange): JsonObject | undefined => {
  const text = data.trim()
  if (text === '' || text === '[DONE]') return undefined
  const body = parseJson(text)
  if (!isObject(body)) {
    loss('stream', 'a frame that is not a JSON object')
    return undefined
  }
  patchResponse?.(body)
  const type = textOf(body.type) ?? event
  if (type !== undefined && body.type !== type) body.type = type
  return body
}

/**
 * Reads a vendor's stream. It ends cleanly with `message_stop`, or if the body ends after a stop reason. Any other end
 * is a fault.
 */
export const parseStream =
  (exchange: Exchange): Stage<Frame, Event> =>
  emit => {
    const decoder = new AnthropicDecoder(exchange, emit)
    return frame => {
      if (decoder.hasEnded) return
      if (frame === undefined) return decoder.end()
      const body = readFrame(frame, exchange)
      if (body) decoder.push(body)
    }
  }

/** Writes a client's stream: `message_stop` after a clean end, a final `error` event after a fault. */
export const renderStream =
  (exchange: Exchange): Stage<Event, Frame> =>
  emit => {
    let failed = false
    const encode = encodeMessagesStream(exchange)(body => {
      failed ||= body.type === 'error'
      emit({ event: body.type as string, data: JSON.stringify(body) })
    })
    return event => {
      if (!failed) encode(event)
    }
  }
