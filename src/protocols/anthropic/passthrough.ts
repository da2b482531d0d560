/** Passthrough of Messages: frames are forwarded unchanged, except for the model and what the vendor got wrong. */
import type { GatewayError } from '../../base/errors.ts'
import { preserveExactNumbers } from '../../base/json/exact-numbers.ts'
import {
  applyEdits,
  isObject,
  type JsonObject,
  parseJson,
  scanTopLevel,
  textOf,
  withMembers,
} from '../../base/json/json.ts'
import { isWrappedSeal, sealPrefix } from '../../ir/seal.ts'
import type { Exchange, Frame, Passthrough, StreamPipe, StreamState } from '../protocol.ts'
import { renderFrame } from '../shared/sse-frame.ts'
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

const pipeStream = (exchange: Exchange): StreamPipe => {
  const state: StreamState = { content: false }
  const openBlocks = new Set<number>()
  const usageCounts: JsonObject = {}
  let hasStarted = false
  let hasBlocks = false
  let hasCalls = false
  let hasStopReason = false
  let delta: string | undefined

  const closeBlocks = (): string => {
    const text = [...openBlocks].map(index => frameOf({ type: 'content_block_stop', index })).join('')
    openBlocks.clear()
    return text
  }

  /** A second `message_start` is dropped if no block has started, and is an error otherwise. */
  const restart = (): string => {
    if (hasBlocks) state.fault = streamRestartedError()
    return ''
  }

  const start = (body: JsonObject, text: string | undefined): string => {
    hasStarted = true
    const message = isObject(body.message) ? body.message : {}
    state.model ??= textOf(message.model) || undefined
    mergeUsage(usageCounts, message.usage)
    state.usage = parseUsage(usageCounts)
    const changed = normalizeEnvelope(message, exchange)
    const patchedText = changed || text === undefined ? undefined : withModelIn(text, 'message', exchange.model)
    return patchedText === undefined
      ? frameOf({ ...body, message: { ...message, model: exchange.model } })
      : renderFrame({ event: 'message_start', data: patchedText })
  }

  const openBlock = (body: JsonObject): boolean => {
    const block = isObject(body.content_block) ? body.content_block : {}
    if (block.type !== 'text' && block.type !== 'thinking') state.content = true
    if (typeof body.index === 'number') openBlocks.add(body.index)
    hasBlocks = true
    hasCalls ||= isToolUse(block)
    return normalizeBlock(block)
  }

  /** Adds missing token counts to `message_delta`, because clients read all counts of a response there. */
  const finish = (body: JsonObject): boolean => {
    const delta = isObject(body.delta) ? body.delta : {}
    const givenUsage = isObject(body.usage) ? body.usage : {}
    mergeUsage(usageCounts, body.usage)
    state.usage = parseUsage(usageCounts)
    hasStopReason ||= typeof delta.stop_reason === 'string'
    const missing = ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'].filter(
      key => typeof givenUsage[key] !== 'number',
    )
    if (missing.length > 0)
      body.usage = { ...givenUsage, ...Object.fromEntries(missing.map(key => [key, usageCounts[key] ?? 0])) }
    return normalizeStopReason(delta, hasCalls) || missing.length > 0
  }

  const passEvent = (body: JsonObject, frame: Frame): string => {
    const type = textOf(body.type)
    const text = exchange.patchResponse ? undefined : frame.data
    const writeFrame = (changed: boolean) =>
      changed || text === undefined ? frameOf(body) : renderFrame({ event: type!, data: text })
    if (type === undefined) return renderFrame(frame)
    if (type === 'message_start' && !hasStarted) return start(body, text)
    if (type === 'message_start') return restart()
    if (type === 'content_block_start') return writeFrame(openBlock(body))
    if (type === 'content_block_delta') state.content = true
    if (type === 'content_block_stop') openBlocks.delete(body.index as number)
    if (type === 'message_delta') {
      const changed = finish(body)
      return (hasStopReason ? closeBlocks() : '') + writeFrame(changed)
    }
    if (type === 'message_stop') {
      state.finished = true
      return closeBlocks() + writeFrame(false)
    }
    if (type !== 'error') return writeFrame(frame.event === undefined && body.type !== type)
    state.fault = faultFrom(body, exchange)
    return ''
  }

  const push = (frame: Frame): string => {
    delta = undefined
    if (state.finished || state.fault) return ''
    if (frame.event === 'content_block_delta' && !exchange.patchResponse && frame.data.startsWith(deltaPrefix)) {
      state.content = true
      delta = frame.data
      return renderFrame(frame)
    }
    const data = frame.data.trim()
    if (data === '' || data === '[DONE]') return ''
    const body = parseJson(data)
    if (!isObject(body)) return renderFrame(unparsedFrame(frame, exchange))
    exchange.patchResponse?.(body)
    const isNamedByFrame = body.type === undefined && frame.event !== undefined
    return passEvent(isNamedByFrame ? { type: frame.event, ...body } : body, { ...frame, data })
  }

  const end = (): string => {
    if (state.finished || state.fault) return ''
    if (hasStopReason) return closeBlocks() + frameOf({ type: 'message_stop' })
    state.fault = streamCutError()
    return ''
  }

  return {
    state,
    push,
    end,
    textDelta: () => delta && textDeltaOf(delta),
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
  return { text: normalized, ...(usage && { usage }), ...(model !== undefined && { model }) }
}

export const passthrough: Passthrough = { readRequest, writeRequest, pipeStream, passMessage }
