/** Writes the numbered events of one answer and collects its items. */

import type { Json, JsonObject } from '../../../base/json/json.ts'
import type { Seal } from '../../../ir/chat.ts'
import { sealPrefix, wrapSeal } from '../../../ir/seal.ts'
import type { Exchange, NoteLoss } from '../../protocol.ts'
import { createNoteOnce } from '../../shared/note-once.ts'
import { boxForeignSeal } from '../turns.ts'

/** Writes one open part. `seal` is called while the part is open. */
export type PartWriter = {
  delta: (text: string) => void
  seal: (seal: Seal) => void
  close: () => void
  /** Called when the answer failed: the part keeps what was written so far, and no more events are emitted. */
  abort: () => void
}

/** Emits the events of one answer. */
export type ResponseWriter = {
  readonly exchange: Exchange
  /** The items written so far. An item is complete only after its end. */
  readonly output: JsonObject[]
  readonly nextSequenceNumber: () => number
  emitEvent: (type: string, fields: JsonObject) => void
  /** Starts a new item and returns its index and its id. */
  startItem: (prefix: string, item: JsonObject) => ItemRef
  endItem: (ref: ItemRef, item: JsonObject) => void
  /** Like `endItem`, for an item that will not be completed. Emits no event. */
  leaveIncomplete: (ref: ItemRef, item: JsonObject) => void
  /**
   * Writes an empty reasoning item that carries a seal of another protocol. `as` says what the seal belongs to: the
   * part that follows, an empty reasoning part, or a foreign block.
   */
  carrySeal: (seal: Seal, as: 'next' | 'thought' | 'block') => void
  noteLoss: NoteLoss
}
/** Identifies an item of the answer: its output index and its id. */
export type ItemRef = { index: number; id: string }

/** Creates the writer of one answer. The ids of its items derive from the id of the exchange. */
export const createResponseWriter = (exchange: Exchange, emit: (event: JsonObject) => void): ResponseWriter => {
  const output: JsonObject[] = []
  const noteLoss = createNoteOnce(exchange)
  const idSuffix = exchange.id.slice(exchange.id.indexOf('_') + 1)
  let nextSequenceNumber = 0

  const emitEvent = (type: string, fields: JsonObject): void =>
    emit({ type, sequence_number: nextSequenceNumber++, ...fields })
  const startItem = (prefix: string, item: JsonObject): ItemRef => {
    const index = output.length
    const ref = { index, id: `${prefix}_${idSuffix}${index.toString(16).padStart(4, '0')}` }
    output.push({ id: ref.id, ...item })
    emitEvent('response.output_item.added', { output_index: index, item: { id: ref.id, ...item } })
    return ref
  }
  const setItem = ({ index, id }: ItemRef, item: JsonObject): void => {
    output[index] = { id, ...item }
  }
  const endItem = (ref: ItemRef, item: JsonObject): void => {
    const { index } = ref
    setItem(ref, item)
    emitEvent('response.output_item.done', { output_index: index, item: output[index]! })
  }
  return {
    exchange,
    output,
    nextSequenceNumber: () => nextSequenceNumber++,
    emitEvent,
    startItem,
    endItem,
    leaveIncomplete: (ref, item) => setItem(ref, { ...item, status: 'incomplete' }),
    carrySeal(seal, as) {
      const wrapped = wrapSeal(as === 'block' ? boxForeignSeal(seal) : seal, { next: as === 'next' })
      if (wrapped === undefined) return noteLoss('seal', 'too large to include')
      const item = { type: 'reasoning', summary: [], encrypted_content: wrapped, status: 'completed' }
      endItem(startItem(reasoningIdPrefix, item), item)
    },
    noteLoss,
  }
}

/**
 * Prefix of the ids of reasoning items that the gateway writes. The prefix identifies them if they carry no seal: no
 * vendor would know them.
 */
const reasoningIdPrefix = `rs_${sealPrefix}`

/**
 * Writes reasoning. The client receives the reasoning of every vendor as a summary, and its seal as encrypted content.
 */
export const reasoningWriter = (response: ResponseWriter): PartWriter => {
  const { emitEvent } = response
  const ref = response.startItem(reasoningIdPrefix, { type: 'reasoning', summary: [], status: 'in_progress' })
  const at = { item_id: ref.id, output_index: ref.index, summary_index: 0 }
  const texts: string[] = []
  let sealedFields: JsonObject = {}
  const renderItem = (): JsonObject => {
    const text = texts.join('')
    const { raw, ...otherFields } = sealedFields
    const content = raw === true ? { content: [{ type: 'reasoning_text', text }] } : {}
    const summary = texts.length > 0 ? [{ type: 'summary_text', text }] : []
    return { type: 'reasoning', summary, ...content, ...otherFields, status: 'completed' }
  }
  return {
    delta(text) {
      if (texts.length === 0)
        emitEvent('response.reasoning_summary_part.added', { ...at, part: { type: 'summary_text', text: '' } })
      texts.push(text)
      emitEvent('response.reasoning_summary_text.delta', { ...at, delta: text })
    },
    seal(seal) {
      sealedFields = reasoningSealFields(seal, texts, response)
    },
    close() {
      const text = texts.join('')
      if (texts.length > 0) {
        const part = { type: 'summary_text', text }
        emitEvent('response.reasoning_summary_text.done', { ...at, text })
        emitEvent('response.reasoning_summary_part.done', { ...at, part })
      }
      response.endItem(ref, renderItem())
    },
    abort: () => response.leaveIncomplete(ref, renderItem()),
  }
}

const reasoningSealFields = (seal: Seal, texts: readonly string[], { noteLoss }: ResponseWriter): JsonObject => {
  if (seal.by === 'openai-responses') return seal.value as JsonObject
  const wrapped = wrapSeal(seal)
  if (wrapped !== undefined) return { encrypted_content: wrapped }
  noteLoss('seal', `too large to be carried${texts.length > 0 ? ' with its thoughts' : ''}`)
  return {}
}

/** Returns the fields of an item that only this protocol knows. */
export const sealedFieldsOf = (seal: Seal | undefined): JsonObject =>
  seal?.by === 'openai-responses' ? (seal.value as { [key: string]: Json }) : {}
