/** Events → events of the wire. One block at a time: what is said of a later part meanwhile waits for its turn. */

import { isObject, type JsonObject } from '../../base/json/json.ts'
import type { Citation, FinishReason, Part, Seal, Usage } from '../../ir/chat.ts'
import type { Event } from '../../ir/event.ts'
import { wrapSeal } from '../../ir/seal.ts'
import type { Exchange, Stage } from '../protocol.ts'
import { missingFinish } from '../shared/vendor-error.ts'
import { renderError } from './error.ts'
import { renderUsage } from './usage.ts'
import { id } from './wire.ts'

type Placed = Extract<Event, { at: number }>
type Opening = Extract<Event, { type: 'open' }>
/** `held`: said, but not told before it is known whether a seal must stand before the block. `late`: came after the block had begun. */
type Block = { opening: Opening; begun: boolean; held: string; seal?: Seal; late?: Seal }

const words: Record<FinishReason, string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  calls: 'tool_use',
  filter: 'refusal',
  pause: 'pause_turn',
  other: 'end_turn',
}
/** A vendor's own word that is one of this wire says more than ours. */
const exact: Record<string, FinishReason> = { model_context_window_exceeded: 'length' }

export const tellEvents =
  (exchange: Exchange): Stage<Event, JsonObject> =>
  emit => {
    const waiting = new Map<number, Placed[]>()
    const noted = new Set<string>()
    let index = -1
    let current: Block | undefined
    let usage: Usage | undefined
    let calls = false
    let refusal: JsonObject | undefined
    let over = false

    const lose = (path: string, why: string): void => {
      if (!noted.has(path)) exchange.loss(path, why)
      noted.add(path)
    }

    const begin = (block: JsonObject): void =>
      emit({ type: 'content_block_start', index: ++index, content_block: block })
    const say = (delta: JsonObject): void => emit({ type: 'content_block_delta', index, delta })
    const stop = (): void => emit({ type: 'content_block_stop', index })

    /** A seal of another protocol in the one slot there is: the signature of a thought that says nothing. */
    const slot = (seal: Seal, next: boolean): void => {
      const signature = wrapSeal(seal, { next })
      if (signature === undefined) return void lose('seal', 'it is too large to be carried')
      begin({ type: 'thinking', thinking: '', signature: '' })
      say({ type: 'signature_delta', signature })
      stop()
    }

    const start = (block: Block): void => {
      const { opening, seal } = block
      block.begun = true
      if (seal && seal.by !== id && opening.part !== 'reasoning') slot(seal, true)
      const own = seal?.by === id && isObject(seal.value) ? seal.value : {}
      if (opening.part === 'call') {
        calls = true
        begin({ type: 'tool_use', id: opening.id ?? '', name: opening.name ?? '', input: {}, ...own })
        if (opening.custom) say({ type: 'input_json_delta', partial_json: '{"input":"' })
      } else if (opening.part !== 'reasoning') begin({ type: 'text', text: '' })
      else if (own.redacted !== undefined) begin({ type: 'redacted_thinking', data: own.redacted })
      else begin({ type: 'thinking', thinking: '', signature: '' })
      if (block.held !== '') word(block, block.held)
      block.held = ''
    }

    /** Free text stands in an object under `input`, as the tool was asked for. */
    const word = ({ opening: { part, custom } }: Block, text: string): void => {
      const json = custom ? JSON.stringify(text).slice(1, -1) : text
      if (part === 'call') say({ type: 'input_json_delta', partial_json: json })
      else say(part === 'reasoning' ? { type: 'thinking_delta', thinking: text } : { type: 'text_delta', text })
    }

    /** The first words of a call wait for the next: its seal may come right behind them. */
    const hear = (block: Block, text: string): void => {
      if (!block.begun && block.opening.part === 'call' && block.held === '') block.held = text
      else {
        if (!block.begun) start(block)
        word(block, text)
      }
    }

    const sign = ({ value, by, at }: Seal): void => {
      const signature = by === id ? value : wrapSeal({ by, value, ...(at !== undefined && { at }) })
      if (typeof signature === 'string') say({ type: 'signature_delta', signature })
      else if (!isObject(signature)) lose('seal', 'it is too large to be carried')
    }

    const close = (block: Block): void => {
      const { opening, seal } = block
      if (opening.part === 'refusal' && seal?.by === id && isObject(seal.value)) {
        refusal = seal.value
        return
      }
      if (!block.begun) start(block)
      if (opening.custom) say({ type: 'input_json_delta', partial_json: '"}' })
      if (opening.part === 'reasoning' && seal) sign(seal)
      stop()
      if (block.late) slot(block.late, false)
    }

    const seal = (block: Block, given: Seal): void => {
      if (!block.begun || block.opening.part === 'reasoning') block.seal = given
      else if (given.by === id) lose('seal', 'it came too late')
      else block.late = given
    }

    const cite = (block: Block, citation: Citation): void => {
      const told = renderCitation(citation)
      if (told === undefined) return void lose('citations', 'a source without an address has no form here')
      if (!block.begun) start(block)
      say({ type: 'citations_delta', citation: told })
    }

    const whole = (part: Part): void => {
      if (part.type !== 'foreign') return void lose(part.type, 'has no form in an answer of this protocol')
      if (part.seal.by !== id || !isObject(part.seal.value))
        return void lose('content', `only ${part.seal.by} knows it`)
      const { input, ...rest } = part.seal.value
      if (!isObject(input)) begin(part.seal.value)
      else {
        begin({ ...rest, input: {} })
        if (Object.keys(input).length > 0) say({ type: 'input_json_delta', partial_json: JSON.stringify(input) })
      }
      stop()
    }

    const tell = (event: Placed): void => {
      if (event.type === 'part') return void whole(event.part)
      if (event.type === 'open') current = { opening: event, begun: false, held: '' }
      if (current === undefined) return
      if (event.type === 'delta')
        current.opening.part === 'refusal' ? keepRefusal(current, event.text) : hear(current, event.text)
      else if (event.type === 'seal') seal(current, event.seal)
      else if (event.type === 'cite') cite(current, event.citation)
      else if (event.type === 'close') {
        close(current)
        current = undefined
      }
    }

    /** A refusal is told at its end: one of this protocol's own is no text. */
    const keepRefusal = (block: Block, text: string): void => {
      block.held += text
    }

    /** Now, or when the block before has ended. */
    const place = (event: Placed): void => {
      const queue = waiting.get(event.at)
      if (queue) queue.push(event)
      else if (current && current.opening.at !== event.at) waiting.set(event.at, [event])
      else tell(event)
      while (current === undefined && waiting.size > 0) {
        const [[at, events]] = waiting as unknown as [[number, Placed[]]]
        waiting.delete(at)
        events.forEach(tell)
      }
    }

    const finish = ({ reason, raw, stop: sequence }: Extract<Event, { type: 'finish' }>): void => {
      over = true
      if (reason === 'other') lose('stop_reason', `"${raw ?? reason}" has no word in this protocol`)
      const known = raw !== undefined && exact[raw] === reason ? raw : words[reason]
      const called = calls && words[reason] === 'end_turn' ? 'tool_use' : known
      const word = sequence !== undefined && called === 'end_turn' ? 'stop_sequence' : called
      emit({
        type: 'message_delta',
        delta: { stop_reason: word, stop_sequence: sequence ?? null, ...refusal },
        usage: renderUsage(usage ?? { input: 0, output: 0 }),
      })
    }

    const fail = (error: JsonObject): void => {
      over = true
      emit(error)
    }

    const hearEvent = (event: Event): void => {
      if (event.type === 'start')
        emit({ type: 'message_start', message: emptyMessage(event.id || exchange.id, exchange.model) })
      else if (event.type === 'usage') usage = event.usage
      else if (event.type === 'finish') finish(event)
      else if (event.type === 'fault') fail(renderError(event.error) as JsonObject)
      else place(event)
    }

    return event => {
      if (event) hearEvent(event)
      else if (over) emit({ type: 'message_stop' })
      else fail(renderError(missingFinish()) as JsonObject)
    }
  }

const emptyMessage = (given: string, model: string): JsonObject => ({
  id: given,
  type: 'message',
  role: 'assistant',
  model,
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage: renderUsage({ input: 0, output: 0 }),
})

/** A source another vendor named is told as a find of the web; its index is empty, by which it is known again. */
const renderCitation = ({ url, title, quote, seal }: Citation): JsonObject | undefined => {
  if (seal?.by === id && isObject(seal.value)) return seal.value
  if (url === undefined) return undefined
  const told = { url, title: title ?? null, cited_text: quote ?? '', encrypted_index: '' }
  return { type: 'web_search_result_location', ...told }
}
