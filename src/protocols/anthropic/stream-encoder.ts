/**
 * Neutral events → Messages stream events. Blocks are sent one at a time: events of later parts wait until the open
 * block is closed.
 */

import { isObject, type JsonObject } from '../../base/json/json.ts'
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

export const encodeMessagesStream =
  (exchange: Exchange): Stage<Event, JsonObject> =>
  emit => {
    const waitingEvents = new Map<number, PartEvent[]>()
    const notedPaths = new Set<string>()
    let index = -1
    let current: Block | undefined
    let usage: Usage | undefined
    let hasCalls = false
    let refusalFields: JsonObject | undefined
    let hasEnded = false

    const noteLossOnce = (path: string, why: string): void => {
      if (!notedPaths.has(path)) exchange.loss(path, why)
      notedPaths.add(path)
    }

    const startBlock = (block: JsonObject): void =>
      emit({ type: 'content_block_start', index: ++index, content_block: block })
    const emitDelta = (delta: JsonObject): void => emit({ type: 'content_block_delta', index, delta })
    const stopBlock = (): void => emit({ type: 'content_block_stop', index })

    /** Sends another protocol's seal in the only field for it: the signature of an empty thinking block. */
    const emitSealSlot = (seal: Seal, next: boolean): void => {
      const signature = wrapSeal(seal, { next })
      if (signature === undefined) return void noteLossOnce('seal', 'it is too large to be carried')
      startBlock({ type: 'thinking', thinking: '', signature: '' })
      emitDelta({ type: 'signature_delta', signature })
      stopBlock()
    }

    const openBlock = (block: Block): void => {
      const { opening, seal } = block
      block.hasStarted = true
      if (seal && seal.by !== id && opening.part !== 'reasoning') emitSealSlot(seal, true)
      const ownFields = seal?.by === id && isObject(seal.value) ? seal.value : {}
      if (opening.part === 'call') {
        hasCalls = true
        startBlock({ type: 'tool_use', id: opening.id ?? '', name: opening.name ?? '', input: {}, ...ownFields })
        if (opening.custom) emitDelta({ type: 'input_json_delta', partial_json: '{"input":"' })
      } else if (opening.part !== 'reasoning') startBlock({ type: 'text', text: '' })
      else if (ownFields.redacted !== undefined) startBlock({ type: 'redacted_thinking', data: ownFields.redacted })
      else startBlock({ type: 'thinking', thinking: '', signature: '' })
      if (block.heldText !== '') emitText(block, block.heldText)
      block.heldText = ''
    }

    /** Free text is sent as an object with `input`, matching the schema the tool was declared with. */
    const emitText = ({ opening: { part, custom } }: Block, text: string): void => {
      const json = custom ? JSON.stringify(text).slice(1, -1) : text
      if (part === 'call') emitDelta({ type: 'input_json_delta', partial_json: json })
      else emitDelta(part === 'reasoning' ? { type: 'thinking_delta', thinking: text } : { type: 'text_delta', text })
    }

    /** The first arguments of a call are held back, because its seal may follow directly. */
    const addText = (block: Block, text: string): void => {
      if (!block.hasStarted && block.opening.part === 'call' && block.heldText === '') block.heldText = text
      else {
        if (!block.hasStarted) openBlock(block)
        emitText(block, text)
      }
    }

    const emitSignature = ({ value, by, at }: Seal): void => {
      const signature = by === id ? value : wrapSeal({ by, value, ...(at !== undefined && { at }) })
      if (typeof signature === 'string') emitDelta({ type: 'signature_delta', signature })
      else if (!isObject(signature)) noteLossOnce('seal', 'it is too large to be carried')
    }

    const closeBlock = (block: Block): void => {
      const { opening, seal } = block
      if (opening.part === 'refusal' && seal?.by === id && isObject(seal.value)) {
        refusalFields = seal.value
        return
      }
      if (!block.hasStarted) openBlock(block)
      if (opening.custom) emitDelta({ type: 'input_json_delta', partial_json: '"}' })
      if (opening.part === 'reasoning' && seal) emitSignature(seal)
      stopBlock()
      if (block.lateSeal) emitSealSlot(block.lateSeal, false)
    }

    const addSeal = (block: Block, given: Seal): void => {
      if (!block.hasStarted || block.opening.part === 'reasoning') block.seal = given
      else if (given.by === id) noteLossOnce('seal', 'it came too late')
      else block.lateSeal = given
    }

    const emitCitation = (block: Block, citation: Citation): void => {
      const wireCitation = renderCitation(citation)
      if (wireCitation === undefined)
        return void noteLossOnce('citations', 'a source without an address has no form here')
      if (!block.hasStarted) openBlock(block)
      emitDelta({ type: 'citations_delta', citation: wireCitation })
    }

    const emitForeignPart = (part: Part): void => {
      if (part.type !== 'foreign') return void noteLossOnce(part.type, 'has no form in an answer of this protocol')
      if (part.seal.by !== id || !isObject(part.seal.value))
        return void noteLossOnce('content', `only ${part.seal.by} knows it`)
      const { input, ...rest } = part.seal.value
      if (!isObject(input)) startBlock(part.seal.value)
      else {
        startBlock({ ...rest, input: {} })
        if (Object.keys(input).length > 0) emitDelta({ type: 'input_json_delta', partial_json: JSON.stringify(input) })
      }
      stopBlock()
    }

    const encodePartEvent = (event: PartEvent): void => {
      if (event.type === 'part') return void emitForeignPart(event.part)
      if (event.type === 'open') current = { opening: event, hasStarted: false, heldText: '' }
      if (current === undefined) return
      if (event.type === 'delta')
        current.opening.part === 'refusal' ? holdRefusal(current, event.text) : addText(current, event.text)
      else if (event.type === 'seal') addSeal(current, event.seal)
      else if (event.type === 'cite') emitCitation(current, event.citation)
      else if (event.type === 'close') {
        closeBlock(current)
        current = undefined
      }
    }

    /** A refusal is held back until its end, because one of this protocol is not sent as text. */
    const holdRefusal = (block: Block, text: string): void => {
      block.heldText += text
    }

    /** Encodes an event now, or queues it until the open block is closed. */
    const encodeInOrder = (event: PartEvent): void => {
      const queue = waitingEvents.get(event.at)
      if (queue) queue.push(event)
      else if (current && current.opening.at !== event.at) waitingEvents.set(event.at, [event])
      else encodePartEvent(event)
      while (current === undefined && waitingEvents.size > 0) {
        const [[at, events]] = waitingEvents as unknown as [[number, PartEvent[]]]
        waitingEvents.delete(at)
        events.forEach(encodePartEvent)
      }
    }

    const encodeFinish = ({ reason, raw, stop: sequence }: Extract<Event, { type: 'finish' }>): void => {
      hasEnded = true
      if (reason === 'other') noteLossOnce('stop_reason', `"${raw ?? reason}" has no word in this protocol`)
      const exactReason = raw !== undefined && exactReasons[raw] === reason ? raw : finishReasons[reason]
      const reasonWithCalls = hasCalls && finishReasons[reason] === 'end_turn' ? 'tool_use' : exactReason
      const stopReason = sequence !== undefined && reasonWithCalls === 'end_turn' ? 'stop_sequence' : reasonWithCalls
      emit({
        type: 'message_delta',
        delta: { stop_reason: stopReason, stop_sequence: sequence ?? null, ...refusalFields },
        usage: renderUsage(usage ?? { input: 0, output: 0 }),
      })
    }

    const fail = (error: JsonObject): void => {
      hasEnded = true
      emit(error)
    }

    const encodeEvent = (event: Event): void => {
      if (event.type === 'start')
        emit({ type: 'message_start', message: emptyMessage(event.id || exchange.id, exchange.model) })
      else if (event.type === 'usage') usage = event.usage
      else if (event.type === 'finish') encodeFinish(event)
      else if (event.type === 'fault') fail(renderError(event.error) as JsonObject)
      else encodeInOrder(event)
    }

    return event => {
      if (event) encodeEvent(event)
      else if (hasEnded) emit({ type: 'message_stop' })
      else fail(renderError(missingFinish()) as JsonObject)
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
