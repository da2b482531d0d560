/** Decodes normalized chunks into events. */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, objectsIn, textOf } from '../../base/json/json.ts'
import { JsonProgress } from '../../base/json/json-progress.ts'
import { lookUp } from '../../base/look-up.ts'
import type { FinishReason, Seal, Usage } from '../../ir/chat.ts'
import type { Event, PartKind } from '../../ir/event.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { createNoteOnce } from '../shared/note-once.ts'
import { DeltaMerger } from './chunks/merge-deltas.ts'
import { parseAnnotation } from './citations.ts'
import { parseMedia } from './media.ts'
import { usageIn } from './usage.ts'

const id = 'openai-chat'

const finishReasons: Record<string, FinishReason> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'calls',
  function_call: 'calls',
  content_filter: 'filter',
}

/**
 * Prefix of the ids that the gateway gives to legacy function calls, which have no id. The encoder and the request
 * renderer recognise them by it.
 */
export const legacyId = 'function_call_'

/**
 * `knownFields` are the fields of a delta that the decoder reads; `ignoredFields` are padding, or repeat other fields.
 */
const knownFields: ReadonlySet<string> = new Set([
  'role',
  'content',
  'reasoning',
  'reasoning_content',
  'refusal',
  'tool_calls',
  'function_call',
  'images',
  'annotations',
])
const ignoredFields: ReadonlySet<string> = new Set([
  'name',
  'padding',
  'obfuscation',
  'p',
  'token_id',
  'channel',
  'index',
  'reasoning_encrypted',
])

/** Fields of a chunk that are reported and left out. */
const untranslatedFields = ['citations', 'search_results'] as const

type CallKey = number | 'legacy'
type OpenCall = { at: number; args: JsonProgress; isOpen: boolean }

/**
 * Takes normalized chunks. `end` closes all parts and emits the finish, or `fault` if the stream failed. OpenAI does
 * not mark the start and end of parts. A part opens with its first delta and closes when a delta of another kind
 * follows. The deltas of several calls may interleave, so a call closes only when its arguments are complete. Fields
 * that only this protocol knows (reasoning_details, audio) become one sealed part.
 */
export class ChatDecoder {
  readonly #calls = new Map<CallKey, OpenCall>()
  readonly #openCalls = new Set<OpenCall>()
  /** The open calls whose arguments are complete. */
  readonly #completeCalls = new Set<OpenCall>()
  readonly #sealedFields = new DeltaMerger({})
  readonly #noteOnce: NoteLoss
  #nextAt = 0
  /** The open part that is no call. */
  #current: { kind: PartKind; at: number } | undefined
  #hasStarted = false
  #usage: Usage | undefined
  #finish: string | undefined

  constructor(
    private readonly exchange: Exchange,
    private readonly emit: (event: Event) => void,
  ) {
    this.#noteOnce = createNoteOnce(exchange)
  }

