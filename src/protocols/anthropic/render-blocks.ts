/** Parts of a conversation → Messages blocks for a vendor. */

import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import { rawJson } from '../../base/json/raw.ts'
import type {
  Citation,
  Part,
  PartMetadata,
  ReasoningPart,
  Seal,
  TextPart,
  ToolCall,
  ToolResult,
} from '../../ir/chat.ts'
import { isReadable } from '../../ir/seal.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { renderMedia } from './media.ts'
import type { ModelTraits } from './model-traits.ts'
import { type CacheControl, id } from './wire.ts'

/**
 * Renders parts of one conversation. Every occurrence of a call id is mapped to the same id. `path` is used for losses.
 */
export type BlockWriter = (part: Part, path: string) => JsonObject | undefined

export const blockWriter = (
  traits: ModelTraits,
  { sealOrigin, loss }: Pick<Exchange, 'sealOrigin' | 'loss'>,
): BlockWriter => {
  const wireIdOf = createIdMapper()

  /** Returns the value of a seal if the vendor can read it. Otherwise notes a loss. */
  const readSeal = (seal: Seal | undefined, path: string): Json | undefined => {
    if (seal === undefined) return undefined
    if (isReadable(seal, id, sealOrigin)) return seal.value
    loss(`${path}.seal`, `only the ${seal.by} vendor that sealed it can read it`)
    return undefined
  }
  const sealFields = (seal: Seal | undefined, path: string): JsonObject => {
    const value = readSeal(seal, path)
    return isObject(value) ? value : {}
  }

  const textBlock = ({ text, citations, seal, cache }: TextPart, path: string): JsonObject | undefined => {
    const { block } = sealFields(seal, path)
    if (isObject(block)) return block
    if (text.trim() === '') return undefined
    const wireCitations = renderCitations(citations ?? [], one => isReadable(one, id, sealOrigin), path, loss)
    return {
      type: 'text',
      text,
      ...(wireCitations.length > 0 && { citations: wireCitations }),
      ...renderCacheControl(cache),
    }
  }

  const thinkingBlock = ({ text: thinking, seal }: ReasoningPart, path: string): JsonObject | undefined => {
    const value = readSeal(seal, path)
    if (isObject(value) && value.redacted !== undefined) return { type: 'redacted_thinking', data: value.redacted }
    if (typeof value === 'string') return { type: 'thinking', thinking, signature: value }
    if (!traits.isClaude && thinking !== '') return { type: 'thinking', thinking, signature: '' }
    if (thinking !== '') loss(path, 'thoughts without a signature are not taken back')
    return undefined
  }

  const toolUseBlock = (part: ToolCall, path: string): JsonObject => ({
    type: 'tool_use',
    id: wireIdOf(part.id),
    name: part.name,
    input: renderInput(part, path, loss),
    ...sealFields(part.seal, path),
    ...renderCacheControl(part.cache),
  })

  const toolResultBlock = (part: ToolResult, path: string): JsonObject => ({
    type: 'tool_result',
    tool_use_id: wireIdOf(part.id),
    ...renderContent(
      part.parts.map(one => resultContentBlock(one, `${path}.content`)).filter(one => one !== undefined),
    ),
    ...(part.failed && { is_error: true }),
    ...sealFields(part.seal, path),
    ...renderCacheControl(part.cache),
  })

  /** Renders a part inside a tool result. */
  const resultContentBlock: BlockWriter = (part, path) =>
    part.type === 'text' || part.type === 'media' || part.type === 'foreign'
      ? write(part, path)
      : void loss(path, `${part.type} has no place in the result of a call`)

  const write: BlockWriter = (part, path) => {
    if (part.type === 'text') return textBlock(part, path)
    if (part.type === 'reasoning') return thinkingBlock(part, path)
    if (part.type === 'call') return toolUseBlock(part, path)
    if (part.type === 'result') return toolResultBlock(part, path)
    if (part.type === 'refusal') return part.text.trim() === '' ? undefined : { type: 'text', text: part.text }
    if (part.type === 'foreign')
      return isObject(readSeal(part.seal, path)) ? (part.seal.value as JsonObject) : undefined
    const block = renderMedia(part, sealFields(part.seal, path), path, loss)
    return block && { ...block, ...renderCacheControl(part.cache) }
  }
  return write
}

export const renderCacheControl = (cache: PartMetadata['cache']): { cache_control?: CacheControl } =>
  cache ? { cache_control: { type: 'ephemeral', ...cache } } : {}

const renderContent = (blocks: JsonObject[]): { content?: Json } => {
  const [only] = blocks
  if (only === undefined) return {}
  return { content: blocks.length === 1 && isPlainText(only) ? only.text! : blocks }
}

/** Whether a block consists of nothing but a text. */
export const isPlainText = (block: JsonObject): boolean => block.type === 'text' && Object.keys(block).length === 2

/**
 * Renders arguments as an object, which this protocol requires. Free text and anything else is put into an object under
 * `input`.
 */
const renderInput = ({ args, custom }: ToolCall, path: string, loss: NoteLoss): Json => {
  if (custom) return { input: args }
  const text = args.trim()
  if (text === '') return {}
  const value = text.startsWith('{') ? rawJson(text) : undefined
  if (value !== undefined) return value
  loss(`${path}.input`, 'arguments that are no JSON object stand under `input`')
  return { input: args }
}

const renderCitations = (
  citations: readonly Citation[],
  canRead: (seal: Seal) => boolean,
  path: string,
  loss: NoteLoss,
): JsonObject[] => {
  const readable = citations.flatMap(({ seal }) => (seal && canRead(seal) && isObject(seal.value) ? [seal.value] : []))
  if (readable.length < citations.length) loss(`${path}.citations`, 'sources another vendor named are not taken back')
  return readable
}

/**
 * Call ids of this protocol may only contain letters, digits, `_` and `-`. In other ids (`functions.read:0`) the
 * remaining characters are replaced. Different ids stay different.
 */
const createIdMapper = (): ((given: string) => string) => {
  const mapped = new Map<string, string>()
  const used = new Set<string>()
  return given => {
    const known = mapped.get(given)
    if (known !== undefined) return known
    const sanitized = given.replace(/[^a-zA-Z0-9_-]/g, '_') || 'call'
    let unique = sanitized
    for (let count = 2; used.has(unique); count++) unique = `${sanitized}_${count}`
    mapped.set(given, unique)
    used.add(unique)
    return unique
  }
}
