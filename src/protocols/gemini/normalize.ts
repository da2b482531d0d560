/** Corrects in place what vendors of this protocol get wrong. */
import { isObject, type JsonObject } from '../../base/json/json.ts'
import { reasonNameOf } from './finish.ts'
import { listOf } from './syntax/casing.ts'

/**
 * Normalizes a chunk. Returns whether anything was changed. Vertex sends finish reasons as numbers to some libraries. A
 * content without `role` cannot be sent back in a conversation. A content that is null is removed.
 */
export const normalizeChunk = (body: JsonObject): boolean => {
  let changed = false
  for (const candidate of listOf(body.candidates)) {
    if (typeof candidate.finishReason === 'number') {
      candidate.finishReason = reasonNameOf(candidate.finishReason)
      changed = true
    }
    const { content } = candidate
    if (content === null) {
      delete candidate.content
      changed = true
    }
    if (!isObject(content) || content.role !== undefined || listOf(content.parts).length === 0) continue
    content.role = 'model'
    changed = true
  }
  return changed
}
