/**
 * Translates answers through the neutral form: into another protocol, or between streamed and complete if the vendor
 * did not answer in the form the client asked for.
 */

import { GatewayError } from '../../base/errors.ts'
import { type Json, parseJson } from '../../base/json/json.ts'
import { writeJson } from '../../base/json/raw.ts'
import type { Message, ProtocolId, Usage } from '../../ir/chat.ts'
import { createCollector, replayMessage } from '../../ir/collect.ts'
import type { Event } from '../../ir/event.ts'
import type { Egress, Exchange, Frame, Ingress, StreamPipe, StreamState } from '../protocol.ts'
import type { TextDelta } from './frame-template/pattern.ts'
import { rememberThoughts } from './thought-memory.ts'
import { uniqueCallIds, uniqueMessageCallIds } from './unique-call-ids.ts'

/** A complete answer as text for the client. */
export type RenderedMessage = { body: string; usage?: Usage; model?: string; isEmpty?: boolean }

/** Translates a vendor's stream: vendor frames → events → client frames. */
export const translateStream = (ingress: Ingress, egress: Egress, exchange: Exchange): StreamPipe => {
  const state: StreamState = { content: false }
  let out = ''
  const writeFrame = (frame: Frame): void => {
    out += ingress.renderFrame(frame)
  }
  const render = ingress.renderStream(exchange)(writeFrame)
  const remember = exchange.seals && rememberThoughts(exchange.seals)
  const deltas = trackTextDeltas()

  const handleEvent = uniqueCallIds(ingress, exchange, event => {
    updateState(state, event)
    deltas.handleEvent(event)
    remember?.(event)
    if (event.type !== 'fault') render(withoutSecrets(event, exchange))
  })
  const parse = egress.parseStream(exchange)(handleEvent)

  /** Thoughts are remembered for the tool calls that follow them, so their text is needed. */
  const shouldRetainText = (): boolean =>
    ingress.deltaTraits?.textRetention !== 'forgotten' ||
    egress.deltaTraits?.textRetention !== 'forgotten' ||
    (remember !== undefined && deltas.isThinking())

  const lastDelta = (): TextDelta | undefined => {
    const text = deltas.onlyDelta()
    const volatileFields = egress.deltaTraits?.volatileFields
    return text === undefined ? undefined : { text, isRetained: shouldRetainText(), volatileFields }
  }

  const takeOutput = (): string => {
    const text = out
    out = ''
    return text
  }

  return {
    state: state,
    push(frame) {
      deltas.startFrame()
      if (!state.fault) parse(frame)
      return takeOutput()
    },
    ...(ingress.deltaTraits && { lastDelta }),
    flush: () => '',
    end() {
      if (!state.fault) parse(undefined)
      if (state.fault) return ''
      render(undefined)
      return takeOutput()
    },
    fail(error) {
      render({ type: 'fault', error })
      return takeOutput()
    },
  }
}

/** Redacts what a vendor names around the content: the id of the answer, the reason for its end. */
const withoutSecrets = (event: Event, { redact }: Exchange): Event => {
  if (event.type === 'start') return { ...event, id: redact(event.id) }
  if (event.type !== 'finish') return event
  const { raw, stop } = event
  return { ...event, ...(raw !== undefined && { raw: redact(raw) }), ...(stop !== undefined && { stop: redact(stop) }) }
}

/** Detects frames that hold one delta of a text or of a thought and nothing else. */
const trackTextDeltas = () => {
  let textIndex: number | undefined
  let isThinking = false
  let events = 0
  let delta: string | undefined
  return {
    startFrame(): void {
      events = 0
    },
    handleEvent(event: Event): void {
      events++
      if (event.type === 'open') {
        textIndex = event.part === 'call' ? undefined : event.at
        isThinking = event.part === 'reasoning'
      }
      delta = event.type === 'delta' && event.at === textIndex ? event.text : undefined
    },
    isThinking: () => isThinking,
    onlyDelta: (): string | undefined => (events === 1 ? delta : undefined),
  }
}

const updateState = (state: StreamState, event: Event): void => {
  if (event.type === 'delta' || event.type === 'part') state.content = true
  else if (event.type === 'finish') {
    state.finished = true
    state.isEmpty = !state.content && event.reason === 'stop'
  } else if (event.type === 'start' && event.model !== '') state.model = event.model
  else if (event.type === 'usage') state.usage = event.usage
  else if (event.type === 'fault') state.fault = event.error
}

/**
 * Translates a complete answer.
 * @throws GatewayError the error the answer reports, or `upstream_failed` if it is not an answer
 */
export const translateMessage = (ingress: Ingress, egress: Egress, text: string, exchange: Exchange): RenderedMessage =>
  renderMessage(ingress, egress.parseMessage(parseBody(text), exchange), exchange)

/**
 * Combines the frames of a stream into a complete answer, if the vendor streamed although the client did not ask for a
 * stream.
 * @throws GatewayError the fault the stream reports, or `upstream_failed` if it was cut off
 */
export const collectStream = (
  ingress: Ingress,
  egress: Egress,
  frames: readonly Frame[],
  exchange: Exchange,
): RenderedMessage => {
  const collector = createCollector()
  const parse = egress.parseStream(exchange)(collector.push)
  for (const frame of frames) parse(frame)
  parse(undefined)
  return renderMessage(ingress, collector.message(), exchange)
}

/**
 * Renders a complete answer as a stream, if the vendor did not stream although the client asked for a stream.
 * @throws GatewayError as translateMessage does
 */
export const streamMessage = (ingress: Ingress, egress: Egress, text: string, exchange: Exchange): RenderedMessage => {
  let out = ''
  const render = ingress.renderStream(exchange)(frame => {
    out += ingress.renderFrame(frame)
  })
  const message = uniqueMessageCallIds(ingress, exchange, egress.parseMessage(parseBody(text), exchange))
  const remember = exchange.seals && rememberThoughts(exchange.seals)
  for (const event of replayMessage(message)) {
    remember?.(event)
    render(withoutSecrets(event, exchange))
  }
  render(undefined)
  return { body: out, ...usageAndModel(message) }
}

const renderMessage = (ingress: Ingress, given: Message, exchange: Exchange): RenderedMessage => {
  const { redact } = exchange
  const message = uniqueMessageCallIds(ingress, exchange, given)
  message.id = redact(message.id)
  if (message.raw !== undefined) message.raw = redact(message.raw)
  if (message.stop !== undefined) message.stop = redact(message.stop)
  if (exchange.seals) replayMessage(message).forEach(rememberThoughts(exchange.seals))
  return { body: writeJson(ingress.renderMessage(message, exchange)), ...usageAndModel(message) }
}

/** A plain stop without anything: no text, no reasoning, no call. */
const isEmpty = ({ parts, finish }: Message): boolean =>
  finish === 'stop' &&
  parts.every(part => (part.type === 'text' || part.type === 'reasoning') && part.text === '' && !part.seal)

const usageAndModel = (message: Message): Omit<RenderedMessage, 'body'> => ({
  ...(isEmpty(message) && { isEmpty: true }),
  ...(message.usage && { usage: message.usage }),
  ...(message.model !== '' && { model: message.model }),
})

/** Text that is not JSON stays text: the protocol's parser reports what it is instead. */
const parseBody = (text: string): Json => parseJson(text) ?? text

/** The error for two protocols between which nothing translates. Routing never pairs them. */
export const untranslatable = (client: ProtocolId, vendor: ProtocolId): GatewayError =>
  new GatewayError('internal', `${client} cannot be translated to ${vendor}`)
