/** Encodes events as chunks of Chat Completions. */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type JsonObject, parseJson } from '../../base/json/json.ts'
import type { FinishReason, Seal, Usage } from '../../ir/chat.ts'
import type { Event, PartKind } from '../../ir/event.ts'
import type { Exchange, NoteLoss, Stage } from '../protocol.ts'
import { createNoteOnce } from '../shared/note-once.ts'
import { missingFinish } from '../shared/vendor-error.ts'
import { renderAnnotation } from './citations.ts'
import { renderError } from './error.ts'
import { renderMedia } from './media.ts'
import { writeSealSlot } from './reasoning/seal-slot.ts'
import { legacyId } from './stream-decoder.ts'
import { renderUsage } from './usage.ts'

type EventOf<Kind extends Event['type']> = Extract<Event, { type: Kind }>

/** Writes one open part: how its text becomes a delta, and whether it has had any text. */
type PartWriter = {
  renderText: (text: string) => JsonObject
  hasText: boolean
  part: PartKind
  index?: number
  seal?: Seal
  buffer?: string[]
}

const finishReasons: Record<FinishReason, string> = {
  stop: 'stop',
  length: 'length',
  calls: 'tool_calls',
  filter: 'content_filter',
  pause: 'stop',
  other: 'stop',
}

/** The field of a delta that carries the text of a part. */
const textFields = { text: 'content', refusal: 'refusal', reasoning: 'reasoning_content' } as const

/** Encodes the chunks for a client. If the client requested usage, the usage comes last, in a chunk of its own. */
export const encodeChatStream =
  (exchange: Exchange): Stage<Event, JsonObject> =>
  emit => {
    const encoder = new ChatEncoder(exchange, emit)
    return event => {
      if (event) encoder.push(event)
      else encoder.end()
    }
  }

class ChatEncoder {
  readonly #writers = new Map<number, PartWriter>()
  readonly #customTools: ReadonlySet<string>
  readonly #noteOnce: NoteLoss
  #id: string
  /** The number of calls, legacy ones aside. */
  #callCount = 0
  #hasLegacyCall = false
  #usage: Usage | undefined
  #finished = false
  /** Seals of reasoning that no call has carried yet. */
  #reasoningSeals: Seal[] = []

  constructor(
    private readonly exchange: Exchange,
    private readonly emit: (chunk: JsonObject) => void,
  ) {
    this.#customTools = customToolNames(exchange.clientRequest)
    this.#id = exchange.id
    this.#noteOnce = createNoteOnce(exchange)
  }

  push(event: Event): void {
    if (event.type === 'delta') this.#appendText(event)
    else if (event.type === 'start') this.#start(event)
    else if (event.type === 'open') this.#open(event)
    else if (event.type === 'seal') this.#seal(event)
    else if (event.type === 'cite') this.#cite(event)
    else if (event.type === 'close') this.#close(event)
    else if (event.type === 'part') this.#emitPart(event)
    else if (event.type === 'usage') this.#usage = event.usage
    else if (event.type === 'finish') this.#finish(event)
    else this.#fail(event.error)
  }

