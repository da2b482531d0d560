/** Our events → the events a client of Responses gets. https://platform.openai.com/docs/api-reference/responses-streaming (2026-11) */
import type { GatewayError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json/json.ts'
import type { FinishReason, Part, Usage } from '../../ir/chat.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Stage } from '../protocol.ts'
import { callVoice, customNames } from './encoder/call-writer.ts'
import { responseWriter, thoughtVoice, type Voice } from './encoder/item-writer.ts'
import { type Messages, messageTeller } from './encoder/message-writer.ts'
import { idOf, responseOf } from './encoder/response-object.ts'
import { cut, renderErrorEvent, renderFailure } from './error.ts'
import { renderPicture } from './media.ts'
import { renderUsage } from './usage.ts'

type Renderers = { [Kind in Event['type']]: (event: Extract<Event, { type: Kind }>) => void }
type Speaking = Voice & Partial<Pick<ReturnType<Messages['open']>, 'cite'>>

const cutShort: Partial<Record<FinishReason, string>> = { length: 'max_output_tokens', filter: 'content_filter' }

/** The events of one answer. Items take turns as ours do; a fault is an `error` and a `response.failed`, and nothing after it. */
export const tellResponse =
  (exchange: Exchange): Stage<Event, JsonObject> =>
  emit => {
    const writer = responseWriter(exchange, emit)
    const messages = messageTeller(writer)
    const names = customNames(writer)
    const voices = new Map<number, Speaking>()
    let id = exchange.id
    let usage: Usage | undefined
    let over = false
    let failed = false
    let started = false

    const respond = (type: string, fields: JsonObject): void =>
      writer.event(type, { response: responseOf(id, exchange, fields) })

    /** A part that comes whole. */
    const put = (part: Part): void => {
      messages.leave()
      if (part.type === 'foreign' && part.seal.by === 'openai-responses') putOwn(part.seal.value as JsonObject)
      else if (part.type === 'foreign') writer.carry(part.seal, 'block')
      else if (part.type === 'reasoning' && part.text === '' && part.seal) sealed(part.seal)
      else if (part.type === 'media' && renderPicture(part, '')) {
        const { id: _id, ...item } = renderPicture(part, '')!
        writer.end(writer.begin('ig', { ...item, status: 'in_progress', result: null }), item)
      } else writer.lose(part.type, 'has no form in an answer of this protocol')
    }

    const sealed = (seal: NonNullable<Part['seal']>): void => {
      const voice = thoughtVoice(writer)
      voice.seal(seal)
      voice.close()
    }

    const putOwn = ({ item }: JsonObject): void => {
      if (!isObject(item)) return void writer.lose('foreign', 'is no item of an answer')
      const { id: given, ...rest } = item
      const place = writer.begin('item', { ...rest, ...(typeof given === 'string' && { id: given }) })
      writer.end(place, { ...rest, ...(typeof given === 'string' && { id: given }) })
    }

    const render: Renderers = {
      start(event) {
        id = idOf(event.id, exchange)
        started = true
        respond('response.created', {})
        respond('response.in_progress', {})
      },
      open(event) {
        if (event.part === 'call') return void voices.set(event.at, callVoice(event, names, writer, messages.leave))
        if (event.part !== 'reasoning') return void voices.set(event.at, messages.open(event.part))
        messages.leave()
        voices.set(event.at, thoughtVoice(writer))
      },
      delta: ({ at, text }) => voices.get(at)?.delta(text),
      seal: ({ at, seal }) => voices.get(at)?.seal(seal),
      cite: ({ at, citation }) => voices.get(at)?.cite?.(citation),
      close({ at }) {
        voices.get(at)?.close()
        voices.delete(at)
      },
      part: ({ part }) => put(part),
      usage(event) {
        usage = event.usage
      },
      finish({ reason, raw }) {
        over = true
        if (reason === 'pause' || reason === 'other')
          writer.lose('status', `"${raw ?? reason}" has no word in this protocol`)
        const why = cutShort[reason]
        messages.leave(why ? 'incomplete' : 'completed')
        const told = { output: writer.output, ...(usage && { usage: renderUsage(usage) }) }
        if (why) respond('response.incomplete', { ...told, status: 'incomplete', incomplete_details: { reason: why } })
        else respond('response.completed', { ...told, status: 'completed' })
      },
      fault: ({ error }) => fail(error),
    }

    const fail = (error: GatewayError): void => {
      over = true
      failed = true
      emit(renderErrorEvent(error, writer.sequence()))
      messages.cut()
      for (const voice of voices.values()) voice.cut()
      if (started) respond('response.failed', { status: 'failed', error: renderFailure(error), output: writer.output })
    }

    return event => {
      if (over) {
        if (event?.type === 'fault' && !failed) emit(renderErrorEvent(event.error, writer.sequence()))
        return
      }
      if (event) render[event.type](event as never)
      else fail(cut())
    }
  }
