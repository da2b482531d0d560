/**
 * Neutral events → Messages stream events. Blocks are sent one at a time: events of later parts wait until the open
 * block is closed.
 */

import type { GatewayError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json/json.ts'
import { lookUp } from '../../base/look-up.ts'
import type { Citation, FinishReason, Part, Seal, Usage } from '../../ir/chat.ts'
import type { Event } from '../../ir/event.ts'
import { wrapSeal } from '../../ir/seal.ts'
import type { Exchange, Stage } from '../protocol.ts'
import { missingFinish } from '../shared/vendor-error.ts'
import { renderError } from './error.ts'
import { renderUsage } from './usage.ts'
import { id } from './wire.ts'

type PartEvent = Extract<Event, { at: number }>
type OpenEvent = Extract<Event, { type: 'open' }>
/**
 * `heldText`: text held back until it is known whether a seal must be sent before the block. `lateSeal`: a seal that
 * arrived after the block had started.
 */
type Block = { opening: OpenEvent; hasStarted: boolean; heldText: string; seal?: Seal; lateSeal?: Seal }

const finishReasons: Record<FinishReason, string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  calls: 'tool_use',
  filter: 'refusal',
  pause: 'pause_turn',
  other: 'end_turn',
}
/**
 * Stop reasons of this protocol that are more specific than the neutral finish. They are kept if the vendor sent them.
 */
const exactReasons: Record<string, FinishReason> = { model_context_window_exceeded: 'length' }

/** Encodes one answer: takes events with `push`, and `end` after the last one. */
class MessagesEncoder {
  /** Events of later parts, by part, until the open block is closed. */
  readonly #waitingEvents = new Map<number, PartEvent[]>()
  readonly #notedPaths = new Set<string>()
  #index = -1
  #current: Block | undefined
  #usage: Usage | undefined
  #hasCalls = false
  #refusalFields: JsonObject | undefined
  #hasEnded = false

  constructor(
    private readonly exchange: Exchange,
    private readonly emit: (body: JsonObject) => void,
  ) {}

  push(event: Event): void {
    if (event.type === 'start') this.#start(event.id)
    else if (event.type === 'usage') this.#usage = event.usage
    else if (event.type === 'finish') this.#encodeFinish(event)
    else if (event.type === 'fault') this.#fail(event.error)
    else this.#encodeInOrder(event)
  }

  /** An answer that ends without a finish or a fault is an error. */
  end(): void {
    if (this.#hasEnded) this.emit({ type: 'message_stop' })
    else this.#fail(missingFinish())
  }

  #start(messageId: string): void {
    const { id: exchangeId, model } = this.exchange
    this.emit({ type: 'message_start', message: emptyMessage(messageId || exchangeId, model) })
  }

  /** Encodes an event now, or queues it until the open block is closed. */
  #encodeInOrder(event: PartEvent): void {
    const queue = this.#waitingEvents.get(event.at)
    if (queue) queue.push(event)
    else if (this.#current && this.#current.opening.at !== event.at) this.#waitingEvents.set(event.at, [event])
    else this.#encodePartEvent(event)
    while (this.#current === undefined && this.#waitingEvents.size > 0) {
      const [[at, events]] = this.#waitingEvents as unknown as [[number, PartEvent[]]]
      this.#waitingEvents.delete(at)
      for (const waiting of events) this.#encodePartEvent(waiting)
    }
  }

