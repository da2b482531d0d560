/** Events ↔ a whole message: a non-streamed answer is the collected events of a streamed one, so that no mapping is written twice. */
import { GatewayError } from '../base/errors.ts'
import type { Citation, Message, Part, Seal } from './chat.ts'
import type { Event, PartKind } from './event.ts'

type Opening = Extract<Event, { type: 'open' }>
type Growing = { at: number; opening: Opening; texts: string[]; citations: Citation[]; seal?: Seal }

export type Collector = {
  push: (event: Event) => void
  /** Once the events have ended. Throws the fault they ended in, or `upstream_failed` where they have no finish. */
  message: () => Message
}

/** Gathers the events of one answer; parts stand in the order they were opened. */
export const collect = (): Collector => {
  const message: Message = { id: '', model: '', parts: [], finish: 'other' }
  const growing = new Map<number, Growing>()
  const slots: (Growing | { at: number; part: Part })[] = []
  let finished = false
  let fault: GatewayError | undefined

  const hear = (event: Event): void => {
    switch (event.type) {
      case 'start':
        message.id = event.id
        message.model = event.model
        return
      case 'open': {
        const part: Growing = { at: event.at, opening: event, texts: [], citations: [] }
        growing.set(event.at, part)
        slots.push(part)
        return
      }
      case 'delta':
        growing.get(event.at)?.texts.push(event.text)
        return
      case 'seal':
      case 'cite':
        mark(growing.get(event.at), event)
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
    push: hear,
    message() {
      if (fault) throw fault
      if (!finished) throw new GatewayError('upstream_failed', 'the vendor ended its answer without a finish')
      return { ...message, parts: slots.map(slot => ('part' in slot ? slot.part : grown(slot))) }
    },
  }
}

const mark = (part: Growing | undefined, event: Extract<Event, { type: 'seal' | 'cite' }>): void => {
  if (event.type === 'seal') Object.assign(part ?? {}, { seal: event.seal })
  else part?.citations.push(event.citation)
}

const grown = ({ opening, texts, citations, seal }: Growing): Part => {
  const text = texts.join('')
  const mark = seal === undefined ? {} : { seal }
  if (opening.part === 'text') return { type: 'text', text, ...(citations.length > 0 && { citations }), ...mark }
  if (opening.part !== 'call') return { type: opening.part, text, ...mark }
  const custom = opening.custom ? { custom: true } : {}
  return { type: 'call', id: opening.id ?? '', name: opening.name ?? '', args: text, ...custom, ...mark }
}

/** A whole message as the events that would have told it. */
export const replayMessage = (message: Message): Event[] => {
  const events: Event[] = [{ type: 'start', id: message.id, model: message.model }]
  message.parts.forEach((part, at) => {
    events.push(...tellPart(part, at))
  })
  if (message.usage) events.push({ type: 'usage', usage: message.usage })
  const raw = message.raw === undefined ? {} : { raw: message.raw }
  const stop = message.stop === undefined ? {} : { stop: message.stop }
  events.push({ type: 'finish', reason: message.finish, ...raw, ...stop })
  return events
}

const kinds: ReadonlySet<string> = new Set<PartKind>(['text', 'refusal', 'reasoning', 'call'])
type Spoken = Extract<Part, { type: PartKind }>
const isSpoken = (part: Part): part is Spoken => kinds.has(part.type)

const tellPart = (part: Part, at: number): Event[] => {
  if (!isSpoken(part)) return [{ type: 'part', at, part }]
  const events: Event[] = [openingOf(part, at)]
  const sealed: Event[] = part.seal ? [{ type: 'seal', at, seal: part.seal }] : []
  // Where a wire has no slot in the part itself, its seal must stand before it; thoughts are signed at their end.
  if (part.type !== 'reasoning') events.push(...sealed)
  const text = part.type === 'call' ? part.args : part.text
  if (text !== '') events.push({ type: 'delta', at, text })
  if (part.type === 'text') for (const citation of part.citations ?? []) events.push({ type: 'cite', at, citation })
  if (part.type === 'reasoning') events.push(...sealed)
  events.push({ type: 'close', at })
  return events
}

const openingOf = (part: Spoken, at: number): Opening => {
  if (part.type !== 'call') return { type: 'open', at, part: part.type }
  const opening: Opening = { type: 'open', at, part: 'call', id: part.id, name: part.name }
  return part.custom ? { ...opening, custom: true } : opening
}
