/**
 * What a client may drop between two turns, found again: the thoughts before a call and its seal. Vendors refuse a call they signed, or
 * thought about, when it comes back without.
 */

import { parseJson } from '../../base/json/json.ts'
import type { Chat, Part, ReasoningPart, ToolCall, Turn } from '../../ir/chat.ts'
import { replayMessage } from '../../ir/collect.ts'
import type { Event } from '../../ir/event.ts'
import type { SealMemory, Thought } from '../../ir/seal.ts'
import type { Egress, Exchange, StreamPipe } from '../protocol.ts'

/** Listens to the events of an answer and keeps what its calls need. */
export const rememberThoughts = (memory: SealMemory): ((event: Event) => void) => {
  const openParts = new Map<number, { part: ReasoningPart | ToolCall; texts: string[] }>()
  let thoughts: Thought[] = []

  const closePart = (at: number): void => {
    const known = openParts.get(at)
    if (known === undefined) return
    openParts.delete(at)
    const { part, texts } = known
    if (part.type === 'reasoning') return void thoughts.push({ ...part, text: texts.join('') })
    const call = { ...part, args: texts.join('') || '{}' }
    if (thoughts.length > 0 || part.seal) memory.save(call, { thoughts, ...(part.seal && { seal: part.seal }) })
    thoughts = []
  }

  return event => {
    if (event.type === 'open' && event.part === 'reasoning')
      openParts.set(event.at, { part: { type: 'reasoning', text: '' }, texts: [] })
    else if (event.type === 'open' && event.part === 'call')
      openParts.set(event.at, {
        part: { type: 'call', id: event.id ?? '', name: event.name ?? '', args: '' },
        texts: [],
      })
    else if (event.type === 'delta') openParts.get(event.at)?.texts.push(event.text)
    else if (event.type === 'seal') Object.assign(openParts.get(event.at)?.part ?? {}, { seal: event.seal })
    else if (event.type === 'part' && event.part.type === 'foreign') thoughts.push(event.part)
    else if (event.type === 'close') closePart(event.at)
  }
}

/** What passes is listened to as well, thoughts word by word. */
export const rememberStream = (egress: Egress, pipe: StreamPipe, exchange: Exchange): StreamPipe => {
  if (!exchange.seals) return pipe
  const parseFrame = egress.parseStream(withoutLosses(exchange))(rememberThoughts(exchange.seals))
  return {
    ...pipe,
    retainsText: () => true,
    push(frame) {
      if (!pipe.state.finished) parseFrame(frame)
      return pipe.push(frame)
    },
    end() {
      parseFrame(undefined)
      return pipe.end()
    },
  }
}

/** `text`: a whole answer that has been found good. */
export const rememberMessage = (egress: Egress, text: string, exchange: Exchange): void => {
  if (exchange.seals)
    replayMessage(egress.parseMessage(parseJson(text) ?? text, withoutLosses(exchange))).forEach(
      rememberThoughts(exchange.seals),
    )
}

/** What passes loses nothing. */
const withoutLosses = (exchange: Exchange): Exchange => ({ ...exchange, loss: () => undefined })

/** The chat with what its client dropped put back; what the client kept stays as it is. */
export const restoreThoughts = (chat: Chat, memory: SealMemory): Chat => ({
  ...chat,
  turns: chat.turns.map(turn => (turn.role === 'assistant' ? restoreTurn(turn, memory) : turn)),
})

const restoreTurn = (turn: Turn, memory: SealMemory): Turn => {
  const parts: Part[] = []
  for (const part of turn.parts) {
    const remembered = part.type === 'call' && part.seal === undefined ? memory.find(part) : undefined
    if (remembered === undefined || part.type !== 'call') {
      parts.push(part)
      continue
    }
    insertThoughts(parts, remembered.thoughts)
    parts.push(remembered.seal ? { ...part, seal: remembered.seal } : part)
  }
  return { ...turn, parts }
}

/** Thoughts of the client's without a seal give way to the sealed ones they are; where one still has its seal the client dropped nothing. */
const insertThoughts = (parts: Part[], thoughts: Thought[]): void => {
  if (thoughts.length === 0 || parts.some(part => part.type === 'reasoning' && part.seal)) return
  const unsealed = parts.findIndex(part => part.type === 'reasoning')
  if (unsealed >= 0) parts.splice(unsealed, 1, ...thoughts)
  else parts.splice(firstContentIndex(parts), 0, ...thoughts)
}

/** Thoughts stand before the words of their turn. */
const firstContentIndex = (parts: Part[]): number => {
  const at = parts.findIndex(part => part.type === 'text' || part.type === 'call')
  return at < 0 ? parts.length : at
}
