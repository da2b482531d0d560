/**
 * Passthrough of Chat Completions. Frames are passed through unchanged, except for the model and for what the vendor
 * got wrong.
 */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'
import { sealPrefix } from '../../ir/seal.ts'
import type { Exchange, Frame, Passthrough, StreamPipe } from '../protocol.ts'
import type { TextDelta } from '../shared/frame-template/pattern.ts'
import { TemplatedPipe } from '../shared/frame-template/templated-pipe.ts'
import { renderFrame } from '../shared/sse-frame.ts'
import { faultFrom, isErrorBody, notAnAnswer } from '../shared/vendor-error.ts'
import { ChunkNormalizer } from './chunks/chunk-normalizer.ts'
import type { Chunk } from './chunks/finish-choices.ts'
import { modelReplacer, replaceModel, writeRequest } from './chunks/rewrite-model.ts'
import { textDeltaOf } from './chunks/text-delta.ts'
import { renderError } from './error.ts'
import { type ChoiceFormat, chatFormat, normalizeMessage } from './normalize.ts'
import { withoutSealSlots } from './reasoning/seal-slot.ts'
import { usageIn } from './usage.ts'
import { volatileFields } from './wire.ts'

export const readRequest: Passthrough['readRequest'] = ({ model, stream, stream_options: options }) => ({
  ...(typeof model === 'string' && model !== '' && { model }),
  stream: stream === true,
  usageRequested: isObject(options) && options.include_usage === true,
})

/** Renders an error as a frame of the stream. */
export const renderStreamError = (error: GatewayError): string =>
  renderFrame({ data: JSON.stringify(renderError(error)) })

/** Passes through a stream of choices: Chat Completions, or the older Completions, which has no messages. */
export const pipeChoices = (format: ChoiceFormat, exchange: Exchange): StreamPipe =>
  new TemplatedPipe(pipeEveryFrame(format, exchange))

const pipeEveryFrame = (format: ChoiceFormat, exchange: Exchange): StreamPipe => {
  const withModel = modelReplacer(exchange.model)
  let out = ''
  /** The chunks that the current frame has produced. */
  let chunks: Chunk[] = []
  /** The last frame, parsed, if it was sent unchanged. */
  let unchangedBody: JsonObject | undefined

  const chunk = (chunk: Chunk): void => {
    const { body, text } = chunk
    chunks.push(chunk)
    if (!exchange.usageRequested && isObject(body.usage) && isEmpty(body.choices)) return
    if (text === undefined) body.model = exchange.model
    const data = text === undefined ? JSON.stringify(body) : withModel(text)
    const hasContent = Array.isArray(body.choices) && body.choices.some(one => isObject(one) && format.hasContent(one))
    out += renderFrame({ data: hasContent ? data : exchange.redact(data) })
  }
  const unparsed = (frame: Frame): void => {
    out += renderFrame(frame)
  }
  const normalizer = new ChunkNormalizer(format, exchange, { chunk, unparsed })

  const takeOutput = (): string => {
    const text = out
    out = ''
    return text
  }

  return {
    state: normalizer.state,
    lastDelta(): TextDelta | undefined {
      const text = unchangedBody && textDeltaOf(unchangedBody)
      return text === undefined ? undefined : { text, isRetained: false, volatileFields }
    },
    push(frame) {
      chunks = []
      normalizer.push(frame)
      const [only] = chunks
      unchangedBody = chunks.length === 1 && only!.text === frame.data ? only!.body : undefined
      return takeOutput()
    },
    flush() {
      normalizer.flush()
      return takeOutput()
    },
    end() {
      normalizer.end()
      return normalizer.state.fault ? '' : `${takeOutput()}data: [DONE]\n\n`
    },
    fail: renderStreamError,
  }
}

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0

const passMessage: Passthrough['passMessage'] = (text, exchange) => {
  const body = readMessage(text, exchange)
  const model = textOf(body.model)
  const isChanged = normalizeMessage(body, exchange) || exchange.patchResponse !== undefined
  const usage = usageIn(body)
  if (isChanged) body.model = exchange.model
  const rendered = isChanged ? JSON.stringify(body) : replaceModel(text.trimStart(), model, exchange.model)
  const holdsNothing = isEmptyMessage(body)
  return {
    text: isEmpty(body.choices) ? exchange.redact(rendered) : rendered,
    ...(usage && { usage }),
    ...(model !== undefined && { model }),
    ...(holdsNothing && { isEmpty: true }),
  }
}

/** Every choice ends with a plain stop and holds nothing. */
const isEmptyMessage = ({ choices }: JsonObject): boolean =>
  Array.isArray(choices) &&
  choices.length > 0 &&
  choices.every(
    choice =>
      isObject(choice) &&
      choice.finish_reason === 'stop' &&
      isObject(choice.message) &&
      Object.entries(choice.message).every(([key, value]) => key === 'role' || isAbsent(value)),
  )

const isAbsent = (value: Json | undefined): boolean =>
  value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)

/**
 * Parses a non-streaming answer and applies the vendor's own corrections. Newlines that keep the connection alive may
 * come before it (OpenRouter).
 * @throws GatewayError the error the answer contains, or `upstream_failed` if it is not an answer
 */
export const readMessage = (text: string, exchange: Exchange): JsonObject => {
  const parsed = parseJson(text)
  const body = Array.isArray(parsed) && isObject(parsed[0]) ? parsed[0] : parsed
  if (!isObject(body)) throw notAnAnswer(text, exchange)
  exchange.patchResponse?.(body)
  if (isErrorBody(body)) throw faultFrom(body, exchange)
  if (!('choices' in body)) throw notAnAnswer(text, exchange)
  return body
}

export const passthrough: Passthrough = {
  readRequest,
  writeRequest(text, body, change) {
    if (!text.includes(sealPrefix)) return writeRequest(text, body, change)
    const bare = withoutSealSlots(body)
    return writeRequest(JSON.stringify(bare), bare, change)
  },
  pipeStream: exchange => pipeChoices(chatFormat, exchange),
  passMessage,
}
