/**
 * Messages blocks → parts. Fields that only this protocol has go into the part's seal. Unknown blocks become `foreign`
 * parts.
 */

import { isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import { rawText } from '../../base/json/raw.ts'
import type { Citation, Part, PartMetadata, Seal } from '../../ir/chat.ts'
import { isWrappedSeal, unwrapSeal } from '../../ir/seal.ts'
import { parseMedia } from './media.ts'
import { id } from './wire.ts'

/**
 * Parses a string as one text, or a list of blocks.
 * An empty thinking block that only holds the seal of the next block is not a part.
 */
export const parseBlocks = (content: unknown): Part[] => {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  const parts: Part[] = []
  let pendingSeal: Seal | undefined
  for (const block of Array.isArray(content) ? content.filter(isObject) : []) {
    const slot = block.type === 'thinking' && !block.thinking ? unwrapSeal(block.signature) : undefined
    if (slot?.next) {
      pendingSeal = slot.seal
      continue
    }
    const found = parseBlock(block)
    const [first] = found
    if (pendingSeal && first && first.type !== 'foreign') first.seal ??= pendingSeal
    pendingSeal = undefined
    for (const part of found) parts.push(part)
  }
  return parts
}

const parseBlock = (block: JsonObject): Part[] => {
  const cache = parseCacheControl(block)
  const { type, text } = block
  if (type === 'text' && typeof text === 'string') return [{ type: 'text', text, ...citationsOf(block), ...cache }]
  if (type === 'thinking' || type === 'redacted_thinking') return [parseThinkingBlock(block)]
  if (type === 'tool_use') return [parseToolUse(block, cache)]
  if (type === 'tool_result') return [parseToolResult(block, cache)]
  if (type === 'search_result' && Array.isArray(block.content)) return [parseSearchResult(block, cache)]
  const media = type === 'image' || type === 'document' ? parseMedia(block, parseBlocks) : undefined
  if (media === undefined) return [{ type: 'foreign', seal: { by: id, value: block } }]
  return media.map((part, index) => (index === media.length - 1 ? { ...part, ...cache } : part))
}

/** Parses a cache mark. The ttl is set only if the client set it. */
export const parseCacheControl = ({ cache_control: cacheControl }: JsonObject): Pick<PartMetadata, 'cache'> => {
  if (!isObject(cacheControl)) return {}
  return { cache: cacheControl.ttl === '5m' || cacheControl.ttl === '1h' ? { ttl: cacheControl.ttl } : {} }
}

/** The signature becomes the seal. If it wraps a seal of another protocol, that seal is unwrapped. */
const parseThinkingBlock = ({ type, thinking, signature, data }: JsonObject): Part => {
  if (type === 'redacted_thinking')
    return { type: 'reasoning', text: '', seal: unwrapSeal(data)?.seal ?? { by: id, value: { redacted: data ?? '' } } }
  const seal = isWrappedSeal(signature) ? unwrapSeal(signature)?.seal : signatureSeal(signature)
  return { type: 'reasoning', text: textOf(thinking) ?? '', ...(seal && { seal }) }
}

/** The signature of thoughts as a seal. `at`: the seal origin, for thoughts in a vendor's response. */
export const signatureSeal = (signature: Json | undefined, at?: string): Seal | undefined =>
  typeof signature === 'string' && signature !== ''
    ? { by: id, ...(at !== undefined && { at }), value: signature }
    : undefined

/**
 * Fields of a tool call that only this protocol has. A `caller` of type `direct` is dropped, since it is the default.
 */
export const callFields = ({
  type: _type,
  id: _id,
  name: _name,
  input: _input,
  cache_control: _cache,
  ...rest
}: JsonObject) => {
  const extraFields = Object.entries(rest).filter(
    ([key, value]) => value !== null && !(key === 'caller' && isObject(value) && value.type === 'direct'),
  )
  return extraFields.length > 0 ? (Object.fromEntries(extraFields) as JsonObject) : undefined
}

const parseToolUse = (block: JsonObject, cache: Pick<PartMetadata, 'cache'>): Part => {
  const fields = callFields(block)
  return {
    type: 'call',
    id: textOf(block.id) ?? '',
    name: textOf(block.name) ?? '',
    args: rawText(block.input ?? {}),
    ...(fields && { seal: { by: id, value: fields } }),
    ...cache,
  }
}

const parseToolResult = (block: JsonObject, cache: Pick<PartMetadata, 'cache'>): Part => ({
  type: 'result',
  id: textOf(block.tool_use_id) ?? '',
  parts: parseBlocks(block.content ?? []),
  ...(block.is_error === true && { failed: true }),
  ...(typeof block.toolset_name === 'string' && { seal: { by: id, value: { toolset_name: block.toolset_name } } }),
  ...cache,
})

/** Parses a search result of the client's. Other protocols get its title, source and text as text. */
const parseSearchResult = (block: JsonObject, cache: Pick<PartMetadata, 'cache'>): Part => {
  const texts = parseBlocks(block.content).map(part => (part.type === 'text' ? part.text : ''))
  const heading = [textOf(block.title), textOf(block.source)].filter(Boolean).join('\n')
  const text = [heading, ...texts].filter(one => one !== '').join('\n\n')
  return { type: 'text', text, seal: { by: id, value: { block } }, ...cache }
}

const citationsOf = ({ citations }: JsonObject): { citations?: Citation[] } => {
  const parsed = Array.isArray(citations) ? citations.filter(isObject).map(one => parseCitation(one)) : []
  return parsed.length > 0 ? { citations: parsed } : {}
}

/** A citation with an empty `encrypted_index` gets no seal, because Anthropic would not accept it back. */
export const parseCitation = (citation: JsonObject, at?: string): Citation => {
  const url = textOf(citation.url) ?? textOf(citation.source)
  const title = textOf(citation.title) ?? textOf(citation.document_title)
  const quote = textOf(citation.cited_text)
  const seal = { by: id, ...(at !== undefined && { at }), value: citation }
  return {
    ...(url !== undefined && { url }),
    ...(title !== undefined && { title }),
    ...(quote !== undefined && { quote }),
    ...(citation.encrypted_index !== '' && { seal }),
  }
}
