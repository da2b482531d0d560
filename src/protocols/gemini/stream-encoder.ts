/** Neutral events → chunks of a response. */

import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { FinishReason, Seal, Usage } from '../../ir/chat.ts'
import type { Event, PartKind } from '../../ir/event.ts'
import type { Exchange, Stage } from '../protocol.ts'
import { missingFinish } from '../shared/vendor-error.ts'
import { type CitedText, renderSources } from './citations.ts'
import { renderError } from './error.ts'
import { isBlockReason, renderFinish } from './finish.ts'
import { argsObject } from './parts/function-args.ts'
import { foreignBlockFor, renderMedia, signatureSlotFor } from './parts/part.ts'
import { camelBody } from './syntax/casing.ts'
import { renderUsage } from './usage.ts'

type EventOf<Type extends Event['type']> = Extract<Event, { type: Type }>
type EventHandlers = { [Type in Event['type']]: (event: EventOf<Type>) => void }
type OpenPart = { part: PartKind; text: string; id: string; name: string; custom: boolean; seal?: Seal }

/** Writes a chunk that holds only text, as most chunks do. `id`: the response id. */
type WriteText = (text: string, thought: boolean, id: string) => void

/**
 * Encodes the chunks for a client. Text is sent immediately, by `writeText` if given. A call is sent when it is
 * complete, because its arguments are an object.
 */
export const encodeGeminiStream =
  (exchange: Exchange, writeText?: WriteText): Stage<Event, JsonObject> =>
  emit => {
    const encoder = new GeminiEncoder(exchange, emit, writeText)
    return event => encoder.push(event)
  }

/** The encoder of one answer. Each type of event has the method of its name. */
class GeminiEncoder implements EventHandlers {
  readonly #openParts = new Map<number, OpenPart>()
  readonly #cited: CitedText[] = []
  readonly #areThoughtsHidden: boolean
  #id: string
  #hasContent = false
  #hasMalformedCall = false
  #usage: Usage | undefined
  #hasEnded = false

  constructor(
    private readonly exchange: Exchange,
    private readonly emit: (chunk: JsonObject) => void,
    private readonly writeText: WriteText | undefined,
  ) {
    this.#areThoughtsHidden = hidesThoughts(exchange)
    this.#id = exchange.id
  }

  push(event: Event | undefined): void {
    if (event) this[event.type](event as never)
    else if (!this.#hasEnded) this.fault({ type: 'fault', error: missingFinish() })
  }

  start({ id }: EventOf<'start'>): void {
    this.#id = id || this.exchange.id
  }

  open({ at, part, id = '', name = '', custom = false }: EventOf<'open'>): void {
    this.#openParts.set(at, { part, text: '', id, name, custom })
  }

  delta({ at, text }: EventOf<'delta'>): void {
    const openPart = this.#openParts.get(at)
    if (openPart === undefined) return
    openPart.text += text
    const thought = openPart.part === 'reasoning'
    if (openPart.part === 'call' || (thought && this.#areThoughtsHidden)) return
    if (!this.writeText) return void this.#emitPart(thought ? { text, thought } : { text })
    this.#hasContent = true
    this.writeText(text, thought, this.#id)
  }

  seal({ at, seal }: EventOf<'seal'>): void {
    const openPart = this.#openParts.get(at)
    if (openPart) openPart.seal = seal
  }

  cite({ at, citation }: EventOf<'cite'>): void {
    this.#cited.push({ citation, text: this.#openParts.get(at)?.text ?? '' })
  }

  close({ at }: EventOf<'close'>): void {
    const openPart = this.#openParts.get(at)
    this.#openParts.delete(at)
    if (openPart?.part === 'call') this.#emitCall(openPart)
    else if (openPart) this.#emitSeal(openPart)
  }

  part({ part }: EventOf<'part'>): void {
    const media = part.type === 'media' ? renderMedia(part) : undefined
    const seal = part.type === 'media' || part.type === 'foreign' ? part.seal : undefined
    const block = part.type === 'foreign' ? foreignBlockFor(part.seal, this.exchange) : undefined
    if (media) this.#emitPart({ ...media, ...signatureSlotFor(seal, this.exchange) })
    else if (block) this.#emitPart(block)
    else this.exchange.loss(part.type, 'a response of this protocol cannot contain it')
  }

  usage({ usage }: EventOf<'usage'>): void {
    this.#usage = usage
  }

  finish({ reason, raw }: EventOf<'finish'>): void {
    this.#hasEnded = true
    const usage = this.#usage && { usageMetadata: renderUsage(this.#usage) }
    this.emit({ ...this.#lastChunk(reason, raw), ...usage, ...this.#envelope() })
  }

  fault({ error }: EventOf<'fault'>): void {
    this.#hasEnded = true
    this.emit(renderError(error) as JsonObject)
  }

  #emitCall({ id, name, text, custom, seal }: OpenPart): void {
    const args = argsOf(text, custom)
    if (args === undefined) {
      this.#hasMalformedCall = true
      return void this.exchange.loss('functionCall', `the arguments of ${name} are not an object`)
    }
    this.#emitPart({ functionCall: { id, name, args }, ...signatureSlotFor(seal, this.exchange) })
  }

  /** Emits the signature of text or thoughts, which have been sent, in a part without text. */
  #emitSeal({ part, seal }: OpenPart): void {
    const slot = signatureSlotFor(seal, this.exchange)
    if (Object.keys(slot).length > 0)
      this.#emitPart({ text: '', ...(part === 'reasoning' && { thought: true }), ...slot })
  }

  #emitPart(part: JsonObject): void {
    this.#hasContent = true
    this.emit({ candidates: [{ content: { parts: [part], role: 'model' }, index: 0 }], ...this.#envelope() })
  }

  #envelope(): JsonObject {
    return { modelVersion: this.exchange.model, responseId: this.#id }
  }

  /**
   * The last chunk has an empty part, because libraries that keep the conversation drop an answer whose content is
   * empty.
   */
  #lastChunk(reason: FinishReason, raw: string | undefined): JsonObject {
    if (!this.#hasContent && isBlockReason(reason, raw)) return { promptFeedback: { blockReason: raw } }
    const isMalformed = this.#hasMalformedCall && reason !== 'length'
    const finishReason = isMalformed ? 'MALFORMED_FUNCTION_CALL' : renderFinish(reason, raw)
    const sources = this.#cited.length > 0 ? { groundingMetadata: renderSources(this.#cited) } : {}
    const content = { parts: [{ text: '' }], role: 'model' }
    return { candidates: [{ content, finishReason, index: 0, ...sources }] }
  }
}

/** Parses the arguments of a call. Undefined if they are not a JSON object. Free text is put under `input`. */
const argsOf = (text: string, custom: boolean): Json | undefined => (custom ? { input: text } : argsObject(text))

/**
 * Whether thoughts are hidden. Only clients that ask for thoughts get them, because others often read all parts as the
 * answer.
 */
const hidesThoughts = ({ clientRequest }: Exchange): boolean => {
  if (clientRequest === undefined) return false
  const { generationConfig } = camelBody({
    generationConfig: clientRequest.generationConfig ?? clientRequest.generation_config ?? null,
  })
  const config = isObject(generationConfig) ? generationConfig.thinkingConfig : undefined
  return !(isObject(config) && config.includeThoughts === true)
}
