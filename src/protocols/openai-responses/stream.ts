/** A stream of Responses ↔ events. */

import { isObject, parseJson, textOf } from '../../base/json/json.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Frame, Stage } from '../protocol.ts'
import { createResponsesDecoder } from './stream-decoder.ts'
import { encodeResponsesStream } from './stream-encoder.ts'

/**
 * Decodes a vendor's stream. Its last event is `response.completed`, `response.incomplete` or `response.failed`; a
 * stream that ends without one of them ends in a `fault`.
 */
export const parseStream =
  (exchange: Exchange): Stage<Frame, Event> =>
  emit => {
    const decoder = createResponsesDecoder(exchange, emit)
    return frame => {
      if (frame === undefined) return decoder.end()
      const event = parseJson(frame.data)
      if (!isObject(event)) return
      exchange.patchResponse?.(event)
      decoder.push(typeof event.type === 'string' ? event : { ...event, type: frame.event ?? 'error' })
    }
  }

/** Encodes a client's stream. Each frame carries the name of its event. */
export const renderStream =
  (exchange: Exchange): Stage<Event, Frame> =>
  emit =>
    encodeResponsesStream(exchange)(event =>
      emit({ event: textOf(event.type) ?? 'error', data: JSON.stringify(event) }),
    )
