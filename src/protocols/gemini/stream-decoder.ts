/** Chunks of a response → neutral events. */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'
import type { Seal, Usage } from '../../ir/chat.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { createNoteOnce } from '../shared/note-once.ts'
import { citationsIn, mergeSources, type Sources } from './citations.ts'
import { faultOf, finishOf, reasonNameOf } from './finish.ts'
import { callIdsFor } from './parts/call-ids.ts'
import { argsText, rawArgs } from './parts/function-args.ts'
import { id, parseMedia, sealOf } from './parts/part.ts'
import { createPartialArgs, type PartialArgs } from './parts/partial-args.ts'
import { listOf } from './syntax/casing.ts'
import { parseUsage } from './usage.ts'

type OpenText = { kind: 'text' | 'reasoning'; at: number; text: string; isSealed: boolean }
type OpenCall = { at: number; partial: PartialArgs; custom: boolean }

/**
 * Takes chunks with `push`, until `end`. Gemini does not mark the start and end of parts. A part opens with its first
 * text. It closes when a part of another kind follows, or after its signature. Calls arrive complete, or in pieces from
 * Vertex. After a finish reason more parts and another finish reason may follow.
 */
export class GeminiDecoder {
  readonly #callIdFor: (given: string | undefined) => string
  readonly #freeText: ReadonlySet<string> | undefined
  readonly #sources: Sources = {}
  readonly #noteLossOnce: NoteLoss
  #nextAt = 0
  #openText: OpenText | undefined
  #openCall: OpenCall | undefined
  #hasCalls = false
  /** Anything but thoughts has been received. */
  #hasContent = false
  #hasStarted = false
  #usage: Usage | undefined
  #finishReason: string | undefined
  #blockReason: string | undefined
  /** The exact arguments of the calls of this chunk, and how many of them have been read. */
  #rawCallArgs: readonly (string | undefined)[] = []
  #rawCallsRead = 0

  constructor(
    private readonly exchange: Exchange,
    private readonly emit: (event: Event) => void,
  ) {
    this.#callIdFor = callIdsFor(exchange.id)
    this.#freeText = exchange.freeTextTools
    this.#noteLossOnce = createNoteOnce(exchange)
  }

  /** The vendor's finish or block reason, once received. */
  get finishReason(): string | undefined {
    return this.#finishReason ?? this.#blockReason
  }