  push(body: JsonObject): void {
    if (!this.#hasStarted) this.emit({ type: 'start', id: textOf(body.id) ?? '', model: textOf(body.model) ?? '' })
    this.#hasStarted = true
    this.#usage = usageIn(body) ?? this.#usage
    for (const key of untranslatedFields) if (isPresent(body[key])) this.#noteOnce(key, 'it cannot be translated')
    for (const choice of objectsIn(body.choices)) {
      if (choice.index !== 0) this.#noteOnce('choices', 'only the first choice is translated')
      else this.#decodeChoice(choice)
    }
  }

  end(fault?: GatewayError): void {
    this.#close(true)
    const { sum } = this.#sealedFields
    if (Object.keys(sum).length > 0)
      this.emit({ type: 'part', at: this.#nextAt++, part: { type: 'foreign', seal: this.#sealOf(sum) } })
    if (this.#usage) this.emit({ type: 'usage', usage: this.#usage })
    if (fault) this.emit({ type: 'fault', error: fault })
    else this.#emitFinish(this.#finish)
  }

  #decodeChoice(choice: JsonObject): void {
    if (isObject(choice.logprobs)) this.#noteOnce('logprobs', 'they cannot be translated')
    if (isObject(choice.delta)) this.#decodeDelta(choice.delta)
    this.#finish = textOf(choice.finish_reason) ?? this.#finish
  }

  #decodeDelta(delta: JsonObject): void {
    this.#emitText('reasoning', delta.reasoning_content)
    this.#emitText('text', delta.content)
    if (delta.annotations !== undefined) this.#decodeAnnotations(delta.annotations)
    this.#emitText('refusal', delta.refusal)
    if (isObject(delta.function_call)) this.#decodeLegacyCall(delta.function_call)
    for (const entry of objectsIn(delta.tool_calls)) this.#decodeCall(entry)
    for (const entry of objectsIn(delta.images)) this.#decodeImage(entry)
    for (const key in delta)
      if (!knownFields.has(key) && !ignoredFields.has(key) && isPresent(delta[key]))
        this.#sealedFields.merge({ [key]: delta[key] })
  }

  #emitText(kind: PartKind, text: unknown): void {
    if (typeof text !== 'string' || text === '') return
    if (this.#current?.kind !== kind) {
      this.#close(false)
      this.#current = { kind, at: this.#nextAt++ }
      this.emit({ type: 'open', at: this.#current.at, part: kind })
    }
    this.emit({ type: 'delta', at: this.#current.at, text })
  }

  /** Citations belong to the text that was emitted last. Annotations that follow no text are sealed unchanged. */
  #decodeAnnotations(annotations: Json): void {
    for (const annotation of Array.isArray(annotations) ? annotations : []) {
      const current = this.#current?.kind === 'text' ? this.#current : undefined
      const citation = current && parseAnnotation(annotation, value => this.#sealOf(value))
      if (citation && current) this.emit({ type: 'cite', at: current.at, citation })
      else this.#sealedFields.merge({ annotations: [annotation] })
    }
  }

  #decodeCall(entry: JsonObject): void {
    const index = entry.index as number
    const custom = isObject(entry.custom)
    const body = isObject(entry.custom) ? entry.custom : entry.function
    const { name, input, arguments: args }: JsonObject = isObject(body) ? body : {}
    const call = this.#calls.get(index) ?? this.#openCall(index, textOf(entry.id) ?? '', textOf(name) ?? '', custom)
    this.#appendArguments(call, textOf(custom ? input : args))
    const { extra_content } = entry
    if (extra_content !== undefined && call.isOpen)
      this.emit({ type: 'seal', at: call.at, seal: this.#sealOf({ extra_content }) })
  }

  #decodeLegacyCall(value: JsonObject): void {
    const call = this.#calls.get('legacy') ?? this.#openCall('legacy', `${legacyId}0`, textOf(value.name) ?? '', false)
    this.#appendArguments(call, textOf(value.arguments))
  }

  #openCall(key: CallKey, id: string, name: string, custom: boolean): OpenCall {
    this.#close(false)
    const call = { at: this.#nextAt++, args: new JsonProgress(), isOpen: true }
    this.#calls.set(key, call)
    this.#openCalls.add(call)
    this.emit({ type: 'open', at: call.at, part: 'call', id, name, ...(custom && { custom }) })
    return call
  }

  #appendArguments(call: OpenCall, text: string | undefined): void {
    if (text === undefined || text === '') return
    if (call.isOpen) {
      call.args.push(text)
      if (call.args.isComplete) this.#completeCalls.add(call)
      else this.#completeCalls.delete(call)
      this.emit({ type: 'delta', at: call.at, text })
    } else if (text.trim() !== '') this.#noteOnce('tool_calls', 'arguments arrived after they were complete')
  }

  #decodeImage(entry: JsonObject): void {
    const media = parseMedia(entry)
    if (media) this.emit({ type: 'part', at: this.#nextAt++, part: media })
  }

  /** Closes the part that is no call, and the calls whose arguments are complete, or all calls. */
  #close(all: boolean): void {
    if (this.#current) this.emit({ type: 'close', at: this.#current.at })
    this.#current = undefined
    const ending = [...(all ? this.#openCalls : this.#completeCalls)].sort((one, other) => one.at - other.at)
    this.#completeCalls.clear()
    for (const call of ending) {
      call.isOpen = false
      this.#openCalls.delete(call)
      this.emit({ type: 'close', at: call.at })
    }
  }

  #emitFinish(raw: string | undefined): void {
    const reason = lookUp(finishReasons, raw ?? '') ?? 'other'
    this.emit({ type: 'finish', reason, ...(raw !== undefined && { raw }) })
  }

  #sealOf(value: JsonObject): Seal {
    return { by: id, at: this.exchange.sealOrigin, value }
  }
}

const isPresent = (value: unknown): boolean =>
  value !== null && value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0)
