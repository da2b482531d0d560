/** A stream of Chat Completions ↔ events. */

import type { JsonObject } from '../../base/json/json.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Frame, Stage } from '../protocol.ts'
import { createChunkNormalizer } from './chunks/chunk-normalizer.ts'
import { chatFormat } from './normalize.ts'
import { createChatDecoder } from './stream-decoder.ts'
import { encodeChatStream } from './stream-encoder.ts'

/**
 * Reads a vendor's stream, with everything the pass mends mended before. Only the first choice has a place in the neutral form.
 * The finish is told last, after all content and usage; an end without one is a `fault`, but for `[DONE]`, which is a clean end.
 */
export const parseStream =
  (exchange: Exchange): Stage<Frame, Event> =>
  emit => {
    const decoder = createChatDecoder(exchange, emit)
    const normalizer = createChunkNormalizer(chatFormat, exchange, {
      chunk: ({ body }) => decoder.push(body),
      unparsed: () => {},
    })
    let finished = false
    return frame => {
      if (finished) return
      if (frame) normalizer.push(frame)
      else normalizer.end()
      finished = frame === undefined || normalizer.state.fault !== undefined
      if (finished) decoder.end(normalizer.state.fault)
    }
  }

/** What a client hears, a body at a time, as its stream: `[DONE]` after a clean end, an error frame and nothing else after a fault. */
export const streamWithDone =
  (encodeStream: (exchange: Exchange) => Stage<Event, JsonObject>) =>
  (exchange: Exchange): Stage<Event, Frame> =>
  emit => {
    let failed = false
    const encode = encodeStream(exchange)(body => {
      failed ||= 'error' in body
      emit({ data: JSON.stringify(body) })
    })
    return event => {
      if (failed) return
      encode(event)
      if (event === undefined && !failed) emit({ data: '[DONE]' })
    }
  }

export const renderStream = streamWithDone(encodeChatStream)
