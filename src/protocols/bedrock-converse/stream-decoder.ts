/** Events and blocks of Converse → events. */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, objectsIn, textOf } from '../../base/json/json.ts'
import { rawText } from '../../base/json/raw.ts'
import type { Citation, Usage } from '../../ir/chat.ts'
import type { Event, PartKind } from '../../ir/event.ts'
import type { Exchange } from '../protocol.ts'
import { parseImage } from './media.ts'
import { parseUsage } from './usage.ts'
import { finishes, sealed } from './wire.ts'

type Block = { at: number; kind: PartKind; said: boolean; signature: string; redacted: string }
/** Blocks that are no part of a conversation: what a tool of the vendor's is asked and answers, an image. */
type Whole = { block: JsonObject; input: string }

/**
 * A block of text has no beginning, it opens with its first words; a block that changes its kind is two parts. The finish waits for the
 * usage, which comes after it, or for the end. An answer told as a call of the exchange's `answerTool` is the text it was called with.
 */
export class Hearing {
  #blocks = new Map<number, Block>()
  #wholes = new Map<number, Whole>()
  #next = 0
  #started = false
  #calls = false
  #answered = false
  #usage: Usage | undefined
  #metadata = false
  #stop: { reason: string; sequence: string | undefined } | undefined
  #over = false

  constructor(
    private readonly exchange: Exchange,
    private readonly emit: (event: Event) => void,
  ) {}

  /** One event of a stream, by its name. */
  event(name: string, body: JsonObject): void {
    if (this.#over) return
    this.#start()
    const index = typeof body.contentBlockIndex === 'number' ? body.contentBlockIndex : 0
    if (name === 'contentBlockDelta' && isObject(body.delta)) this.#delta(index, body.delta)
    else if (name === 'contentBlockStart' && isObject(body.start)) this.#begin(index, body.start)
    else if (name === 'contentBlockStop') this.#close(index)
    else if (name === 'messageStop') this.#stopped(body)
    else if (name === 'metadata') this.#metadataTold(body)
    if (this.#stop && this.#metadata) this.end()
  }

  /** One block of a whole answer. */
  block(block: JsonObject): void {
    this.#start()
    const index = this.#next
    if (typeof block.text === 'string') this.#say(index, 'text', block.text)
    else if (isObject(block.toolUse) && block.toolUse.type === undefined) this.#call(index, block.toolUse)
    else if (isObject(block.reasoningContent)) this.#reason(index, block.reasoningContent)
    else if (isObject(block.citationsContent)) this.#cited(index, block.citationsContent)
    else this.#whole(block)
    this.#close(index)
  }

  /** The finish of a whole answer. */
  finish(body: JsonObject): void {
    this.#start()
    this.#stopped(body)
    this.#metadataTold(body)
    this.end()
  }

  end(fault?: GatewayError): void {
    if (this.#over) return
    this.#over = true
    for (const index of [...this.#blocks.keys(), ...this.#wholes.keys()]) this.#close(index)
    if (this.#usage) this.emit({ type: 'usage', usage: this.#usage })
    if (fault) this.emit({ type: 'fault', error: fault })
    else this.#tellFinish()
  }

  /** The vendor has said why it stopped. */
  get stopped(): boolean {
    return this.#stop !== undefined
  }

  #start(): void {
    if (this.#started) return
    this.#started = true
    this.emit({ type: 'start', id: '', model: '' })
  }

  #open(index: number, kind: PartKind, call?: { id: string; name: string }): Block {
    const known = this.#blocks.get(index)
    if (known?.kind === kind && !call) return known
    if (known) this.#close(index)
    const block = { at: this.#next++, kind, said: false, signature: '', redacted: '' }
    this.#blocks.set(index, block)
    this.emit({ type: 'open', at: block.at, part: kind, ...call })
    return block
  }

  #say(index: number, kind: PartKind, text: string): void {
    if (text === '') return
    const block = this.#open(index, kind)
    block.said = true
    this.emit({ type: 'delta', at: block.at, text })
  }

  #begin(index: number, start: JsonObject): void {
    const { toolUse } = start
    if (isObject(toolUse) && toolUse.type === undefined) this.#openCall(index, toolUse)
    else if (Object.keys(start).length > 0) this.#wholes.set(index, { block: structuredClone(start), input: '' })
  }

  #openCall(index: number, toolUse: JsonObject): void {
    const name = textOf(toolUse.name) ?? ''
    const answers = name !== '' && name === this.exchange.structuredOutputTool
    this.#answered ||= answers
    this.#calls ||= !answers
    if (answers) this.#open(index, 'text')
    else this.#open(index, 'call', { id: textOf(toolUse.toolUseId) ?? '', name })
  }

  #call(index: number, toolUse: JsonObject): void {
    this.#openCall(index, toolUse)
    this.#argue(index, rawText(toolUse.input ?? {}))
  }

  #argue(index: number, text: string): void {
    this.#say(index, this.#blocks.get(index)?.kind ?? 'call', text)
  }

  #delta(index: number, delta: JsonObject): void {
    const whole = this.#wholes.get(index)
    if (whole) grow(whole, delta)
    else if (typeof delta.text === 'string') this.#say(index, 'text', delta.text)
    else if (isObject(delta.toolUse)) this.#argue(index, textOf(delta.toolUse.input) ?? '')
    else if (isObject(delta.reasoningContent)) this.#reason(index, delta.reasoningContent)
    else if (isObject(delta.citation)) this.#cite(index, delta.citation)
  }

