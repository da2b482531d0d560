/**
 * Passthrough of generateContent: frames are forwarded unchanged, except for the model and what the vendor got wrong.
 */
import type { GatewayError } from '../../base/errors.ts'
import { preserveExactNumbers } from '../../base/json/exact-numbers.ts'
import { isObject, type JsonObject, parseJson, scanTopLevel, textOf, withMembers } from '../../base/json/json.ts'
import { writeJson } from '../../base/json/raw.ts'
import { isWrappedSeal, sealPrefix } from '../../ir/seal.ts'
import type { Exchange, Frame, Passthrough, StreamPipe, StreamState } from '../protocol.ts'
import { faultFrom, isErrorBody, renderError } from './error.ts'
import { reasonNameOf } from './finish.ts'
import { parseMessage, readChunks, renderMessage } from './message.ts'
import { normalizeChunk } from './normalize.ts'
import { heartbeatPart, sentinel } from './parts/part.ts'
import { streamCutError } from './stream.ts'
import { listOf } from './syntax/casing.ts'
import { requiresSignatures } from './thinking.ts'
import { parseUsage } from './usage.ts'

/** Writes chunks as server-sent events or as items of a JSON array. */
export type ChunkWriter = { chunk: (text: string) => string; end: () => string }

const sseWriter: ChunkWriter = { chunk: text => `data: ${text}\n\n`, end: () => '' }

export const renderFrame = ({ data }: Frame): string => sseWriter.chunk(data)
export const renderStreamError = (error: GatewayError): string => sseWriter.chunk(JSON.stringify(renderError(error)))

/** An empty chunk is the heartbeat: some of Google's libraries read every line as data and fail at SSE comments. */
export const heartbeat = sseWriter.chunk(
  JSON.stringify({ candidates: [{ content: { parts: [heartbeatPart()], role: 'model' }, index: 0 }] }),
)

/** Model and streaming are part of the URL. A stream always reports its usage. */
const readRequest: Passthrough['readRequest'] = () => ({ stream: false, usageRequested: false })

/**
 * Replaces a model in the body, besides the one in the URL. Removes seals of other protocols, which only another vendor
 * can read.
 */
const writeRequest: Passthrough['writeRequest'] = (text, body, { model }) => {
  const hasWrappedSeals = text.includes(sealPrefix)
  if (!hasWrappedSeals && body.model === undefined) return text
  const modelField = body.model === undefined ? {} : { model: `models/${model}` }
  const { contents } = body
  if (!hasWrappedSeals || contents === undefined)
    return withMembers(text, modelField) ?? JSON.stringify({ ...body, ...modelField })
  const exactBody = preserveExactNumbers(text, body)
  const cleanContents = listOf(exactBody.contents).map(content => withoutSeals(content, model))
  return JSON.stringify({
    ...exactBody,
    ...modelField,
    contents: cleanContents.filter(content => content.parts.length > 0),
  })
}

const withoutSeals = (content: JsonObject, model: string) => ({
  ...content,
  parts: listOf(content.parts).flatMap(part => {
    const { thoughtSignature, thought_signature: snake, ...rest } = part
    if (!isWrappedSeal(thoughtSignature) && !isWrappedSeal(snake)) return [part]
    if (
      rest.text === '' &&
      Object.keys(rest).every(modelVersionKey => modelVersionKey === 'text' || modelVersionKey === 'thought')
    )
      return []
    const isCall = 'functionCall' in rest || 'function_call' in rest
    return [isCall && requiresSignatures(model) ? { ...rest, thoughtSignature: sentinel } : rest]
  }),
})

const pipeStream = (exchange: Exchange): StreamPipe => pipeChunks(exchange, sseWriter)

/** Forwards the chunks of a stream. A stream without a finish reason was cut. */
export const pipeChunks = (exchange: Exchange, writer: ChunkWriter): StreamPipe => {
  const state: StreamState = { content: false }
  let hasFinish = false

  const push = ({ data }: Frame): string => {
    if (data === '' || data === '[DONE]') return ''
    const body = parseJson(data)
    if (!isObject(body)) {
      exchange.loss('stream', 'a frame that is not a JSON object was dropped')
      return ''
    }
    exchange.patchResponse?.(body)
    if (isErrorBody(body)) {
      state.fault = faultFrom(body, exchange)
      return ''
    }
    const isContent = carriesContent(body)
    if (isContent) state.content = true
    hasFinish = inspectChunk(body, state) || hasFinish
    const isUnchanged = !normalizeChunk(body) && !exchange.patchResponse
    const text = isUnchanged
      ? withModel(data, body, exchange.model)
      : JSON.stringify(withModelVersion(body, exchange.model))
    return writer.chunk(isContent ? text : exchange.redact(text))
  }

  return {
    state,
    push,
    flush: () => '',
    end() {
      if (!hasFinish) state.fault ??= streamCutError()
      return state.fault ? '' : writer.end()
    },
    fail: error => writer.chunk(JSON.stringify(renderError(error))) + writer.end(),
  }
}

