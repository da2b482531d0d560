/**
 * Remembers what a client may drop between two turns: the reasoning before a tool call, and the seal of the call.
 * Vendors reject a call that comes back without its signature or its reasoning.
 */

import { parseJson } from '../../base/json/json.ts'
import type { Chat, Part, ReasoningPart, ToolCall, Turn } from '../../ir/chat.ts'
import { replayMessage } from '../../ir/collect.ts'
import type { Event } from '../../ir/event.ts'
import type { SealMemory, Thought } from '../../ir/seal.ts'
import type { Egress, Exchange, Frame, StreamPipe } from '../protocol.ts'
import type { TextDelta } from './frame-template/pattern.ts'
import { PipeWrapper } from './pipe-wrapper.ts'

/** Returns a listener for the events of an answer. It saves what the tool calls in the answer need. */
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

/** Remembers thoughts in a stream that passes through. The text of every delta is retained. */
export const rememberStream = (egress: Egress, pipe: StreamPipe, exchange: Exchange): StreamPipe => {
  if (!exchange.seals) return pipe
  return new RememberingPipe(pipe, egress.parseStream(withoutLosses(exchange))(rememberThoughts(exchange.seals)))
}

class RememberingPipe extends PipeWrapper {
  constructor(
    inner: StreamPipe,
    private readonly parseFrame: (frame: Frame | undefined) => void,
  ) {
    super(inner)
  }

  lastDelta(): TextDelta | undefined {
    const delta = this.inner.lastDelta?.()
    return delta && { ...delta, isRetained: true }
  }

  override push(frame: Frame): string {
    if (!this.state.finished) this.parseFrame(frame)
    return this.inner.push(frame)
  }

  override end(): string {
    this.parseFrame(undefined)
    return this.inner.end()
  }
}

/** Remembers thoughts in a complete answer that passes through. `text` has already been validated. */
export const rememberMessage = (egress: Egress, text: string, exchange: Exchange): void => {
  if (exchange.seals)
    replayMessage(egress.parseMessage(parseJson(text) ?? text, withoutLosses(exchange))).forEach(
      rememberThoughts(exchange.seals),
    )
}

/** Passing through loses nothing, so losses of this second parse are not noted. */
const withoutLosses = (exchange: Exchange): Exchange => ({ ...exchange, loss: () => undefined })

/** Puts back what the client dropped. Parts the client kept are unchanged. */
export const restoreThoughts = (chat: Chat, memory: SealMemory): Chat => ({
  ...chat,
  turns: chat.turns.map(turn => (turn.role === 'assistant' ? restoreTurn(turn, memory) : turn)),
})

const restoreTurn = (turn: Turn, memory: SealMemory): Turn => {
  const restored = new RestoredParts()
  for (const part of turn.parts) {
    const remembered = part.type === 'call' && part.seal === undefined ? memory.find(part) : undefined
    if (remembered) restored.insertThoughts(remembered.thoughts)
    restored.add(remembered?.seal && part.type === 'call' ? { ...part, seal: remembered.seal } : part)
  }
  return { ...turn, parts: restored.parts }
}

/** The parts of a turn, and where thoughts belong among them. The positions are kept, so that no call searches them. */
class RestoredParts {
  readonly parts: Part[] = []
  /** One thought still has its seal. */
  #isSealed = false
  /** The positions of the first thought, and of the first text or call. -1: there is none. */
  #reasoningAt = -1
  #contentAt = -1

  add(part: Part): void {
    const at = this.parts.push(part) - 1
    if (part.type === 'reasoning') {
      if (this.#reasoningAt < 0) this.#reasoningAt = at
      if (part.seal) this.#isSealed = true
    } else if (this.#contentAt < 0 && (part.type === 'text' || part.type === 'call')) this.#contentAt = at
  }

  /**
   * A thought without a seal is replaced by the sealed thoughts. If one thought still has its seal, the client dropped
   * nothing. Thoughts stand before the content of their turn.
   */
  insertThoughts(thoughts: readonly Thought[]): void {
    if (thoughts.length === 0 || this.#isSealed) return
    const { parts } = this
    const replaced = this.#reasoningAt < 0 ? 0 : 1
    const firstContent = this.#contentAt < 0 ? parts.length : this.#contentAt
    const at = replaced ? this.#reasoningAt : firstContent
    parts.splice(at, replaced, ...thoughts)
    if (this.#contentAt >= at) this.#contentAt += thoughts.length - replaced
    this.#isSealed = thoughts.some(part => part.type === 'reasoning' && part.seal)
    this.#reasoningAt = nextReasoning(parts, at)
  }
}

/** The position of the first thought from `from` on; -1 if there is none. */
const nextReasoning = (parts: readonly Part[], from: number): number => {
  for (let at = from; at < parts.length; at++) if (parts[at]!.type === 'reasoning') return at
  return -1
}
