/** Passthrough of Messages: frames are forwarded unchanged, except for the model and what the vendor got wrong. */
import type { GatewayError } from '../../base/errors.ts'
import { preserveExactNumbers } from '../../base/json/exact-numbers.ts'
import {
  applyEdits,
  isObject,
  type Json,
  type JsonObject,
  parseJson,
  scanTopLevel,
  textOf,
  withMembers,
} from '../../base/json/json.ts'
import { isWrappedSeal, sealPrefix } from '../../ir/seal.ts'
import type { Exchange, Frame, Passthrough, StreamPipe, StreamState } from '../protocol.ts'
import type { TextDelta } from '../shared/frame-template/pattern.ts'
import { redactFrame, renderFrame } from '../shared/sse-frame.ts'
import { unparsedFrame } from '../shared/vendor-error.ts'
import { faultFrom, renderError, streamCutError, streamRestartedError } from './error.ts'
import { traitsOf } from './model-traits.ts'
import { isToolUse, normalizeBlock, normalizeEnvelope, normalizeStopReason, readMessage } from './normalize.ts'
import { refuseThread } from './request.ts'
import { mergeUsage, parseUsage } from './usage.ts'

const readRequest: Passthrough['readRequest'] = ({ model, stream }) => ({
  ...(typeof model === 'string' && model !== '' && { model }),
  stream: stream === true,
  usageRequested: true,
})

/**
 * Replaces the model in the object at `path` of the text. Returns undefined if the text cannot be patched and must be
 * serialized again.
 */
const withModelIn = (text: string, path: string, model: string): string | undefined => {
  const found = scanTopLevel(text)
  const span = found?.exact ? found.members.get(path) : undefined
  const inner = span && withMembers(text.slice(span.start, span.end), { model })
  return inner === undefined ? undefined : applyEdits(text, [{ start: span!.start, end: span!.end, newText: inner }])
}

/**
 * Removes thoughts that hold another protocol's seal: they never came from this vendor.
 * Only Claude's vendors store conversation threads. Other vendors would not notice that they get only the end of a
 * conversation.
 * @throws GatewayError `invalid_request` if a thread is to be continued at a vendor that stores none.
 */
const writeRequest: Passthrough['writeRequest'] = (text, given, { model }) => {
  const unsupportedThread = traitsOf(model).isClaude ? undefined : given.thread
  refuseThread(unsupportedThread)
  if (unsupportedThread === undefined) return writeBody(text, given, model)
  const { thread: _thread, ...body } = given
  return writeBody(withMembers(text, { thread: undefined }) ?? JSON.stringify(body), body, model)
}

const writeBody = (text: string, body: JsonObject, model: string): string => {
  if (!text.includes(sealPrefix)) return withMembers(text, { model }) ?? JSON.stringify({ ...body, model })
  const exactBody = preserveExactNumbers(text, body)
  const messages = Array.isArray(exactBody.messages) ? exactBody.messages : []
  const keptMessages = messages.flatMap(message => {
    if (!isObject(message) || !Array.isArray(message.content)) return [message]
    const content = message.content.filter(
      block => !isObject(block) || !(isWrappedSeal(block.signature) || isWrappedSeal(block.data)),
    )
    return content.length === 0 && message.content.length > 0 ? [] : [{ ...message, content }]
  })
  return JSON.stringify({ ...exactBody, model, messages: keptMessages })
}

const frameOf = (body: JsonObject): string => renderFrame({ event: body.type as string, data: JSON.stringify(body) })

export const renderStreamError = (error: GatewayError): string => frameOf(renderError(error) as JsonObject)

/** The start of most frames of a stream. Such frames are forwarded without parsing. */
const deltaPrefix = '{"type":"content_block_delta"'

/** The events that hold what the model wrote. All others are redacted. */
const contentEvents: ReadonlySet<string> = new Set(['content_block_start', 'content_block_delta'])

/** Passes one stream through and ends it properly: open blocks are closed, missing usage is added. */
class MessagesPipe {
  readonly state: StreamState = { content: false }
  readonly #openBlocks = new Set<number>()
  readonly #usageCounts: JsonObject = {}
  #hasStarted = false
  #hasBlocks = false
  #hasCalls = false
  #hasStopReason = false
  /** Data of the frame pushed last, if the frame was forwarded without parsing. */
  #delta: string | undefined

  constructor(private readonly exchange: Exchange) {}

  push(frame: Frame): string {
    const { state, exchange } = this
    this.#delta = undefined
    if (state.finished || state.fault) return ''
    if (frame.event === 'content_block_delta' && !exchange.patchResponse && frame.data.startsWith(deltaPrefix)) {
      state.content = true
      this.#delta = frame.data
      return renderFrame(frame)
    }
    const data = frame.data.trim()
    if (data === '' || data === '[DONE]') return ''
    const body = parseJson(data)
    if (!isObject(body)) return renderFrame(unparsedFrame(frame, exchange))
    exchange.patchResponse?.(body)
    const isNamedByFrame = body.type === undefined && frame.event !== undefined
    return this.#passEvent(isNamedByFrame ? { type: frame.event, ...body } : body, { ...frame, data })
  }

  lastDelta(): TextDelta | undefined {
    const text = this.#delta && textDeltaOf(this.#delta)
    return text === undefined ? undefined : { text, isRetained: false }
  }

