/** What a pass of the other OpenAI paths sees: the model, the usage, faults, and where a stream ends. */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type JsonObject, type Members, parseJson, splice, textOf, topLevel } from '../../base/json/json.ts'
import type { ProtocolId } from '../../ir/chat.ts'
import { writeRequest } from '../openai-chat/chunks/rewrite-model.ts'
import { renderError } from '../openai-chat/error.ts'
import type { Shape } from '../openai-chat/normalize.ts'
import { passChoices, readRequest } from '../openai-chat/passthrough.ts'
import { parseUsage } from '../openai-chat/usage.ts'
import type { Exchange, Frame, Passthrough, StreamPipe, StreamState } from '../protocol.ts'
import { renderFrame } from '../shared/sse-frame.ts'
import { faultFrom, isErrorBody, notAnAnswer, unparsedFrame } from '../shared/vendor-error.ts'

/** The path whose stream is one of choices, as that of Chat Completions, and knows `stream_options`. */
const completions: ProtocolId = 'completions'
/** Paths whose answer may be plain text: a transcript, subtitles. */
const worded: ReadonlySet<ProtocolId> = new Set(['audio/transcriptions', 'audio/translations'])

/** The watch of the path that is named after what follows `/v1/`. */
export const passthroughFor = (path: ProtocolId): Passthrough => ({
  readRequest,
  writeRequest: (text, body, { model, requestUsage }) =>
    writeRequest(text, body, { model, requestUsage: requestUsage && path === completions }),
  pipeStream: exchange => (path === completions ? passChoices(textShape, exchange) : passFrames(exchange)),
  passMessage: (text, exchange) => passMessage(path, text, exchange),
})

/** The choices of the elder Completions in a stream. */
const textShape: Shape = {
  object: 'text_completion',
  bare: (index, finish) => ({ text: '', index, logprobs: null, finish_reason: finish }),
  says: ({ text }) => typeof text === 'string' && text !== '',
  mend(body) {
    if (typeof body.text === 'string') return false
    body.text = isObject(body.delta) ? (textOf(body.delta.content) ?? '') : ''
    return true
  },
}

/** Streams of events with names of their own (speech, transcripts, images): each goes on as it came, with its name. */
const passFrames = (exchange: Exchange): StreamPipe => {
  const seen: StreamState = { content: false }

  const push = (frame: Frame): string => {
    if (seen.finished || seen.fault || frame.data === '') return ''
    if (frame.data.trim() === '[DONE]') {
      seen.finished = true
      return renderFrame(frame)
    }
    const body = parseJson(frame.data)
    if (frame.event === 'error' || (isObject(body) && (body.type === 'error' || isErrorBody(body)))) {
      seen.fault = faultFrom(body ?? frame.data, exchange)
      return ''
    }
    seen.content = true
    if (!isObject(body)) return renderFrame(unparsedFrame(frame, exchange))
    exchange.patchResponse?.(body)
    seen.model ??= textOf(body.model)
    seen.usage = parseUsage(body.usage) ?? seen.usage
    if (typeof body.model !== 'string' && !exchange.patchResponse) return renderFrame(frame)
    if (typeof body.model === 'string') body.model = exchange.model
    return renderFrame({ ...frame, data: JSON.stringify(body) })
  }

  const end = (): string => {
    if (!seen.content && !seen.finished)
      seen.fault ??= new GatewayError('upstream_failed', "the vendor's stream was cut")
    return ''
  }

  const fail = (error: GatewayError): string =>
    renderFrame({ event: 'error', data: JSON.stringify(renderError(error)) })
  return { state: seen, push, flush: () => '', end, fail }
}

/** Nothing is built from a large body (vectors, pictures): model and usage are found by their place in the text. */
const passMessage = (path: ProtocolId, text: string, exchange: Exchange): ReturnType<Passthrough['passMessage']> => {
  const found = topLevel(text)
  if (found === undefined) return passWords(path, text, exchange)
  if (exchange.patchResponse || !found.exact) return passBuilt(text, exchange)
  const head = headOf(text, found)
  if (isErrorBody(head)) throw faultFrom(JSON.parse(text) as JsonObject, exchange)
  const span = found.members.get('model')
  const model = textOf(head.model)
  const put = JSON.stringify(exchange.model)
  return {
    text: span && model !== undefined ? splice(text, [{ ...span, put }]) : text,
    ...usageOf(head),
    ...(model !== undefined && { model }),
  }
}

/** Members that are never large, built for the eye of the checks. */
const small = [
  'model',
  'usage',
  'error',
  'errors',
  'base_resp',
  'object',
  'code',
  'error_code',
  'message',
  'msg',
  'meta',
]
const headOf = (text: string, { members }: Members): JsonObject => {
  const head: JsonObject = {}
  for (const key of small) {
    const span = members.get(key)
    const value = span && span.end - span.start < 65_536 ? parseJson(text.slice(span.start, span.end)) : undefined
    if (value !== undefined) head[key] = value
  }
  return head
}

/** Rerankers count under `meta.tokens` or `meta.billed_units` (Cohere, Jina). */
const usageOf = ({ usage, meta }: JsonObject) => {
  const counted =
    parseUsage(usage) ?? (isObject(meta) ? (parseUsage(meta.tokens) ?? parseUsage(meta.billed_units)) : undefined)
  return counted && { usage: counted }
}

const passBuilt = (text: string, exchange: Exchange): ReturnType<Passthrough['passMessage']> => {
  const body = parseJson(text)
  if (!isObject(body)) throw notAnAnswer(text, exchange)
  exchange.patchResponse?.(body)
  if (isErrorBody(body)) throw faultFrom(body, exchange)
  const model = textOf(body.model)
  if (model !== undefined) body.model = exchange.model
  return { text: JSON.stringify(body), ...usageOf(body), ...(model !== undefined && { model }) }
}

const passWords = (path: ProtocolId, text: string, exchange: Exchange): { text: string } => {
  const start = text.slice(0, 200).trimStart()
  const page = start.startsWith('<') || start.startsWith('{')
  if (worded.has(path) && !page) return { text }
  if (start.startsWith('[') && parseJson(text) !== undefined) return { text }
  throw notAnAnswer(text, exchange)
}