  end(): void {
    if (!this.#finished) this.#fail(missingFinish())
    else if (this.#usage && this.exchange.usageRequested)
      this.emit({ ...this.#envelope(), choices: [], usage: renderUsage(this.#usage) })
  }

  #start({ id }: EventOf<'start'>): void {
    this.#id = id || this.exchange.id
    this.#emitChunk({ role: 'assistant', content: '' })
  }

  #open({ at, part, id = '', name = '', custom = false }: EventOf<'open'>): void {
    if (part !== 'call') this.#openText(at, part)
    else if (id.startsWith(legacyId)) this.#openLegacyCall(at, name)
    else this.#openCall(at, id, name, custom)
  }

  #openText(at: number, part: Exclude<PartKind, 'call'>): void {
    const key = textFields[part]
    this.#writers.set(at, { renderText: text => ({ [key]: text }), hasText: false, part })
  }

  #openCall(at: number, id: string, name: string, custom: boolean): void {
    const index = this.#callCount++
    const isWrapped = !custom && this.#customTools.has(name)
    const isCustom = custom || isWrapped
    const type = isCustom ? 'custom' : 'function'
    const inputField = isCustom ? 'input' : 'arguments'
    this.#writers.set(at, {
      renderText: text => ({ tool_calls: [{ index, [type]: { [inputField]: text } }] }),
      hasText: isCustom,
      part: 'call',
      index,
      ...(isWrapped && { buffer: [] }),
    })
    this.#emitChunk({ tool_calls: [{ index, id, type, [type]: { name, [inputField]: '' } }] })
  }

  #openLegacyCall(at: number, name: string): void {
    this.#hasLegacyCall = true
    const renderText = (text: string) => ({ function_call: { arguments: text } })
    this.#writers.set(at, { renderText, hasText: false, part: 'call' })
    this.#emitChunk({ function_call: { name, arguments: '' } })
  }

  #appendText({ at, text }: EventOf<'delta'>): void {
    const writer = this.#writers.get(at)
    if (writer === undefined || text === '') return
    writer.hasText = true
    if (writer.buffer) writer.buffer.push(text)
    else this.#emitChunk(writer.renderText(text))
  }

  #seal({ at, seal }: EventOf<'seal'>): void {
    const writer = this.#writers.get(at)
    if (writer?.part === 'reasoning') this.#reasoningSeals.push(seal)
    else if (writer?.index === undefined) this.#noteOnce('seal', `only ${seal.by} can read this opaque state`)
    else if (seal.by !== 'openai-chat') writer.seal = seal
    else if (isObject(seal.value))
      this.#emitChunk({ tool_calls: [{ index: writer.index, function: { arguments: '' }, ...seal.value }] })
  }

  #cite({ citation }: EventOf<'cite'>): void {
    const annotation = renderAnnotation(citation)
    if (annotation) this.#emitChunk({ annotations: [annotation] })
    else this.#noteOnce('annotations', 'this protocol does not support citations without a URL')
  }

  #close({ at }: EventOf<'close'>): void {
    const writer = this.#writers.get(at)
    if (writer === undefined) return
    if (writer.buffer) this.#emitChunk(writer.renderText(customInputOf(writer.buffer.join(''))))
    if (writer.part === 'call' && !writer.hasText) this.#emitChunk(writer.renderText('{}'))
    if (writer.index !== undefined) this.#emitCallSeal(writer.index, writer.seal)
    this.#writers.delete(at)
  }

  /**
   * A call carries its own seal and the seal of the reasoning before it. If several reasoning parts are sealed, only
   * the memory of the gateway can keep them.
   */
  #emitCallSeal(index: number, callSeal: Seal | undefined): void {
    const seals = this.#reasoningSeals
    if (seals.length > 1 && !this.exchange.seals)
      this.#noteOnce('seal', 'a tool call can carry the opaque state of one thought only')
    const sealSlot = writeSealSlot({
      ...(callSeal && { callSeal }),
      ...(seals.length === 1 && { reasoningSeal: seals[0]! }),
    })
    this.#reasoningSeals = []
    if (sealSlot) this.#emitChunk({ tool_calls: [{ index, function: { arguments: '' }, extra_content: sealSlot }] })
  }

  #emitPart({ part }: EventOf<'part'>): void {
    if (part.type === 'foreign' && part.seal.by === 'openai-chat') this.#emitChunk(part.seal.value as JsonObject)
    else if (part.type !== 'media') this.#noteOnce(part.type, 'a response of this protocol cannot contain it')
    else {
      const image = renderMedia(part, 'images', this.#noteOnce)
      if (image) this.#emitChunk({ images: [image] })
    }
  }

  #finish({ reason, raw }: EventOf<'finish'>): void {
    this.#finished = true
    if (this.#reasoningSeals.length > 0)
      this.#noteOnce('seal', 'this protocol keeps the opaque state of thoughts only with a tool call')
    this.#emitChunk({}, this.#finishReasonOf(reason, raw))
  }

  #finishReasonOf(reason: FinishReason, raw: string | undefined): string {
    if (reason === 'pause' || reason === 'other')
      this.#noteOnce('finish_reason', `this protocol has no equivalent of "${raw ?? reason}"`)
    if (reason === 'calls' || (this.#callCount > 0 && finishReasons[reason] === 'stop'))
      return this.#hasLegacyCall && this.#callCount === 0 ? 'function_call' : 'tool_calls'
    return finishReasons[reason]
  }

  #fail(error: GatewayError): void {
    this.#finished = true
    this.emit(renderError(error) as JsonObject)
  }

  #emitChunk(delta: JsonObject, finish: string | null = null): void {
    this.emit({
      ...this.#envelope(),
      choices: [{ index: 0, delta, finish_reason: finish }],
      ...(this.exchange.usageRequested && { usage: null }),
    })
  }

  #envelope() {
    const { created, model } = this.exchange
    return { id: this.#id, object: 'chat.completion.chunk', created, model }
  }
}

/**
 * Returns the names of the free-text tools of the client. A vendor without such tools calls them as functions with a
 * single `input`.
 */
const customToolNames = (clientRequest: JsonObject | undefined): ReadonlySet<string> => {
  const tools = Array.isArray(clientRequest?.tools) ? clientRequest.tools.filter(isObject) : []
  return new Set(tools.flatMap(({ custom }) => (isObject(custom) ? [String(custom.name)] : [])))
}

/** Unwraps `{"input": "…"}`. Text of any other form is returned unchanged. */
const customInputOf = (args: string): string => {
  const parsed = parseJson(args)
  return isObject(parsed) && typeof parsed.input === 'string' ? parsed.input : args
}
