/** The stream of a client that did not ask for server-sent events: one JSON list whose items come one by one. */
import type { GatewayError } from '../../base/errors.ts'
import type { Json } from '../../base/json/json.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Frame, Ingress, Stage } from '../protocol.ts'
import { renderError } from './error.ts'
import { gemini } from './index.ts'
import { passChunks, type Writing } from './passthrough.ts'
import { renderStream } from './stream.ts'

const asItems = (): Writing => {
  let begun = false
  return {
    chunk(text) {
      const between = begun ? ',\r\n' : '['
      begun = true
      return between + text
    },
    end: () => (begun ? ']\n' : '[]\n'),
  }
}

/** Frames are pieces of the list as they stand on the wire: its end is one as well. */
const renderItems =
  (exchange: Exchange): Stage<Event, Frame> =>
  emit => {
    const writing = asItems()
    let over = false
    const mouth = renderStream(exchange)(({ data }) => emit({ data: writing.chunk(data) }))
    return event => {
      if (over) return
      mouth(event)
      over = event === undefined || event.type === 'fault'
      if (over) emit({ data: writing.end() })
    }
  }

const listed = (error: GatewayError): Json => [renderError(error)]

/** As Google answers `streamGenerateContent` without `alt=sse`, errors too. White space between items is the sign of life. */
export const geminiList: Ingress = {
  ...gemini,
  renderStream: renderItems,
  renderFrame: ({ data }) => data,
  renderError: listed,
  renderStreamError: error => JSON.stringify(listed(error)),
  streamType: 'application/json',
  textRetention: undefined,
  heartbeat: '\n',
  passthrough: { ...gemini.passthrough, pipeStream: exchange => passChunks(exchange, asItems()) },
}
