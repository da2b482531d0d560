/** Messages stream events → neutral events. https://platform.claude.com/docs/en/build-with-claude/streaming */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import { rawJson, rawText } from '../../base/json/raw.ts'
import { lookUp } from '../../base/look-up.ts'
import type { FinishReason, Seal } from '../../ir/chat.ts'
import type { Event, PartKind } from '../../ir/event.ts'
import type { Exchange } from '../protocol.ts'
import { faultFrom, streamCutError, streamRestartedError } from './error.ts'
import { callFields, parseCitation, signatureSeal } from './parse-blocks.ts'
import { mergeUsage, parseUsage } from './usage.ts'
import { id } from './wire.ts'

const finishReasons: Record<string, FinishReason> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'calls',
  refusal: 'filter',
  pause_turn: 'pause',
}

/**
 * An open block. `openingInput`: the input in `content_block_start`, used if no delta follows. `wireBlock` and
 * `inputJson` hold the content of a block that only this protocol has.
 */
type Block = {
  at: number
  part?: PartKind
  hasText: boolean
  openingInput: string
  wireBlock: JsonObject
  inputJson: string
}

/** Decodes one answer. `end` emits a fault unless a stop reason was received. */
export class AnthropicDecoder {
  readonly #blocks = new Map<number, Block>()
  readonly #usageCounts: JsonObject = {}
  readonly #messageDelta: JsonObject = {}
  #nextAt = 0
  #hasStarted = false
  #hasEnded = false
  #hasStopped = false
  #hasCalls = false

