/** Writes texts and refusals: the messages of an answer, each with one or more parts. */

import { isObject, type JsonObject } from '../../../base/json/json.ts'
import type { Citation } from '../../../ir/chat.ts'
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
  open: (kind: TextKind) => PartWriter & { cite: (citation: Citation) => void }
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

  return {
    open: kind => textWriter(kind, response, { messageFor, releasePart, abort, endMessage }),
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

/**
 * Writes a text or a refusal. The part starts with its first delta, or with its seal if the seal comes first. A seal of
 * another protocol is written before the part.
 */
const textWriter = (
  kind: TextKind,
  response: ResponseWriter,
  { messageFor, releasePart, abort, endMessage }: MessageControl,
): ReturnType<MessageWriter['open']> => {
  const texts: string[] = []
  const annotations: JsonObject[] = []
  const textEvent = kind === 'text' ? 'output_text' : 'refusal'
  let started: { message: OpenMessage; contentIndex: number; at: JsonObject } | undefined
  let lateSeal: Parameters<PartWriter['seal']>[0] | undefined

  const startPart = (sealedFields: JsonObject = {}): NonNullable<typeof started> => {
    if (started) return started
    const message = messageFor(sealedFields)
    const contentIndex = message.content.push(emptyPart(kind)) - 1
    message.openParts++
    const at = { item_id: message.ref.id, output_index: message.ref.index, content_index: contentIndex }
    started = { message, contentIndex, at }
    response.emitEvent('response.content_part.added', { ...at, part: emptyPart(kind) })
    return started
  }

  const currentPart = (): JsonObject => {
    const text = texts.join('')
    return kind === 'text' ? { ...emptyPart(kind), annotations, text } : { type: 'refusal', refusal: text }
  }

  return {
    abort() {
      if (started === undefined) return
      started.message.content[started.contentIndex] = currentPart()
      abort(started.message)
    },
    delta(text) {
      const { at } = startPart()
      texts.push(text)
      response.emitEvent(`response.${textEvent}.delta`, {
        ...at,
        delta: text,
        ...(kind === 'text' && { logprobs: [] }),
      })
    },
    cite(citation) {
      const annotation = renderAnnotation(citation)
      if (annotation === undefined || kind !== 'text')
        return response.noteLoss('annotations', 'a source without an address has no form here')
      const annotationIndex = annotations.push(annotation) - 1
      const { at } = startPart()
      response.emitEvent('response.output_text.annotation.added', {
        ...at,
        annotation_index: annotationIndex,
        annotation,
      })
    },
    seal(seal) {
      const { message: messageFields } = sealedFieldsOf(seal)
      if (seal.by === 'openai-responses' && started && isObject(messageFields))
        started.message.sealedFields = messageFields
      else if (seal.by === 'openai-responses') startPart(isObject(messageFields) ? messageFields : {})
      else if (started) lateSeal = seal
      else {
        endMessage()
        response.carrySeal(seal, 'next')
      }
    },
    close() {
      const { message, contentIndex, at } = startPart()
      const text = texts.join('')
      const part = currentPart()
      message.content[contentIndex] = part
      response.emitEvent(`response.${textEvent}.done`, {
        ...at,
        ...(kind === 'text' ? { text, logprobs: [] } : { refusal: text }),
      })
      response.emitEvent('response.content_part.done', { ...at, part })
      releasePart(message)
      if (lateSeal === undefined) return
      endMessage()
      response.carrySeal(lateSeal, 'thought')
    },
  }
}
