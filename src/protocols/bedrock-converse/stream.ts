/**
 * A ConverseStream stream → neutral events. Exceptions are turned into faults earlier
 * (upstream/framing/aws-event-stream.ts).
 */

import { isObject, parseJson } from '../../base/json/json.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Frame, Stage } from '../protocol.ts'
import { missingFinish } from '../shared/vendor-error.ts'
import { ConverseDecoder } from './stream-decoder.ts'

/** A stream that ends without a stop reason ends in a `fault`. */
export const parseStream =
  (exchange: Exchange): Stage<Frame, Event> =>
  emit => {
    const decoder = new ConverseDecoder(exchange, emit)
    return frame => {
      if (frame === undefined) return decoder.end(decoder.hasStopReason ? undefined : missingFinish())
      const body = parseJson(frame.data)
      if (frame.event !== undefined && isObject(body)) decoder.push(frame.event, body)
      else exchange.loss('stream', 'an invalid event was dropped')
    }
  }
