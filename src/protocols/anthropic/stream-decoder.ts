/** Events of the wire → events. https://platform.claude.com/docs/en/build-with-claude/streaming */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import { rawJson, rawText } from '../../base/json/raw.ts'
import type { FinishReason, Seal } from '../../ir/chat.ts'
import type { Event, PartKind } from '../../ir/event.ts'
import type { Exchange } from '../protocol.ts'
import { begunAnew, cut, faultFrom } from './error.ts'
import { callFields, parseCitation, signatureSeal } from './parse-blocks.ts'
import { gatherUsage, parseUsage } from './usage.ts'
import { id } from './wire.ts'

const finishes: Record<string, FinishReason> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'calls',
  refusal: 'filter',
  pause_turn: 'pause',
}

/** A block that grows. `input`: what its opening said, which counts if nothing follows. */
type Block = { at: number; part?: PartKind; said: boolean; input: string; whole: JsonObject; json: string }

export type Ear = {
  readonly over: boolean
  /** One event of the wire. */
  hear: (body: JsonObject) => void
  /** The body has ended: well if a reason to stop has been told. */
  end: () => void
}

export const hearEvents = (exchange: Exchange, emit: (event: Event) => void): Ear => {
  const { loss, sealOrigin, structuredOutputTool } = exchange
  const blocks = new Map<number, Block>()
  const counted: JsonObject = {}
  let next = 0
  let started = false
  let over = false
  let stopped = false
  let calls = false
  const last: JsonObject = {}

  const seal = (value: Json): Seal => ({ by: id, at: sealOrigin, value })

  const start = (message: JsonObject): void => {
    if (!started) emit({ type: 'start', id: textOf(message.id) ?? '', model: textOf(message.model) ?? '' })
    started = true
    gatherUsage(counted, message.usage)
  }

  const say = (block: Block, text: unknown): void => {
    if (typeof text !== 'string' || text === '') return
    block.said = true
    emit({ type: 'delta', at: block.at, text })
  }

  const cite = ({ at }: Block, citation: Json | undefined): void => {
    if (isObject(citation)) emit({ type: 'cite', at, citation: parseCitation(citation, sealOrigin) })
  }

  const openPart = (block: Block, part: PartKind, named: { id?: string; name?: string } = {}): void => {
    block.part = part
    emit({ type: 'open', at: block.at, part, ...named })
  }

  const openCall = (block: Block, given: JsonObject): void => {
    if (structuredOutputTool !== undefined && given.name === structuredOutputTool) openPart(block, 'text')
    else {
      calls = true
      openPart(block, 'call', { id: textOf(given.id) ?? '', name: textOf(given.name) ?? '' })
      const fields = callFields(given)
      if (fields) emit({ type: 'seal', at: block.at, seal: seal(fields) })
    }
    if (isObject(given.input) && Object.keys(given.input).length > 0) block.input = rawText(given.input)
    else if (typeof given.input === 'string') block.input = rawText(given.input)
  }

  const open = (index: number, given: JsonObject): Block => {
    close(index)
    if (!started) start({})
    const block: Block = { at: next++, said: false, input: '', whole: given, json: '' }
    blocks.set(index, block)
    if (given.type === 'text') {
      openPart(block, 'text')
      say(block, given.text)
      for (const citation of Array.isArray(given.citations) ? given.citations : []) cite(block, citation)
    } else if (given.type === 'thinking') {
      openPart(block, 'reasoning')
      say(block, given.thinking)
      sign(block, given.signature)
    } else if (given.type === 'redacted_thinking') {
      openPart(block, 'reasoning')
      emit({ type: 'seal', at: block.at, seal: seal({ redacted: given.data ?? '' }) })
    } else if (given.type === 'tool_use') openCall(block, given)
    return block
  }

  const sign = ({ at }: Block, signature: Json | undefined): void => {
    const told = signatureSeal(signature, sealOrigin)
    if (told) emit({ type: 'seal', at, seal: told })
  }

  /** A block nobody opened is one all the same. */
  const blockFor = (index: number, type: string): Block =>
    blocks.get(index) ??
    open(index, type === 'thinking_delta' || type === 'signature_delta' ? { type: 'thinking' } : { type: 'text' })

  const add = (index: number, { type, ...delta }: JsonObject): void => {
    const block = blockFor(index, textOf(type) ?? '')
    if (block.part === undefined) return void grow(block, { type, ...delta })
    if (type === 'text_delta') say(block, delta.text)
    else if (type === 'thinking_delta') say(block, delta.thinking)
    else if (type === 'input_json_delta') say(block, delta.partial_json)
    else if (type === 'signature_delta') sign(block, delta.signature)
    else if (type === 'citations_delta') cite(block, delta.citation)
    else loss('content', `the neutral form has no place for a ${textOf(type) ?? 'delta'}`)
  }

  const close = (index: number): void => {
    const block = blocks.get(index)
    if (block === undefined) return
    blocks.delete(index)
    const { at, part, whole, json } = block
    if (part === undefined) {
      const value = json === '' ? whole : { ...whole, input: rawJson(json) ?? json }
      emit({ type: 'part', at, part: { type: 'foreign', seal: seal(value) } })
      return
    }
    if (!block.said) say(block, block.input)
    if (!block.said && part === 'call') say(block, '{}')
    emit({ type: 'close', at })
  }

  /** What is sent instead of an answer that was refused, in the vendor's words. */
  const refuse = (details: Json | undefined): void => {
    if (!isObject(details) || typeof details.explanation !== 'string' || details.explanation === '') return
    const at = next++
    emit({ type: 'open', at, part: 'refusal' })
    emit({ type: 'delta', at, text: details.explanation })
    emit({ type: 'seal', at, seal: seal({ stop_details: details }) })
    emit({ type: 'close', at })
  }

  const conclude = (fault?: GatewayError): void => {
    over = true
    for (const index of [...blocks.keys()]) close(index)
    const usage = parseUsage(counted)
    if (!fault) refuse(last.stop_details)
    if (usage) emit({ type: 'usage', usage })
    if (fault) emit({ type: 'fault', error: fault })
    else emit(finishOf(last, calls))
  }

  const end = (): void => {
    if (over) return
    if (!started) start({})
    conclude(stopped || typeof last.stop_reason === 'string' ? undefined : cut())
  }

  const hear = (body: JsonObject): void => {
    const { type, index, message, delta, content_block: block } = body
    const place = typeof index === 'number' ? index : 0
    if (over) return
    if (type === 'message_start' && next > 0) conclude(begunAnew())
    else if (type === 'message_start') start(isObject(message) ? message : {})
    else if (type === 'content_block_start') open(place, isObject(block) ? block : { type: 'text' })
    else if (type === 'content_block_delta') add(place, isObject(delta) ? delta : {})
    else if (type === 'content_block_stop') close(place)
    else if (type === 'message_delta') {
      gatherUsage(counted, body.usage)
      for (const [key, value] of Object.entries(isObject(delta) ? delta : {}))
        if (value !== null && value !== undefined) last[key] = value
    } else if (type === 'message_stop') {
      stopped = true
      end()
    } else if (type === 'error') conclude(faultFrom(body, exchange))
  }

  return {
    get over() {
      return over
    },
    hear,
    end,
  }
}

/** What only this protocol knows grows as its own deltas say: words are appended, the rest replaces. */
const grow = (block: Block, { type, ...delta }: JsonObject): void => {
  if (type === 'input_json_delta') {
    block.json += textOf(delta.partial_json) ?? ''
    return
  }
  const whole = { ...block.whole }
  for (const [key, value] of Object.entries(delta)) {
    const before = whole[key]
    whole[key] = typeof value === 'string' && typeof before === 'string' ? before + value : value
  }
  block.whole = whole
}

/** Calls end as calls; what was called only to answer is a plain end. */
const finishOf = ({ stop_reason, stop_sequence }: JsonObject, calls: boolean): Event => {
  const said = textOf(stop_reason)
  const told = finishes[said ?? ''] ?? 'other'
  const reason = told === 'stop' && calls ? 'calls' : told === 'calls' && !calls ? 'stop' : told
  const raw = reason === told ? said : reason === 'calls' ? 'tool_use' : 'end_turn'
  const stop = textOf(stop_sequence)
  return { type: 'finish', reason, ...(raw !== undefined && { raw }), ...(stop !== undefined && { stop }) }
}
