/** An answer through the neutral form: to another protocol, or to the shape the client asked for where the vendor chose the other. */

import { type Json, parseJson } from '../../base/json/json.ts'
import { writeJson } from '../../base/json/raw.ts'
import type { Message, Usage } from '../../ir/chat.ts'
import { collect, replayMessage } from '../../ir/collect.ts'
import type { Event } from '../../ir/event.ts'
import type { Egress, Exchange, Frame, Ingress, StreamPipe, StreamState } from '../protocol.ts'
import { rememberThoughts } from './thought-memory.ts'
import { uniqueCallIds, uniqueMessageCallIds } from './unique-call-ids.ts'

/** A whole answer for the client, as text. */
export type RenderedMessage = { body: string; usage?: Usage; model?: string }

/** A vendor's stream as the client's: vendor's frames → events → client's frames. */
export const translateStream = (ingress: Ingress, egress: Egress, exchange: Exchange): StreamPipe => {
  const seen: StreamState = { content: false }
  let out = ''
  const write = (frame: Frame): void => {
    out += ingress.renderFrame(frame)
  }
  const render = ingress.renderStream(exchange)(write)
  const keep = exchange.seals && rememberThoughts(exchange.seals)
  const words = wordWatch()

  const hear = uniqueCallIds(ingress, exchange, event => {
    note(seen, event)
    words.hear(event)
    keep?.(event)
    if (event.type !== 'fault') render(event)
  })
  const parse = egress.parseStream(exchange)(hear)

  /** Thoughts are remembered for the calls that follow them. */
  const gathers = (): boolean =>
    ingress.textRetention !== 'forgotten' ||
    egress.textRetention !== 'forgotten' ||
    (keep !== undefined && words.thinking())

  const taken = (): string => {
    const text = out
    out = ''
    return text
  }

  return {
    state: seen,
    push(frame) {
      words.begin()
      if (!seen.fault) parse(frame)
      return taken()
    },
    ...(ingress.textRetention && {
      textDelta: words.only,
      retainsText: gathers,
      volatileFields: egress.volatileFields,
    }),
    flush: () => '',
    end() {
      if (!seen.fault) parse(undefined)
      if (seen.fault) return ''
      render(undefined)
      return taken()
    },
    fail(error) {
      render({ type: 'fault', error })
      return taken()
    },
  }
}

/** Listens for frames that say one word of a text, or of a thought, and nothing else. */
const wordWatch = () => {
  let speaking: number | undefined
  let thinking = false
  let events = 0
  let word: string | undefined
  return {
    begin(): void {
      events = 0
    },
    hear(event: Event): void {
      events++
      if (event.type === 'open') {
        speaking = event.part === 'call' ? undefined : event.at
        thinking = event.part === 'reasoning'
      }
      word = event.type === 'delta' && event.at === speaking ? event.text : undefined
    },
    thinking: () => thinking,
    only: (): string | undefined => (events === 1 ? word : undefined),
  }
}

const note = (seen: StreamState, event: Event): void => {
  if (event.type === 'delta' || event.type === 'part') seen.content = true
  else if (event.type === 'finish') seen.finished = true
  else if (event.type === 'start' && event.model !== '') seen.model = event.model
  else if (event.type === 'usage') seen.usage = event.usage
  else if (event.type === 'fault') seen.fault = event.error
}

/** A vendor's whole answer as the client's. @throws GatewayError the fault it tells, `upstream_failed` where it is none. */
export const translateMessage = (ingress: Ingress, egress: Egress, text: string, exchange: Exchange): RenderedMessage =>
  renderMessage(ingress, egress.parseMessage(bodyOf(text), exchange), exchange)

/**
 * The frames of a stream that came where a whole answer was asked for → the whole answer.
 * @throws GatewayError the fault it tells, or `upstream_failed` where it was cut.
 */
export const collectStream = (
  ingress: Ingress,
  egress: Egress,
  frames: readonly Frame[],
  exchange: Exchange,
): RenderedMessage => {
  const collector = collect()
  const parse = egress.parseStream(exchange)(collector.push)
  for (const frame of frames) parse(frame)
  parse(undefined)
  return renderMessage(ingress, collector.message(), exchange)
}

/** A whole answer that came where a stream was asked for → all the frames of the stream. @throws as translateMessage. */
export const streamMessage = (ingress: Ingress, egress: Egress, text: string, exchange: Exchange): RenderedMessage => {
  let out = ''
  const render = ingress.renderStream(exchange)(frame => {
    out += ingress.renderFrame(frame)
  })
  const message = uniqueMessageCallIds(ingress, exchange, egress.parseMessage(bodyOf(text), exchange))
  const keep = exchange.seals && rememberThoughts(exchange.seals)
  for (const event of replayMessage(message)) {
    keep?.(event)
    render(event)
  }
  render(undefined)
  return { body: out, ...usageAndModel(message) }
}

const renderMessage = (ingress: Ingress, given: Message, exchange: Exchange): RenderedMessage => {
  const message = uniqueMessageCallIds(ingress, exchange, given)
  if (exchange.seals) replayMessage(message).forEach(rememberThoughts(exchange.seals))
  return { body: writeJson(ingress.renderMessage(message, exchange)), ...usageAndModel(message) }
}

const usageAndModel = ({ usage, model }: Message): Omit<RenderedMessage, 'body'> => ({
  ...(usage && { usage }),
  ...(model !== '' && { model }),
})

/** What is no JSON goes on as the text it is: the protocol says what it is instead. */
const bodyOf = (text: string): Json => parseJson(text) ?? text
