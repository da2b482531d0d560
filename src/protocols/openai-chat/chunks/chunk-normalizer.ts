/**
 * Normalizes a vendor's stream of chunks. Normalized chunks share one id, creation time and model. Each choice has one
 * finish_reason, and it comes after the content. Tool calls are numbered and named. Errors are recognised, and a clean
 * end is told apart from a cut stream. Passthrough and translation both use it.
 */
import { GatewayError } from '../../../base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson, textOf } from '../../../base/json/json.ts'
import type { Exchange, Frame, StreamState } from '../../protocol.ts'
import { faultFrom, isErrorBody, unparsedFrame } from '../../shared/vendor-error.ts'
import { faultOf, finishReasonAfter, finishReasonOf } from '../finish.ts'
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

/**
 * A normalized chunk. `text` is set if the chunk is exactly what the vendor wrote. `model` is still the vendor's in
 * both.
 */
export type Chunk = { body: JsonObject; text?: string | undefined }

/** Receives normalized chunks, and frames that are not JSON. */
export type ChunkSink = { chunk: (chunk: Chunk) => void; unparsed: (frame: Frame) => void }
/** Takes the frames of a vendor. `flush` emits held finishes. Errors are reported in `state.fault`. */
export type ChunkNormalizer = { state: StreamState; push: (frame: Frame) => void; flush: () => void; end: () => void }

