/** Parts of a message or of a tool output ↔ parts of the neutral form. */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import type { Citation, MediaPart, Part, PartMetadata, TextPart } from '../../ir/chat.ts'
import { isReadable } from '../../ir/seal.ts'
import type { Exchange } from '../protocol.ts'
import { parseAnnotation, renderAnnotation } from './citations.ts'
import { parseMedia, renderMedia } from './media.ts'

export const id = 'openai-responses'

/** Parses the content of a message or the output of a tool: a string, or an array of parts. */
export const parseContent = (content: Json | undefined): Part[] => {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return Array.isArray(content) ? content.filter(isObject).map(parsePart) : []
}

const textTypes: ReadonlySet<string> = new Set(['input_text', 'output_text', 'text', 'summary_text'])

const parsePart = (part: JsonObject): Part => {
  const mark = markOf(part)
  if (textTypes.has(String(part.type)) && typeof part.text === 'string') return { ...parseText(part), ...mark }
  if (part.type === 'refusal' && typeof part.refusal === 'string') return { type: 'refusal', text: part.refusal }
  const media = parseMedia(part)
  return media ? { ...media, ...mark } : { type: 'foreign', seal: { by: id, value: { part } } }
}

/** A prompt cache breakpoint becomes a cache mark. Its details are sealed for vendors of this protocol. */
const markOf = ({ prompt_cache_breakpoint: breakpoint }: JsonObject): PartMetadata =>
  isObject(breakpoint) ? { cache: {}, seal: { by: id, value: { breakpoint } } } : {}

const parseText = ({ text, annotations }: JsonObject): TextPart => {
  const citations = Array.isArray(annotations) ? annotations.filter(isObject).map(one => parseAnnotation(one)) : []
  return { type: 'text', text: textOf(text) ?? '', ...(citations.length > 0 && { citations }) }
}

/**
 * Renders the content of a message. A single plain text is rendered as a string. `textType` is the type of a text part,
 * and depends on whose message it is.
 */
export const renderContent = (
  parts: readonly Part[],
  textType: 'input_text' | 'output_text',
  path: string,
  exchange: Exchange,
): Json[] | string => {
  const content = parts
    .map((part, index) => renderPart(part, textType, `${path}.content[${index}]`, exchange))
    .filter(part => part !== undefined)
  const [only] = content
  return content.length === 1 && only && textTypes.has(String(only.type)) && Object.keys(only).length === 2
    ? (only.text as string)
    : content
}

const renderPart = (part: Part, textType: string, path: string, exchange: Exchange): JsonObject | undefined => {
  const { loss, sealOrigin } = exchange
  if (part.type === 'text')
    return {
      type: textType,
      text: part.text,
      ...annotationsOf(part.citations, exchange),
      ...breakpointOf(part, exchange),
    }
  if (part.type === 'refusal') return { type: 'refusal', refusal: part.text }
  if (part.type === 'media') return withBreakpoint(renderMedia(part, path, loss), part, exchange)
  if (part.type === 'foreign' && isReadable(part.seal, id, sealOrigin) && isObject(part.seal.value)) {
    const { part: sealedPart } = part.seal.value
    if (isObject(sealedPart)) return sealedPart
  }
  if (isRoleOrName(part)) return undefined
  loss(path, part.type === 'foreign' ? `only ${part.seal.by} can read it` : `it cannot contain a ${part.type}`)
  return undefined
}

/**
 * True for a part in which Chat Completions sealed the role `developer` or the name of a speaker. Dropping it is not a
 * loss here.
 */
export const isRoleOrName = (part: Part): boolean =>
  part.type === 'foreign' &&
  part.seal.by === 'openai-chat' &&
  isObject(part.seal.value) &&
  Object.keys(part.seal.value).every(key => key === 'role' || key === 'name')

const annotationsOf = (citations: readonly Citation[] | undefined, { loss }: Exchange): JsonObject => {
  const rendered = (citations ?? []).map(renderAnnotation).filter(one => one !== undefined)
  if (rendered.length < (citations?.length ?? 0))
    loss('annotations', 'this protocol does not support citations without a URL')
  return rendered.length > 0 ? { annotations: rendered } : {}
}

const withBreakpoint = (
  rendered: JsonObject | undefined,
  part: MediaPart,
  exchange: Exchange,
): JsonObject | undefined => rendered && { ...rendered, ...breakpointOf(part, exchange) }

/**
 * The prompt cache of this protocol works automatically, and only some models accept breakpoints. A cache mark of
 * another protocol therefore does not become a breakpoint.
 */
const breakpointOf = ({ seal, cache }: PartMetadata, { sealOrigin, loss }: Exchange): JsonObject => {
  const sealedBreakpoint =
    seal && isReadable(seal, id, sealOrigin) && isObject(seal.value) ? seal.value.breakpoint : undefined
  if (sealedBreakpoint !== undefined) return { prompt_cache_breakpoint: sealedBreakpoint }
  if (cache) loss('cache_control', 'this protocol caches automatically')
  return {}
}
