/**
 * Normalizes a vendor's stream of chunks. Normalized chunks share one id, creation time and model. Each choice has one
 * finish_reason, and it comes after the content. Tool calls are numbered and named. Errors are recognised, and a clean
 * end is distinguished from a cut stream. Passthrough and translation both use it.
 */
import { GatewayError } from '../../../base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson, textOf } from '../../../base/json/json.ts'
import type { Exchange, Frame, StreamState } from '../../protocol.ts'
import { faultFrom, isErrorBody, unparsedFrame } from '../../shared/vendor-error.ts'
import { faultOf, finishReasonOf } from '../finish.ts'
import {
  type ChoiceFormat,
  type ChoiceState,
  type ChunkIdentity,
  callId,
  identityOf,
  normalizeEnvelope,
} from '../normalize.ts'
import { normalizeUsage, usageIn } from '../usage.ts'
import { createCallTracker } from './call-tracker.ts'
import { type Chunk, choicesOf, finishChoices } from './finish-choices.ts'

/** Receives normalized chunks, and frames that are not JSON. */
type ChunkSink = { chunk: (chunk: Chunk) => void; unparsed: (frame: Frame) => void }
/** Fields that describe a chunk but carry no content. */
const envelopeFields: ReadonlySet<string> = new Set([
  'id',
  'object',
  'created',
  'model',
  'choices',
  'system_fingerprint',
  'service_tier',
  'provider',
])
const isEnvelopeOnly = (body: JsonObject): boolean =>
  Object.entries(body).every(([key, value]) => envelopeFields.has(key) || value === null || typeof value === 'string')

/**
 * Takes the frames of one stream. Emits synchronously, during `push`, `flush` and `end`. Errors are reported in
 * `state.fault`.
 */
export class ChunkNormalizer {
  readonly state: StreamState = { content: false }
  readonly #choices = new Map<number, ChoiceState>()
  /** The choices whose finish is held back. */
  readonly #held = new Set<ChoiceState>()
  #identity: ChunkIdentity | undefined
  /** The last chunk, if it carries a finish that is held back. */
  #heldChunk: Chunk | undefined

  constructor(
    private readonly format: ChoiceFormat,
    private readonly exchange: Exchange,
    private readonly sink: ChunkSink,
  ) {}

  push(frame: Frame): void {
    const { state, exchange } = this
    if (state.finished || state.fault) return
    const data = frame.data.trim()
    if (data === '[DONE]') state.finished = true
    if (data === '[DONE]' || data === '') return
    const parsed = parseJson(data)
    const body = Array.isArray(parsed) && isObject(parsed[0]) ? parsed[0] : parsed
    if (frame.event === 'error') state.fault = faultFrom(body ?? data, exchange)
    else if (isObject(body)) this.#pushBody(body, data)
    // It is passed on, but it is no content: a vendor that sends nothing else has failed.
    else this.sink.unparsed(unparsedFrame(frame, exchange))
  }

