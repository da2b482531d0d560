/** The items of an answer while it is decoded: which parts are open, and how much of each has been emitted. */
import { isObject, type Json, type JsonObject, textOf } from '../../../base/json/json.ts'
import type { Event, PartKind } from '../../../ir/event.ts'
import { parseAnnotation } from '../citations.ts'

const id = 'openai-responses'

/** An open part: the characters and citations emitted so far. */
type PartState = { at: number; length: number; citationCount: number; isOpen: boolean }

/** A part of reasoning is either its summary or its content. */
export type ReasoningMode = 'summary' | 'content'

/**
 * An item of the answer: its parts by index. Reasoning is one part, either its summary or its content, whichever comes
 * first. `section` is the index of the section that is being emitted, and `sectionStart` the length of the part where
 * that section begins.
 */
export type ItemState = {
  parts: Map<number, PartState>
  finished: boolean
  mode?: ReasoningMode
  section: number
  sectionStart: number
  phase?: string
}

/** Opens, extends and closes the parts of items, and emits an event for each change. */
export class OutputItems {
  callCount = 0
  readonly #items = new Map<number, ItemState>()
  #nextAt = 0

  constructor(
    private readonly emit: (event: Event) => void,
    private readonly sealOrigin: string,
  ) {}

  /** The item at an output index. A vendor that leaves the index out means the item it added last. */
  itemAt(index: Json | undefined): ItemState {
    const key = typeof index === 'number' ? index : this.#items.size - 1
    const known = this.#items.get(key)
    if (known) return known
    const item: ItemState = { parts: new Map(), finished: false, section: -1, sectionStart: 0 }
    this.#items.set(key, item)
    return item
  }

  textPartAt({ output_index: index, content_index: part }: JsonObject, kind: 'text' | 'refusal'): PartState {
    const item = this.itemAt(index)
    const key = typeof part === 'number' ? part : 0
    const known = item.parts.get(key)
    if (known) return known
    const state = this.open(item, key, kind)
    if (item.phase !== undefined && item.parts.size === 1) this.seal(state, { message: { phase: item.phase } })
    return state
  }

  /** Reasoning may have several sections. They are separated by a blank line. Undefined if the other mode came first. */
  reasoningAt(index: Json | undefined, mode: ReasoningMode, section: Json | undefined): PartState | undefined {
    const item = this.itemAt(index)
    item.mode ??= mode
    if (item.mode !== mode) return undefined
    const state = item.parts.get(0) ?? this.open(item, 0, 'reasoning')
    const key = typeof section === 'number' ? section : 0
    if (key > item.section) {
      if (item.section >= 0) this.append(state, '\n\n')
      item.section = key
      item.sectionStart = state.length
    }
    return state
  }

  callAt(index: Json | undefined, call: JsonObject): PartState {
    const item = this.itemAt(index)
    const known = item.parts.get(0)
    if (known) return known
    this.callCount++
    const custom = call.type === 'custom_tool_call'
    const state = this.open(item, 0, 'call', {
      id: textOf(call.call_id) ?? textOf(call.id) ?? '',
      name: textOf(call.name) ?? '',
      ...(custom && { custom }),
    })
    const sealed = Object.entries({ namespace: call.namespace, caller: call.caller }).filter(([, value]) => value)
    if (sealed.length > 0) this.seal(state, Object.fromEntries(sealed))
    return state
  }

  open(
    item: ItemState,
    key: number,
    part: PartKind,
    fields: { id?: string; name?: string; custom?: boolean } = {},
  ): PartState {
    const state: PartState = { at: this.#nextAt++, length: 0, citationCount: 0, isOpen: true }
    item.parts.set(key, state)
    this.emit({ type: 'open', at: state.at, part, ...fields })
    return state
  }

  append(state: PartState, text: Json | undefined): void {
    if (typeof text !== 'string' || text === '' || !state.isOpen) return
    state.length += text.length
    this.emit({ type: 'delta', at: state.at, text })
  }

  cite(state: PartState, annotation: Json | undefined): void {
    if (!isObject(annotation) || !state.isOpen) return
    state.citationCount++
    this.emit({ type: 'cite', at: state.at, citation: parseAnnotation(annotation, this.sealOrigin) })
  }

  seal(state: PartState, value: JsonObject): void {
    this.emit({ type: 'seal', at: state.at, seal: { by: id, at: this.sealOrigin, value } })
  }

  /** Emits a part that comes complete. */
  emitPart(part: Extract<Event, { type: 'part' }>['part']): void {
    this.emit({ type: 'part', at: this.#nextAt++, part })
  }

  close(state: PartState | undefined): void {
    if (!state?.isOpen) return
    state.isOpen = false
    this.emit({ type: 'close', at: state.at })
  }

  closeAll(): void {
    for (const { parts } of this.#items.values()) for (const state of parts.values()) this.close(state)
  }
}
