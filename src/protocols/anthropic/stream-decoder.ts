/** Messages stream events → neutral events. https://platform.claude.com/docs/en/build-with-claude/streaming */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import { rawJson, rawText } from '../../base/json/raw.ts'
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

export type AnthropicDecoder = {
  readonly hasEnded: boolean
  /** Decodes one event of the wire. */
  push: (body: JsonObject) => void
  /** The body has ended. Emits a fault unless a stop reason was received. */
  end: () => void
}

export const createAnthropicDecoder = (exchange: Exchange, emit: (event: Event) => void): AnthropicDecoder => {
  const { loss, sealOrigin, structuredOutputTool } = exchange
  const blocks = new Map<number, Block>()
  const usageCounts: JsonObject = {}
  let nextAt = 0
  let hasStarted = false
  let hasEnded = false
  let hasStopped = false
  let hasCalls = false
  const messageDelta: JsonObject = {}

  const createSeal = (value: Json): Seal => ({ by: id, at: sealOrigin, value })

  const start = (message: JsonObject): void => {
    if (!hasStarted) emit({ type: 'start', id: textOf(message.id) ?? '', model: textOf(message.model) ?? '' })
    hasStarted = true
    mergeUsage(usageCounts, message.usage)
  }

  const emitText = (block: Block, text: unknown): void => {
    if (typeof text !== 'string' || text === '') return
    block.hasText = true
    emit({ type: 'delta', at: block.at, text })
  }

  const emitCitation = ({ at }: Block, citation: Json | undefined): void => {
    if (isObject(citation)) emit({ type: 'cite', at, citation: parseCitation(citation, sealOrigin) })
  }

  const openPart = (block: Block, part: PartKind, names: { id?: string; name?: string } = {}): void => {
    block.part = part
    emit({ type: 'open', at: block.at, part, ...names })
  }

  const openToolUse = (block: Block, wireBlock: JsonObject): void => {
    if (structuredOutputTool !== undefined && wireBlock.name === structuredOutputTool) openPart(block, 'text')
    else {
      hasCalls = true
      openPart(block, 'call', { id: textOf(wireBlock.id) ?? '', name: textOf(wireBlock.name) ?? '' })
      const fields = callFields(wireBlock)
      if (fields) emit({ type: 'seal', at: block.at, seal: createSeal(fields) })
    }
    if (isObject(wireBlock.input) && Object.keys(wireBlock.input).length > 0)
      block.openingInput = rawText(wireBlock.input)
    else if (typeof wireBlock.input === 'string') block.openingInput = rawText(wireBlock.input)
  }

  const openBlock = (index: number, wireBlock: JsonObject): Block => {
    closeBlock(index)
    if (!hasStarted) start({})
    const block: Block = { at: nextAt++, hasText: false, openingInput: '', wireBlock, inputJson: '' }
    blocks.set(index, block)
    if (wireBlock.type === 'text') {
      openPart(block, 'text')
      emitText(block, wireBlock.text)
      for (const citation of Array.isArray(wireBlock.citations) ? wireBlock.citations : [])
        emitCitation(block, citation)
    } else if (wireBlock.type === 'thinking') {
      openPart(block, 'reasoning')
      emitText(block, wireBlock.thinking)
      emitSignature(block, wireBlock.signature)
    } else if (wireBlock.type === 'redacted_thinking') {
      openPart(block, 'reasoning')
      emit({ type: 'seal', at: block.at, seal: createSeal({ redacted: wireBlock.data ?? '' }) })
    } else if (wireBlock.type === 'tool_use') openToolUse(block, wireBlock)
    return block
  }

  const emitSignature = ({ at }: Block, signature: Json | undefined): void => {
    const seal = signatureSeal(signature, sealOrigin)
    if (seal) emit({ type: 'seal', at, seal })
  }

  /** A delta without `content_block_start` opens a block of its own. */
  const blockFor = (index: number, type: string): Block =>
    blocks.get(index) ??
    openBlock(index, type === 'thinking_delta' || type === 'signature_delta' ? { type: 'thinking' } : { type: 'text' })

  const addDelta = (index: number, { type, ...delta }: JsonObject): void => {
    const block = blockFor(index, textOf(type) ?? '')
    if (block.part === undefined) return void mergeForeignDelta(block, { type, ...delta })
    if (type === 'text_delta') emitText(block, delta.text)
    else if (type === 'thinking_delta') emitText(block, delta.thinking)
    else if (type === 'input_json_delta') emitText(block, delta.partial_json)
    else if (type === 'signature_delta') emitSignature(block, delta.signature)
    else if (type === 'citations_delta') emitCitation(block, delta.citation)
    else loss('content', `the neutral form has no place for a ${textOf(type) ?? 'delta'}`)
  }

  const closeBlock = (index: number): void => {
    const block = blocks.get(index)
    if (block === undefined) return
    blocks.delete(index)
    const { at, part, wireBlock, inputJson } = block
    if (part === undefined) {
      const value = inputJson === '' ? wireBlock : { ...wireBlock, input: rawJson(inputJson) ?? inputJson }
      emit({ type: 'part', at, part: { type: 'foreign', seal: createSeal(value) } })
      return
    }
    if (!block.hasText) emitText(block, block.openingInput)
    if (!block.hasText && part === 'call') emitText(block, '{}')
    emit({ type: 'close', at })
  }

  /** Emits the vendor's explanation of a refusal, which is sent instead of an answer. */
  const emitRefusal = (details: Json | undefined): void => {
    if (!isObject(details) || typeof details.explanation !== 'string' || details.explanation === '') return
    const at = nextAt++
    emit({ type: 'open', at, part: 'refusal' })
    emit({ type: 'delta', at, text: details.explanation })
    emit({ type: 'seal', at, seal: createSeal({ stop_details: details }) })
    emit({ type: 'close', at })
  }

  const finish = (fault?: GatewayError): void => {
    hasEnded = true
    for (const index of [...blocks.keys()]) closeBlock(index)
    const usage = parseUsage(usageCounts)
    if (!fault) emitRefusal(messageDelta.stop_details)
    if (usage) emit({ type: 'usage', usage })
    if (fault) emit({ type: 'fault', error: fault })
    else emit(finishEventOf(messageDelta, hasCalls))
  }

  const end = (): void => {
    if (hasEnded) return
    if (!hasStarted) start({})
    finish(hasStopped || typeof messageDelta.stop_reason === 'string' ? undefined : streamCutError())
  }

  const push = (body: JsonObject): void => {
    const { type, index, message, delta, content_block: block } = body
    const blockIndex = typeof index === 'number' ? index : 0
    if (hasEnded) return
    if (type === 'message_start' && nextAt > 0) finish(streamRestartedError())
    else if (type === 'message_start') start(isObject(message) ? message : {})
    else if (type === 'content_block_start') openBlock(blockIndex, isObject(block) ? block : { type: 'text' })
    else if (type === 'content_block_delta') addDelta(blockIndex, isObject(delta) ? delta : {})
    else if (type === 'content_block_stop') closeBlock(blockIndex)
    else if (type === 'message_delta') {
      mergeUsage(usageCounts, body.usage)
      for (const [key, value] of Object.entries(isObject(delta) ? delta : {}))
        if (value !== null && value !== undefined) messageDelta[key] = value
    } else if (type === 'message_stop') {
      hasStopped = true
      end()
    } else if (type === 'error') finish(faultFrom(body, exchange))
  }

  return {
    get hasEnded() {
      return hasEnded
    },
    push,
    end,
  }
}

