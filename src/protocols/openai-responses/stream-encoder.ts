/**
 * Encodes events as the stream events of Responses. https://platform.openai.com/docs/api-reference/responses-streaming
 * (2026-11)
 */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json/json.ts'
import type { FinishReason, Part, Seal, Usage } from '../../ir/chat.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Stage } from '../protocol.ts'
import { CallWriter, customToolNames } from './encoder/call-writer.ts'
import { createResponseWriter, type PartWriter, type ResponseWriter, reasoningWriter } from './encoder/item-writer.ts'
import { type MessageWriter, messageWriter, type TextWriter } from './encoder/message-writer.ts'
import { responseIdOf, responseObject } from './encoder/response-object.ts'
import { renderErrorEvent, renderFailure, streamCut } from './error.ts'
import { renderGeneratedImage } from './media.ts'
import { renderUsage } from './usage.ts'

type OpenPartWriter = PartWriter & Partial<Pick<TextWriter, 'cite'>>

const incompleteReasons: Partial<Record<FinishReason, string>> = {
  length: 'max_output_tokens',
  filter: 'content_filter',
}

/**
 * Takes the events of one answer with `push`; `end` emits a fault if no final event came. Items may interleave, as the
 * events of the neutral form may. A fault becomes an `error` and a `response.failed`, and nothing follows them.
 */
class ResponsesEncoder {
  readonly #response: ResponseWriter
  readonly #messages: MessageWriter
  readonly #customTools: ReadonlySet<string>
  readonly #writers = new Map<number, OpenPartWriter>()
  #id: string
  #usage: Usage | undefined
  #finished = false
  #hasFailed = false
  #hasStarted = false

  constructor(
    private readonly exchange: Exchange,
    private readonly emit: (event: JsonObject) => void,
  ) {
    this.#response = createResponseWriter(exchange, emit)
    this.#messages = messageWriter(this.#response)
    this.#customTools = customToolNames(this.#response)
    this.#id = exchange.id
  }

  push(event: Event): void {
    if (!this.#finished) handlers[event.type](this, event as never)
    else if (event.type === 'fault' && !this.#hasFailed) this.#emitError(event.error)
  }

  end(): void {
    if (!this.#finished) this.fail(streamCut())
  }

  start(vendorId: string): void {
    this.#id = responseIdOf(vendorId, this.exchange)
    this.#hasStarted = true
    this.#emitResponse('response.created', {})
    this.#emitResponse('response.in_progress', {})
  }

  openPart(event: EventOf<'open'>): void {
    this.#writers.set(event.at, this.#writerOf(event))
  }

  /** The writer of the open part at an index of the neutral form. */
  writerAt(at: number): OpenPartWriter | undefined {
    return this.#writers.get(at)
  }

  closePart(at: number): void {
    this.#writers.get(at)?.close()
    this.#writers.delete(at)
  }

  /** Writes a part that arrives complete. */
  writePart(part: Part): void {
    const response = this.#response
    this.#messages.endMessage()
    if (part.type === 'foreign' && part.seal.by === 'openai-responses')
      this.#writeOwnItem(part.seal.value as JsonObject)
    else if (part.type === 'foreign') response.carrySeal(part.seal, 'block')
    else if (part.type === 'reasoning' && part.text === '' && part.seal) this.#writeSealedReasoning(part.seal)
    else if (part.type === 'media' && renderGeneratedImage(part, '')) {
      const { id: _id, ...item } = renderGeneratedImage(part, '')!
      response.endItem(response.startItem('ig', { ...item, status: 'in_progress', result: null }), item)
    } else response.noteLoss(part.type, 'a response of this protocol cannot contain it')
  }

  setUsage(usage: Usage): void {
    this.#usage = usage
  }

  finish({ reason, raw }: EventOf<'finish'>): void {
    this.#finished = true
    if (reason === 'pause' || reason === 'other')
      this.#response.noteLoss('status', `this protocol has no equivalent of "${raw ?? reason}"`)
    const incompleteReason = incompleteReasons[reason]
    this.#messages.endMessage(incompleteReason ? 'incomplete' : 'completed')
    const fields = { output: this.#response.output, ...(this.#usage && { usage: renderUsage(this.#usage) }) }
    if (incompleteReason)
      this.#emitResponse('response.incomplete', {
        ...fields,
        status: 'incomplete',
        incomplete_details: { reason: incompleteReason },
      })
    else this.#emitResponse('response.completed', { ...fields, status: 'completed' })
  }

  fail(error: GatewayError): void {
    this.#finished = true
    this.#hasFailed = true
    this.#emitError(error)
    this.#messages.abort()
    for (const writer of this.#writers.values()) writer.abort()
    if (this.#hasStarted)
      this.#emitResponse('response.failed', {
        status: 'failed',
        error: renderFailure(error),
        output: this.#response.output,
      })
  }

  #writerOf(event: EventOf<'open'>): OpenPartWriter {
    if (event.part === 'call')
      return new CallWriter(event, this.#customTools, this.#response, this.#messages.endMessage)
    if (event.part !== 'reasoning') return this.#messages.open(event.part)
    this.#messages.endMessage()
    return reasoningWriter(this.#response)
  }

  #writeSealedReasoning(seal: Seal): void {
    const writer = reasoningWriter(this.#response)
    writer.seal(seal)
    writer.close()
  }

  #writeOwnItem({ item }: JsonObject): void {
    if (!isObject(item)) return void this.#response.noteLoss('foreign', 'it is not an item of a response')
    const { id: itemId, ...rest } = item
    const ref = this.#response.startItem('item', { ...rest, ...(typeof itemId === 'string' && { id: itemId }) })
    this.#response.endItem(ref, { ...rest, ...(typeof itemId === 'string' && { id: itemId }) })
  }

  #emitResponse(type: string, fields: JsonObject): void {
    this.#response.emitEvent(type, { response: responseObject(this.#id, this.exchange, fields) })
  }

  #emitError(error: GatewayError): void {
    this.emit(renderErrorEvent(error, this.#response.nextSequenceNumber()))
  }
}

type EventOf<Kind extends Event['type']> = Extract<Event, { type: Kind }>
type EventHandlers = { [Kind in Event['type']]: (encoder: ResponsesEncoder, event: EventOf<Kind>) => void }

const handlers: EventHandlers = {
  start: (encoder, { id }) => encoder.start(id),
  open: (encoder, event) => encoder.openPart(event),
  delta: (encoder, { at, text }) => encoder.writerAt(at)?.delta(text),
  seal: (encoder, { at, seal }) => encoder.writerAt(at)?.seal(seal),
  cite: (encoder, { at, citation }) => encoder.writerAt(at)?.cite?.(citation),
  close: (encoder, { at }) => encoder.closePart(at),
  part: (encoder, { part }) => encoder.writePart(part),
  usage: (encoder, { usage }) => encoder.setUsage(usage),
  finish: (encoder, event) => encoder.finish(event),
  fault: (encoder, { error }) => encoder.fail(error),
}

/** Encodes the events of one answer. */
export const encodeResponsesStream =
  (exchange: Exchange): Stage<Event, JsonObject> =>
  emit => {
    const encoder = new ResponsesEncoder(exchange, emit)
    return event => (event ? encoder.push(event) : encoder.end())
  }
