/** A stream of generateContent ↔ events. */
import { GatewayError } from '../../base/errors.ts'
import { isObject, parseJson } from '../../base/json/json.ts'
import { writeJson } from '../../base/json/raw.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Frame, Stage } from '../protocol.ts'
import { faultFrom, tellsFault } from './error.ts'
import { hearChunks } from './stream-decoder.ts'
import { tellChunks } from './stream-encoder.ts'

/** For streams whose end came before they had said why. */
export const cut = (): GatewayError => new GatewayError('upstream_failed', "the vendor's stream was cut")

/** The answer has ended when its body has, if a finish was told: parts may follow one. */
export const parseStream =
  (exchange: Exchange): Stage<Frame, Event> =>
  emit => {
    const ear = hearChunks(exchange, emit)
    let over = false

    const end = (fault?: GatewayError): void => {
      over = true
      ear.end(fault)
    }

    return frame => {
      if (over) return
      if (frame === undefined) return end(ear.finish === undefined ? cut() : undefined)
      if (frame.data === '' || frame.data === '[DONE]') return
      const body = parseJson(frame.data)
      if (!isObject(body)) return exchange.loss('stream', 'a frame that is no JSON object was left out')
      exchange.patchResponse?.(body)
      if (tellsFault(body)) end(faultFrom(body, exchange))
      else ear.chunk(body, frame.data)
    }
  }

/** Writes a client's stream: it ends behind its finish, or with an error and nothing else. */
export const renderStream =
  (exchange: Exchange): Stage<Event, Frame> =>
  emit => {
    const head = '{"candidates":[{"content":{"parts":[{"text":'
    const tail = `],"role":"model"},"index":0}],"modelVersion":${JSON.stringify(exchange.model)},"responseId":`
    const words = (text: string, thought: boolean, id: string): void =>
      emit({
        data: `${head}${JSON.stringify(text)}${thought ? ',"thought":true}' : '}'}${tail}${JSON.stringify(id)}}`,
      })
    return tellChunks(exchange, words)(chunk => emit({ data: writeJson(chunk) }))
  }