  end(): string {
    if (this.state.finished || this.state.fault) return ''
    if (this.#hasStopReason) return this.#closeBlocks() + frameOf({ type: 'message_stop' })
    this.state.fault = streamCutError()
    return ''
  }

  #passEvent(body: JsonObject, frame: Frame): string {
    const type = textOf(body.type)
    const text = this.exchange.patchResponse ? undefined : frame.data
    if (type === undefined) return renderFrame(redactFrame(frame, this.exchange))
    if (type === 'message_start') return this.#hasStarted ? this.#restart() : this.#start(body, text)
    if (type === 'content_block_start') return this.#write(body, this.#openBlock(body) ? undefined : text)
    if (type === 'content_block_delta') this.state.content = true
    if (type === 'content_block_stop') this.#openBlocks.delete(body.index as number)
    if (type === 'message_delta') {
      const changed = this.#finish(body)
      return (this.#hasStopReason ? this.#closeBlocks() : '') + this.#write(body, changed ? undefined : text)
    }
    if (type === 'message_stop') {
      this.state.finished = true
      return this.#closeBlocks() + this.#write(body, text)
    }
    if (type !== 'error') return this.#write(body, text)
    this.state.fault = faultFrom(body, this.exchange)
    return ''
  }

  #start(body: JsonObject, text: string | undefined): string {
    const { state, exchange } = this
    this.#hasStarted = true
    const message = isObject(body.message) ? body.message : {}
    state.model ??= textOf(message.model) || undefined
    mergeUsage(this.#usageCounts, message.usage)
    state.usage = parseUsage(this.#usageCounts)
    const changed = normalizeEnvelope(message, exchange)
    const patchedText = changed || text === undefined ? undefined : withModelIn(text, 'message', exchange.model)
    return this.#write({ ...body, message: { ...message, model: exchange.model } }, patchedText)
  }

  /** Writes an event as it came, or anew if there is no `text` of it that can be forwarded. */
  #write(body: JsonObject, text: string | undefined): string {
    const frame = { event: body.type as string, data: text ?? JSON.stringify(body) }
    return renderFrame(contentEvents.has(frame.event) ? frame : redactFrame(frame, this.exchange))
  }

  /** A second `message_start` is dropped if no block has started, and is an error otherwise. */
  #restart(): string {
    if (this.#hasBlocks) this.state.fault = streamRestartedError()
    return ''
  }

  /** Returns whether the block was changed. */
  #openBlock(body: JsonObject): boolean {
    const block = isObject(body.content_block) ? body.content_block : {}
    if (block.type !== 'text' && block.type !== 'thinking') this.state.content = true
    if (typeof body.index === 'number') this.#openBlocks.add(body.index)
    this.#hasBlocks = true
    this.#hasCalls ||= isToolUse(block)
    return normalizeBlock(block)
  }

  #closeBlocks(): string {
    const text = [...this.#openBlocks].map(index => frameOf({ type: 'content_block_stop', index })).join('')
    this.#openBlocks.clear()
    return text
  }

  /**
   * Adds missing token counts to `message_delta`, because clients read all counts of a response there. Returns whether
   * the body was changed.
   */
  #finish(body: JsonObject): boolean {
    const delta = isObject(body.delta) ? body.delta : {}
    const givenUsage = isObject(body.usage) ? body.usage : {}
    const counts = this.#usageCounts
    mergeUsage(counts, body.usage)
    this.state.usage = parseUsage(counts)
    this.#hasStopReason ||= typeof delta.stop_reason === 'string'
    this.state.isEmpty = delta.stop_reason === 'end_turn' && !this.state.content
    const missing = ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'].filter(
      key => typeof givenUsage[key] !== 'number',
    )
    if (missing.length > 0)
      body.usage = { ...givenUsage, ...Object.fromEntries(missing.map(key => [key, counts[key] ?? 0])) }
    return normalizeStopReason(delta, this.#hasCalls) || missing.length > 0
  }
}

/** A pipe is an object literal, because those that extend it spread it. */
const pipeStream = (exchange: Exchange): StreamPipe => {
  const pipe = new MessagesPipe(exchange)
  return {
    state: pipe.state,
    push: frame => pipe.push(frame),
    end: () => pipe.end(),
    lastDelta: () => pipe.lastDelta(),
    flush: () => '',
    fail: renderStreamError,
  }
}

const textDeltaOf = (data: string): string | undefined => {
  const body = parseJson(data)
  const delta = isObject(body) ? body.delta : undefined
  return isObject(delta) && delta.type === 'text_delta' ? textOf(delta.text) : undefined
}

const passMessage: Passthrough['passMessage'] = (text, exchange) => {
  const body = readMessage(text, exchange)
  const model = textOf(body.model)
  const usage = parseUsage(body.usage)
  const envelopeChanged = normalizeEnvelope(body, exchange)
  const stopChanged = normalizeStopReason(body, (body.content as JsonObject[]).some(isToolUse))
  const isChanged = envelopeChanged || stopChanged || exchange.patchResponse !== undefined
  const patchedText = isChanged ? undefined : withMembers(text.trim(), { model: exchange.model })
  const normalized = patchedText ?? JSON.stringify({ ...body, model: exchange.model })
  const cleaned = (body.content as Json[]).length === 0 ? exchange.redact(normalized) : normalized
  const isEmpty = body.stop_reason === 'end_turn' && (body.content as JsonObject[]).every(isEmptyText)
  return {
    text: cleaned,
    ...(usage && { usage }),
    ...(model !== undefined && { model }),
    ...(isEmpty && { isEmpty }),
  }
}

const isEmptyText = ({ type, text }: JsonObject): boolean => type === 'text' && text === ''

export const passthrough: Passthrough = { readRequest, writeRequest, pipeStream, passMessage }
