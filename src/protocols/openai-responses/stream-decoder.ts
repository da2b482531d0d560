/** Decodes a vendor's stream events or complete items into events of the neutral form. */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Event, PartKind } from '../../ir/event.ts'
import type { Exchange } from '../protocol.ts'
import { parseAnnotation } from './citations.ts'
import { parseFault, streamCut } from './error.ts'
import { parseGeneratedImage } from './media.ts'
import { parseUsage } from './usage.ts'

const id = 'openai-responses'

/** An open part: the characters and citations emitted so far. */
type PartState = { at: number; length: number; citationCount: number; isOpen: boolean }
/**
 * An item of the answer: its parts by index. Reasoning is one part, either its summary or its content, whichever comes
 * first. `section` is the index of the section that is being emitted, and `sectionStart` the length of the part where
 * that section begins.
 */
type ItemState = {
  parts: Map<number, PartState>
  finished: boolean
  mode?: 'summary' | 'content'
  section: number
  sectionStart: number
  phase?: string
}

/**
 * Takes stream events with `push`, or a complete answer with `pushResponse`. `end` emits a fault if neither a final
 * event nor a complete answer came.
 */
export type ResponsesDecoder = {
  push: (event: JsonObject) => void
  pushResponse: (response: JsonObject) => void
  end: () => void
}

/**
 * Vendors send an item as an added event, deltas and a done event, or as only one of them. The decoder emits from a
 * later event what the earlier ones lacked.
 */