  /** Emits the finishes that are held back. Called when no more content can come before them. */
  flush(): void {
    if (this.#held.size === 0) return
    const chunk = this.#heldChunk ?? { body: { ...this.#identity, choices: [] } }
    this.#heldChunk = undefined
    finishChoices(chunk, this.#held, this.format, this.exchange)
    this.#held.clear()
    this.#emitChunk(chunk)
  }

  end(): void {
    const { state } = this
    if (state.fault) return
    const openChoices = [...this.#choices.values()].filter(choice => choice.phase === 'open')
    if (this.#choices.size === 0 || (openChoices.length > 0 && !state.finished)) {
      state.fault = streamCut(state.finished)
      return
    }
    this.flush()
    for (const choice of openChoices) {
      this.exchange.loss(`choices[${choice.index}].finish_reason`, 'the vendor sent none')
      this.#hold(choice)
    }
    this.flush()
    if (!state.content) state.isEmpty = [...this.#choices.values()].every(({ finish }) => finish === 'stop')
  }

  #pushBody(body: JsonObject, text: string): void {
    const { state, exchange } = this
    exchange.patchResponse?.(body)
    state.model ??= textOf(body.model) || undefined
    state.usage = usageIn(body) ?? state.usage
    if (isErrorBody(body)) state.fault = faultFrom(body, exchange)
    else this.#normalizeChunk(body, text)
  }

  #normalizeChunk(body: JsonObject, text: string): void {
    const { format, exchange } = this
    const chunk: Chunk = { body, text: exchange.patchResponse ? undefined : text }
    this.#identity ??= identityOf(body, exchange, format.object)
    if (normalizeEnvelope(body, this.#identity)) chunk.text = undefined
    if (normalizeChoices(body)) chunk.text = undefined
    if (normalizeUsage(body)) chunk.text = undefined
    const received = choicesOf(body)
    const keptChoices = received.filter(choice => this.#normalizeChoice(chunk, choice))
    if (this.state.fault) return
    if (keptChoices.length < received.length) {
      body.choices = keptChoices
      chunk.text = undefined
      if (keptChoices.length === 0 && (isEnvelopeOnly(body) || this.#joinUsageToHeld(chunk))) return
    }
    this.#holdOrEmit(chunk)
  }

  /** Normalizes one choice of a chunk. Returns false if the choice must be dropped. */
  #normalizeChoice(chunk: Chunk, body: JsonObject): boolean {
    const choice = this.#choiceOf(body)
    const fault = faultOf(body.finish_reason)
    if (fault) this.state.fault = fault
    if (this.format.normalize(body, choice)) chunk.text = undefined
    choice.hasStarted = true
    const finish = finishReasonOf(body.finish_reason, this.exchange)
    if (choice.phase === 'open') choice.finish = finish ?? choice.finish
    else if (!this.#acceptsAfterFinish(choice, finish, this.format.hasContent(body))) return false
    const normalizedFinish = finish ?? null
    if (body.finish_reason === normalizedFinish) return true
    body.finish_reason = normalizedFinish
    chunk.text = undefined
    return true
  }

  /** Handles what comes after the finish of a choice: a second finish is dropped, content is kept. */
  #acceptsAfterFinish(choice: ChoiceState, finish: string | undefined, hasContent: boolean): boolean {
    if (finish !== undefined && (choice.hasLateContent || hasContent)) {
      choice.finish = finish
      choice.hasLateContent = false
    }
    if (!hasContent) return false
    if (choice.phase === 'held') choice.hasLateContent = finish === undefined
    else this.exchange.loss(`choices[${choice.index}]`, 'content arrived after the finish reason')
    return true
  }

  #choiceOf(body: JsonObject): ChoiceState {
    const index = body.index as number
    const known = this.#choices.get(index)
    if (known) return known
    const calls = createCallTracker(call => callId(this.exchange, index, call))
    const choice: ChoiceState = {
      index,
      hasStarted: false,
      phase: 'open',
      finish: 'stop',
      hasLateContent: false,
      hasLegacyCall: false,
      calls,
    }
    this.#choices.set(index, choice)
    return choice
  }

  #holdOrEmit(chunk: Chunk): void {
    const keptChoices = choicesOf(chunk.body)
    const isLateContent = keptChoices.some(body => this.#choices.get(body.index as number)?.phase === 'held')
    if (isLateContent) this.#emitHeldContent()
    else this.flush()
    let hasFinish = false
    for (const body of keptChoices) {
      const choice = this.#choices.get(body.index as number)!
      if (typeof body.finish_reason !== 'string') continue
      if (choice.phase === 'open') this.#hold(choice)
      if (!isLateContent && choice.phase === 'held') hasFinish = true
      else {
        body.finish_reason = null
        chunk.text = undefined
      }
    }
    if (hasFinish) this.#heldChunk = chunk
    else this.#emitChunk(chunk)
  }

  #hold(choice: ChoiceState): void {
    choice.phase = 'held'
    this.#held.add(choice)
  }

  /**
   * Emits the content that was held together with a finish, because more content came after that finish. The finish
   * stays held back.
   */
  #emitHeldContent(): void {
    if (this.#heldChunk === undefined) return
    const { body } = this.#heldChunk
    this.#heldChunk = undefined
    for (const choice of choicesOf(body)) choice.finish_reason = null
    this.#emitChunk({ body })
  }

  /**
   * Handles a chunk with usage and a finish that is already known. Emitted alone, the chunk would be withheld from a
   * client that did not request usage, so the usage is emitted together with the held finish.
   */
  #joinUsageToHeld(chunk: Chunk): boolean {
    const { usage } = chunk.body
    if (this.exchange.usageRequested || this.#held.size === 0 || !isObject(usage)) return false
    this.#heldChunk = this.#heldChunk ? { body: { ...this.#heldChunk.body, usage } } : chunk
    return true
  }

  #emitChunk(chunk: Chunk): void {
    if (!this.state.content && choicesOf(chunk.body).some(this.format.hasContent)) this.state.content = true
    this.sink.chunk(chunk)
  }
}

const streamCut = (isDone = false): GatewayError =>
  new GatewayError(
    'upstream_failed',
    isDone ? 'the vendor ended its stream without an answer' : "the vendor's stream was cut",
  )

/**
 * Makes `choices` an array of objects that have an index. Moves usage that a vendor puts into a choice (Moonshot) to
 * the chunk.
 */
const normalizeChoices = (body: JsonObject): boolean => {
  const received: Json[] = Array.isArray(body.choices) ? body.choices : []
  const keptChoices = received.every(isObject) ? received : received.filter(isObject)
  let isChanged = received !== body.choices || keptChoices.length < received.length
  body.choices = keptChoices
  keptChoices.forEach((choice, position) => {
    if (!Number.isInteger(choice.index)) {
      choice.index = position
      isChanged = true
    }
    if (choice.usage === undefined) return
    body.usage ??= choice.usage
    isChanged = delete choice.usage
  })
  return isChanged
}
