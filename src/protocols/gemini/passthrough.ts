/** What a pass of generateContent sees. Whole frames go on as they came, but for the model. */
import type { GatewayError } from '../../base/errors.ts'
import { preserveExactNumbers } from '../../base/json/exact-numbers.ts'
import { isObject, type JsonObject, parseJson, scanTopLevel, textOf, withMembers } from '../../base/json/json.ts'
import { writeJson } from '../../base/json/raw.ts'
import { isWrappedSeal, sealPrefix } from '../../ir/seal.ts'
import type { Exchange, Frame, Passthrough, StreamPipe, StreamState } from '../protocol.ts'
import { faultFrom, renderError, tellsFault } from './error.ts'
import { wordOf } from './finish.ts'
import { parseMessage, readChunks, renderMessage } from './message.ts'
import { mendChunk } from './normalize.ts'
import { livingPart, sentinel } from './parts/part.ts'
import { cut } from './stream.ts'
import { listOf } from './syntax/casing.ts'
import { demandsSignatures } from './thinking.ts'
import { parseUsage } from './usage.ts'

/** How chunks stand on the wire: as events, or as the items of a list. */
export type Writing = { chunk: (text: string) => string; end: () => string }

const asEvents: Writing = { chunk: text => `data: ${text}\n\n`, end: () => '' }

export const renderFrame = ({ data }: Frame): string => asEvents.chunk(data)
export const renderStreamError = (error: GatewayError): string => asEvents.chunk(JSON.stringify(renderError(error)))

/** A chunk that says nothing: comments break libraries of Google's that take every line for data. */
export const heartbeat = asEvents.chunk(
  JSON.stringify({ candidates: [{ content: { parts: [livingPart()], role: 'model' }, index: 0 }] }),
)

/** Model and stream stand in the address; a stream tells its usage unasked. */
export const readRequest: Passthrough['readRequest'] = () => ({ stream: false, usageRequested: false })

/** The model is in the address; one in the body is replaced as well. Foreign seals, which only another vendor can read, are taken out. */
export const writeRequest: Passthrough['writeRequest'] = (text, body, { model }) => {
  const sealed = text.includes(sealPrefix)
  if (!sealed && body.model === undefined) return text
  const named = body.model === undefined ? {} : { model: `models/${model}` }
  const { contents } = body
  if (!sealed || contents === undefined) return withMembers(text, named) ?? JSON.stringify({ ...body, ...named })
  const whole = preserveExactNumbers(text, body)
  const bare = listOf(whole.contents).map(content => withoutSeals(content, model))
  return JSON.stringify({ ...whole, ...named, contents: bare.filter(content => content.parts.length > 0) })
}

const withoutSeals = (content: JsonObject, model: string) => ({
  ...content,
  parts: listOf(content.parts).flatMap(part => {
    const { thoughtSignature, thought_signature: snake, ...rest } = part
    if (!isWrappedSeal(thoughtSignature) && !isWrappedSeal(snake)) return [part]
    if (rest.text === '' && Object.keys(rest).every(key => key === 'text' || key === 'thought')) return []
    const isCall = 'functionCall' in rest || 'function_call' in rest
    return [isCall && demandsSignatures(model) ? { ...rest, thoughtSignature: sentinel } : rest]
  }),
})

export const passStream = (exchange: Exchange): StreamPipe => passChunks(exchange, asEvents)

/** A stream that tells no finish was cut. */
export const passChunks = (exchange: Exchange, writing: Writing): StreamPipe => {
  const seen: StreamState = { content: false }
  let finished = false

  const push = ({ data }: Frame): string => {
    if (data === '' || data === '[DONE]') return ''
    const body = parseJson(data)
    if (!isObject(body)) {
      exchange.loss('stream', 'a frame that is no JSON object was left out')
      return ''
    }
    exchange.patchResponse?.(body)
    if (tellsFault(body)) {
      seen.fault = faultFrom(body, exchange)
      return ''
    }
    finished = look(body, seen) || finished
    const isAsItCame = !mendChunk(body) && !exchange.patchResponse
    return writing.chunk(
      isAsItCame ? withModel(data, body, exchange.model) : JSON.stringify(renamed(body, exchange.model)),
    )
  }

  return {
    state: seen,
    push,
    flush: () => '',
    end() {
      if (!finished) seen.fault ??= cut()
      return seen.fault ? '' : writing.end()
    },
    fail: error => writing.chunk(JSON.stringify(renderError(error))) + writing.end(),
  }
}

/** Notes what a chunk says; true if it says why the answer ends. */
const look = (body: JsonObject, seen: StreamState): boolean => {
  seen.model ??= textOf(body.modelVersion) || undefined
  seen.usage = parseUsage(body.usageMetadata) ?? seen.usage
  let finished = isObject(body.promptFeedback) && wordOf(body.promptFeedback.blockReason) !== undefined
  for (const { content, finishReason } of listOf(body.candidates)) {
    if (isObject(content) && listOf(content.parts).some(saysSomething)) seen.content = true
    if (wordOf(finishReason) !== undefined) finished = true
  }
  return finished
}

const saysSomething = (part: JsonObject): boolean => part.text !== '' && Object.keys(part).length > 0

const renamed = (body: JsonObject, model: string): JsonObject =>
  body.modelVersion === undefined ? body : { ...body, modelVersion: model }

const key = '"modelVersion"'

/** JSON text with the client's model. Nearly always the vendor's stands there once, so that its place need not be looked for. */
export const withModel = (text: string, body: JsonObject, model: string): string => {
  if (body.modelVersion === undefined) return text
  const at = text.indexOf(key)
  const value = JSON.stringify(body.modelVersion)
  if (at >= 0 && text.indexOf(key, at + key.length) < 0) {
    const start = text.indexOf(value, at + key.length)
    if (start >= 0 && /^\s*:\s*$/.test(text.slice(at + key.length, start)))
      return text.slice(0, start) + JSON.stringify(model) + text.slice(start + value.length)
  }
  const span = scanTopLevel(text)?.members.get('modelVersion')
  return span
    ? text.slice(0, span.start) + JSON.stringify(model) + text.slice(span.end)
    : JSON.stringify(renamed(body, model))
}

const passMessage: Passthrough['passMessage'] = (text, exchange) => {
  const given = parseJson(text)
  const chunks = readChunks(given ?? text, exchange)
  const [only] = chunks
  if (only === undefined || chunks.length > 1) return passTogether(chunks, exchange)
  const usage = parseUsage(only.usageMetadata)
  const model = textOf(only.modelVersion)
  const isAsItCame = !mendChunk(only) && isObject(given) && !exchange.patchResponse
  return {
    text: isAsItCame ? withModel(text, only, exchange.model) : JSON.stringify(renamed(only, exchange.model)),
    ...(usage && { usage }),
    ...(model !== undefined && { model }),
  }
}

/** A vendor that answered with the list of a stream where one whole answer was asked for. */
const passTogether = (chunks: JsonObject[], exchange: Exchange): ReturnType<Passthrough['passMessage']> => {
  const message = parseMessage(chunks, { ...exchange, patchResponse: () => undefined })
  const { usage, model } = message
  return { text: writeJson(renderMessage(message, exchange)), ...(usage && { usage }), ...(model !== '' && { model }) }
}

export const passthrough: Passthrough = { readRequest, writeRequest, pipeStream: passStream, passMessage }
