/** Strict chunks → events. */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, objectsIn, parseJson, textOf } from '../../base/json/json.ts'
import type { FinishReason, Seal, Usage } from '../../ir/chat.ts'
import type { Event, PartKind } from '../../ir/event.ts'
import type { Exchange } from '../protocol.ts'
import { gather } from './chunks/merge-deltas.ts'
import { parseAnnotation } from './citations.ts'
import { parseMedia } from './media.ts'
import { usageIn } from './usage.ts'

const id = 'openai-chat'

const finishes: Record<string, FinishReason> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'calls',
  function_call: 'calls',
  content_filter: 'filter',
}

/** Names the call of the old kind, which has no id: by this the renderer knows it again. */
export const legacyId = 'function_call_'

/** Fields of a delta that are read, and those that are padding or repeat what is read. */
const known = new Set([
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
const noise = new Set(['name', 'padding', 'obfuscation', 'p', 'token_id', 'channel', 'index', 'reasoning_encrypted'])

export type Ear = { chunk: (body: JsonObject) => void; end: (fault?: GatewayError) => void }
type Call = { at: number; args: string; open: boolean }

/**
 * OpenAI names no parts: one opens with its first delta and closes when another kind follows. Calls may take turns, so one closes
 * only when its arguments are whole. What only this protocol knows (reasoning_details, audio) becomes one sealed part.
 */
export const hearChunks = (exchange: Exchange, emit: (event: Event) => void): Ear => {
  const { loss, sealOrigin } = exchange
  const calls = new Map<number | 'legacy', Call>()
  const own: JsonObject = {}
  const noted = new Set<string>()
  let next = 0
  let current: { kind: PartKind; at: number } | undefined
  let started = false
  let usage: Usage | undefined
  let finish: string | undefined

  const note = (path: string, why: string): void => {
    if (!noted.has(path)) loss(path, why)
    noted.add(path)
  }

  const seal = (value: JsonObject): Seal => ({ by: id, at: sealOrigin, value })

  const close = (all: boolean): void => {
    if (current) emit({ type: 'close', at: current.at })
    current = undefined
    for (const call of calls.values()) {
      if (!call.open || !(all || isWhole(call.args))) continue
      call.open = false
      emit({ type: 'close', at: call.at })
    }
  }

  const say = (kind: PartKind, text: unknown): void => {
    if (typeof text !== 'string' || text === '') return
    if (current?.kind !== kind) {
      close(false)
      current = { kind, at: next++ }
      emit({ type: 'open', at: current.at, part: kind })
    }
    emit({ type: 'delta', at: current.at, text })
  }

  const proceed = (key: number | 'legacy', text: string | undefined): void => {
    const call = calls.get(key)
    if (call === undefined || text === undefined || text === '') return
    if (call.open) {
      call.args += text
      emit({ type: 'delta', at: call.at, text })
    } else if (text.trim() !== '') note('tool_calls', 'arguments came after they were whole')
  }

  const call = (entry: JsonObject): void => {
    const index = entry.index as number
    const custom = isObject(entry.custom)
    const body = isObject(entry.custom) ? entry.custom : isObject(entry.function) ? entry.function : {}
    if (!calls.has(index)) {
      close(false)
      calls.set(index, { at: next, args: '', open: true })
      const opening = { part: 'call' as const, id: textOf(entry.id) ?? '', name: textOf(body.name) ?? '' }
      emit({ type: 'open', at: next++, ...opening, ...(custom && { custom }) })
    }
    proceed(index, textOf(custom ? body.input : body.arguments))
    const { extra_content } = entry
    const { at, open } = calls.get(index)!
    if (extra_content !== undefined && open) emit({ type: 'seal', at, seal: seal({ extra_content }) })
  }

  const legacy = (value: JsonObject): void => {
    if (!calls.has('legacy')) {
      close(false)
      calls.set('legacy', { at: next, args: '', open: true })
      emit({ type: 'open', at: next++, part: 'call', id: `${legacyId}0`, name: textOf(value.name) ?? '' })
    }
    proceed('legacy', textOf(value.arguments))
  }

  /** Sources belong to the text that has just been said; where none has, they stay what they are. */
  const cite = (annotations: Json | undefined): void => {
    for (const annotation of Array.isArray(annotations) ? annotations : []) {
      const citation = current?.kind === 'text' ? parseAnnotation(annotation, seal) : undefined
      if (citation && current) emit({ type: 'cite', at: current.at, citation })
      else gather(own, { annotations: [annotation] })
    }
  }

  const hear = (delta: JsonObject): void => {
    say('reasoning', delta.reasoning_content)
    say('text', delta.content)
    cite(delta.annotations)
    say('refusal', delta.refusal)
    if (isObject(delta.function_call)) legacy(delta.function_call)
    for (const entry of objectsIn(delta.tool_calls)) call(entry)
    for (const entry of objectsIn(delta.images)) {
      const media = parseMedia(entry)
      if (media) emit({ type: 'part', at: next++, part: media })
    }
    for (const key in delta)
      if (!known.has(key) && !noise.has(key) && says(delta[key])) gather(own, { [key]: delta[key] })
  }

  const chunk = (body: JsonObject): void => {
    if (!started) emit({ type: 'start', id: textOf(body.id) ?? '', model: textOf(body.model) ?? '' })
    started = true
    usage = usageIn(body) ?? usage
    for (const key of ['citations', 'search_results'])
      if (says(body[key])) note(key, 'the neutral form has no place for it')
    for (const choice of objectsIn(body.choices)) {
      if (choice.index !== 0) note('choices', 'only the first choice is translated')
      else {
        if (isObject(choice.logprobs)) note('logprobs', 'the neutral form has no place for them')
        if (isObject(choice.delta)) hear(choice.delta)
        finish = textOf(choice.finish_reason) ?? finish
      }
    }
  }

  const end = (fault?: GatewayError): void => {
    close(true)
    if (Object.keys(own).length > 0) emit({ type: 'part', at: next++, part: { type: 'foreign', seal: seal(own) } })
    if (usage) emit({ type: 'usage', usage })
    if (fault) emit({ type: 'fault', error: fault })
    else
      emit({ type: 'finish', reason: finishes[finish ?? ''] ?? 'other', ...(finish !== undefined && { raw: finish }) })
  }

  return { chunk, end }
}

const says = (value: unknown): boolean =>
  value !== null && value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0)
const isWhole = (args: string): boolean => args.endsWith('}') && parseJson(args) !== undefined
