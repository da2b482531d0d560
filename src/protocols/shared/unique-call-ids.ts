/** What every client may rely on, whatever a vendor's answer was: each call has an id of its own, and what cannot be told is noted. */
import type { Message, Part } from '../../ir/chat.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Ingress } from '../protocol.ts'

/** Gives a call an id where the vendor gave none, or one it gave before: results could not be told apart. */
const idGiver = ({ id }: Exchange): ((given: string) => string) => {
  const used = new Set<string>()
  return given => {
    let own = given || `call_${id.slice(-24)}_${used.size}`
    while (used.has(own)) own = `${own}_${used.size}`
    used.add(own)
    return own
  }
}

export const uniqueCallIds = (
  ingress: Ingress,
  exchange: Exchange,
  emit: (event: Event) => void,
): ((event: Event) => void) => {
  const idFor = idGiver(exchange)
  return event => {
    noteUntold(ingress, exchange, event)
    if (event.type !== 'open' || event.part !== 'call') return emit(event)
    const given = event.id ?? ''
    const id = idFor(given)
    emit(id === given ? event : { ...event, id })
  }
}

export const uniqueMessageCallIds = (ingress: Ingress, exchange: Exchange, message: Message): Message => {
  const idFor = idGiver(exchange)
  const { usage, stop, finish } = message
  if (usage) noteUntold(ingress, exchange, { type: 'usage', usage })
  noteUntold(ingress, exchange, { type: 'finish', reason: finish, ...(stop !== undefined && { stop }) })
  const sound = (part: Part): Part => (part.type === 'call' ? { ...part, id: idFor(part.id) } : part)
  return { ...message, parts: message.parts.map(sound) }
}

const noteUntold = ({ omittedFields = [] }: Ingress, { loss }: Exchange, event: Event): void => {
  if (event.type === 'finish' && event.stop !== undefined && omittedFields.includes('stop'))
    loss('stop_sequence', 'this protocol cannot say which one ended the answer')
  if (event.type === 'usage' && event.usage.cacheWrite && omittedFields.includes('cacheWrite'))
    loss('usage.cacheWrite', 'this protocol does not count what was written to a cache')
}
