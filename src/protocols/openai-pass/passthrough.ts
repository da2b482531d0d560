/** Passthrough of the other OpenAI paths: reads the model, the usage, errors and the end of a stream. */
import { GatewayError } from '../../base/errors.ts'
import {
  applyEdits,
  isObject,
  type Json,
  type JsonObject,
  parseJson,
  scanTopLevel,
  type TopLevelMembers,
  textOf,
} from '../../base/json/json.ts'
import type { ProtocolId } from '../../ir/chat.ts'
import { writeRequest } from '../openai-chat/chunks/rewrite-model.ts'
import { renderError } from '../openai-chat/error.ts'
import type { ChoiceFormat } from '../openai-chat/normalize.ts'
import { pipeChoices, readRequest } from '../openai-chat/passthrough.ts'
import { parseUsage } from '../openai-chat/usage.ts'
import type { Exchange, Frame, Passthrough, StreamPipe, StreamState } from '../protocol.ts'
import { redactFrame, renderFrame } from '../shared/sse-frame.ts'
import { faultFrom, isErrorBody, notAnAnswer, unparsedFrame } from '../shared/vendor-error.ts'

/** The path whose stream has choices, like that of Chat Completions, and which supports `stream_options`. */
export const completionsPath: ProtocolId = 'completions'
/** Paths whose answer may be plain text: a transcript, subtitles. */
const plainTextPaths: ReadonlySet<ProtocolId> = new Set(['audio/transcriptions', 'audio/translations'])

/** The passthrough of `path`, the part of the URL after `/v1/`. */
export const passthroughFor = (path: ProtocolId): Passthrough => ({
  readRequest,
  writeRequest: (text, body, { model, requestUsage }) =>
    writeRequest(text, body, { model, requestUsage: requestUsage && path === completionsPath }),
  pipeStream: exchange => (path === completionsPath ? pipeChoices(textShape, exchange) : passFrames(exchange)),
  passMessage: (text, exchange) => passMessage(path, text, exchange),
})

/** The shape of choices in a stream of the legacy Completions API. */
const textShape: ChoiceFormat = {
  object: 'text_completion',
  finishOnlyChoice: (index, finish) => ({ text: '', index, logprobs: null, finish_reason: finish }),
  hasContent: ({ text }) => typeof text === 'string' && text !== '',
  normalize(body) {
    if (typeof body.text === 'string') return false
    body.text = isObject(body.delta) ? (textOf(body.delta.content) ?? '') : ''
    return true
  },
}

const isErrorEvent = (body: Json | undefined): boolean => isObject(body) && (body.type === 'error' || isErrorBody(body))

/** The events of speech, transcripts and images, whose data is content. */
export const contentEvents: ReadonlySet<string> = new Set([
  ...['speech.audio.delta', 'transcript.text.delta', 'transcript.text.segment', 'transcript.text.done'],
  ...[
    'image_generation.partial_image',
    'image_generation.completed',
    'image_edit.partial_image',
    'image_edit.completed',
  ],
])

/** Whether an event holds what a model made. Any other is redacted, and so is an event of another name. */
const isContentEvent = ({ event }: Frame, { type }: JsonObject): boolean =>
  typeof type === 'string' && contentEvents.has(type) && (event === undefined || event === type)

/** Streams of named events (speech, transcripts, images): each frame passes as received, with its event name. */
const passFrames = (exchange: Exchange): StreamPipe => {
  const state: StreamState = { content: false }

  const push = (frame: Frame): string => {
    if (state.finished || state.fault || frame.data === '') return ''
    if (frame.data.trim() === '[DONE]') {
      state.finished = true
      return renderFrame(redactFrame(frame, exchange))
    }
    const body = parseJson(frame.data)
    if (frame.event === 'error' || isErrorEvent(body)) {
      state.fault = faultFrom(body ?? frame.data, exchange)
      return ''
    }
    state.content = true
    if (!isObject(body)) return renderFrame(unparsedFrame(frame, exchange))
    exchange.patchResponse?.(body)
    state.model ??= textOf(body.model)
    state.usage = parseUsage(body.usage) ?? state.usage
    const isUnchanged = typeof body.model !== 'string' && !exchange.patchResponse
    if (typeof body.model === 'string') body.model = exchange.model
    const passed = isUnchanged ? frame : { ...frame, data: JSON.stringify(body) }
    return renderFrame(isContentEvent(frame, body) ? passed : redactFrame(passed, exchange))
  }

  const end = (): string => {
    if (!state.content && !state.finished)
      state.fault ??= new GatewayError('upstream_failed', "the vendor's stream was cut")
    return ''
  }

  const fail = (error: GatewayError): string =>
    renderFrame({ event: 'error', data: JSON.stringify(renderError(error)) })
  return { state: state, push, flush: () => '', end, fail }
}

