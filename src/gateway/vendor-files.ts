/** Files that a vendor stores for its users and that a request names by id: no other vendor can read them. */
import { GatewayError } from '../base/errors.ts'
import type { Json } from '../base/json/json.ts'
import type { Chat, Part, ProtocolId } from '../ir/chat.ts'
import { jsonPathOf } from '../media/inline-urls.ts'
import type { Egress } from '../protocols/protocol.ts'

/**
 * @param body the client's request, in which the path of the file is looked up
 * @throws GatewayError `invalid_request`, with the path of the file, if a file is stored by another vendor
 */
export const refuseForeignFiles = (chat: Chat, { id, fileStore = id }: Egress, body: Json): void => {
  for (const { file, by } of chat.turns.flatMap(({ parts }) => vendorFilesIn(parts))) {
    if (by === fileStore) continue
    const param = jsonPathOf(body, file)
    const message = `a file kept by a vendor of ${by} cannot be read by one of ${id}: send its bytes or its URL`
    throw new GatewayError('invalid_request', param === undefined ? message : `${param}: ${message}`, { param })
  }
}

const vendorFilesIn = (parts: readonly Part[]): { file: string; by: ProtocolId }[] =>
  parts.flatMap(part => {
    if (part.type === 'result') return vendorFilesIn(part.parts)
    return part.type === 'media' && 'file' in part.source ? [part.source] : []
  })
