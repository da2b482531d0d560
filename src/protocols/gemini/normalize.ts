/** What vendors of this wire get wrong, put right in place. Gives whether anything was. */
import { isObject, type JsonObject } from '../../base/json/json.ts'
import { reasonNameOf } from './finish.ts'
import { listOf } from './syntax/casing.ts'

/** Vertex answers some libraries with the numbers of its words; a content without `role` cannot go back into a
 * conversation, and null is none. */
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