/** Updates the state from a chunk. Returns whether the chunk contains a finish or block reason. */
const inspectChunk = (body: JsonObject, state: StreamState): boolean => {
  state.model ??= textOf(body.modelVersion) || undefined
  state.usage = parseUsage(body.usageMetadata) ?? state.usage
  let hasFinish = isObject(body.promptFeedback) && reasonNameOf(body.promptFeedback.blockReason) !== undefined
  for (const { finishReason } of listOf(body.candidates)) {
    const reason = reasonNameOf(finishReason)
    if (reason !== undefined) hasFinish = true
    state.isEmpty = reason === 'STOP' && !state.content
  }
  return hasFinish
}

/** Whether a chunk holds what the model wrote. Any other is redacted. */
const carriesContent = ({ candidates }: JsonObject): boolean =>
  listOf(candidates).some(({ content }) => isObject(content) && listOf(content.parts).some(hasContent))

const hasContent = (part: JsonObject): boolean => part.text !== '' && Object.keys(part).length > 0

const withModelVersion = (body: JsonObject, model: string): JsonObject =>
  body.modelVersion === undefined ? body : { ...body, modelVersion: model }

const modelVersionKey = '"modelVersion"'

/**
 * Replaces the model in the JSON text. Usually `modelVersion` occurs once, so that the text need not be parsed for its
 * position.
 */
const withModel = (text: string, body: JsonObject, model: string): string => {
  if (body.modelVersion === undefined) return text
  const at = text.indexOf(modelVersionKey)
  const value = JSON.stringify(body.modelVersion)
  if (at >= 0 && text.indexOf(modelVersionKey, at + modelVersionKey.length) < 0) {
    const start = text.indexOf(value, at + modelVersionKey.length)
    if (start >= 0 && /^\s*:\s*$/.test(text.slice(at + modelVersionKey.length, start)))
      return text.slice(0, start) + JSON.stringify(model) + text.slice(start + value.length)
  }
  const span = scanTopLevel(text)?.members.get('modelVersion')
  return span
    ? text.slice(0, span.start) + JSON.stringify(model) + text.slice(span.end)
    : JSON.stringify(withModelVersion(body, model))
}

const passMessage: Passthrough['passMessage'] = (text, exchange) => {
  const given = parseJson(text)
  const chunks = readChunks(given ?? text, exchange)
  const [only] = chunks
  if (only === undefined || chunks.length > 1) return joinChunks(chunks, exchange)
  const usage = parseUsage(only.usageMetadata)
  const model = textOf(only.modelVersion)
  const isUnchanged = !normalizeChunk(only) && isObject(given) && !exchange.patchResponse
  const rendered = isUnchanged
    ? withModel(text, only, exchange.model)
    : JSON.stringify(withModelVersion(only, exchange.model))
  return {
    text: carriesContent(only) ? rendered : exchange.redact(rendered),
    ...(usage && { usage }),
    ...(model !== undefined && { model }),
    ...(isEmptyChunk(only) && { isEmpty: true }),
  }
}

const isEmptyChunk = (body: JsonObject): boolean => {
  const state: StreamState = { content: false }
  inspectChunk(body, state)
  return state.isEmpty === true
}

/** Merges the chunks of a vendor that sent a stream's array although a complete response was requested. */
const joinChunks = (chunks: JsonObject[], exchange: Exchange): ReturnType<Passthrough['passMessage']> => {
  const message = parseMessage(chunks, { ...exchange, patchResponse: () => undefined })
  const { usage, model } = message
  return { text: writeJson(renderMessage(message, exchange)), ...(usage && { usage }), ...(model !== '' && { model }) }
}

export const passthrough: Passthrough = { readRequest, writeRequest, pipeStream, passMessage }
