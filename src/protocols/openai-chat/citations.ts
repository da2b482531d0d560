/**
 * Citations of a text: `annotations` ↔ citations.
 * https://platform.openai.com/docs/guides/tools-web-search?api-mode=chat (2026-11)
 */

import { countOf, isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Citation, Seal } from '../../ir/chat.ts'

const id = 'openai-chat'

/** Returns undefined if the annotation has no URL. `content` is OpenRouter's name for the quoted text. */
export const parseAnnotation = (annotation: Json, seal: (value: JsonObject) => Seal): Citation | undefined => {
  if (!isObject(annotation) || annotation.type !== 'url_citation' || !isObject(annotation.url_citation))
    return undefined
  const { url, title, content, start_index: start, end_index: end } = annotation.url_citation
  if (typeof url !== 'string') return undefined
  const fields = { title: textOf(title), quote: textOf(content), start: countOf(start), end: countOf(end) }
  const defined = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
  return { url, ...defined, seal: seal(annotation) }
}

/**
 * Renders a citation: unchanged if a vendor of this protocol wrote it, else as OpenAI's web search writes it. Returns
 * undefined if a citation of another protocol has no URL.
 */
export const renderAnnotation = ({ url, title, start, end, seal }: Citation): JsonObject | undefined => {
  if (seal?.by === id && isObject(seal.value)) return seal.value
  if (url === undefined) return undefined
  return {
    type: 'url_citation',
    url_citation: { url, title: title ?? url, start_index: start ?? 0, end_index: end ?? 0 },
  }
}
