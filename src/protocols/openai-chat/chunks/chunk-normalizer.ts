/**
 * A vendor's stream of chunks → strict chunks: one identity, one finish per choice and only after its content, calls numbered and
 * named, faults told apart, a clean end told from a cut. Both ways through the house stand on it: the pass and the translation.
 */
import { GatewayError } from '../../../base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson, textOf } from '../../../base/json/json.ts'
import type { Exchange, Frame, StreamState } from '../../protocol.ts'
import { faultFrom, isErrorBody, unparsedFrame } from '../../shared/vendor-error.ts'
import {
  brokenOff,
  type Choice,
  callId,
  finishAfter,
  finishOf,
  type Identity,
  identityOf,
  mendEnvelope,
  type Shape,
} from '../normalize.ts'
import { mendUsage, usageIn } from '../usage.ts'
import { callTracker } from './call-tracker.ts'

/** A strict chunk. `text` is there if it is what the vendor wrote; `model` is still the vendor's in both. */
export type Chunk = { body: JsonObject; text?: string | undefined }

export type Emit = { chunk: (chunk: Chunk) => void; other: (frame: Frame) => void }
export type StrictStream = { seen: StreamState; push: (frame: Frame) => void; flush: () => void; end: () => void }

/** Fields of a chunk that say nothing by themselves. */
const envelope = new Set([
  'id',
  'object',
  'created',
  'model',
  'choices',
  'system_fingerprint',
  'service_tier',
  'provider',
])
const isIdle = (body: JsonObject): boolean =>
  Object.entries(body).every(([key, value]) => envelope.has(key) || value === null || typeof value === 'string')

export const strictStream = (shape: Shape, exchange: Exchange, emit: Emit): StrictStream => {
  const seen: StreamState = { content: false }
  const choices = new Map<number, Choice>()
  let identity: Identity | undefined
  let held: Chunk | undefined

  const say = (chunk: Chunk): void => {
    if (!seen.content && bodies(chunk.body).some(shape.says)) seen.content = true
    emit.chunk(chunk)
  }

  const choiceOf = (body: JsonObject): Choice => {
    const index = body.index as number
    const known = choices.get(index)
    if (known) return known
    const calls = callTracker(call => callId(exchange, index, call))
    const choice: Choice = { index, begun: false, phase: 'open', finish: 'stop', late: false, legacy: false, calls }
    choices.set(index, choice)
    return choice
  }

  /** Is a finish held. Asked with every frame, so it makes no list. */
  const waits = (): boolean => {
    for (const { phase } of choices.values()) if (phase === 'held') return true
    return false
  }

  /** Tells the finishes that are held, now that nothing more can come before them. */
  const release = (): void => {
    if (!waits()) return
    const waiting = [...choices.values()].filter(choice => choice.phase === 'held')
    const chunk = held ?? { body: { ...identity, choices: [] } }
    held = undefined
    for (const choice of waiting) conclude(chunk, choice, shape, exchange)
    say(chunk)
  }

  /** Content came after a finish: what was held with it goes out, the finish goes on waiting. */
  const detach = (): void => {
    if (held === undefined) return
    const { body } = held
    held = undefined
    for (const choice of bodies(body)) choice.finish_reason = null
    say({ body })
  }

  /** Usage beside a finish that was already known. Alone it would be withheld from who did not ask, so it goes out with the finish. */
  const joins = (chunk: Chunk): boolean => {
    const { usage } = chunk.body
    if (exchange.usageRequested || !waits() || !isObject(usage)) return false
    held = held ? { body: { ...held.body, usage } } : chunk
    return true
  }

  /** Mends one choice; false leaves it out. */
  const hear = (chunk: Chunk, body: JsonObject): boolean => {
    const choice = choiceOf(body)
    const fault = brokenOff(body.finish_reason)
    if (fault) seen.fault = fault
    if (shape.mend(body, choice)) chunk.text = undefined
    choice.begun = true
    const finish = finishOf(body.finish_reason, exchange)
    const says = shape.says(body)
    if (choice.phase === 'open') choice.finish = finish ?? choice.finish
    else {
      if (finish !== undefined && (choice.late || says)) {
        choice.finish = finish
        choice.late = false
      }
      if (!says) return false
      if (choice.phase === 'held') choice.late = finish === undefined
      else exchange.loss(`choices[${choice.index}]`, 'content came after the finish had been told')
    }
    const strict = finish ?? null
    if (body.finish_reason === strict) return true
    body.finish_reason = strict
    chunk.text = undefined
    return true
  }

  const order = (chunk: Chunk): void => {
    const kept = bodies(chunk.body)
    const late = kept.some(body => choices.get(body.index as number)?.phase === 'held')
    if (late) detach()
    else release()
    let finishing = false
    for (const body of kept) {
      const choice = choices.get(body.index as number)!
      if (typeof body.finish_reason !== 'string') continue
      if (choice.phase === 'open') choice.phase = 'held'
      if (!late && choice.phase === 'held') finishing = true
      else {
        body.finish_reason = null
        chunk.text = undefined
      }
    }
    if (finishing) held = chunk
    else say(chunk)
  }

  const take = (body: JsonObject, text: string): void => {
    const chunk: Chunk = { body, text: exchange.patchResponse ? undefined : text }
    identity ??= identityOf(body, exchange, shape.object)
    if (mendEnvelope(body, identity)) chunk.text = undefined
    if (mendChoices(body)) chunk.text = undefined
    if (mendUsage(body)) chunk.text = undefined
    const given = bodies(body)
    const kept = given.filter(choice => hear(chunk, choice))
    if (seen.fault) return
    if (kept.length < given.length) {
      body.choices = kept
      chunk.text = undefined
      if (kept.length === 0 && (isIdle(body) || joins(chunk))) return
    }
    order(chunk)
  }

  const push = (frame: Frame): void => {
    if (seen.finished || seen.fault) return
    const data = frame.data.trim()
    if (data === '[DONE]') seen.finished = true
    if (data === '[DONE]' || data === '') return
    const parsed = parseJson(data)
    const body = Array.isArray(parsed) && isObject(parsed[0]) ? parsed[0] : parsed
    if (frame.event === 'error') seen.fault = faultFrom(body ?? data, exchange)
    else if (!isObject(body)) {
      seen.content = true
      emit.other(unparsedFrame(frame, exchange))
    } else {
      exchange.patchResponse?.(body)
      seen.model ??= textOf(body.model) || undefined
      seen.usage = usageIn(body) ?? seen.usage
      if (isErrorBody(body)) seen.fault = faultFrom(body, exchange)
      else take(body, data)
    }
  }

  const end = (): void => {
    if (seen.fault) return
    const open = [...choices.values()].filter(choice => choice.phase === 'open')
    if (choices.size === 0 || (open.length > 0 && !seen.finished)) {
      seen.fault = cut(seen.finished)
      return
    }
    release()
    for (const choice of open) {
      exchange.loss(`choices[${choice.index}].finish_reason`, 'the vendor gave none')
      choice.phase = 'held'
    }
    release()
  }

  return { seen, push, flush: release, end }
}

