/**
 * Calls and their results. Vendors refuse a conversation in which a call was never answered, or something is answered that was never called:
 * clients send such ones when a run was broken off or a history was cut.
 */
import type { Part, Result, Turn } from '../ir/chat.ts'
import type { Loss } from './protocol.ts'

/** Every call is answered before the model speaks again: one without a result gets a failed one, a result without its call is told as text. */
export const answerCalls = (turns: readonly Turn[], loss: Loss): Turn[] => {
  const sound: Turn[] = []
  const open = new Set<string>()

  /** What is missing goes to the results that are there, or before what the user says. */
  const settle = (): void => {
    if (open.size === 0) return
    const missing = [...open].map(call => unanswered(call, loss))
    open.clear()
    const at = sound.findLastIndex(({ role }) => role === 'assistant') + 1
    const next = sound.findIndex(({ role }, index) => index >= at && role === 'user')
    const { parts = [], ...turn } = next < 0 ? { role: 'user' as const } : sound[next]!
    const others = parts.findIndex(({ type }) => type !== 'result')
    const whole = { ...turn, parts: parts.toSpliced(others < 0 ? parts.length : others, 0, ...missing) }
    if (next < 0) sound.splice(at, 0, whole)
    else sound[next] = whole
  }

  for (const turn of turns) {
    const before = sound.findLast(({ role }) => role !== 'system')
    if (turn.role === 'assistant' && before?.role !== 'assistant') settle()
    const parts = turn.parts.flatMap((part): Part[] => {
      if (part.type === 'call') open.add(part.id)
      if (part.type !== 'result' || open.delete(part.id)) return [part]
      loss(`results.${part.id}`, 'it answers no call and is told as text')
      return [{ type: 'text', text: `Result of the call ${part.id}:` }, ...part.parts]
    })
    sound.push(
      parts.length === turn.parts.length && parts.every((part, at) => part === turn.parts[at])
        ? turn
        : { ...turn, parts },
    )
  }
  settle()
  return sound
}

const unanswered = (call: string, loss: Loss): Result => {
  loss(`calls.${call}`, 'it has no result and is answered with a failure')
  return { type: 'result', id: call, failed: true, parts: [{ type: 'text', text: 'This call has no result.' }] }
}
