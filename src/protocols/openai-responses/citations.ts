/**
 * Annotations of a text ↔ citations. Only the vendor knows its files and containers, so an annotation of one is sealed
 * completely.
 */

import { countOf, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Citation, Seal } from '../../ir/chat.ts'

const id = 'openai-responses'

/**
 * Parses an annotation. The protocol requires a title and a range. A title equal to the URL means that there is no
 * title, and a range that ends at 0 means that there is no range.
 */
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

/** Renders a citation. Returns undefined if the source has no URL and no vendor of this protocol wrote it. */
export const renderAnnotation = ({ url, title, start, end, seal }: Citation): JsonObject | undefined => {
  if (seal?.by === id) return seal.value as JsonObject
  if (url === undefined) return undefined
  return { type: 'url_citation', url, title: title ?? url, start_index: start ?? 0, end_index: end ?? 0 }
}
