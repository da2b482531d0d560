/** Drops empty turns. Vendors reject a message without content and a conversation without messages. */
import { GatewayError } from '../../base/errors.ts'
import type { Part, ProtocolId, Turn } from '../../ir/chat.ts'
import type { NoteLoss } from '../protocol.ts'

/**
 * Drops turns without content. If only system turns remain, the last one becomes a user turn. `path` is the field of
 * the client's request.
 * @throws GatewayError `invalid_request` naming `path`, if no turn is left
 */
export const dropEmptyTurns = (turns: readonly Turn[], protocol: ProtocolId, path: string, loss: NoteLoss): Turn[] => {
  const remaining = turns.filter((turn, index) => {
    const hasContent = turn.parts.some(part => hasContentFor(part, protocol))
    if (!hasContent) loss(`${path}[${index}]`, 'it is empty and was dropped')
    return hasContent
  })
  const last = remaining.at(-1)
  if (last === undefined) throw new GatewayError('invalid_request', `${path}: nothing is said`, { param: path })
  if (remaining.some(({ role }) => role !== 'system')) return remaining
  loss(path, 'there are only system messages, so the last one is sent as a user message')
  return [...remaining.slice(0, -1), { ...last, role: 'user' }]
}

const hasContentFor = (part: Part, protocol: ProtocolId): boolean => {
  if (part.type === 'foreign') return part.seal.by === protocol
  const isTextual = part.type === 'text' || part.type === 'refusal' || part.type === 'reasoning'
  return !isTextual || part.text.trim() !== '' || part.seal?.by === protocol
}
