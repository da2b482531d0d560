/** A stream of Chat Completions ↔ events. */

import type { JsonObject } from '../../base/json/json.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Frame, Stage } from '../protocol.ts'
import { ChunkNormalizer } from './chunks/chunk-normalizer.ts'
import { chatFormat } from './normalize.ts'
import { ChatDecoder } from './stream-decoder.ts'
import { encodeChatStream } from './stream-encoder.ts'

/**
 * Decodes a vendor's stream after normalizing it as passthrough does. The neutral form has a place for the first choice
 * only. The finish comes last, after all content and usage. A stream that ends without a finish ends in a `fault`,
 * unless `[DONE]` ended it cleanly.
 */
export const parseStream =
  (exchange: Exchange): Stage<Frame, Event> =>
  emit => {
    const decoder = new ChatDecoder(exchange, emit)
    const normalizer = new ChunkNormalizer(chatFormat, exchange, {
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

/**
 * Turns an encoder of chunk bodies into a renderer of frames. A clean end is followed by `[DONE]`. An error frame is
 * the last frame.
 */
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

/** Encodes a client's stream. */
export const renderStream = streamWithDone(encodeChatStream)
