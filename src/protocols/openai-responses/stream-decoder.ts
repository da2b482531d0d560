/** What a vendor says in events or whole items → our events. */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Event, PartKind } from '../../ir/event.ts'
import type { Exchange } from '../protocol.ts'
import { parseAnnotation } from './citations.ts'
import { cut, parseFault } from './error.ts'
import { parsePicture } from './media.ts'
import { parseUsage } from './usage.ts'

const id = 'openai-responses'

/** A part being told, how much of it was, and whether it has ended. */
type Said = { at: number; length: number; cites: number; open: boolean }
/**
 * An item of the answer: its parts by their number. Thoughts are one part: told as a summary or as they are, whichever comes first;
 * `section` is the summary's part that is being told, `base` where it begins.
 */
type Item = {
  parts: Map<number, Said>
  over: boolean
  mode?: 'summary' | 'content'
  section: number
  base: number
  phase?: string
}

export type Ear = { hear: (event: JsonObject) => void; whole: (response: JsonObject) => void; end: () => void }

/** Items of vendors come with an added, deltas and a done, or with one of them alone: what the later says beyond the earlier is told then. */
export const hearResponse = (exchange: Exchange, emit: (event: Event) => void): Ear => {
  const { loss, sealOrigin } = exchange
  const items = new Map<number, Item>()
  let next = 0
  let started = false
  let calls = 0
  let over = false

  const start = (response: Json | undefined): void => {
    if (started) return
    started = true
    const { id: given, model } = isObject(response) ? response : {}
    emit({ type: 'start', id: textOf(given) ?? '', model: textOf(model) ?? '' })
  }

  const itemAt = (index: Json | undefined): Item => {
    start(undefined)
    const key = typeof index === 'number' ? index : items.size - 1
    const known = items.get(key)
    if (known) return known
    const item: Item = { parts: new Map(), over: false, section: -1, base: 0 }
    items.set(key, item)
    return item
  }

  const open = (
    item: Item,
    key: number,
    part: PartKind,
    more: { id?: string; name?: string; custom?: boolean } = {},
  ): Said => {
    const said: Said = { at: next++, length: 0, cites: 0, open: true }
    item.parts.set(key, said)
    emit({ type: 'open', at: said.at, part, ...more })
    return said
  }

  const say = (said: Said, text: Json | undefined): void => {
    if (typeof text !== 'string' || text === '' || !said.open) return
    said.length += text.length
    emit({ type: 'delta', at: said.at, text })
  }

  const close = (said: Said | undefined): void => {
    if (!said?.open) return
    said.open = false
    emit({ type: 'close', at: said.at })
  }

  const wordsAt = ({ output_index: index, content_index: part }: JsonObject, kind: 'text' | 'refusal'): Said => {
    const item = itemAt(index)
    const key = typeof part === 'number' ? part : 0
    const known = item.parts.get(key)
    if (known) return known
    const said = open(item, key, kind)
    if (item.phase !== undefined && item.parts.size === 1)
      emit({ type: 'seal', at: said.at, seal: { by: id, at: sealOrigin, value: { message: { phase: item.phase } } } })
    return said
  }

  const cite = (said: Said, annotation: Json | undefined): void => {
    if (!isObject(annotation) || !said.open) return
    said.cites++
    emit({ type: 'cite', at: said.at, citation: parseAnnotation(annotation, sealOrigin) })
  }

  /** A part of a message as it ended. */
  const endWords = (event: JsonObject, part: JsonObject): void => {
    const refusal = part.type === 'refusal'
    if (!refusal && part.type !== 'output_text' && part.type !== 'text') return
    const said = wordsAt(event, refusal ? 'refusal' : 'text')
    say(said, textOf(refusal ? part.refusal : part.text)?.slice(said.length))
    if (Array.isArray(part.annotations)) for (const one of part.annotations.slice(said.cites)) cite(said, one)
    close(said)
  }

  /** Thoughts have several sections: a blank line stands between them. */
  const thoughtAt = (
    index: Json | undefined,
    mode: 'summary' | 'content',
    section: Json | undefined,
  ): Said | undefined => {
    const item = itemAt(index)
    item.mode ??= mode
    if (item.mode !== mode) return undefined
    const said = item.parts.get(0) ?? open(item, 0, 'reasoning')
    const key = typeof section === 'number' ? section : 0
    if (key > item.section) {
      if (item.section >= 0) say(said, '\n\n')
      item.section = key
      item.base = said.length
    }
    return said
  }

  const endThought = (
    index: Json | undefined,
    mode: 'summary' | 'content',
    section: Json | undefined,
    text: Json | undefined,
  ): void => {
    if (typeof text !== 'string' || text === '') return
    const said = thoughtAt(index, mode, section)
    const item = itemAt(index)
    if (said && section === item.section) say(said, text.slice(said.length - item.base))
  }

  const callAt = (index: Json | undefined, told: JsonObject): Said => {
    const item = itemAt(index)
    const known = item.parts.get(0)
    if (known) return known
    calls++
    const custom = told.type === 'custom_tool_call'
    const said = open(item, 0, 'call', {
      id: textOf(told.call_id) ?? textOf(told.id) ?? '',
      name: textOf(told.name) ?? '',
      ...(custom && { custom }),
    })
    const own = Object.entries({ namespace: told.namespace, caller: told.caller }).filter(([, value]) => value)
    if (own.length > 0)
      emit({
        type: 'seal',
        at: said.at,
        seal: { by: id, at: sealOrigin, value: Object.fromEntries(own) as JsonObject },
      })
    return said
  }

  const added = (index: Json | undefined, item: JsonObject): void => {
    const known = itemAt(index)
    if (item.type === 'message' && typeof item.phase === 'string') known.phase = item.phase
    if (isCall(item)) say(callAt(index, item), item.arguments ?? item.input)
  }

  const ended = (index: Json | undefined, item: JsonObject): void => {
    const known = itemAt(index)
    if (known.over) return
    known.over = true
    if (item.type === 'message') endMessage(index, known, item)
    else if (item.type === 'reasoning') endReasoning(index, known, item)
    else if (isCall(item)) {
      const said = callAt(index, item)
      say(said, textOf(item.arguments ?? item.input)?.slice(said.length))
      close(said)
    } else {
      const part = parsePicture(item, sealOrigin) ?? {
        type: 'foreign',
        seal: { by: id, at: sealOrigin, value: { item } },
      }
      emit({ type: 'part', at: next++, part })
    }
  }

  /** Some vendors number the parts from 1: the list of the item tells only those that no event told. */
  const endMessage = (index: Json | undefined, known: Item, item: JsonObject): void => {
    if (typeof item.phase === 'string') known.phase = item.phase
    const parts = Array.isArray(item.content) ? item.content.filter(isObject) : []
    const told = [...known.parts.keys()]
    parts.forEach((part, place) => {
      endWords({ output_index: index!, content_index: told[place] ?? place }, part)
      if (Array.isArray(part.logprobs) && part.logprobs.length > 0)
        loss('logprobs', 'the neutral form has no place for them')
    })
    known.parts.forEach(close)
  }

  const endReasoning = (index: Json | undefined, known: Item, item: JsonObject): void => {
    const { type: _type, id: _id, status: _status, summary, content, ...rest } = item
    const mode = known.mode ?? (says(summary) ? 'summary' : 'content')
    const sections = mode === 'summary' ? summary : content
    if (Array.isArray(sections))
      sections.forEach((one, section) => {
        if (isObject(one)) endThought(index, mode, section, one.text)
      })
    const raw = says(content)
    const own = Object.fromEntries(
      Object.entries({ ...rest, ...(raw && { raw }) }).filter(([, value]) => value !== null),
    )
    const sealed = Object.keys(own).length > 0
    const said = known.parts.get(0) ?? (sealed ? open(known, 0, 'reasoning') : undefined)
    if (said?.open && sealed) emit({ type: 'seal', at: said.at, seal: { by: id, at: sealOrigin, value: own } })
    close(said)
  }

  const settle = (): void => {
    for (const { parts } of items.values()) for (const said of parts.values()) close(said)
  }

  const fail = (error: GatewayError): void => {
    over = true
    settle()
    emit({ type: 'fault', error })
  }

  /** The whole answer, at the end of a stream or alone: what no event told is told now. */
  const whole = (response: JsonObject): void => {
    start(response)
    if (response.status === 'failed' || response.status === 'cancelled')
      return void fail(parseFault(response, exchange))
    if (Array.isArray(response.output))
      response.output.forEach((item, index) => {
        if (isObject(item)) ended(index, item)
      })
    settle()
    over = true
    const usage = parseUsage(response.usage)
    if (usage) emit({ type: 'usage', usage })
    const { reason } = isObject(response.incomplete_details) ? response.incomplete_details : {}
    if (response.status === 'incomplete')
      emit({ type: 'finish', reason: cutShort.get(String(reason)) ?? 'other', raw: textOf(reason) ?? 'incomplete' })
    else emit({ type: 'finish', reason: calls > 0 ? 'calls' : 'stop', raw: 'completed' })
  }

  const ears = new Map<string, (event: JsonObject) => void>(
    Object.entries<(event: JsonObject) => void>({
      'response.created': ({ response }) => start(response),
      'response.in_progress': ({ response }) => start(response),
      'response.output_item.added': ({ output_index: index, item }) => isObject(item) && added(index, item),
      'response.output_item.done': ({ output_index: index, item }) => isObject(item) && ended(index, item),
      'response.content_part.added': event => {
        const kind = isObject(event.part) ? kinds.get(String(event.part.type)) : undefined
        if (kind) wordsAt(event, kind)
      },
      'response.content_part.done': event => isObject(event.part) && endWords(event, event.part),
      'response.output_text.delta': event => say(wordsAt(event, 'text'), event.delta),
      'response.output_text.annotation.added': event => cite(wordsAt(event, 'text'), event.annotation),
      'response.refusal.delta': event => say(wordsAt(event, 'refusal'), event.delta),
      'response.reasoning_summary_text.delta': ({ output_index: index, summary_index: section, delta }) => {
        const said = thoughtAt(index, 'summary', section)
        if (said) say(said, delta)
      },
      'response.reasoning_summary_text.done': event =>
        endThought(event.output_index, 'summary', event.summary_index, event.text),
      'response.reasoning_text.delta': ({ output_index: index, content_index: section, delta }) => {
        const said = thoughtAt(index, 'content', section)
        if (said) say(said, delta)
      },
      'response.reasoning_text.done': event =>
        endThought(event.output_index, 'content', event.content_index, event.text),
      'response.function_call_arguments.delta': event => hearArguments(event),
      'response.custom_tool_call_input.delta': event => hearArguments(event),
      'response.completed': ({ response }) => isObject(response) && whole(response),
      'response.incomplete': ({ response }) => isObject(response) && whole({ status: 'incomplete', ...response }),
      'response.failed': event => fail(parseFault(event, exchange)),
      error: event => fail(parseFault(event, exchange)),
    }),
  )

  const hearArguments = ({ output_index: index, delta }: JsonObject): void => {
    const said = itemAt(index).parts.get(0)
    if (said) say(said, delta)
  }

  return {
    hear(event) {
      if (!over) ears.get(String(event.type))?.(event)
    },
    whole,
    end() {
      if (!over) fail(cut())
    },
  }
}

const kinds = new Map([
  ['output_text', 'text' as const],
  ['text', 'text' as const],
  ['refusal', 'refusal' as const],
])
const cutShort = new Map([
  ['max_output_tokens', 'length' as const],
  ['content_filter', 'filter' as const],
])

const isCall = ({ type }: JsonObject): boolean => type === 'function_call' || type === 'custom_tool_call'
const says = (list: Json | undefined): boolean =>
  Array.isArray(list) && list.some(one => isObject(one) && typeof one.text === 'string' && one.text !== '')
