/** A stream of Responses ↔ events. */

import { isObject, parseJson, textOf } from '../../base/json/json.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Frame, Stage } from '../protocol.ts'
import { hearResponse } from './stream-decoder.ts'
import { tellResponse } from './stream-encoder.ts'

/** Reads a vendor's stream, whose last word is `response.completed`, `incomplete` or `failed`: an end without one is a `fault`. */
export const parseStream =
  (exchange: Exchange): Stage<Frame, Event> =>
  emit => {
    const ear = hearResponse(exchange, emit)
    return frame => {
      if (frame === undefined) return ear.end()
      const event = parseJson(frame.data)
      if (!isObject(event)) return
      exchange.patchResponse?.(event)
      ear.hear(typeof event.type === 'string' ? event : { ...event, type: frame.event ?? 'error' })
    }
  }

/** Writes a client's stream; each frame bears the name of its event. */
export const renderStream =
  (exchange: Exchange): Stage<Event, Frame> =>
  emit =>
    tellResponse(exchange)(event => emit({ event: textOf(event.type) ?? 'error', data: JSON.stringify(event) }))
