/** The stream of a client that did not ask for server-sent events: one JSON array whose items are sent one by one. */
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

/** Each frame is a piece of the array's text. The closing bracket is a frame, too. */
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

/**
 * The format of `streamGenerateContent` without `alt=sse`, including its errors. White space between items is the
 * heartbeat.
 */
export const geminiJsonArray: Ingress = {
  ...gemini,
  renderStream: renderArrayStream,
  renderFrame: ({ data }) => data,
  renderError: errorArray,
  renderStreamError: error => JSON.stringify(errorArray(error)),
  streamType: 'application/json',
  deltaTraits: undefined,
  heartbeat: '\n',
  passthrough: { ...gemini.passthrough, pipeStream: exchange => pipeChunks(exchange, createArrayWriter()) },
}