/** Fields that describe a chunk but carry no content. */
const envelopeFields = new Set([
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

/** Creates the normalizer of one stream. It emits synchronously, during `push`, `flush` and `end`. */
export const createChunkNormalizer = (format: ChoiceFormat, exchange: Exchange, emit: ChunkSink): ChunkNormalizer => {
  const state: StreamState = { content: false }
  const choices = new Map<number, ChoiceState>()
  let identity: ChunkIdentity | undefined
  let heldChunk: Chunk | undefined

  const emitChunk = (chunk: Chunk): void => {
    if (!state.content && choicesOf(chunk.body).some(format.hasContent)) state.content = true
    emit.chunk(chunk)
  }

  const choiceOf = (body: JsonObject): ChoiceState => {
    const index = body.index as number
    const known = choices.get(index)
    if (known) return known
    const calls = createCallTracker(call => callId(exchange, index, call))
    const choice: ChoiceState = {
      index,
      hasStarted: false,
      phase: 'open',
      finish: 'stop',
      hasLateContent: false,
      hasLegacyCall: false,
      calls,
    }
    choices.set(index, choice)
    return choice
  }

  /** True if a finish is held back. Called for every frame, so it does not build an array. */
  const hasHeldFinish = (): boolean => {
    for (const { phase } of choices.values()) if (phase === 'held') return true
    return false
  }

  /** Emits the finishes that are held back. Called when no more content can come before them. */
  const releaseFinishes = (): void => {
    if (!hasHeldFinish()) return
    const heldChoices = [...choices.values()].filter(choice => choice.phase === 'held')
    const chunk = heldChunk ?? { body: { ...identity, choices: [] } }
    heldChunk = undefined
    for (const choice of heldChoices) finishChoice(chunk, choice, format, exchange)
    emitChunk(chunk)
  }

  /**
   * Emits the content that was held together with a finish, because more content came after that finish. The finish
   * stays held back.
   */
  const emitHeldContent = (): void => {
    if (heldChunk === undefined) return
    const { body } = heldChunk
    heldChunk = undefined
    for (const choice of choicesOf(body)) choice.finish_reason = null
    emitChunk({ body })
  }

  /**
   * Handles a chunk with usage and a finish that is already known. Emitted alone, the chunk would be withheld from a
   * client that did not request usage, so the usage is emitted together with the held finish.
   */
  const joinUsageToHeld = (chunk: Chunk): boolean => {
    const { usage } = chunk.body
    if (exchange.usageRequested || !hasHeldFinish() || !isObject(usage)) return false
    heldChunk = heldChunk ? { body: { ...heldChunk.body, usage } } : chunk
    return true
  }

  /** Normalizes one choice of a chunk. Returns false if the choice must be dropped. */
  const normalizeChoice = (chunk: Chunk, body: JsonObject): boolean => {
    const choice = choiceOf(body)
    const fault = faultOf(body.finish_reason)
    if (fault) state.fault = fault
    if (format.normalize(body, choice)) chunk.text = undefined
    choice.hasStarted = true
    const finish = finishReasonOf(body.finish_reason, exchange)
    const hasContent = format.hasContent(body)
    if (choice.phase === 'open') choice.finish = finish ?? choice.finish
    else {
      if (finish !== undefined && (choice.hasLateContent || hasContent)) {
        choice.finish = finish
        choice.hasLateContent = false
      }
      if (!hasContent) return false
      if (choice.phase === 'held') choice.hasLateContent = finish === undefined
      else exchange.loss(`choices[${choice.index}]`, 'content came after the finish had been told')
    }
    const normalizedFinish = finish ?? null
    if (body.finish_reason === normalizedFinish) return true
    body.finish_reason = normalizedFinish
    chunk.text = undefined
    return true
  }

  const holdOrEmit = (chunk: Chunk): void => {
    const keptChoices = choicesOf(chunk.body)
    const isLateContent = keptChoices.some(body => choices.get(body.index as number)?.phase === 'held')
    if (isLateContent) emitHeldContent()
    else releaseFinishes()
    let hasFinish = false
    for (const body of keptChoices) {
      const choice = choices.get(body.index as number)!
      if (typeof body.finish_reason !== 'string') continue
      if (choice.phase === 'open') choice.phase = 'held'
      if (!isLateContent && choice.phase === 'held') hasFinish = true
      else {
        body.finish_reason = null
        chunk.text = undefined
      }
    }
    if (hasFinish) heldChunk = chunk
    else emitChunk(chunk)
  }

  const normalizeChunk = (body: JsonObject, text: string): void => {
    const chunk: Chunk = { body, text: exchange.patchResponse ? undefined : text }
    identity ??= identityOf(body, exchange, format.object)
    if (normalizeEnvelope(body, identity)) chunk.text = undefined
    if (normalizeChoices(body)) chunk.text = undefined
    if (normalizeUsage(body)) chunk.text = undefined
    const received = choicesOf(body)
    const keptChoices = received.filter(choice => normalizeChoice(chunk, choice))
    if (state.fault) return
    if (keptChoices.length < received.length) {
      body.choices = keptChoices
      chunk.text = undefined
      if (keptChoices.length === 0 && (isEnvelopeOnly(body) || joinUsageToHeld(chunk))) return
    }
    holdOrEmit(chunk)
  }

  const push = (frame: Frame): void => {
    if (state.finished || state.fault) return
    const data = frame.data.trim()
    if (data === '[DONE]') state.finished = true
    if (data === '[DONE]' || data === '') return
    const parsed = parseJson(data)
    const body = Array.isArray(parsed) && isObject(parsed[0]) ? parsed[0] : parsed
    if (frame.event === 'error') state.fault = faultFrom(body ?? data, exchange)
    else if (!isObject(body)) {
      state.content = true
      emit.unparsed(unparsedFrame(frame, exchange))
    } else {
      exchange.patchResponse?.(body)
      state.model ??= textOf(body.model) || undefined
      state.usage = usageIn(body) ?? state.usage
      if (isErrorBody(body)) state.fault = faultFrom(body, exchange)
      else normalizeChunk(body, data)
    }
  }

  const end = (): void => {
    if (state.fault) return
    const openChoices = [...choices.values()].filter(choice => choice.phase === 'open')
    if (choices.size === 0 || (openChoices.length > 0 && !state.finished)) {
      state.fault = streamCut(state.finished)
      return
    }
    releaseFinishes()
    for (const choice of openChoices) {
      exchange.loss(`choices[${choice.index}].finish_reason`, 'the vendor gave none')
      choice.phase = 'held'
    }
    releaseFinishes()
  }

  return { state, push, flush: releaseFinishes, end }
}

const streamCut = (isDone = false): GatewayError =>
  new GatewayError(
    'upstream_failed',
    isDone ? 'the vendor ended its stream without an answer' : "the vendor's stream was cut",
  )

const choicesOf = ({ choices }: JsonObject): JsonObject[] => choices as JsonObject[]

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

/** Writes the finish_reason of a choice into the chunk, and before it the arguments that its calls still lack. */
const finishChoice = (chunk: Chunk, choice: ChoiceState, format: ChoiceFormat, { loss }: Exchange): void => {
  const finish = finishReasonAfter(choice.finish, choice.calls.hasCalls, choice.hasLegacyCall)
  choice.phase = 'done'
  let body = choicesOf(chunk.body).find(one => one.index === choice.index)
  if (body === undefined) {
    body = format.finishOnlyChoice(choice.index, finish)
    choicesOf(chunk.body).push(body)
    chunk.text = undefined
  }
  if (body.finish_reason !== finish) chunk.text = undefined
  body.finish_reason = finish
  if (choice.calls.unnamedCount > 0) loss('tool_calls', 'a call without a name was left out')
  const missingArguments = choice.calls.fillMissingArguments()
  if (missingArguments.length === 0 || !isObject(body.delta)) return
  chunk.text = undefined
  body.delta.tool_calls = mergeCallEntries(
    Array.isArray(body.delta.tool_calls) ? body.delta.tool_calls : [],
    missingArguments,
  )
}

const mergeCallEntries = (entries: Json[], missingArguments: readonly JsonObject[]): Json[] => {
  for (const entry of missingArguments) {
    const same = entries.find(one => isObject(one) && one.index === entry.index)
    if (isObject(same) && isObject(same.function)) same.function.arguments = '{}'
    else entries.push(entry)
  }
  return entries
}