  /** Of a stream `{text}`, `{signature}` or `{redactedContent}`, of a whole answer `{reasoningText: {text, signature}}`. */
  #reason(index: number, content: JsonObject): void {
    const { text, signature } = isObject(content.reasoningText) ? content.reasoningText : content
    if (typeof text === 'string') this.#say(index, 'reasoning', text)
    if (typeof signature === 'string') this.#open(index, 'reasoning').signature += signature
    if (typeof content.redactedContent === 'string') this.#open(index, 'reasoning').redacted += content.redactedContent
  }

  #cite(index: number, citation: JsonObject): void {
    const { at } = this.#open(index, 'text')
    this.emit({ type: 'cite', at, citation: citationOf(citation, this.exchange.sealOrigin) })
  }

  #cited(index: number, { content, citations }: JsonObject): void {
    for (const { text } of objectsIn(content)) this.#say(index, 'text', textOf(text) ?? '')
    for (const citation of objectsIn(citations)) this.#cite(index, citation)
  }

  #whole(block: JsonObject): void {
    const image = parseImage(block.image)
    const part = image ?? { type: 'foreign' as const, seal: sealed({ block }, this.exchange.sealOrigin) }
    this.emit({ type: 'part', at: this.#next++, part })
  }

  #close(index: number): void {
    const whole = this.#wholes.get(index)
    this.#wholes.delete(index)
    if (whole) this.#whole(settled(whole))
    const block = this.#blocks.get(index)
    if (block === undefined) return
    this.#blocks.delete(index)
    const { at, kind, said, signature, redacted } = block
    if (kind === 'call' && !said) this.emit({ type: 'delta', at, text: '{}' })
    const own = redacted === '' ? { signature } : { redactedContent: redacted }
    if (redacted !== '' || signature !== '')
      this.emit({ type: 'seal', at, seal: sealed(own, this.exchange.sealOrigin) })
    this.emit({ type: 'close', at })
  }

  #stopped({ stopReason, additionalModelResponseFields: fields }: JsonObject): void {
    const own = isObject(fields) ? fields : {}
    const sequence = textOf(own.stop_sequence) ?? (isObject(own.delta) ? textOf(own.delta.stop_sequence) : undefined)
    this.#stop = { reason: textOf(stopReason) ?? '', sequence }
  }

  #metadataTold({ usage, trace }: JsonObject): void {
    this.#metadata = true
    this.#usage = parseUsage(usage) ?? this.#usage
    if (trace !== undefined) this.exchange.loss('trace', 'the neutral form has no place for it')
  }

  /** A call ends as one; a call that was only the form of the answer does not. */
  #tellFinish(): void {
    const { reason, sequence } = this.#stop ?? { reason: '', sequence: undefined }
    let told = finishes[reason] ?? 'other'
    if (this.#calls && told === 'stop') told = 'calls'
    if (!this.#calls && this.#answered && told === 'calls') told = 'stop'
    const raw = reason === '' ? {} : { raw: reason }
    this.emit({ type: 'finish', reason: told, ...raw, ...(sequence !== undefined && { stop: sequence }) })
  }
}

/** What comes in pieces of a block that goes back whole. */
const grow = (whole: Whole, delta: JsonObject): void => {
  const { block } = whole
  if (isObject(delta.toolUse)) whole.input += textOf(delta.toolUse.input) ?? ''
  const { toolResult, image } = block
  if (Array.isArray(delta.toolResult) && isObject(toolResult))
    toolResult.content = [...(Array.isArray(toolResult.content) ? toolResult.content : []), ...delta.toolResult]
  if (isObject(delta.image) && isObject(image)) Object.assign(image, delta.image)
}

const settled = ({ block, input }: Whole): JsonObject => {
  const { toolUse } = block
  if (isObject(toolUse)) toolUse.input = parseInput(input)
  return block
}

const parseInput = (input: string): Json => {
  try {
    return JSON.parse(input === '' ? '{}' : input) as Json
  } catch {
    return { input }
  }
}

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
    seal: sealed(citation, target),
  }
}
