/** Events and blocks of Converse → neutral events. */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, objectsIn, parseJson, textOf } from '../../base/json/json.ts'
import { rawText } from '../../base/json/raw.ts'
import { lookUp } from '../../base/look-up.ts'
import type { Citation, Usage } from '../../ir/chat.ts'
import type { Event, PartKind } from '../../ir/event.ts'
import type { Exchange } from '../protocol.ts'
import { parseImage } from './media.ts'
import { parseUsage } from './usage.ts'
import { createSeal, finishReasons } from './wire.ts'

type Block = { at: number; kind: PartKind; hasText: boolean; signature: string; redacted: string }
/**
 * Blocks without a neutral form: calls and results of the vendor's own tools, and images. They are collected until the
 * block is closed.
 */
type ForeignBlock = { block: JsonObject; input: string }

/**
 * Decodes one response. A text block has no start event: it opens with its first text. If a block changes its kind, it
 * becomes two parts.
 * The finish is emitted after the usage, which arrives later, or at the end of the stream.
 * A call of the exchange's `structuredOutputTool` becomes text.
 */
export class ConverseDecoder {
  #blocks = new Map<number, Block>()
  #foreignBlocks = new Map<number, ForeignBlock>()
  #nextAt = 0
  #hasStarted = false
  #hasCalls = false
  #hasAnswerCall = false
  #usage: Usage | undefined
  #hasMetadata = false
  #stop: { reason: string; sequence: string | undefined } | undefined
  #hasEnded = false

  constructor(
    private readonly exchange: Exchange,
    private readonly emit: (push: Event) => void,
  ) {}

  /** Decodes one event of a stream. `name` is the event's type. */
  push(name: string, body: JsonObject): void {
    if (this.#hasEnded) return
    this.#start()
    const index = typeof body.contentBlockIndex === 'number' ? body.contentBlockIndex : 0
    if (name === 'contentBlockDelta' && isObject(body.delta)) this.#addDelta(index, body.delta)
    else if (name === 'contentBlockStart' && isObject(body.start)) this.#startBlock(index, body.start)
    else if (name === 'contentBlockStop') this.#closeBlock(index)
    else if (name === 'messageStop') this.#readStopReason(body)
    else if (name === 'metadata') this.#readMetadata(body)
    if (this.#stop && this.#hasMetadata) this.end()
  }

  /** Decodes one block of a complete response. */
  pushBlock(block: JsonObject): void {
    this.#start()
    const index = this.#nextAt
    if (typeof block.text === 'string') this.#addText(index, 'text', block.text)
    else if (isObject(block.toolUse) && block.toolUse.type === undefined) this.#addCall(index, block.toolUse)
    else if (isObject(block.reasoningContent)) this.#addReasoning(index, block.reasoningContent)
    else if (isObject(block.citationsContent)) this.#addCitedText(index, block.citationsContent)
    else this.#emitBlock(block)
    this.#closeBlock(index)
  }

  /** Decodes the stop reason and usage of a complete response. */
  finishMessage(body: JsonObject): void {
    this.#start()
    this.#readStopReason(body)
    this.#readMetadata(body)
    this.end()
  }

  end(fault?: GatewayError): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    for (const index of [...this.#blocks.keys(), ...this.#foreignBlocks.keys()]) this.#closeBlock(index)
    if (this.#usage) this.emit({ type: 'usage', usage: this.#usage })
    if (fault) this.emit({ type: 'fault', error: fault })
    else this.#emitFinish()
  }

  /** Whether the vendor has sent a stop reason. */
  get hasStopReason(): boolean {
    return this.#stop !== undefined
  }

  #start(): void {
    if (this.#hasStarted) return
    this.#hasStarted = true
    this.emit({ type: 'start', id: '', model: '' })
  }

  #openPart(index: number, kind: PartKind, call?: { id: string; name: string }): Block {
    const known = this.#blocks.get(index)
    if (known?.kind === kind && !call) return known
    if (known) this.#closeBlock(index)
    const block = { at: this.#nextAt++, kind, hasText: false, signature: '', redacted: '' }
    this.#blocks.set(index, block)
    this.emit({ type: 'open', at: block.at, part: kind, ...call })
    return block
  }

  #addText(index: number, kind: PartKind, text: string): void {
    if (text === '') return
    const block = this.#openPart(index, kind)
    block.hasText = true
    this.emit({ type: 'delta', at: block.at, text })
  }

  #startBlock(index: number, start: JsonObject): void {
    const { toolUse } = start
    if (isObject(toolUse) && toolUse.type === undefined) this.#openCall(index, toolUse)
    else if (Object.keys(start).length > 0) this.#foreignBlocks.set(index, { block: structuredClone(start), input: '' })
  }

  #openCall(index: number, toolUse: JsonObject): void {
    const name = textOf(toolUse.name) ?? ''
    const isAnswer = name !== '' && name === this.exchange.structuredOutputTool
    this.#hasAnswerCall ||= isAnswer
    this.#hasCalls ||= !isAnswer
    if (isAnswer) this.#openPart(index, 'text')
    else this.#openPart(index, 'call', { id: textOf(toolUse.toolUseId) ?? '', name })
  }

  #addCall(index: number, toolUse: JsonObject): void {
    this.#openCall(index, toolUse)
    this.#addArgs(index, rawText(toolUse.input ?? {}))
  }