  constructor(
    private readonly exchange: Exchange,
    private readonly emit: (event: Event) => void,
  ) {}

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Decodes one event of the wire. */
  push(body: JsonObject): void {
    const { type, index, message, delta, content_block: block } = body
    const blockIndex = indexOf(index)
    if (this.#hasEnded) return
    if (type === 'message_start' && this.#nextAt > 0) this.#finish(streamRestartedError())
    else if (type === 'message_start') this.#start(isObject(message) ? message : {})
    else if (type === 'content_block_start') this.#openBlock(blockIndex, isObject(block) ? block : { type: 'text' })
    else if (type === 'content_block_delta') this.#addDelta(blockIndex, isObject(delta) ? delta : {})
    else if (type === 'content_block_stop') this.#closeBlock(blockIndex)
    else if (type === 'message_delta') this.#addMessageDelta(isObject(delta) ? delta : {}, body.usage)
    else if (type === 'message_stop') {
      this.#hasStopped = true
      this.end()
    } else if (type === 'error') this.#finish(faultFrom(body, this.exchange))
  }

  /** The body has ended. */
  end(): void {
    if (this.#hasEnded) return
    if (!this.#hasStarted) this.#start({})
    const isComplete = this.#hasStopped || typeof this.#messageDelta.stop_reason === 'string'
    this.#finish(isComplete ? undefined : streamCutError())
  }

  #start(message: JsonObject): void {
    if (!this.#hasStarted)
      this.emit({ type: 'start', id: textOf(message.id) ?? '', model: textOf(message.model) ?? '' })
    this.#hasStarted = true
    mergeUsage(this.#usageCounts, message.usage)
  }

  #openBlock(index: number, wireBlock: JsonObject): Block {
    this.#closeBlock(index)
    if (!this.#hasStarted) this.#start({})
    const block: Block = { at: this.#nextAt++, hasText: false, openingInput: '', wireBlock, inputJson: '' }
    this.#blocks.set(index, block)
    if (wireBlock.type === 'text') {
      this.#openPart(block, 'text')
      this.#emitText(block, wireBlock.text)
      for (const citation of Array.isArray(wireBlock.citations) ? wireBlock.citations : [])
        this.#emitCitation(block, citation)
    } else if (wireBlock.type === 'thinking') {
      this.#openPart(block, 'reasoning')
      this.#emitText(block, wireBlock.thinking)
      this.#emitSignature(block, wireBlock.signature)
    } else if (wireBlock.type === 'redacted_thinking') {
      this.#openPart(block, 'reasoning')
      this.#emitSeal(block.at, { redacted: wireBlock.data ?? '' })
    } else if (wireBlock.type === 'tool_use') this.#openToolUse(block, wireBlock)
    return block
  }

  /** A call of the structured-output tool becomes text. */
  #openToolUse(block: Block, wireBlock: JsonObject): void {
    const { structuredOutputTool } = this.exchange
    if (structuredOutputTool !== undefined && wireBlock.name === structuredOutputTool) this.#openPart(block, 'text')
    else {
      this.#hasCalls = true
      this.#openPart(block, 'call', { id: textOf(wireBlock.id) ?? '', name: textOf(wireBlock.name) ?? '' })
      const fields = callFields(wireBlock)
      if (fields) this.#emitSeal(block.at, fields)
    }
    if (isObject(wireBlock.input) && Object.keys(wireBlock.input).length > 0)
      block.openingInput = rawText(wireBlock.input)
    else if (typeof wireBlock.input === 'string') block.openingInput = rawText(wireBlock.input)
  }

  #openPart(block: Block, part: PartKind, names: { id?: string; name?: string } = {}): void {
    block.part = part
    this.emit({ type: 'open', at: block.at, part, ...names })
  }

  #addDelta(index: number, delta: JsonObject): void {
    const { type } = delta
    const block = this.#blockFor(index, type)
    if (block.part === undefined) mergeForeignDelta(block, delta)
    else if (type === 'text_delta') this.#emitText(block, delta.text)
    else if (type === 'thinking_delta') this.#emitText(block, delta.thinking)
    else if (type === 'input_json_delta') this.#emitText(block, delta.partial_json)
    else if (type === 'signature_delta') this.#emitSignature(block, delta.signature)
    else if (type === 'citations_delta') this.#emitCitation(block, delta.citation)
    else this.exchange.loss('content', `a ${textOf(type) ?? 'delta'} cannot be translated`)
  }

  /** A delta without `content_block_start` opens a block of its own. */
  #blockFor(index: number, type: Json | undefined): Block {
    const known = this.#blocks.get(index)
    if (known) return known
    const isThinking = type === 'thinking_delta' || type === 'signature_delta'
    return this.#openBlock(index, { type: isThinking ? 'thinking' : 'text' })
  }

  #closeBlock(index: number): void {
    const block = this.#blocks.get(index)
    if (block === undefined) return
    this.#blocks.delete(index)
    const { at, part, wireBlock, inputJson } = block
    if (part === undefined) {
      const value = inputJson === '' ? wireBlock : { ...wireBlock, input: rawJson(inputJson) ?? inputJson }
      this.emit({ type: 'part', at, part: { type: 'foreign', seal: this.#sealOf(value) } })
      return
    }
    if (!block.hasText) this.#emitText(block, block.openingInput)
    if (!block.hasText && part === 'call') this.#emitText(block, '{}')
    this.emit({ type: 'close', at })
  }

  #addMessageDelta(delta: JsonObject, usage: Json | undefined): void {
    mergeUsage(this.#usageCounts, usage)
    for (const [key, value] of Object.entries(delta))
      if (value !== null && value !== undefined) this.#messageDelta[key] = value
  }

  #finish(fault?: GatewayError): void {
    this.#hasEnded = true
    for (const index of [...this.#blocks.keys()]) this.#closeBlock(index)
    const usage = parseUsage(this.#usageCounts)
    if (!fault) this.#emitRefusal(this.#messageDelta.stop_details)
    if (usage) this.emit({ type: 'usage', usage })
    if (fault) this.emit({ type: 'fault', error: fault })
    else this.emit(finishEventOf(this.#messageDelta, this.#hasCalls))
  }

  #emitText(block: Block, text: Json | undefined): void {
    if (typeof text !== 'string' || text === '') return
    block.hasText = true
    this.emit({ type: 'delta', at: block.at, text })
  }

  #emitCitation({ at }: Block, citation: Json | undefined): void {
    if (isObject(citation)) this.emit({ type: 'cite', at, citation: parseCitation(citation, this.exchange.sealOrigin) })
  }

  #emitSignature({ at }: Block, signature: Json | undefined): void {
    const seal = signatureSeal(signature, this.exchange.sealOrigin)
    if (seal) this.emit({ type: 'seal', at, seal })
  }

  #emitSeal(at: number, value: Json): void {
    this.emit({ type: 'seal', at, seal: this.#sealOf(value) })
  }

  /** Emits the vendor's explanation of a refusal, which is sent instead of an answer. */
  #emitRefusal(details: Json | undefined): void {
    if (!isObject(details) || typeof details.explanation !== 'string' || details.explanation === '') return
    const at = this.#nextAt++
    this.emit({ type: 'open', at, part: 'refusal' })
    this.emit({ type: 'delta', at, text: details.explanation })
    this.#emitSeal(at, { stop_details: details })
    this.emit({ type: 'close', at })
  }

  #sealOf(value: Json): Seal {
    return { by: id, at: this.exchange.sealOrigin, value }
  }
}

/** Merges a delta into a block that only this protocol has: strings are appended, other values replaced. */
const mergeForeignDelta = (block: Block, { type, ...delta }: JsonObject): void => {
  if (type === 'input_json_delta') {
    block.inputJson += textOf(delta.partial_json) ?? ''
    return
  }
  const { wireBlock } = block
  for (const [key, value] of Object.entries(delta)) {
    const before = wireBlock[key]
    wireBlock[key] = typeof value === 'string' && typeof before === 'string' ? before + value : value
  }
}

/** A block without an index is the first. */
const indexOf = (index: Json | undefined): number => (typeof index === 'number' ? index : 0)

/** The finish is `calls` if there were tool calls. A call of the structured-output tool alone is a plain `stop`. */
const finishEventOf = ({ stop_reason, stop_sequence }: JsonObject, hasCalls: boolean): Event => {
  const stopReason = textOf(stop_reason)
  const mapped = lookUp(finishReasons, stopReason ?? '') ?? 'other'
  const isStopOrCalls = mapped === 'stop' || mapped === 'calls'
  const reasonByCalls = hasCalls ? 'calls' : 'stop'
  const reason = isStopOrCalls ? reasonByCalls : mapped
  const correctedRaw = hasCalls ? 'tool_use' : 'end_turn'
  const raw = reason === mapped ? stopReason : correctedRaw
  const stop = textOf(stop_sequence)
  return { type: 'finish', reason, ...(raw !== undefined && { raw }), ...(stop !== undefined && { stop }) }
}
