/** The stream of a client that did not ask for server-sent events: one JSON list whose items come one by one. */
import type { GatewayError } from '../../base/errors.ts'
import type { Json } from '../../base/json/json.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Frame, Ingress, Stage } from '../protocol.ts'
import { renderError } from './error.ts'
import { gemini } from './index.ts'
import { type ChunkWriter, pipeChunks } from './passthrough.ts'
import { renderStream } from './stream.ts'

const createArrayWriter = (): ChunkWriter => {
  let hasItems = false
  return {
    chunk(text) {
      const separator = hasItems ? ',\r\n' : '['
      hasItems = true
      return separator + text
    },
    end: () => (hasItems ? ']\n' : '[]\n'),
  }
}

/** Frames are pieces of the list as they stand on the wire: its end is one as well. */
const renderArrayStream =
  (exchange: Exchange): Stage<Event, Frame> =>
  emit => {
    const writer = createArrayWriter()
    let hasEnded = false
    const render = renderStream(exchange)(({ data }) => emit({ data: writer.chunk(data) }))
    return event => {
      if (hasEnded) return
      render(event)
      hasEnded = event === undefined || event.type === 'fault'
      if (hasEnded) emit({ data: writer.end() })
    }
  }

const errorArray = (error: GatewayError): Json => [renderError(error)]

/** As Google answers `streamGenerateContent` without `alt=sse`, errors too. White space between items is the sign of life. */
export const geminiJsonArray: Ingress = {
  ...gemini,
  renderStream: renderArrayStream,
  renderFrame: ({ data }) => data,
  renderError: errorArray,
  renderStreamError: error => JSON.stringify(errorArray(error)),
  streamType: 'application/json',
  textRetention: undefined,
  heartbeat: '\n',
  passthrough: { ...gemini.passthrough, pipeStream: exchange => pipeChunks(exchange, createArrayWriter()) },
}
