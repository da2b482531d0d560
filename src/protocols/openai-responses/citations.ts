/** Annotations of a text ↔ citations. Files and containers are known to the vendor alone: such an annotation is sealed whole. */

import { countOf, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Citation, Seal } from '../../ir/chat.ts'

const id = 'openai-responses'

/** The wire must name a title and a place: the address for a title, and a place that ends at 0, say that there is none. */
export const parseAnnotation = (annotation: JsonObject, at?: string): Citation => {
  const title = textOf(annotation.title) ?? textOf(annotation.filename)
  const start = countOf(annotation.start_index)
  const end = countOf(annotation.end_index)
  const range = end === 0 ? {} : { ...(start !== undefined && { start }), ...(end !== undefined && { end }) }
  const fields = title === undefined || title === annotation.url ? range : { title, ...range }
  if (annotation.type === 'url_citation' && typeof annotation.url === 'string')
    return { url: annotation.url, ...fields }
  const seal: Seal = { by: id, ...(at !== undefined && { at }), value: annotation as Json }
  return { ...fields, seal }
}

/** Undefined where the source has no address and was not told by this protocol. */
export const renderAnnotation = ({ url, title, start, end, seal }: Citation): JsonObject | undefined => {
  if (seal?.by === id) return seal.value as JsonObject
  if (url === undefined) return undefined
  return { type: 'url_citation', url, title: title ?? url, start_index: start ?? 0, end_index: end ?? 0 }
}
