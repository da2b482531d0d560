/** Turns that say something. Vendors refuse a message without content, and a conversation without messages. */
import { GatewayError } from '../../base/errors.ts'
import type { Part, ProtocolId, Turn } from '../../ir/chat.ts'
import type { NoteLoss } from '../protocol.ts'

/**
 * Empty turns are left out; where nobody but the system speaks, its last word is the user's. `place`: the field of the client's request.
 * @throws GatewayError `invalid_request` naming it, where nothing is left
 */
export const dropEmptyTurns = (turns: readonly Turn[], speaks: ProtocolId, place: string, loss: NoteLoss): Turn[] => {
  const spoken = turns.filter((turn, index) => {
    const says = turn.parts.some(part => saysTo(part, speaks))
    if (!says) loss(`${place}[${index}]`, 'it says nothing and is left out')
    return says
  })
  const last = spoken.at(-1)
  if (last === undefined) throw new GatewayError('invalid_request', `${place}: nothing is said`, { param: place })
  if (spoken.some(({ role }) => role !== 'system')) return spoken
  loss(place, 'nobody but the system speaks: its last word is told by the user')
  return [...spoken.slice(0, -1), { ...last, role: 'user' }]
}

const saysTo = (part: Part, speaks: ProtocolId): boolean => {
  if (part.type === 'foreign') return part.seal.by === speaks
  const isWords = part.type === 'text' || part.type === 'refusal' || part.type === 'reasoning'
  return !isWords || part.text.trim() !== '' || part.seal?.by === speaks
}
