/**
 * Passthrough of Responses. Frames are passed through unchanged, except for the model and for what the vendor got
 * wrong.
 */
import type { GatewayError } from '../../base/errors.ts'
import { preserveExactNumbers } from '../../base/json/exact-numbers.ts'
import {
  applyEdits,
  isObject,
  type Json,
  type JsonObject,
  parseJson,
  replaceAtPath,
  scanTopLevel,
  textOf,
} from '../../base/json/json.ts'
import { isWrappedSeal, sealPrefix } from '../../ir/seal.ts'
import { writeRequest as writeModel } from '../openai-chat/chunks/rewrite-model.ts'
import type { Exchange, Frame, Passthrough, StreamPipe, StreamState } from '../protocol.ts'
import { redactFrame, renderFrame } from '../shared/sse-frame.ts'
import { unparsedFrame } from '../shared/vendor-error.ts'
import { parseFault, renderErrorEvent, renderFailure, streamCut } from './error.ts'
import { readResponse } from './message.ts'
import { createStreamNormalizer } from './normalize.ts'
import { previousResponseIdOf } from './stored/previous-response.ts'
import { isGatewayId } from './turns.ts'
import { parseUsage } from './usage.ts'

/** Responses always reports usage, so a client need not request it. */
const readRequest: Passthrough['readRequest'] = ({ model, stream }) => ({
  ...(typeof model === 'string' && model !== '' && { model }),
  stream: stream === true,
  usageRequested: true,
})

/**
 * Removes reasoning items that the target vendor cannot use: reasoning that another vendor sealed, or that the gateway
 * wrote for another vendor.
 */
const writeRequest: Passthrough['writeRequest'] = (text, body, { model }) => {
  if (!text.includes(sealPrefix) || !Array.isArray(body.input))
    return writeModel(text, body, { model, requestUsage: false })
  const exactBody = preserveExactNumbers(text, body)
  const input = (exactBody.input as Json[]).flatMap(item =>
    isObject(item) && item.type === 'reasoning' ? keptReasoning(item) : [item],
  )
  return JSON.stringify({ ...exactBody, model, input })
}

/**
 * Encrypted content is bound to the id that its vendor gave. The vendor accepts it without an id, but not with an id of
 * the gateway.
 */
const keptReasoning = (item: JsonObject): JsonObject[] => {
  const { id, ...rest } = item
  if (isWrappedSeal(item.encrypted_content)) return []
  if (!isGatewayId(id)) return [item]
  return typeof item.encrypted_content === 'string' ? [rest] : []
}

/** Renders an error as a frame of the stream. */
export const renderStreamError = (error: GatewayError): string =>
  renderFrame({ event: 'error', data: JSON.stringify(renderErrorEvent(error, 0)) })

/** Events whose `response` names the model: `progressEvents` during the answer, `finalEvents` at its end. */
const progressEvents: ReadonlySet<string> = new Set(['response.created', 'response.queued', 'response.in_progress'])
const finalEvents: ReadonlySet<string> = new Set(['response.completed', 'response.incomplete'])

/** The events that hold what the model wrote. All others are redacted, deltas of unknown names among them. */
const contentEvents: ReadonlySet<string> = new Set(
  [
    ...['output_text', 'refusal', 'reasoning', 'reasoning_text', 'reasoning_summary', 'reasoning_summary_text'],
    ...['function_call_arguments', 'custom_tool_call_input', 'mcp_call_arguments', 'code_interpreter_call_code'],
    ...['audio', 'audio.transcript', 'output_audio', 'output_audio_transcript'],
  ]
    .flatMap(name => [`response.${name}.delta`, `response.${name}.done`])
    .concat(
      ['output_item', 'content_part', 'reasoning_part', 'reasoning_summary_part'].flatMap(name => [
        `response.${name}.added`,
        `response.${name}.done`,
      ]),
    )
    .concat(['response.output_text.annotation.added', 'response.image_generation_call.partial_image', ...finalEvents]),
)

const contentDeltas: ReadonlySet<string> = new Set([...contentEvents].filter(event => event.endsWith('.delta')))

/** Passes one stream through. */
class ResponsesPipe implements StreamPipe {
  readonly state: StreamState = { content: false }
  readonly #normalizer = createStreamNormalizer()
  /** The last frame that was sent. The next sequence number follows its number. */
  #lastData = ''
  /** The last complete response object. */
  #response: JsonObject

  constructor(private readonly exchange: Exchange) {
    this.#response = { id: exchange.id, object: 'response', model: exchange.model, output: [] }
  }

  push(frame: Frame): string {
    const { state } = this
    if (state.finished || state.fault || frame.data === '' || frame.data.trim() === '[DONE]') return ''
    const type = typeOf(frame)
    if (
      contentDeltas.has(type) &&
      frame.data.startsWith('{') &&
      !this.exchange.patchResponse &&
      this.#normalizer.isUnchanged
    ) {
      state.content = true
      this.#lastData = frame.data
      return renderFrame({ event: type, data: frame.data })
    }
    return this.#pushParsed(type, frame)
  }

  flush(): string {
    return ''
  }

  end(): string {
    if (!this.state.finished) this.state.fault ??= streamCut()
    return ''
  }