  #addArgs(index: number, text: string): void {
    this.#addText(index, this.#blocks.get(index)?.kind ?? 'call', text)
  }

  #addDelta(index: number, delta: JsonObject): void {
    const foreign = this.#foreignBlocks.get(index)
    if (foreign) mergeDelta(foreign, delta)
    else if (typeof delta.text === 'string') this.#addText(index, 'text', delta.text)
    else if (isObject(delta.toolUse)) this.#addArgs(index, textOf(delta.toolUse.input) ?? '')
    else if (isObject(delta.reasoningContent)) this.#addReasoning(index, delta.reasoningContent)
    else if (isObject(delta.citation)) this.#emitCitation(index, delta.citation)
  }

  /**
   * In a stream `content` is `{text}`, `{signature}` or `{redactedContent}`; in a complete response it is
   * `{reasoningText: {text, signature}}`.
   */
  #addReasoning(index: number, content: JsonObject): void {
    const { text, signature } = isObject(content.reasoningText) ? content.reasoningText : content
    if (typeof text === 'string') this.#addText(index, 'reasoning', text)
    if (typeof signature === 'string') this.#openPart(index, 'reasoning').signature += signature
    if (typeof content.redactedContent === 'string')
      this.#openPart(index, 'reasoning').redacted += content.redactedContent
  }

  #emitCitation(index: number, citation: JsonObject): void {
    const { at } = this.#openPart(index, 'text')
    this.emit({ type: 'cite', at, citation: citationOf(citation, this.exchange.sealOrigin) })
  }

  #addCitedText(index: number, { content, citations }: JsonObject): void {
    for (const { text } of objectsIn(content)) this.#addText(index, 'text', textOf(text) ?? '')
    for (const citation of objectsIn(citations)) this.#emitCitation(index, citation)
  }

  #emitBlock(block: JsonObject): void {
    const image = parseImage(block.image)
    const part = image ?? { type: 'foreign' as const, seal: createSeal({ block }, this.exchange.sealOrigin) }
    this.emit({ type: 'part', at: this.#nextAt++, part })
  }

  #closeBlock(index: number): void {
    const foreign = this.#foreignBlocks.get(index)
    this.#foreignBlocks.delete(index)
    if (foreign) this.#emitBlock(completeBlock(foreign))
    const block = this.#blocks.get(index)
    if (block === undefined) return
    this.#blocks.delete(index)
    const { at, kind, hasText, signature, redacted } = block
    if (kind === 'call' && !hasText) this.emit({ type: 'delta', at, text: '{}' })
    const sealValue = redacted === '' ? { signature } : { redactedContent: redacted }
    if (redacted !== '' || signature !== '')
      this.emit({ type: 'seal', at, seal: createSeal(sealValue, this.exchange.sealOrigin) })
    this.emit({ type: 'close', at })
  }

  #readStopReason({ stopReason, additionalModelResponseFields: fields }: JsonObject): void {
    const modelFields = isObject(fields) ? fields : {}
    const sequence =
      textOf(modelFields.stop_sequence) ??
      (isObject(modelFields.delta) ? textOf(modelFields.delta.stop_sequence) : undefined)
    this.#stop = { reason: textOf(stopReason) ?? '', sequence }
  }

  #readMetadata({ usage, trace }: JsonObject): void {
    this.#hasMetadata = true
    this.#usage = parseUsage(usage) ?? this.#usage
    if (trace !== undefined) this.exchange.loss('trace', 'it cannot be translated')
  }

  /** The finish is `calls` if there were tool calls. A call of the structured-output tool alone is a plain `stop`. */
  #emitFinish(): void {
    const { reason, sequence } = this.#stop ?? { reason: '', sequence: undefined }
    let finish = lookUp(finishReasons, reason) ?? 'other'
    if (this.#hasCalls && finish === 'stop') finish = 'calls'
    if (!this.#hasCalls && this.#hasAnswerCall && finish === 'calls') finish = 'stop'
    const raw = reason === '' ? {} : { raw: reason }
    this.emit({ type: 'finish', reason: finish, ...raw, ...(sequence !== undefined && { stop: sequence }) })
  }
}

/** Merges a delta into a block that is emitted when it is complete. */
const mergeDelta = (foreign: ForeignBlock, delta: JsonObject): void => {
  const { block } = foreign
  if (isObject(delta.toolUse)) foreign.input += textOf(delta.toolUse.input) ?? ''
  const { toolResult, image } = block
  if (Array.isArray(delta.toolResult) && isObject(toolResult)) {
    const content = Array.isArray(toolResult.content) ? toolResult.content : []
    for (const one of delta.toolResult) content.push(one)
    toolResult.content = content
  }
  if (isObject(delta.image) && isObject(image)) Object.assign(image, delta.image)
}

const completeBlock = ({ block, input }: ForeignBlock): JsonObject => {
  const { toolUse } = block
  if (isObject(toolUse)) toolUse.input = parseInput(input)
  return block
}

const parseInput = (input: string): Json => parseJson(input === '' ? '{}' : input) ?? { input }

const citationOf = (citation: JsonObject, target: string): Citation => {
  const { title, source, sourceContent, location } = citation
  const web = isObject(location) && isObject(location.web) ? textOf(location.web.url) : undefined
  const url = web ?? (typeof source === 'string' && /^https?:/.test(source) ? source : undefined)
  const quote = objectsIn(sourceContent)
    .map(({ text }) => textOf(text) ?? '')
    .join('')
  return {
    ...(url !== undefined && { url }),
    ...(typeof title === 'string' && title !== '' && { title }),
    ...(quote !== '' && { quote }),
    seal: createSeal(citation, target),
  }
}