  /** Handles a chunk. `text`: the chunk as it came, from which the exact arguments of calls are read. */
  push(body: JsonObject, text?: string): void {
    this.#rawCallArgs = text?.includes('"functionCall"') ? rawArgs(text) : []
    this.#rawCallsRead = 0
    if (!this.#hasStarted) this.#start(body)
    for (const candidate of listOf(body.candidates)) this.#addCandidate(candidate)
    this.#usage = parseUsage(body.usageMetadata) ?? this.#usage
    if (isObject(body.promptFeedback))
      this.#blockReason = reasonNameOf(body.promptFeedback.blockReason) ?? this.#blockReason
  }

  end(streamFault?: GatewayError): void {
    if (!this.#openCall) this.#emitCitations()
    this.#closePart()
    if (this.#usage) this.emit({ type: 'usage', usage: this.#usage })
    const fault = streamFault ?? faultOf(this.#finishReason, this.#hasContent)
    this.emit(fault ? { type: 'fault', error: fault } : this.#finish())
  }

  #start({ responseId, modelVersion }: JsonObject): void {
    this.emit({ type: 'start', id: textOf(responseId) || this.exchange.id, model: textOf(modelVersion) ?? '' })
    this.#hasStarted = true
  }

  #addCandidate(candidate: JsonObject): void {
    if (typeof candidate.index === 'number' && candidate.index !== 0)
      return void this.#noteLossOnce('candidates', 'only the first candidate is translated')
    if (isObject(candidate.logprobsResult)) this.#noteLossOnce('logprobsResult', 'it cannot be translated')
    if (isObject(candidate.content)) for (const part of listOf(candidate.content.parts)) this.#addPart(part)
    mergeSources(this.#sources, candidate)
    this.#finishReason = reasonNameOf(candidate.finishReason) ?? this.#finishReason
  }

  #addPart(part: JsonObject): void {
    const seal = sealOf(part, undefined, this.exchange.sealOrigin)
    if (isObject(part.functionCall)) this.#addCall(part.functionCall, seal)
    else if (typeof part.text === 'string') this.#addText(part.thought === true ? 'reasoning' : 'text', part.text, seal)
    else if (Object.keys(part).length > 0) this.#addCompletePart(part)
  }

  #addText(kind: OpenText['kind'], text: string, seal: Seal | undefined): void {
    if (text === '' && seal === undefined) return
    const part = this.#textPartOf(kind)
    part.text += text
    if (kind === 'text' && text.trim() !== '') this.#hasContent = true
    if (text !== '') this.emit({ type: 'delta', at: part.at, text })
    if (seal === undefined) return
    part.isSealed = true
    this.emit({ type: 'seal', at: part.at, seal })
  }

  /** The open part of this kind. A new one if there is none, or if its signature has been received. */
  #textPartOf(kind: OpenText['kind']): OpenText {
    const known = this.#openText
    if (known?.kind === kind && !known.isSealed) return known
    this.#closePart()
    const part: OpenText = { kind, at: this.#nextAt++, text: '', isSealed: false }
    this.#openText = part
    this.emit({ type: 'open', at: part.at, part: kind })
    return part
  }

  /** Handles a call, or a piece of the open call, which has no name. */
  #addCall(functionCall: JsonObject, seal: Seal | undefined): void {
    const name = textOf(functionCall.name) ?? ''
    const rawText = this.#rawCallArgs[this.#rawCallsRead++]
    if (this.#openCall && name === '') return void this.#continueCall(this.#openCall, functionCall)
    if (name === '') return void this.#noteLossOnce('functionCall', 'a tool call without a name was dropped')
    this.#closePart()
    this.#hasContent = true
    const custom = this.#freeText?.has(name) ?? false
    const at = this.#startCall(name, functionCall, custom)
    if (seal) this.emit({ type: 'seal', at, seal })
    if (functionCall.willContinue !== true && !Array.isArray(functionCall.partialArgs))
      return void this.#closeCall(at, argsText(functionCall.args, rawText), custom)
    this.#openCall = { at, partial: createPartialArgs(), custom }
    this.#continueCall(this.#openCall, functionCall)
  }

  /** Opens the part of a call and returns its index. The call that stands for structured output is a text. */
  #startCall(name: string, { id: callId }: JsonObject, custom: boolean): number {
    const at = this.#nextAt++
    if (name === this.exchange.structuredOutputTool) {
      this.emit({ type: 'open', at, part: 'text' })
      return at
    }
    this.#hasCalls = true
    this.emit({ type: 'open', at, part: 'call', id: this.#callIdFor(textOf(callId)), name, ...(custom && { custom }) })
    return at
  }

  #continueCall({ partial }: OpenCall, functionCall: JsonObject): void {
    partial.push(functionCall)
    if (functionCall.willContinue !== true) this.#closePart()
  }

  #closeCall(at: number, args: string, custom: boolean): void {
    const text = custom ? inputOf(args) : args
    if (text !== '') this.emit({ type: 'delta', at, text })
    this.emit({ type: 'close', at })
  }

  /** Handles a part that is neither a call nor text: media, or a block that only this protocol has. */
  #addCompletePart(part: JsonObject): void {
    this.#closePart()
    this.#hasContent = true
    const { sealOrigin } = this.exchange
    const media = part.thought === true ? undefined : parseMedia(part, sealOrigin)
    this.emit({
      type: 'part',
      at: this.#nextAt++,
      part: media ?? { type: 'foreign', seal: { by: id, at: sealOrigin, value: part } },
    })
  }

  #closePart(): void {
    if (this.#openText) this.emit({ type: 'close', at: this.#openText.at })
    this.#openText = undefined
    if (this.#openCall) this.#closeCall(this.#openCall.at, this.#openCall.partial.text(), this.#openCall.custom)
    this.#openCall = undefined
  }

  #emitCitations(): void {
    const part = this.#openText
    const citations = citationsIn(this.#sources, part?.text ?? '')
    if (part?.kind === 'text') for (const citation of citations) this.emit({ type: 'cite', at: part.at, citation })
    else if (citations.length > 0) this.#noteLossOnce('groundingMetadata', 'there is no text before it')
  }

  /** The finish of an answer without a fault. A prompt that was blocked has a block reason only. */
  #finish(): Event {
    const raw = this.finishReason
    if (raw === undefined) return { type: 'finish', reason: finishOf('', this.#hasCalls) }
    return { type: 'finish', reason: this.#finishReason === undefined ? 'filter' : finishOf(raw, this.#hasCalls), raw }
  }
}

/** Creates the decoder of one answer, which emits events of the neutral form as soon as the chunks allow. */
export const createGeminiDecoder = (exchange: Exchange, emit: (event: Event) => void): GeminiDecoder =>
  new GeminiDecoder(exchange, emit)

/** Returns the text that a free-text tool was called with. */
const inputOf = (args: string): string => {
  const given: Json | undefined = parseJson(args)
  return isObject(given) && typeof given.input === 'string' ? given.input : args
}