  fail(error: GatewayError): string {
    const sequenceNumber = sequenceNumberOf(this.#lastData) + 1
    const failed = { ...this.#response, status: 'failed', error: renderFailure(error) }
    this.#normalizer.normalizeResponse(failed)
    const event = { type: 'response.failed', sequence_number: sequenceNumber + 1, response: failed }
    return (
      renderFrame({ event: 'error', data: JSON.stringify(renderErrorEvent(error, sequenceNumber)) }) +
      (this.#lastData === '' ? '' : renderFrame({ event: 'response.failed', data: JSON.stringify(event) }))
    )
  }

  /** Passes a frame that must be parsed: it is no delta, or the deltas of this stream are changed. */
  #pushParsed(type: string, frame: Frame): string {
    const { exchange, state } = this
    const body = parseJson(frame.data)
    if (!isObject(body)) return renderFrame(unparsedFrame(frame, exchange))
    exchange.patchResponse?.(body)
    if (type === 'error' || type === 'response.failed' || type === '') {
      state.fault = parseFault(body, exchange)
      return ''
    }
    if (progressEvents.has(type) || finalEvents.has(type)) return this.#passResponseEvent(type, body, frame.data)
    if (isDelta(type) || type === 'response.output_item.done') state.content = true
    const normalizedType = this.#normalizer.normalizeEvent(type, body)
    return this.#renderEvent(
      normalizedType ?? type,
      normalizedType !== undefined || exchange.patchResponse ? JSON.stringify(body) : frame.data,
    )
  }

  #passResponseEvent(type: string, body: JsonObject, text: string): string {
    const { exchange, state } = this
    const vendorResponse = isObject(body.response) ? body.response : {}
    state.model ??= textOf(vendorResponse.model)
    if (finalEvents.has(type)) {
      state.finished = true
      state.isEmpty = !state.content && isEmptyResponse(vendorResponse)
      state.content = true
      state.usage = parseUsage(vendorResponse.usage) ?? state.usage
    }
    const isChanged = [
      this.#normalizer.normalizeResponse(vendorResponse),
      restorePreviousResponseId(vendorResponse, exchange),
      exchange.patchResponse !== undefined,
    ].includes(true)
    const response = { ...vendorResponse, model: exchange.model }
    this.#response = response
    return this.#renderEvent(
      type,
      isChanged
        ? JSON.stringify({ ...body, response })
        : replaceAtPath(text, ['response', 'model'], JSON.stringify(exchange.model)),
    )
  }

  #renderEvent(event: string, data: string): string {
    this.#lastData = data
    const frame = { event, data }
    return renderFrame(contentEvents.has(event) ? frame : redactFrame(frame, this.exchange))
  }
}

/** The result is an object literal, because its consumers spread it, and a spread loses the methods of a class. */
const pipeStream = (exchange: Exchange): StreamPipe => {
  const pipe = new ResponsesPipe(exchange)
  return {
    state: pipe.state,
    push: frame => pipe.push(frame),
    flush: () => pipe.flush(),
    end: () => pipe.end(),
    fail: error => pipe.fail(error),
  }
}

/**
 * Restores `previous_response_id` in an answer whose vendor received the earlier conversation in full, not by its id.
 * Returns true if anything was changed.
 */
const restorePreviousResponseId = (response: JsonObject, { clientRequest }: Exchange): boolean => {
  const id = clientRequest && previousResponseIdOf(clientRequest)
  if (id === undefined || response.previous_response_id === id) return false
  response.previous_response_id = id
  return true
}

const isDelta = (type: string): boolean => type.endsWith('.delta')

/**
 * Returns the type of an event, or an empty string. Some vendors omit the name of the event; it is then searched in the
 * data. Inside a string of the data its quotes would be escaped, so the match is safe.
 */
const typeOf = ({ event, data }: Frame): string => {
  if (event !== undefined && event !== 'message') return event
  for (const before of ['"type":"response.', '"type": "response.']) {
    const at = data.indexOf(before)
    if (at >= 0) return data.slice(at + before.length - 'response.'.length, data.indexOf('"', at + before.length))
  }
  const body = parseJson(data)
  return isObject(body) ? (textOf(body.type) ?? '') : ''
}

const sequenceNumberOf = (text: string): number => {
  const body = text === '' ? undefined : parseJson(text)
  return isObject(body) && typeof body.sequence_number === 'number' ? body.sequence_number : -1
}

const passMessage: Passthrough['passMessage'] = (text, exchange) => {
  const body = readResponse(parseJson(text) ?? text, exchange)
  if (body.status === 'failed') throw parseFault(body, exchange)
  const model = textOf(body.model)
  const usage = parseUsage(body.usage)
  const span = exchange.patchResponse ? undefined : scanTopLevel(text)?.members.get('model')
  const put = JSON.stringify(exchange.model)
  const isChanged = restorePreviousResponseId(body, exchange)
  const rendered =
    span && !isChanged
      ? applyEdits(text, [{ start: span.start, end: span.end, newText: put }])
      : JSON.stringify({ ...body, model: exchange.model })
  const cleaned = Array.isArray(body.output) && body.output.length > 0 ? rendered : exchange.redact(rendered)
  const isEmpty = isEmptyResponse(body)
  return { text: cleaned, ...(usage && { usage }), ...(model !== undefined && { model }), ...(isEmpty && { isEmpty }) }
}

/** Completed without any output. A background response has none yet and is not completed. */
const isEmptyResponse = ({ status, output }: JsonObject): boolean =>
  status === 'completed' && Array.isArray(output) && output.length === 0

export const passthrough: Passthrough = { readRequest, writeRequest, pipeStream, passMessage }
