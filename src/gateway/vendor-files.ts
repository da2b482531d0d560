/** Files a vendor keeps for its users, named by an id: no other vendor can read them. */
import { GatewayError } from '../base/errors.ts'
import type { Json } from '../base/json/json.ts'
import type { Chat, Part, ProtocolId } from '../ir/chat.ts'
import { pathOf } from '../media/inline-urls.ts'

/** Protocols whose vendors read one store. */
const sameStore: Record<ProtocolId, ProtocolId> = { 'openai-responses': 'openai-chat' }

/** @param body the request as it came, in which the place is found. @throws GatewayError `invalid_request` naming it */
export const refuseKept = (chat: Chat, speaks: ProtocolId, body: Json): void => {
  const reader = sameStore[speaks] ?? speaks
  for (const { file, by } of chat.turns.flatMap(({ parts }) => keptIn(parts))) {
    if (by === reader) continue
    const param = pathOf(body, file)
    const message = `a file kept by a vendor of ${by} cannot be read by one of ${speaks}: send its bytes or its URL`
    throw new GatewayError('invalid_request', param === undefined ? message : `${param}: ${message}`, { param })
  }
}

const keptIn = (parts: readonly Part[]): { file: string; by: ProtocolId }[] =>
  parts.flatMap(part => {
    if (part.type === 'result') return keptIn(part.parts)
    return part.type === 'media' && 'file' in part.source ? [part.source] : []
  })