/** Large bodies (vectors, images) are not parsed: model and usage are found by their offsets in the text. */
const passMessage = (path: ProtocolId, text: string, exchange: Exchange): ReturnType<Passthrough['passMessage']> => {
  const found = scanTopLevel(text)
  if (found === undefined) return passPlainText(path, text, exchange)
  if (exchange.patchResponse || !found.exact) return passParsed(text, exchange)
  const fields = readSmallMembers(text, found)
  if (isErrorBody(fields)) throw faultFrom(JSON.parse(text) as JsonObject, exchange)
  const span = found.members.get('model')
  const model = textOf(fields.model)
  const newText = JSON.stringify(exchange.model)
  const rendered = span && model !== undefined ? applyEdits(text, [{ ...span, newText }]) : text
  return {
    text: contentMembers.some(key => isFilled(found.members.get(key))) ? rendered : exchange.redact(rendered),
    ...usageOf(fields),
    ...(model !== undefined && { model }),
  }
}

/** The members of answers that hold what a model made. A body that has none of them is redacted. */
const contentMembers = [
  ...['data', 'results', 'choices', 'output', 'text', 'segments', 'words', 'embeddings', 'embedding', 'predictions'],
  ...['images', 'audio', 'b64_json', 'artifacts', 'translations'],
]
/** Whether a member is more than `[]`, `""` or `{}`. */
const isFilled = (span: { start: number; end: number } | undefined): boolean =>
  span !== undefined && span.end - span.start > 2

/** Members that are never large. Only these are parsed, for the checks. */
const smallMembers = [
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
const readSmallMembers = (text: string, { members }: TopLevelMembers): JsonObject => {
  const fields: JsonObject = {}
  for (const key of smallMembers) {
    const span = members.get(key)
    const value = span && span.end - span.start < 65_536 ? parseJson(text.slice(span.start, span.end)) : undefined
    if (value !== undefined) fields[key] = value
  }
  return fields
}

/** Rerankers report usage under `meta.tokens` or `meta.billed_units` (Cohere, Jina). */
const usageOf = ({ usage, meta }: JsonObject) => {
  const parsed =
    parseUsage(usage) ?? (isObject(meta) ? (parseUsage(meta.tokens) ?? parseUsage(meta.billed_units)) : undefined)
  return parsed && { usage: parsed }
}

const passParsed = (text: string, exchange: Exchange): ReturnType<Passthrough['passMessage']> => {
  const body = parseJson(text)
  if (!isObject(body)) throw notAnAnswer(text, exchange)
  exchange.patchResponse?.(body)
  if (isErrorBody(body)) throw faultFrom(body, exchange)
  const model = textOf(body.model)
  if (model !== undefined) body.model = exchange.model
  const rendered = JSON.stringify(body)
  const members = scanTopLevel(rendered)?.members
  const hasContent = contentMembers.some(key => isFilled(members?.get(key)))
  return {
    text: hasContent ? rendered : exchange.redact(rendered),
    ...usageOf(body),
    ...(model !== undefined && { model }),
  }
}

const passPlainText = (path: ProtocolId, text: string, exchange: Exchange): { text: string } => {
  const start = text.slice(0, 200).trimStart()
  const isMarkup = start.startsWith('<') || start.startsWith('{')
  if (start.startsWith('[') && parseJson(text) !== undefined)
    return { text: /^[[\s]+-?\d/.test(start) ? text : exchange.redact(text) }
  if (plainTextPaths.has(path) && !isMarkup) return { text }
  throw notAnAnswer(text, exchange)
}
