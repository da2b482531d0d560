/** What a pass of Messages sees and mends. Whole frames go on as they came, but for the model and what the vendor got wrong. */
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
import { begunAnew, cut, faultFrom, renderError } from './error.ts'
import { traitsOf } from './model-traits.ts'
import { isCall, mendBlock, mendEnvelope, mendStop, readMessage } from './normalize.ts'
import { refuseThread } from './request.ts'
import { gatherUsage, parseUsage } from './usage.ts'

const readRequest: Passthrough['readRequest'] = ({ model, stream }) => ({
  ...(typeof model === 'string' && model !== '' && { model }),
  stream: stream === true,
  usageRequested: true,
})

/** The text with another model in its object at `path`; undefined where it must be written anew. */
const withModelIn = (text: string, path: string, model: string): string | undefined => {
  const found = scanTopLevel(text)
  const span = found?.exact ? found.members.get(path) : undefined
  const inner = span && withMembers(text.slice(span.start, span.end), { model })
  return inner === undefined ? undefined : applyEdits(text, [{ start: span!.start, end: span!.end, newText: inner }])
}

/**
 * Seals of others are for us to read: a thought that holds one was never this vendor's. Conversations are kept by Claude's vendors only;
 * another would overlook that it gets the end of one. @throws `invalid_request` where such a one is to go on.
 */
const writeRequest: Passthrough['writeRequest'] = (text, given, { model }) => {
  const kept = traitsOf(model).claude ? undefined : given.thread
  refuseThread(kept)
  if (kept === undefined) return written(text, given, model)
  const { thread: _thread, ...body } = given
  return written(withMembers(text, { thread: undefined }) ?? JSON.stringify(body), body, model)
}

const written = (text: string, body: JsonObject, model: string): string => {
  if (!text.includes(sealPrefix)) return withMembers(text, { model }) ?? JSON.stringify({ ...body, model })
  const whole = preserveExactNumbers(text, body)
  const messages = Array.isArray(whole.messages) ? whole.messages : []
  const kept = messages.flatMap(message => {
    if (!isObject(message) || !Array.isArray(message.content)) return [message]
    const content = message.content.filter(
      block => !isObject(block) || !(isWrappedSeal(block.signature) || isWrappedSeal(block.data)),
    )
    return content.length === 0 && message.content.length > 0 ? [] : [{ ...message, content }]
  })
  return JSON.stringify({ ...whole, model, messages: kept })
}

const frameOf = (body: JsonObject): string => renderFrame({ event: body.type as string, data: JSON.stringify(body) })

export const renderStreamError = (error: GatewayError): string => frameOf(renderError(error) as JsonObject)

/** Where most of a stream's frames begin alike: they pass unread. */
const deltaHead = '{"type":"content_block_delta"'