  #encodePartEvent(event: PartEvent): void {
    if (event.type === 'part') return void this.#emitForeignPart(event.part)
    if (event.type === 'open') this.#current = { opening: event, hasStarted: false, heldText: '' }
    const block = this.#current
    if (block === undefined) return
    if (event.type === 'delta') this.#addText(block, event.text)
    else if (event.type === 'seal') this.#addSeal(block, event.seal)
    else if (event.type === 'cite') this.#addCitation(block, event.citation)
    else if (event.type === 'close') {
      this.#closeBlock(block)
      this.#current = undefined
    }
  }

  /**
   * A refusal is held back until its end, because one of this protocol is not sent as text. The first arguments of a
   * call are held back, because its seal may follow directly.
   */
  #addText(block: Block, text: string): void {
    const { part } = block.opening
    if (part === 'refusal') block.heldText += text
    else if (!block.hasStarted && part === 'call' && block.heldText === '') block.heldText = text
    else {
      if (!block.hasStarted) this.#openBlock(block)
      this.#emitText(block, text)
    }
  }

  #addSeal(block: Block, given: Seal): void {
    if (!block.hasStarted || block.opening.part === 'reasoning') block.seal = given
    else if (given.by === id) this.#noteLossOnce('seal', 'it arrived too late')
    else block.lateSeal = given
  }

  #addCitation(block: Block, citation: Citation): void {
    const wireCitation = renderCitation(citation)
    if (wireCitation === undefined)
      return void this.#noteLossOnce('citations', 'this protocol does not support citations without a URL')
    if (!block.hasStarted) this.#openBlock(block)
    this.#emitDelta({ type: 'citations_delta', citation: wireCitation })
  }

  #openBlock(block: Block): void {
    const { opening, seal } = block
    block.hasStarted = true
    if (seal && seal.by !== id && opening.part !== 'reasoning') this.#emitSealSlot(seal, true)
    const ownFields = seal?.by === id && isObject(seal.value) ? seal.value : {}
    if (opening.part === 'call') {
      this.#hasCalls = true
      this.#startBlock({ type: 'tool_use', id: opening.id ?? '', name: opening.name ?? '', input: {}, ...ownFields })
      if (opening.custom) this.#emitDelta({ type: 'input_json_delta', partial_json: '{"input":"' })
    } else if (opening.part !== 'reasoning') this.#startBlock({ type: 'text', text: '' })
    else if (ownFields.redacted !== undefined) this.#startBlock({ type: 'redacted_thinking', data: ownFields.redacted })
    else this.#startBlock({ type: 'thinking', thinking: '', signature: '' })
    if (block.heldText !== '') this.#emitText(block, block.heldText)
    block.heldText = ''
  }

  #closeBlock(block: Block): void {
    const { opening, seal } = block
    if (opening.part === 'refusal' && seal?.by === id && isObject(seal.value)) {
      this.#refusalFields = seal.value
      return
    }
    if (!block.hasStarted) this.#openBlock(block)
    if (opening.custom) this.#emitDelta({ type: 'input_json_delta', partial_json: '"}' })
    if (opening.part === 'reasoning' && seal) this.#emitSignature(seal)
    this.#stopBlock()
    if (block.lateSeal) this.#emitSealSlot(block.lateSeal, false)
  }

  #encodeFinish({ reason, raw, stop: sequence }: Extract<Event, { type: 'finish' }>): void {
    this.#hasEnded = true
    if (reason === 'other') this.#noteLossOnce('stop_reason', `this protocol has no equivalent of "${raw ?? reason}"`)
    const exactReason = raw !== undefined && lookUp(exactReasons, raw) === reason ? raw : finishReasons[reason]
    const reasonWithCalls = this.#hasCalls && finishReasons[reason] === 'end_turn' ? 'tool_use' : exactReason
    const stopReason = sequence !== undefined && reasonWithCalls === 'end_turn' ? 'stop_sequence' : reasonWithCalls
    this.emit({
      type: 'message_delta',
      delta: { stop_reason: stopReason, stop_sequence: sequence ?? null, ...this.#refusalFields },
      usage: renderUsage(this.#usage ?? { input: 0, output: 0 }),
    })
  }

  #fail(error: GatewayError): void {
    this.#hasEnded = true
    this.emit(renderError(error) as JsonObject)
  }

  /** Free text is sent as an object with `input`, matching the schema the tool was declared with. */
  #emitText({ opening: { part, custom } }: Block, text: string): void {
    const json = custom ? JSON.stringify(text).slice(1, -1) : text
    if (part === 'call') this.#emitDelta({ type: 'input_json_delta', partial_json: json })
    else if (part === 'reasoning') this.#emitDelta({ type: 'thinking_delta', thinking: text })
    else this.#emitDelta({ type: 'text_delta', text })
  }

  #emitSignature({ value, by, at }: Seal): void {
    const signature = by === id ? value : wrapSeal({ by, value, ...(at !== undefined && { at }) })
    if (typeof signature === 'string') this.#emitDelta({ type: 'signature_delta', signature })
    else if (!isObject(signature)) this.#noteLossOnce('seal', 'it is too large to include')
  }

  /** Sends another protocol's seal in the only field for it: the signature of an empty thinking block. */
  #emitSealSlot(seal: Seal, next: boolean): void {
    const signature = wrapSeal(seal, { next })
    if (signature === undefined) return void this.#noteLossOnce('seal', 'it is too large to include')
    this.#startBlock({ type: 'thinking', thinking: '', signature: '' })
    this.#emitDelta({ type: 'signature_delta', signature })
    this.#stopBlock()
  }

  #emitForeignPart(part: Part): void {
    if (part.type !== 'foreign')
      return void this.#noteLossOnce(part.type, 'a response of this protocol cannot contain it')
    if (part.seal.by !== id || !isObject(part.seal.value))
      return void this.#noteLossOnce('content', `only ${part.seal.by} supports it`)
    const { input, ...rest } = part.seal.value
    if (!isObject(input)) this.#startBlock(part.seal.value)
    else {
      this.#startBlock({ ...rest, input: {} })
      if (Object.keys(input).length > 0)
        this.#emitDelta({ type: 'input_json_delta', partial_json: JSON.stringify(input) })
    }
    this.#stopBlock()
  }

  #startBlock(block: JsonObject): void {
    this.emit({ type: 'content_block_start', index: ++this.#index, content_block: block })
  }

  #emitDelta(delta: JsonObject): void {
    this.emit({ type: 'content_block_delta', index: this.#index, delta })
  }

  #stopBlock(): void {
    this.emit({ type: 'content_block_stop', index: this.#index })
  }

  #noteLossOnce(path: string, why: string): void {
    if (!this.#notedPaths.has(path)) this.exchange.loss(path, why)
    this.#notedPaths.add(path)
  }
}

export const encodeMessagesStream =
  (exchange: Exchange): Stage<Event, JsonObject> =>
  emit => {
    const encoder = new MessagesEncoder(exchange, emit)
    return event => {
      if (event) encoder.push(event)
      else encoder.end()
    }
  }

const emptyMessage = (messageId: string, model: string): JsonObject => ({
  id: messageId,
  type: 'message',
  role: 'assistant',
  model,
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage: renderUsage({ input: 0, output: 0 }),
})

/**
 * Another vendor's source is rendered as a web search result. The empty `encrypted_index` identifies it when it comes
 * back (see parseCitation).
 */
const renderCitation = ({ url, title, quote, seal }: Citation): JsonObject | undefined => {
  if (seal?.by === id && isObject(seal.value)) return seal.value
  if (url === undefined) return undefined
  const fields = { url, title: title ?? null, cited_text: quote ?? '', encrypted_index: '' }
  return { type: 'web_search_result_location', ...fields }
}
