/** Writes texts and refusals: the messages of an answer, each with one or more parts. */

import { isObject, type Json, type JsonObject } from '../../../base/json/json.ts'
import type { Citation, Seal } from '../../../ir/chat.ts'
import { renderAnnotation } from '../citations.ts'
import { type ItemRef, type PartWriter, type ResponseWriter, sealedFieldsOf } from './item-writer.ts'

type TextKind = 'text' | 'refusal'
type OpenMessage = {
  ref: ItemRef
  content: JsonObject[]
  openParts: number
  isEnding: boolean
  status: string
  sealedFields: JsonObject
}

/** Opens the parts of messages, and starts and ends the messages around them. */
export type MessageWriter = {
  open: (kind: TextKind) => TextWriter
  /** Called when the next part does not belong to the open message. `status` says how the message ended. */
  endMessage: (status?: 'completed' | 'incomplete') => void
  /** Called when the answer failed, after every part was closed or aborted. */
  abort: () => void
}

/** Creates the message writer of one answer. */
export const messageWriter = (response: ResponseWriter): MessageWriter => {
  let current: OpenMessage | undefined

  const renderMessage = ({ content, status, sealedFields }: OpenMessage) => ({
    type: 'message',
    status,
    role: 'assistant',
    content,
    ...sealedFields,
  })
  const finish = (message: OpenMessage): void => response.endItem(message.ref, renderMessage(message))
  const abort = (message: OpenMessage | undefined): void => {
    if (message) response.leaveIncomplete(message.ref, renderMessage(message))
  }

  const endMessage: MessageWriter['endMessage'] = (status = 'completed') => {
    if (current === undefined) return
    current.isEnding = true
    current.status = status
    if (current.openParts === 0) finish(current)
    current = undefined
  }

  /** A message with a phase has only one part. */
  const messageFor = (sealedFields: JsonObject): OpenMessage => {
    const startsNewMessage =
      current !== undefined && (Object.keys(sealedFields).length > 0 || Object.keys(current.sealedFields).length > 0)
    if (startsNewMessage) endMessage()
    if (current) return current
    const ref = response.startItem('msg', {
      type: 'message',
      status: 'in_progress',
      role: 'assistant',
      content: [],
      ...sealedFields,
    })
    current = { ref, content: [], openParts: 0, isEnding: false, status: 'completed', sealedFields }
    return current
  }

  const releasePart = (message: OpenMessage): void => {
    message.openParts--
    if (message.isEnding && message.openParts === 0) finish(message)
  }

  const control: MessageControl = { messageFor, releasePart, abort, endMessage }
  return {
    open: kind => new TextWriter(kind, response, control),
    endMessage,
    abort: () => abort(current),
  }
}

/** How a part joins its message, leaves it at its end, and aborts it if the answer failed. */
type MessageControl = {
  messageFor: (sealedFields: JsonObject) => OpenMessage
  releasePart: (message: OpenMessage) => void
  abort: (message: OpenMessage) => void
  endMessage: MessageWriter['endMessage']
}

const emptyPart = (kind: TextKind): JsonObject =>
  kind === 'text' ? { type: 'output_text', annotations: [], logprobs: [], text: '' } : { type: 'refusal', refusal: '' }

/** A part that has started: its message, its index there, and the fields that place its events. */
type StartedPart = { message: OpenMessage; contentIndex: number; at: JsonObject }

/**
 * Writes a text or a refusal. The part starts with its first delta, or with its seal if the seal comes first. A seal of
 * another protocol is written before the part.
 */
export class TextWriter implements PartWriter {
  readonly #isText: boolean
  readonly #texts: string[] = []
  readonly #annotations: JsonObject[] = []
  #started: StartedPart | undefined
  /** A seal of another protocol that came after the start of the part. It is written after the part. */
  #lateSeal: Seal | undefined

  constructor(
    private readonly kind: TextKind,
    private readonly response: ResponseWriter,
    private readonly control: MessageControl,
  ) {
    this.#isText = kind === 'text'
  }

  delta(text: string): void {
    const { at } = this.#startPart()
    this.#texts.push(text)
    if (this.#isText) this.response.emitEvent('response.output_text.delta', { ...at, delta: text, logprobs: [] })
    else this.response.emitEvent('response.refusal.delta', { ...at, delta: text })
  }

  cite(citation: Citation): void {
    const annotation = renderAnnotation(citation)
    if (annotation === undefined || !this.#isText)
      return void this.response.noteLoss('annotations', 'this protocol does not support citations without a URL')
    const annotationIndex = this.#annotations.push(annotation) - 1
    const { at } = this.#startPart()
    this.response.emitEvent('response.output_text.annotation.added', {
      ...at,
      annotation_index: annotationIndex,
      annotation,
    })
  }

  seal(seal: Seal): void {
    if (seal.by === 'openai-responses') this.#setMessageFields(sealedFieldsOf(seal).message)
    else if (this.#started) this.#lateSeal = seal
    else {
      this.control.endMessage()
      this.response.carrySeal(seal, 'next')
    }
  }

  close(): void {
    const { message, contentIndex, at } = this.#startPart()
    const text = this.#texts.join('')
    const part = this.#renderPart(text)
    message.content[contentIndex] = part
    if (this.#isText) this.response.emitEvent('response.output_text.done', { ...at, text, logprobs: [] })
    else this.response.emitEvent('response.refusal.done', { ...at, refusal: text })
    this.response.emitEvent('response.content_part.done', { ...at, part })
    this.control.releasePart(message)
    if (this.#lateSeal === undefined) return
    this.control.endMessage()
    this.response.carrySeal(this.#lateSeal, 'thought')
  }

  abort(): void {
    if (this.#started === undefined) return
    const { message, contentIndex } = this.#started
    message.content[contentIndex] = this.#renderPart(this.#texts.join(''))
    this.control.abort(message)
  }

  #startPart(sealedFields: JsonObject = {}): StartedPart {
    if (this.#started) return this.#started
    const message = this.control.messageFor(sealedFields)
    const contentIndex = message.content.push(emptyPart(this.kind)) - 1
    message.openParts++
    const at = { item_id: message.ref.id, output_index: message.ref.index, content_index: contentIndex }
    this.#started = { message, contentIndex, at }
    this.response.emitEvent('response.content_part.added', { ...at, part: emptyPart(this.kind) })
    return this.#started
  }

  /** Handles a seal of this protocol: it holds fields of the message, such as its phase. */
  #setMessageFields(fields: Json | undefined): void {
    if (!this.#started) this.#startPart(isObject(fields) ? fields : {})
    else if (isObject(fields)) this.#started.message.sealedFields = fields
  }

  #renderPart(text: string): JsonObject {
    return this.#isText
      ? { ...emptyPart(this.kind), annotations: this.#annotations, text }
      : { type: 'refusal', refusal: text }
  }
}