/** Merges a delta into a block that only this protocol has: strings are appended, other values replaced. */
const mergeForeignDelta = (block: Block, { type, ...delta }: JsonObject): void => {
  if (type === 'input_json_delta') {
    block.inputJson += textOf(delta.partial_json) ?? ''
    return
  }
  const merged = { ...block.wireBlock }
  for (const [key, value] of Object.entries(delta)) {
    const before = merged[key]
    merged[key] = typeof value === 'string' && typeof before === 'string' ? before + value : value
  }
  block.wireBlock = merged
}

/** The finish is `calls` if there were tool calls. A call of the structured-output tool alone is a plain `stop`. */
const finishEventOf = ({ stop_reason, stop_sequence }: JsonObject, hasCalls: boolean): Event => {
  const stopReason = textOf(stop_reason)
  const mapped = finishReasons[stopReason ?? ''] ?? 'other'
  const reason = mapped === 'stop' && hasCalls ? 'calls' : mapped === 'calls' && !hasCalls ? 'stop' : mapped
  const raw = reason === mapped ? stopReason : reason === 'calls' ? 'tool_use' : 'end_turn'
  const stop = textOf(stop_sequence)
  return { type: 'finish', reason, ...(raw !== undefined && { raw }), ...(stop !== undefined && { stop }) }
}
