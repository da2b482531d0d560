/**
 * Guarantees for every client, whatever the vendor answered: each tool call has a unique id, and what the client's
 * protocol cannot express is noted as a loss.
 */
import type { Message, Part } from '../../ir/chat.ts'
import type { Event } from '../../ir/event.ts'
import type { Exchange, Ingress } from '../protocol.ts'

/**
 * Assigns an id to a tool call if the vendor gave none or repeated one. Otherwise results could not be matched to
 * calls.
 */
const createIdAssigner = ({ id }: Exchange): ((given: string) => string) => {
  const used = new Set<string>()
  return given => {
    let unique = given || `call_${id.slice(-24)}_${used.size}`
    while (used.has(unique)) unique = `${unique}_${used.size}`
    used.add(unique)
    return unique
  }
}

export const uniqueCallIds = (
  ingress: Ingress,
  exchange: Exchange,
  emit: (event: Event) => void,
): ((event: Event) => void) => {
  const assignId = createIdAssigner(exchange)
  return event => {
    noteOmittedFields(ingress, exchange, event)
    if (event.type !== 'open' || event.part !== 'call') return emit(event)
    const given = event.id ?? ''
    const id = assignId(given)
    emit(id === given ? event : { ...event, id })
  }
}

export const uniqueMessageCallIds = (ingress: Ingress, exchange: Exchange, message: Message): Message => {
  const assignId = createIdAssigner(exchange)
  const { usage, stop, finish } = message
  if (usage) noteOmittedFields(ingress, exchange, { type: 'usage', usage })
  noteOmittedFields(ingress, exchange, { type: 'finish', reason: finish, ...(stop !== undefined && { stop }) })
  const withUniqueId = (part: Part): Part => (part.type === 'call' ? { ...part, id: assignId(part.id) } : part)
  return { ...message, parts: message.parts.map(withUniqueId) }
}

const noteOmittedFields = ({ omittedFields = [] }: Ingress, { loss }: Exchange, event: Event): void => {
  if (event.type === 'finish' && event.stop !== undefined && omittedFields.includes('stop'))
    loss('stop_sequence', 'this protocol cannot say which stop sequence matched')
  if (event.type === 'usage' && event.usage.cacheWrite && omittedFields.includes('cacheWrite'))
    loss('usage.cacheWrite', 'this protocol does not report tokens written to the cache')
}
