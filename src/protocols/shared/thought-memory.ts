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
  const growing = new Map<number, { part: ReasoningPart | ToolCall; texts: string[] }>()
  let before: Thought[] = []

  const close = (at: number): void => {
    const known = growing.get(at)
    if (known === undefined) return
    growing.delete(at)
    const { part, texts } = known
    if (part.type === 'reasoning') return void before.push({ ...part, text: texts.join('') })
    const call = { ...part, args: texts.join('') || '{}' }
    if (before.length > 0 || part.seal) memory.keep(call, { before, ...(part.seal && { seal: part.seal }) })
    before = []
  }

  return event => {
    if (event.type === 'open' && event.part === 'reasoning')
      growing.set(event.at, { part: { type: 'reasoning', text: '' }, texts: [] })
    else if (event.type === 'open' && event.part === 'call')
      growing.set(event.at, { part: { type: 'call', id: event.id ?? '', name: event.name ?? '', args: '' }, texts: [] })
    else if (event.type === 'delta') growing.get(event.at)?.texts.push(event.text)
    else if (event.type === 'seal') Object.assign(growing.get(event.at)?.part ?? {}, { seal: event.seal })
    else if (event.type === 'part' && event.part.type === 'foreign') before.push(event.part)
    else if (event.type === 'close') close(event.at)
  }
}

/** What passes is listened to as well, thoughts word by word. */
export const rememberStream = (egress: Egress, pipe: StreamPipe, exchange: Exchange): StreamPipe => {
  if (!exchange.seals) return pipe
  const hear = egress.parseStream(quiet(exchange))(rememberThoughts(exchange.seals))
  return {
    ...pipe,
    retainsText: () => true,
    push(frame) {
      if (!pipe.state.finished) hear(frame)
      return pipe.push(frame)
    },
    end() {
      hear(undefined)
      return pipe.end()
    },
  }
}

/** `text`: a whole answer that has been found good. */
export const rememberMessage = (egress: Egress, text: string, exchange: Exchange): void => {
  if (exchange.seals)
    replayMessage(egress.parseMessage(parseJson(text) ?? text, quiet(exchange))).forEach(
      rememberThoughts(exchange.seals),
    )
}

/** What passes loses nothing. */
const quiet = (exchange: Exchange): Exchange => ({ ...exchange, loss: () => undefined })

/** The chat with what its client dropped put back; what the client kept stays as it is. */
export const restoreThoughts = (chat: Chat, memory: SealMemory): Chat => ({
  ...chat,
  turns: chat.turns.map(turn => (turn.role === 'assistant' ? recallTurn(turn, memory) : turn)),
})

const recallTurn = (turn: Turn, memory: SealMemory): Turn => {
  const parts: Part[] = []
  for (const part of turn.parts) {
    const kept = part.type === 'call' && part.seal === undefined ? memory.find(part) : undefined
    if (kept === undefined || part.type !== 'call') {
      parts.push(part)
      continue
    }
    putBefore(parts, kept.before)
    parts.push(kept.seal ? { ...part, seal: kept.seal } : part)
  }
  return { ...turn, parts }
}

/** Thoughts of the client's without a seal give way to the sealed ones they are; where one still has its seal the client dropped nothing. */
const putBefore = (parts: Part[], before: Thought[]): void => {
  if (before.length === 0 || parts.some(part => part.type === 'reasoning' && part.seal)) return
  const bare = parts.findIndex(part => part.type === 'reasoning')
  if (bare >= 0) parts.splice(bare, 1, ...before)
  else parts.splice(firstWord(parts), 0, ...before)
}

/** Thoughts stand before the words of their turn. */
const firstWord = (parts: Part[]): number => {
  const at = parts.findIndex(part => part.type === 'text' || part.type === 'call')
  return at < 0 ? parts.length : at
}
