/**
 * Converts between events and a complete message. A non-streamed answer is the collected events of a streamed one, so
 * each mapping is written only once.
 */
import { GatewayError } from '../base/errors.ts'
import type { Citation, Message, Part, Seal } from './chat.ts'
import type { Event, PartKind } from './event.ts'

type OpenEvent = Extract<Event, { type: 'open' }>
type OpenPart = { at: number; openEvent: OpenEvent; texts: string[]; citations: Citation[]; seal?: Seal }

type Collector = {
  push: (event: Event) => void
  /**
   * Call after the last event.
   * @throws GatewayError the fault the events ended with, or `upstream_failed` if they have no finish
   */
  message: () => Message
}

/** Collects the events of one answer. The parts keep the order in which they were opened. */
export const createCollector = (): Collector => {
  const message: Message = { id: '', model: '', parts: [], finish: 'other' }
  const openParts = new Map<number, OpenPart>()
  const slots: (OpenPart | { at: number; part: Part })[] = []
  let finished = false
  let fault: GatewayError | undefined

  const handle = (event: Event): void => {
    switch (event.type) {
      case 'start':
        message.id = event.id
        message.model = event.model
        return
      case 'open': {
        const part: OpenPart = { at: event.at, openEvent: event, texts: [], citations: [] }
        openParts.set(event.at, part)
        slots.push(part)
        return
      }
      case 'delta':
        openParts.get(event.at)?.texts.push(event.text)
        return
      case 'seal':
      case 'cite':
        annotate(openParts.get(event.at), event)
        return
      case 'close':
        return
      case 'part':
        slots.push({ at: event.at, part: event.part })
        return
      case 'usage':
        message.usage = event.usage
        return
      case 'finish':
        finished = true
        message.finish = event.reason
        if (event.raw !== undefined) message.raw = event.raw
        if (event.stop !== undefined) message.stop = event.stop
        return
      case 'fault':
        fault ??= event.error
    }
  }

  return {
    push: handle,
    message() {
      if (fault) throw fault
      if (!finished) throw new GatewayError('upstream_failed', 'the vendor ended its answer without a finish')
      return { ...message, parts: slots.map(slot => ('part' in slot ? slot.part : assemblePart(slot))) }
    },
  }
}

const annotate = (openPart: OpenPart | undefined, event: Extract<Event, { type: 'seal' | 'cite' }>): void => {
  if (event.type === 'seal') Object.assign(openPart ?? {}, { seal: event.seal })
  else openPart?.citations.push(event.citation)
}

const assemblePart = ({ openEvent, texts, citations, seal }: OpenPart): Part => {
  const text = texts.join('')
  const annotate = seal === undefined ? {} : { seal }
  if (openEvent.part === 'text') return { type: 'text', text, ...(citations.length > 0 && { citations }), ...annotate }
  if (openEvent.part !== 'call') return { type: openEvent.part, text, ...annotate }
  const custom = openEvent.custom ? { custom: true } : {}
  return { type: 'call', id: openEvent.id ?? '', name: openEvent.name ?? '', args: text, ...custom, ...annotate }
}

/** The events that would have streamed this message. */
export const replayMessage = (message: Message): Event[] => {
  const events: Event[] = [{ type: 'start', id: message.id, model: message.model }]
  message.parts.forEach((part, at) => {
    for (const event of replayPart(part, at)) events.push(event)
  })
  if (message.usage) events.push({ type: 'usage', usage: message.usage })
  const raw = message.raw === undefined ? {} : { raw: message.raw }
  const stop = message.stop === undefined ? {} : { stop: message.stop }
  events.push({ type: 'finish', reason: message.finish, ...raw, ...stop })
  return events
}

const streamedKinds: ReadonlySet<string> = new Set<PartKind>(['text', 'refusal', 'reasoning', 'call'])
type StreamedPart = Extract<Part, { type: PartKind }>
const isStreamedPart = (part: Part): part is StreamedPart => streamedKinds.has(part.type)

const replayPart = (part: Part, at: number): Event[] => {
  if (!isStreamedPart(part)) return [{ type: 'part', at, part }]
  const events: Event[] = [openEventOf(part, at)]
  const sealEvents: Event[] = part.seal ? [{ type: 'seal', at, seal: part.seal }] : []
  // A wire format without a slot in the part itself needs the seal before the part. Reasoning is signed at its end.
  if (part.type !== 'reasoning') events.push(...sealEvents)
  const text = part.type === 'call' ? part.args : part.text
  if (text !== '') events.push({ type: 'delta', at, text })
  if (part.type === 'text') for (const citation of part.citations ?? []) events.push({ type: 'cite', at, citation })
  if (part.type === 'reasoning') events.push(...sealEvents)
  events.push({ type: 'close', at })
  return events
}

const openEventOf = (part: StreamedPart, at: number): OpenEvent => {
  if (part.type !== 'call') return { type: 'open', at, part: part.type }
  const openEvent: OpenEvent = { type: 'open', at, part: 'call', id: part.id, name: part.name }
  return part.custom ? { ...openEvent, custom: true } : openEvent
}
