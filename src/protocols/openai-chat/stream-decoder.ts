/** Decodes normalized chunks into events. */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, objectsIn, parseJson, textOf } from '../../base/json/json.ts'
import type { FinishReason, Seal, Usage } from '../../ir/chat.ts'
import type { Event, PartKind } from '../../ir/event.ts'
import type { Exchange } from '../protocol.ts'
import { mergeDelta } from './chunks/merge-deltas.ts'
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
const knownFields = new Set([
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
const ignoredFields = new Set([
  'name',
  'padding',
  'obfuscation',
  'p',
  'token_id',
  'channel',
  'index',
  'reasoning_encrypted',
])

/** Takes normalized chunks. `end` closes all parts and emits the finish, or `fault` if the stream failed. */
export type ChatDecoder = { push: (body: JsonObject) => void; end: (fault?: GatewayError) => void }
type OpenCall = { at: number; args: string; isOpen: boolean }

/**
 * OpenAI does not mark the start and end of parts. A part opens with its first delta and closes when a delta of another
 * kind follows. The deltas of several calls may interleave, so a call closes only when its arguments are complete.
 * Fields that only this protocol knows (reasoning_details, audio) become one sealed part.
 */
export const createChatDecoder = (exchange: Exchange, emit: (event: Event) => void): ChatDecoder => {
  const { loss, sealOrigin } = exchange
  const calls = new Map<number | 'legacy', OpenCall>()
  const sealedFields: JsonObject = {}
  const notedPaths = new Set<string>()
  let nextAt = 0
  let current: { kind: PartKind; at: number } | undefined
  let hasStarted = false
  let usage: Usage | undefined
  let finish: string | undefined

  const noteOnce = (path: string, why: string): void => {
    if (!notedPaths.has(path)) loss(path, why)
    notedPaths.add(path)
  }

  const seal = (value: JsonObject): Seal => ({ by: id, at: sealOrigin, value })

  const close = (all: boolean): void => {
    if (current) emit({ type: 'close', at: current.at })
    current = undefined
    for (const call of calls.values()) {
      if (!call.isOpen || !(all || isCompleteJson(call.args))) continue
      call.isOpen = false
      emit({ type: 'close', at: call.at })
    }
  }

  const emitText = (kind: PartKind, text: unknown): void => {
    if (typeof text !== 'string' || text === '') return
    if (current?.kind !== kind) {
      close(false)
      current = { kind, at: nextAt++ }
      emit({ type: 'open', at: current.at, part: kind })
    }
    emit({ type: 'delta', at: current.at, text })
  }

  const appendArguments = (key: number | 'legacy', text: string | undefined): void => {
    const call = calls.get(key)
    if (call === undefined || text === undefined || text === '') return
    if (call.isOpen) {
      call.args += text
      emit({ type: 'delta', at: call.at, text })
    } else if (text.trim() !== '') noteOnce('tool_calls', 'arguments came after they were whole')
  }

  const decodeCall = (entry: JsonObject): void => {
    const index = entry.index as number
    const custom = isObject(entry.custom)
    const body = isObject(entry.custom) ? entry.custom : isObject(entry.function) ? entry.function : {}
    if (!calls.has(index)) {
      close(false)
      calls.set(index, { at: nextAt, args: '', isOpen: true })
      const opening = { part: 'call' as const, id: textOf(entry.id) ?? '', name: textOf(body.name) ?? '' }
      emit({ type: 'open', at: nextAt++, ...opening, ...(custom && { custom }) })
    }
    appendArguments(index, textOf(custom ? body.input : body.arguments))
    const { extra_content } = entry
    const { at, isOpen } = calls.get(index)!
    if (extra_content !== undefined && isOpen) emit({ type: 'seal', at, seal: seal({ extra_content }) })
  }

  const decodeLegacyCall = (value: JsonObject): void => {
    if (!calls.has('legacy')) {
      close(false)
      calls.set('legacy', { at: nextAt, args: '', isOpen: true })
      emit({ type: 'open', at: nextAt++, part: 'call', id: `${legacyId}0`, name: textOf(value.name) ?? '' })
    }
    appendArguments('legacy', textOf(value.arguments))
  }

  /** Citations belong to the text that was emitted last. Annotations that follow no text are sealed unchanged. */
  const decodeAnnotations = (annotations: Json | undefined): void => {
    for (const annotation of Array.isArray(annotations) ? annotations : []) {
      const citation = current?.kind === 'text' ? parseAnnotation(annotation, seal) : undefined
      if (citation && current) emit({ type: 'cite', at: current.at, citation })
      else mergeDelta(sealedFields, { annotations: [annotation] })
    }
  }

  const decodeDelta = (delta: JsonObject): void => {
    emitText('reasoning', delta.reasoning_content)
    emitText('text', delta.content)
    decodeAnnotations(delta.annotations)
    emitText('refusal', delta.refusal)
    if (isObject(delta.function_call)) decodeLegacyCall(delta.function_call)
    for (const entry of objectsIn(delta.tool_calls)) decodeCall(entry)
    for (const entry of objectsIn(delta.images)) {
      const media = parseMedia(entry)
      if (media) emit({ type: 'part', at: nextAt++, part: media })
    }
    for (const key in delta)
      if (!knownFields.has(key) && !ignoredFields.has(key) && isPresent(delta[key]))
        mergeDelta(sealedFields, { [key]: delta[key] })
  }

  const push = (body: JsonObject): void => {
    if (!hasStarted) emit({ type: 'start', id: textOf(body.id) ?? '', model: textOf(body.model) ?? '' })
    hasStarted = true
    usage = usageIn(body) ?? usage
    for (const key of ['citations', 'search_results'])
      if (isPresent(body[key])) noteOnce(key, 'the neutral form has no place for it')
    for (const choice of objectsIn(body.choices)) {
      if (choice.index !== 0) noteOnce('choices', 'only the first choice is translated')
      else {
        if (isObject(choice.logprobs)) noteOnce('logprobs', 'the neutral form has no place for them')
        if (isObject(choice.delta)) decodeDelta(choice.delta)
        finish = textOf(choice.finish_reason) ?? finish
      }
    }
  }

  const end = (fault?: GatewayError): void => {
    close(true)
    if (Object.keys(sealedFields).length > 0)
      emit({ type: 'part', at: nextAt++, part: { type: 'foreign', seal: seal(sealedFields) } })
    if (usage) emit({ type: 'usage', usage })
    if (fault) emit({ type: 'fault', error: fault })
    else
      emit({
        type: 'finish',
        reason: finishReasons[finish ?? ''] ?? 'other',
        ...(finish !== undefined && { raw: finish }),
      })
  }

  return { push, end }
}

const isPresent = (value: unknown): boolean =>
  value !== null && value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0)
const isCompleteJson = (args: string): boolean => args.endsWith('}') && parseJson(args) !== undefined