export const createResponsesDecoder = (exchange: Exchange, emit: (event: Event) => void): ResponsesDecoder => {
  const { loss, sealOrigin } = exchange
  const items = new Map<number, ItemState>()
  let nextAt = 0
  let hasStarted = false
  let callCount = 0
  let finished = false

  const start = (response: Json | undefined): void => {
    if (hasStarted) return
    hasStarted = true
    const { id: responseId, model } = isObject(response) ? response : {}
    emit({ type: 'start', id: textOf(responseId) ?? '', model: textOf(model) ?? '' })
  }

  const itemAt = (index: Json | undefined): ItemState => {
    start(undefined)
    const key = typeof index === 'number' ? index : items.size - 1
    const known = items.get(key)
    if (known) return known
    const item: ItemState = { parts: new Map(), finished: false, section: -1, sectionStart: 0 }
    items.set(key, item)
    return item
  }

  const openPart = (
    item: ItemState,
    key: number,
    part: PartKind,
    fields: { id?: string; name?: string; custom?: boolean } = {},
  ): PartState => {
    const state: PartState = { at: nextAt++, length: 0, citationCount: 0, isOpen: true }
    item.parts.set(key, state)
    emit({ type: 'open', at: state.at, part, ...fields })
    return state
  }

  const emitText = (state: PartState, text: Json | undefined): void => {
    if (typeof text !== 'string' || text === '' || !state.isOpen) return
    state.length += text.length
    emit({ type: 'delta', at: state.at, text })
  }

  const close = (state: PartState | undefined): void => {
    if (!state?.isOpen) return
    state.isOpen = false
    emit({ type: 'close', at: state.at })
  }

  const textPartAt = (
    { output_index: index, content_index: part }: JsonObject,
    kind: 'text' | 'refusal',
  ): PartState => {
    const item = itemAt(index)
    const key = typeof part === 'number' ? part : 0
    const known = item.parts.get(key)
    if (known) return known
    const state = openPart(item, key, kind)
    if (item.phase !== undefined && item.parts.size === 1)
      emit({ type: 'seal', at: state.at, seal: { by: id, at: sealOrigin, value: { message: { phase: item.phase } } } })
    return state
  }

  const emitCitation = (state: PartState, annotation: Json | undefined): void => {
    if (!isObject(annotation) || !state.isOpen) return
    state.citationCount++
    emit({ type: 'cite', at: state.at, citation: parseAnnotation(annotation, sealOrigin) })
  }

  /** Handles the final state of a part of a message. */
  const endTextPart = (event: JsonObject, part: JsonObject): void => {
    const isRefusal = part.type === 'refusal'
    if (!isRefusal && part.type !== 'output_text' && part.type !== 'text') return
    const state = textPartAt(event, isRefusal ? 'refusal' : 'text')
    emitText(state, textOf(isRefusal ? part.refusal : part.text)?.slice(state.length))
    if (Array.isArray(part.annotations))
      for (const one of part.annotations.slice(state.citationCount)) emitCitation(state, one)
    close(state)
  }

  /** Reasoning may have several sections. They are separated by a blank line. */
  const reasoningAt = (
    index: Json | undefined,
    mode: 'summary' | 'content',
    section: Json | undefined,
  ): PartState | undefined => {
    const item = itemAt(index)
    item.mode ??= mode
    if (item.mode !== mode) return undefined
    const state = item.parts.get(0) ?? openPart(item, 0, 'reasoning')
    const key = typeof section === 'number' ? section : 0
    if (key > item.section) {
      if (item.section >= 0) emitText(state, '\n\n')
      item.section = key
      item.sectionStart = state.length
    }
    return state
  }

  const endReasoningSection = (
    index: Json | undefined,
    mode: 'summary' | 'content',
    section: Json | undefined,
    text: Json | undefined,
  ): void => {
    if (typeof text !== 'string' || text === '') return
    const state = reasoningAt(index, mode, section)
    const item = itemAt(index)
    if (state && section === item.section) emitText(state, text.slice(state.length - item.sectionStart))
  }

  const callAt = (index: Json | undefined, call: JsonObject): PartState => {
    const item = itemAt(index)
    const known = item.parts.get(0)
    if (known) return known
    callCount++
    const custom = call.type === 'custom_tool_call'
    const state = openPart(item, 0, 'call', {
      id: textOf(call.call_id) ?? textOf(call.id) ?? '',
      name: textOf(call.name) ?? '',
      ...(custom && { custom }),
    })
    const sealedFields = Object.entries({ namespace: call.namespace, caller: call.caller }).filter(([, value]) => value)
    if (sealedFields.length > 0)
      emit({
        type: 'seal',
        at: state.at,
        seal: { by: id, at: sealOrigin, value: Object.fromEntries(sealedFields) as JsonObject },
      })
    return state
  }

  const startItem = (index: Json | undefined, item: JsonObject): void => {
    const known = itemAt(index)
    if (item.type === 'message' && typeof item.phase === 'string') known.phase = item.phase
    if (isCall(item)) emitText(callAt(index, item), item.arguments ?? item.input)
  }

  const endItem = (index: Json | undefined, item: JsonObject): void => {
    const known = itemAt(index)
    if (known.finished) return
    known.finished = true
    if (item.type === 'message') endMessage(index, known, item)
    else if (item.type === 'reasoning') endReasoning(index, known, item)
    else if (isCall(item)) {
      const state = callAt(index, item)
      emitText(state, textOf(item.arguments ?? item.input)?.slice(state.length))
      close(state)
    } else {
      const part = parseGeneratedImage(item, sealOrigin) ?? {
        type: 'foreign',
        seal: { by: id, at: sealOrigin, value: { item } },
      }
      emit({ type: 'part', at: nextAt++, part })
    }
  }

  /**
   * Some vendors number the parts from 1. The parts of the item are therefore matched to the known parts by position.
   */
  const endMessage = (index: Json | undefined, known: ItemState, item: JsonObject): void => {
    if (typeof item.phase === 'string') known.phase = item.phase
    const parts = Array.isArray(item.content) ? item.content.filter(isObject) : []
    const knownIndexes = [...known.parts.keys()]
    parts.forEach((part, position) => {
      endTextPart({ output_index: index!, content_index: knownIndexes[position] ?? position }, part)
      if (Array.isArray(part.logprobs) && part.logprobs.length > 0)
        loss('logprobs', 'the neutral form has no place for them')
    })
    known.parts.forEach(close)
  }

  const endReasoning = (index: Json | undefined, known: ItemState, item: JsonObject): void => {
    const { type: _type, id: _id, status: _status, summary, content, ...rest } = item
    const mode = known.mode ?? (hasText(summary) ? 'summary' : 'content')
    const sections = mode === 'summary' ? summary : content
    if (Array.isArray(sections))
      sections.forEach((one, section) => {
        if (isObject(one)) endReasoningSection(index, mode, section, one.text)
      })
    const raw = hasText(content)
    const sealedFields = Object.fromEntries(
      Object.entries({ ...rest, ...(raw && { raw }) }).filter(([, value]) => value !== null),
    )
    const isSealed = Object.keys(sealedFields).length > 0
    const state = known.parts.get(0) ?? (isSealed ? openPart(known, 0, 'reasoning') : undefined)
    if (state?.isOpen && isSealed)
      emit({ type: 'seal', at: state.at, seal: { by: id, at: sealOrigin, value: sealedFields } })
    close(state)
  }

  const closeAll = (): void => {
    for (const { parts } of items.values()) for (const state of parts.values()) close(state)
  }

  const fail = (error: GatewayError): void => {
    finished = true
    closeAll()
    emit({ type: 'fault', error })
  }

  /** Handles a complete answer, at the end of a stream or alone. Emits what no earlier event carried. */
  const pushResponse = (response: JsonObject): void => {
    start(response)
    if (response.status === 'failed' || response.status === 'cancelled')
      return void fail(parseFault(response, exchange))
    if (Array.isArray(response.output))
      response.output.forEach((item, index) => {
        if (isObject(item)) endItem(index, item)
      })
    closeAll()
    finished = true
    const usage = parseUsage(response.usage)
    if (usage) emit({ type: 'usage', usage })
    const { reason } = isObject(response.incomplete_details) ? response.incomplete_details : {}
    if (response.status === 'incomplete')
      emit({
        type: 'finish',
        reason: incompleteReasons.get(String(reason)) ?? 'other',
        raw: textOf(reason) ?? 'incomplete',
      })
    else emit({ type: 'finish', reason: callCount > 0 ? 'calls' : 'stop', raw: 'completed' })
  }

  const handlers = new Map<string, (event: JsonObject) => void>(
    Object.entries<(event: JsonObject) => void>({
      'response.created': ({ response }) => start(response),
      'response.in_progress': ({ response }) => start(response),
      'response.output_item.added': ({ output_index: index, item }) => isObject(item) && startItem(index, item),
      'response.output_item.done': ({ output_index: index, item }) => isObject(item) && endItem(index, item),
      'response.content_part.added': event => {
        const kind = isObject(event.part) ? partKinds.get(String(event.part.type)) : undefined
        if (kind) textPartAt(event, kind)
      },
      'response.content_part.done': event => isObject(event.part) && endTextPart(event, event.part),
      'response.output_text.delta': event => emitText(textPartAt(event, 'text'), event.delta),
      'response.output_text.annotation.added': event => emitCitation(textPartAt(event, 'text'), event.annotation),
      'response.refusal.delta': event => emitText(textPartAt(event, 'refusal'), event.delta),
      'response.reasoning_summary_text.delta': ({ output_index: index, summary_index: section, delta }) => {
        const state = reasoningAt(index, 'summary', section)
        if (state) emitText(state, delta)
      },
      'response.reasoning_summary_text.done': event =>
        endReasoningSection(event.output_index, 'summary', event.summary_index, event.text),
      'response.reasoning_text.delta': ({ output_index: index, content_index: section, delta }) => {
        const state = reasoningAt(index, 'content', section)
        if (state) emitText(state, delta)
      },
      'response.reasoning_text.done': event =>
        endReasoningSection(event.output_index, 'content', event.content_index, event.text),
      'response.function_call_arguments.delta': event => appendArguments(event),
      'response.custom_tool_call_input.delta': event => appendArguments(event),
      'response.completed': ({ response }) => isObject(response) && pushResponse(response),
      'response.incomplete': ({ response }) =>
        isObject(response) && pushResponse({ status: 'incomplete', ...response }),
      'response.failed': event => fail(parseFault(event, exchange)),
      error: event => fail(parseFault(event, exchange)),
    }),
  )

  const appendArguments = ({ output_index: index, delta }: JsonObject): void => {
    const state = itemAt(index).parts.get(0)
    if (state) emitText(state, delta)
  }

  return {
    push(event) {
      if (!finished) handlers.get(String(event.type))?.(event)
    },
    pushResponse,
    end() {
      if (!finished) fail(streamCut())
    },
  }
}

const partKinds = new Map([
  ['output_text', 'text' as const],
  ['text', 'text' as const],
  ['refusal', 'refusal' as const],
])
const incompleteReasons = new Map([
  ['max_output_tokens', 'length' as const],
  ['content_filter', 'filter' as const],
])

const isCall = ({ type }: JsonObject): boolean => type === 'function_call' || type === 'custom_tool_call'
const hasText = (list: Json | undefined): boolean =>
  Array.isArray(list) && list.some(one => isObject(one) && typeof one.text === 'string' && one.text !== '')
