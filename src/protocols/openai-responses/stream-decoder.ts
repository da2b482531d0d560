/** Decodes a vendor's stream events or complete items into events of the neutral form. */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange } from '../protocol.ts'
import { type ItemState, OutputItems, type ReasoningMode } from './decoder/output-items.ts'
import { parseFault, streamCut } from './error.ts'
import { parseGeneratedImage } from './media.ts'
import { parseUsage } from './usage.ts'

const id = 'openai-responses'

/**
 * Takes stream events with `push`, or a complete answer with `pushResponse`. `end` emits a fault if neither a final
 * event nor a complete answer came. Vendors send an item as an added event, deltas and a done event, or as only one of
 * them: the decoder emits from a later event what the earlier ones lacked.
 */
class ResponsesDecoder {
  readonly #items: OutputItems
  #hasStarted = false
  #finished = false

  constructor(
    private readonly exchange: Exchange,
    private readonly emit: (event: Event) => void,
  ) {
    this.#items = new OutputItems(emit, exchange.sealOrigin)
  }

  push(event: JsonObject): void {
    if (!this.#finished) handlers.get(String(event.type))?.(this, event)
  }

  /** Handles a complete answer, at the end of a stream or alone. Emits what no earlier event carried. */
  pushResponse(response: JsonObject): void {
    this.start(response)
    if (response.status === 'failed' || response.status === 'cancelled') return void this.failWith(response)
    if (Array.isArray(response.output))
      response.output.forEach((item, index) => {
        if (isObject(item)) this.endItem(index, item)
      })
    this.#items.closeAll()
    this.#finished = true
    const usage = parseUsage(response.usage)
    if (usage) this.emit({ type: 'usage', usage })
    this.emit(this.#finishOf(response))
  }

  end(): void {
    if (!this.#finished) this.fail(streamCut())
  }

  /** The answer has begun; the first event that names it wins. */
  start(response?: Json): void {
    if (this.#hasStarted) return
    this.#hasStarted = true
    const { id: responseId, model } = isObject(response) ? response : {}
    this.emit({ type: 'start', id: textOf(responseId) ?? '', model: textOf(model) ?? '' })
  }

  startItem(index: Json | undefined, item: JsonObject): void {
    const known = this.started.itemAt(index)
    if (item.type === 'message' && typeof item.phase === 'string') known.phase = item.phase
    if (isCall(item)) this.#items.append(this.#items.callAt(index, item), item.arguments ?? item.input)
  }

  endItem(index: Json | undefined, item: JsonObject): void {
    const known = this.started.itemAt(index)
    if (known.finished) return
    known.finished = true
    if (item.type === 'message') this.#endMessage(index, known, item)
    else if (item.type === 'reasoning') this.#endReasoning(index, known, item)
    else if (isCall(item)) this.#endCall(index, item)
    else this.#items.emitPart(this.#partOf(item))
  }

  startTextPart(event: JsonObject, part: JsonObject): void {
    const kind = partKinds.get(String(part.type))
    if (kind) this.started.textPartAt(event, kind)
  }

  /** Handles the final state of a part of a message. */
  endTextPart(event: JsonObject, part: JsonObject): void {
    const isRefusal = part.type === 'refusal'
    if (!isRefusal && part.type !== 'output_text' && part.type !== 'text') return
    const state = this.started.textPartAt(event, isRefusal ? 'refusal' : 'text')
    this.#items.append(state, textOf(isRefusal ? part.refusal : part.text)?.slice(state.length))
    if (Array.isArray(part.annotations))
      for (const one of part.annotations.slice(state.citationCount)) this.#items.cite(state, one)
    this.#items.close(state)
  }

  appendText(event: JsonObject, kind: 'text' | 'refusal'): void {
    this.#items.append(this.started.textPartAt(event, kind), event.delta)
  }

  appendCitation(event: JsonObject): void {
    this.#items.cite(this.started.textPartAt(event, 'text'), event.annotation)
  }

  appendReasoning(index: Json | undefined, mode: ReasoningMode, section: Json | undefined, delta?: Json): void {
    const state = this.started.reasoningAt(index, mode, section)
    if (state) this.#items.append(state, delta)
  }

  endReasoningSection(index: Json | undefined, mode: ReasoningMode, section: Json | undefined, text?: Json): void {
    if (typeof text !== 'string' || text === '') return
    const state = this.started.reasoningAt(index, mode, section)
    const item = this.#items.itemAt(index)
    if (state && section === item.section) this.#items.append(state, text.slice(state.length - item.sectionStart))
  }

  appendArguments({ output_index: index, delta }: JsonObject): void {
    const state = this.started.itemAt(index).parts.get(0)
    if (state) this.#items.append(state, delta)
  }

  fail(error: GatewayError): void {
    this.#finished = true
    this.#items.closeAll()
    this.emit({ type: 'fault', error })
  }

  failWith(event: JsonObject): void {
    this.fail(parseFault(event, this.exchange))
  }

  /** The items, once the answer has started: content may come before the event that names the answer. */
  private get started(): OutputItems {
    this.start()
    return this.#items
  }

  #endCall(index: Json | undefined, item: JsonObject): void {
    const state = this.#items.callAt(index, item)
    this.#items.append(state, textOf(item.arguments ?? item.input)?.slice(state.length))
    this.#items.close(state)
  }

  /**
   * Some vendors number the parts from 1. The parts of the item are therefore matched to the known parts by position.
   */
  #endMessage(index: Json | undefined, known: ItemState, item: JsonObject): void {
    if (typeof item.phase === 'string') known.phase = item.phase
    const parts = Array.isArray(item.content) ? item.content.filter(isObject) : []
    const knownIndexes = [...known.parts.keys()]
    parts.forEach((part, position) => {
      this.endTextPart({ output_index: index!, content_index: knownIndexes[position] ?? position }, part)
      if (Array.isArray(part.logprobs) && part.logprobs.length > 0)
        this.exchange.loss('logprobs', 'they cannot be translated')
    })
    for (const state of known.parts.values()) this.#items.close(state)
  }

  #endReasoning(index: Json | undefined, known: ItemState, item: JsonObject): void {
    const { type: _type, id: _id, status: _status, summary, content, ...rest } = item
    const mode = known.mode ?? (hasText(summary) ? 'summary' : 'content')
    const sections = mode === 'summary' ? summary : content
    if (Array.isArray(sections))
      sections.forEach((one, section) => {
        if (isObject(one)) this.endReasoningSection(index, mode, section, one.text)
      })
    const raw = hasText(content)
    const sealed = Object.entries({ ...rest, ...(raw && { raw }) }).filter(([, value]) => value !== null)
    const isSealed = sealed.length > 0
    const state = known.parts.get(0) ?? (isSealed ? this.#items.open(known, 0, 'reasoning') : undefined)
    if (state?.isOpen && isSealed) this.#items.seal(state, Object.fromEntries(sealed))
    this.#items.close(state)
  }

  /** A complete item that is no text, reasoning or call of a function. */
  #partOf(item: JsonObject): Extract<Event, { type: 'part' }>['part'] {
    const { sealOrigin } = this.exchange
    return (
      parseGeneratedImage(item, sealOrigin) ?? {
        type: 'foreign',
        seal: { by: id, at: sealOrigin, value: { item } },
      }
    )
  }

  #finishOf({ status, incomplete_details: details }: JsonObject): Event {
    if (status !== 'incomplete')
      return { type: 'finish', reason: this.#items.callCount > 0 ? 'calls' : 'stop', raw: 'completed' }
    const { reason } = isObject(details) ? details : {}
    return {
      type: 'finish',
      reason: incompleteReasons.get(String(reason)) ?? 'other',
      raw: textOf(reason) ?? 'incomplete',
    }
  }
}

/** Creates the decoder of one answer, which emits events of the neutral form as soon as the vendor's events allow. */
export const createResponsesDecoder = (exchange: Exchange, emit: (event: Event) => void): ResponsesDecoder =>
  new ResponsesDecoder(exchange, emit)

type Handler = (decoder: ResponsesDecoder, event: JsonObject) => void

/** https://platform.openai.com/docs/api-reference/responses-streaming (2026-11). Events of no interest have no handler. */
const handlers: ReadonlyMap<string, Handler> = new Map(
  Object.entries<Handler>({
    'response.created': (decoder, { response }) => decoder.start(response),
    'response.in_progress': (decoder, { response }) => decoder.start(response),
    'response.output_item.added': (decoder, { output_index: index, item }) =>
      isObject(item) && decoder.startItem(index, item),
    'response.output_item.done': (decoder, { output_index: index, item }) =>
      isObject(item) && decoder.endItem(index, item),
    'response.content_part.added': (decoder, event) => isObject(event.part) && decoder.startTextPart(event, event.part),
    'response.content_part.done': (decoder, event) => isObject(event.part) && decoder.endTextPart(event, event.part),
    'response.output_text.delta': (decoder, event) => decoder.appendText(event, 'text'),
    'response.output_text.annotation.added': (decoder, event) => decoder.appendCitation(event),
    'response.refusal.delta': (decoder, event) => decoder.appendText(event, 'refusal'),
    'response.reasoning_summary_text.delta': (decoder, event) =>
      decoder.appendReasoning(event.output_index, 'summary', event.summary_index, event.delta),
    'response.reasoning_summary_text.done': (decoder, event) =>
      decoder.endReasoningSection(event.output_index, 'summary', event.summary_index, event.text),
    'response.reasoning_text.delta': (decoder, event) =>
      decoder.appendReasoning(event.output_index, 'content', event.content_index, event.delta),
    'response.reasoning_text.done': (decoder, event) =>
      decoder.endReasoningSection(event.output_index, 'content', event.content_index, event.text),
    'response.function_call_arguments.delta': (decoder, event) => decoder.appendArguments(event),
    'response.custom_tool_call_input.delta': (decoder, event) => decoder.appendArguments(event),
    'response.completed': (decoder, { response }) => isObject(response) && decoder.pushResponse(response),
    'response.incomplete': (decoder, { response }) =>
      isObject(response) && decoder.pushResponse({ status: 'incomplete', ...response }),
    'response.failed': (decoder, event) => decoder.failWith(event),
    error: (decoder, event) => decoder.failWith(event),
  }),
)

const partKinds: ReadonlyMap<string, 'text' | 'refusal'> = new Map([
  ['output_text', 'text'],
  ['text', 'text'],
  ['refusal', 'refusal'],
])
const incompleteReasons: ReadonlyMap<string, 'length' | 'filter'> = new Map([
  ['max_output_tokens', 'length'],
  ['content_filter', 'filter'],
])

const isCall = ({ type }: JsonObject): boolean => type === 'function_call' || type === 'custom_tool_call'
const hasText = (list: Json | undefined): boolean =>
  Array.isArray(list) && list.some(one => isObject(one) && typeof one.text === 'string' && one.text !== '')
