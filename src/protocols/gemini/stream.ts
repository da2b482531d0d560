/** A generateContent stream ↔ neutral events. */
import { GatewayError } from '../../base/errors.ts'
import { isObject, parseJson } from '../../base/json/json.ts'
import { writeJson } from '../../base/json/raw.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Frame, Stage } from '../protocol.ts'
import { faultFrom, isErrorBody } from './error.ts'
import { createGeminiDecoder } from './stream-decoder.ts'
import { encodeGeminiStream } from './stream-encoder.ts'

/** For a stream that ended without a finish reason. */
export const streamCutError = (): GatewayError => new GatewayError('upstream_failed', "the vendor's stream was cut")

/**
 * Reads a vendor's stream. The answer ends with the body, not with the finish reason, because more parts may follow it.
 */
export const parseStream =
  (exchange: Exchange): Stage<Frame, Event> =>
  emit => {
    const decoder = createGeminiDecoder(exchange, emit)
    let hasEnded = false

    const end = (fault?: GatewayError): void => {
      hasEnded = true
      decoder.end(fault)
    }

    return frame => {
      if (hasEnded) return
      if (frame === undefined) return end(decoder.finishReason === undefined ? streamCutError() : undefined)
      if (frame.data === '' || frame.data === '[DONE]') return
      const body = parseJson(frame.data)
      if (!isObject(body)) return exchange.loss('stream', 'a frame that is not a JSON object was dropped')
      exchange.patchResponse?.(body)
      if (isErrorBody(body)) end(faultFrom(body, exchange))
      else decoder.push(body, frame.data)
    }
  }

/** Writes a client's stream. It ends with the finish reason, or with an error. */
export const renderStream =
  (exchange: Exchange): Stage<Event, Frame> =>
  emit => {
    const prefix = '{"candidates":[{"content":{"parts":[{"text":'
    const suffix = `],"role":"model"},"index":0}],"modelVersion":${JSON.stringify(exchange.model)},"responseId":`
    const writeText = (text: string, thought: boolean, id: string): void =>
      emit({
        data: `${prefix}${JSON.stringify(text)}${thought ? ',"thought":true}' : '}'}${suffix}${JSON.stringify(id)}}`,
      })
    return encodeGeminiStream(exchange, writeText)(chunk => emit({ data: writeJson(chunk) }))
  }