const cut = (over = false): GatewayError =>
  new GatewayError(
    'upstream_failed',
    over ? 'the vendor ended its stream without an answer' : "the vendor's stream was cut",
  )

const bodies = ({ choices }: JsonObject): JsonObject[] => choices as JsonObject[]

/** Choices as a list of objects with an index; usage that stands in one goes where it belongs (Moonshot). */
const mendChoices = (body: JsonObject): boolean => {
  const given: Json[] = Array.isArray(body.choices) ? body.choices : []
  const kept = given.every(isObject) ? given : given.filter(isObject)
  let changed = given !== body.choices || kept.length < given.length
  body.choices = kept
  kept.forEach((choice, position) => {
    if (!Number.isInteger(choice.index)) {
      choice.index = position
      changed = true
    }
    if (choice.usage === undefined) return
    body.usage ??= choice.usage
    changed = delete choice.usage
  })
  return changed
}

/** Writes the finish of a choice into the chunk, and before it what its calls still lack. */
const conclude = (chunk: Chunk, choice: Choice, shape: Shape, { loss }: Exchange): void => {
  const finish = finishAfter(choice.finish, choice.calls.any, choice.legacy)
  choice.phase = 'done'
  let body = bodies(chunk.body).find(one => one.index === choice.index)
  if (body === undefined) {
    body = shape.bare(choice.index, finish)
    bodies(chunk.body).push(body)
    chunk.text = undefined
  }
  if (body.finish_reason !== finish) chunk.text = undefined
  body.finish_reason = finish
  if (choice.calls.unnamed > 0) loss('tool_calls', 'a call without a name was left out')
  const lacking = choice.calls.settle()
  if (lacking.length === 0 || !isObject(body.delta)) return
  chunk.text = undefined
  body.delta.tool_calls = settled(Array.isArray(body.delta.tool_calls) ? body.delta.tool_calls : [], lacking)
}

const settled = (entries: Json[], lacking: readonly JsonObject[]): Json[] => {
  for (const entry of lacking) {
    const same = entries.find(one => isObject(one) && one.index === entry.index)
    if (isObject(same) && isObject(same.function)) same.function.arguments = '{}'
    else entries.push(entry)
  }
  return entries
}
