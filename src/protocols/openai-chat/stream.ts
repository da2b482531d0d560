/** A stream of Chat Completions ↔ events. */

import type { JsonObject } from '../../base/json/json.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Frame, Stage } from '../protocol.ts'
import { strictStream } from './chunks/chunk-normalizer.ts'
import { chatShape } from './normalize.ts'
import { hearChunks } from './stream-decoder.ts'
import { tellChunks } from './stream-encoder.ts'

/**
 * Reads a vendor's stream, with everything the pass mends mended before. Only the first choice has a place in the neutral form.
 * The finish is told last, after all content and usage; an end without one is a `fault`, but for `[DONE]`, which is a clean end.
 */
export const parseStream =
  (exchange: Exchange): Stage<Frame, Event> =>
  emit => {
    const ear = hearChunks(exchange, emit)
    const stream = strictStream(chatShape, exchange, { chunk: ({ body }) => ear.chunk(body), other: () => {} })
    let over = false
    return frame => {
      if (over) return
      if (frame) stream.push(frame)
      else stream.end()
      over = frame === undefined || stream.seen.fault !== undefined
      if (over) ear.end(stream.seen.fault)
    }
  }

/** What a client hears, a body at a time, as its stream: `[DONE]` after a clean end, an error frame and nothing else after a fault. */
export const streamed =
  (tell: (exchange: Exchange) => Stage<Event, JsonObject>) =>
  (exchange: Exchange): Stage<Event, Frame> =>
  emit => {
    let failed = false
    const mouth = tell(exchange)(body => {
      failed ||= 'error' in body
      emit({ data: JSON.stringify(body) })
    })
    return event => {
      if (failed) return
      mouth(event)
      if (event === undefined && !failed) emit({ data: '[DONE]' })
    }
  }

export const renderStream = streamed(tellChunks)
