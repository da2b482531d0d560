/**
 * Encodes events as the stream events of Responses. https://platform.openai.com/docs/api-reference/responses-streaming
 * (2026-11)
 */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json/json.ts'
import type { FinishReason, Part, Usage } from '../../ir/chat.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Stage } from '../protocol.ts'
import { CallWriter, customToolNames } from './encoder/call-writer.ts'
import { createResponseWriter, type PartWriter, reasoningWriter } from './encoder/item-writer.ts'
import { messageWriter, type TextWriter } from './encoder/message-writer.ts'
import { responseIdOf, responseObject } from './encoder/response-object.ts'
import { renderErrorEvent, renderFailure, streamCut } from './error.ts'
import { renderGeneratedImage } from './media.ts'
import { renderUsage } from './usage.ts'

type EventHandlers = { [Kind in Event['type']]: (event: Extract<Event, { type: Kind }>) => void }
type OpenPartWriter = PartWriter & Partial<Pick<TextWriter, 'cite'>>

const incompleteReasons: Partial<Record<FinishReason, string>> = {
  length: 'max_output_tokens',
  filter: 'content_filter',
}

/**
 * Encodes the events of one answer. Items may interleave, as the events of the neutral form may. A fault becomes an
 * `error` and a `response.failed`, and nothing follows them.
 */
export const encodeResponsesStream =
  (exchange: Exchange): Stage<Event, JsonObject> =>
  emit => {
    const response = createResponseWriter(exchange, emit)
    const messages = messageWriter(response)
    const customTools = customToolNames(response)
    const writers = new Map<number, OpenPartWriter>()
    let id = exchange.id
    let usage: Usage | undefined
    let finished = false
    let hasFailed = false
    let hasStarted = false

    const emitResponse = (type: string, fields: JsonObject): void =>
      response.emitEvent(type, { response: responseObject(id, exchange, fields) })

    /** Writes a part that arrives complete. */
    const writePart = (part: Part): void => {
      messages.endMessage()
      if (part.type === 'foreign' && part.seal.by === 'openai-responses') writeOwnItem(part.seal.value as JsonObject)
      else if (part.type === 'foreign') response.carrySeal(part.seal, 'block')
      else if (part.type === 'reasoning' && part.text === '' && part.seal) writeSealedReasoning(part.seal)
      else if (part.type === 'media' && renderGeneratedImage(part, '')) {
        const { id: _id, ...item } = renderGeneratedImage(part, '')!
        response.endItem(response.startItem('ig', { ...item, status: 'in_progress', result: null }), item)
      } else response.noteLoss(part.type, 'has no form in an answer of this protocol')
    }

    const writeSealedReasoning = (seal: NonNullable<Part['seal']>): void => {
      const writer = reasoningWriter(response)
      writer.seal(seal)
      writer.close()
    }

    const writeOwnItem = ({ item }: JsonObject): void => {
      if (!isObject(item)) return void response.noteLoss('foreign', 'is no item of an answer')
      const { id: itemId, ...rest } = item
      const ref = response.startItem('item', { ...rest, ...(typeof itemId === 'string' && { id: itemId }) })
      response.endItem(ref, { ...rest, ...(typeof itemId === 'string' && { id: itemId }) })
    }

    const handlers: EventHandlers = {
      start(event) {
        id = responseIdOf(event.id, exchange)
        hasStarted = true
        emitResponse('response.created', {})
        emitResponse('response.in_progress', {})
      },
      open(event) {
        if (event.part === 'call')
          return void writers.set(event.at, new CallWriter(event, customTools, response, messages.endMessage))
        if (event.part !== 'reasoning') return void writers.set(event.at, messages.open(event.part))
        messages.endMessage()
        writers.set(event.at, reasoningWriter(response))
      },
      delta: ({ at, text }) => writers.get(at)?.delta(text),
      seal: ({ at, seal }) => writers.get(at)?.seal(seal),
      cite: ({ at, citation }) => writers.get(at)?.cite?.(citation),
      close({ at }) {
        writers.get(at)?.close()
        writers.delete(at)
      },
      part: ({ part }) => writePart(part),
      usage(event) {
        usage = event.usage
      },
      finish({ reason, raw }) {
        finished = true
        if (reason === 'pause' || reason === 'other')
          response.noteLoss('status', `"${raw ?? reason}" has no word in this protocol`)
        const incompleteReason = incompleteReasons[reason]
        messages.endMessage(incompleteReason ? 'incomplete' : 'completed')
        const fields = { output: response.output, ...(usage && { usage: renderUsage(usage) }) }
        if (incompleteReason)
          emitResponse('response.incomplete', {
            ...fields,
            status: 'incomplete',
            incomplete_details: { reason: incompleteReason },
          })
        else emitResponse('response.completed', { ...fields, status: 'completed' })
      },
      fault: ({ error }) => fail(error),
    }

    const fail = (error: GatewayError): void => {
      finished = true
      hasFailed = true
      emit(renderErrorEvent(error, response.nextSequenceNumber()))
      messages.abort()
      for (const writer of writers.values()) writer.abort()
      if (hasStarted)
        emitResponse('response.failed', { status: 'failed', error: renderFailure(error), output: response.output })
    }

    return event => {
      if (finished) {
        if (event?.type === 'fault' && !hasFailed) emit(renderErrorEvent(event.error, response.nextSequenceNumber()))
        return
      }
      if (event) handlers[event.type](event as never)
      else fail(streamCut())
    }
  }