const passStream = (exchange: Exchange): StreamPipe => {
  const seen: StreamState = { content: false }
  const open = new Set<number>()
  const counted: JsonObject = {}
  let begun = false
  let opened = false
  let calls = false
  let stopped = false
  let delta: string | undefined

  const closeAll = (): string => {
    const text = [...open].map(index => frameOf({ type: 'content_block_stop', index })).join('')
    open.clear()
    return text
  }

  /** A second beginning says nothing where nothing was said before it. */
  const again = (): string => {
    if (opened) seen.fault = begunAnew()
    return ''
  }

  const begin = (body: JsonObject, text: string | undefined): string => {
    begun = true
    const message = isObject(body.message) ? body.message : {}
    seen.model ??= textOf(message.model) || undefined
    gatherUsage(counted, message.usage)
    seen.usage = parseUsage(counted)
    const changed = mendEnvelope(message, exchange)
    const passed = changed || text === undefined ? undefined : withModelIn(text, 'message', exchange.model)
    return passed === undefined
      ? frameOf({ ...body, message: { ...message, model: exchange.model } })
      : renderFrame({ event: 'message_start', data: passed })
  }

  const openBlock = (body: JsonObject): boolean => {
    const block = isObject(body.content_block) ? body.content_block : {}
    if (block.type !== 'text' && block.type !== 'thinking') seen.content = true
    if (typeof body.index === 'number') open.add(body.index)
    opened = true
    calls ||= isCall(block)
    return mendBlock(block)
  }

  /** Clients read all counts of an answer from here. */
  const conclude = (body: JsonObject): boolean => {
    const delta = isObject(body.delta) ? body.delta : {}
    const before = isObject(body.usage) ? body.usage : {}
    gatherUsage(counted, body.usage)
    seen.usage = parseUsage(counted)
    stopped ||= typeof delta.stop_reason === 'string'
    const lacking = ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'].filter(
      key => typeof before[key] !== 'number',
    )
    if (lacking.length > 0)
      body.usage = { ...before, ...Object.fromEntries(lacking.map(key => [key, counted[key] ?? 0])) }
    return mendStop(delta, calls) || lacking.length > 0
  }

  const pass = (body: JsonObject, frame: Frame): string => {
    const type = textOf(body.type)
    const text = exchange.patchResponse ? undefined : frame.data
    const asItWas = (changed: boolean) =>
      changed || text === undefined ? frameOf(body) : renderFrame({ event: type!, data: text })
    if (type === undefined) return renderFrame(frame)
    if (type === 'message_start' && !begun) return begin(body, text)
    if (type === 'message_start') return again()
    if (type === 'content_block_start') return asItWas(openBlock(body))
    if (type === 'content_block_delta') seen.content = true
    if (type === 'content_block_stop') open.delete(body.index as number)
    if (type === 'message_delta') {
      const changed = conclude(body)
      return (stopped ? closeAll() : '') + asItWas(changed)
    }
    if (type === 'message_stop') {
      seen.finished = true
      return closeAll() + asItWas(false)
    }
    if (type !== 'error') return asItWas(frame.event === undefined && body.type !== type)
    seen.fault = faultFrom(body, exchange)
    return ''
  }

  const push = (frame: Frame): string => {
    delta = undefined
    if (seen.finished || seen.fault) return ''
    if (frame.event === 'content_block_delta' && !exchange.patchResponse && frame.data.startsWith(deltaHead)) {
      seen.content = true
      delta = frame.data
      return renderFrame(frame)
    }
    const data = frame.data.trim()
    if (data === '' || data === '[DONE]') return ''
    const body = parseJson(data)
    if (!isObject(body)) return renderFrame(unparsedFrame(frame, exchange))
    exchange.patchResponse?.(body)
    const named = body.type === undefined && frame.event !== undefined
    return pass(named ? { type: frame.event, ...body } : body, { ...frame, data })
  }

  const end = (): string => {
    if (seen.finished || seen.fault) return ''
    if (stopped) return closeAll() + frameOf({ type: 'message_stop' })
    seen.fault = cut()
    return ''
  }

  return { state: seen, push, end, textDelta: () => delta && wordOf(delta), flush: () => '', fail: renderStreamError }
}

const wordOf = (data: string): string | undefined => {
  const body = parseJson(data)
  const delta = isObject(body) ? body.delta : undefined
  return isObject(delta) && delta.type === 'text_delta' ? textOf(delta.text) : undefined
}

const passMessage: Passthrough['passMessage'] = (text, exchange) => {
  const body = readMessage(text, exchange)
  const model = textOf(body.model)
  const usage = parseUsage(body.usage)
  const envelope = mendEnvelope(body, exchange)
  const stop = mendStop(body, (body.content as JsonObject[]).some(isCall))
  const changed = envelope || stop || exchange.patchResponse !== undefined
  const passed = changed ? undefined : withMembers(text.trim(), { model: exchange.model })
  const strict = passed ?? JSON.stringify({ ...body, model: exchange.model })
  return { text: strict, ...(usage && { usage }), ...(model !== undefined && { model }) }
}

export const passthrough: Passthrough = { readRequest, writeRequest, pipeStream: passStream, passMessage }
