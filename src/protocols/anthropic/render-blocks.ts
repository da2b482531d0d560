/** Parts of a conversation → blocks for a vendor. */

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
import type { Traits } from './model-traits.ts'
import { type CacheControl, id } from './wire.ts'

/** Gives blocks for one conversation: the same id of a call is written the same everywhere. */
export type BlockWriter = (part: Part, path: string) => JsonObject | undefined

export const blockWriter = (
  traits: Traits,
  { sealOrigin, loss }: Pick<Exchange, 'sealOrigin' | 'loss'>,
): BlockWriter => {
  const nameId = idWriter()

  /** What the vendor may read of a seal, as an object. */
  const open = (seal: Seal | undefined, path: string): Json | undefined => {
    if (seal === undefined) return undefined
    if (isReadable(seal, id, sealOrigin)) return seal.value
    loss(`${path}.seal`, `only the ${seal.by} vendor that sealed it can read it`)
    return undefined
  }
  const fieldsOf = (seal: Seal | undefined, path: string): JsonObject => {
    const value = open(seal, path)
    return isObject(value) ? value : {}
  }

  const text = ({ text: said, citations, seal, cache }: TextPart, path: string): JsonObject | undefined => {
    const { block } = fieldsOf(seal, path)
    if (isObject(block)) return block
    if (said.trim() === '') return undefined
    const told = renderCitations(citations ?? [], one => isReadable(one, id, sealOrigin), path, loss)
    return { type: 'text', text: said, ...(told.length > 0 && { citations: told }), ...cacheOf(cache) }
  }

  const reasoning = ({ text: thinking, seal }: ReasoningPart, path: string): JsonObject | undefined => {
    const value = open(seal, path)
    if (isObject(value) && value.redacted !== undefined) return { type: 'redacted_thinking', data: value.redacted }
    if (typeof value === 'string') return { type: 'thinking', thinking, signature: value }
    if (!traits.claude && thinking !== '') return { type: 'thinking', thinking, signature: '' }
    if (thinking !== '') loss(path, 'thoughts without a signature are not taken back')
    return undefined
  }

  const call = (part: ToolCall, path: string): JsonObject => ({
    type: 'tool_use',
    id: nameId(part.id),
    name: part.name,
    input: inputOf(part, path, loss),
    ...fieldsOf(part.seal, path),
    ...cacheOf(part.cache),
  })

  const result = (part: ToolResult, path: string): JsonObject => ({
    type: 'tool_result',
    tool_use_id: nameId(part.id),
    ...contentOf(part.parts.map(one => told(one, `${path}.content`)).filter(one => one !== undefined)),
    ...(part.failed && { is_error: true }),
    ...fieldsOf(part.seal, path),
    ...cacheOf(part.cache),
  })

  /** What stands inside the result of a call. */
  const told: BlockWriter = (part, path) =>
    part.type === 'text' || part.type === 'media' || part.type === 'foreign'
      ? write(part, path)
      : void loss(path, `${part.type} has no place in the result of a call`)

  const write: BlockWriter = (part, path) => {
    if (part.type === 'text') return text(part, path)
    if (part.type === 'reasoning') return reasoning(part, path)
    if (part.type === 'call') return call(part, path)
    if (part.type === 'result') return result(part, path)
    if (part.type === 'refusal') return part.text.trim() === '' ? undefined : { type: 'text', text: part.text }
    if (part.type === 'foreign') return isObject(open(part.seal, path)) ? (part.seal.value as JsonObject) : undefined
    const block = renderMedia(part, fieldsOf(part.seal, path), path, loss)
    return block && { ...block, ...cacheOf(part.cache) }
  }
  return write
}

export const cacheOf = (cache: PartMetadata['cache']): { cache_control?: CacheControl } =>
  cache ? { cache_control: { type: 'ephemeral', ...cache } } : {}

const contentOf = (blocks: JsonObject[]): { content?: Json } => {
  const [only] = blocks
  if (only === undefined) return {}
  return { content: blocks.length === 1 && isPlainText(only) ? only.text! : blocks }
}

/** Nothing but a text. */
export const isPlainText = (block: JsonObject): boolean => block.type === 'text' && Object.keys(block).length === 2

/** An object, as this wire demands; free text and what is no object stands in one under `input`. */
const inputOf = ({ args, custom }: ToolCall, path: string, loss: NoteLoss): Json => {
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
  reads: (seal: Seal) => boolean,
  path: string,
  loss: NoteLoss,
): JsonObject[] => {
  const own = citations.flatMap(({ seal }) => (seal && reads(seal) && isObject(seal.value) ? [seal.value] : []))
  if (own.length < citations.length) loss(`${path}.citations`, 'sources another vendor named are not taken back')
  return own
}

/** Ids of this wire have letters, digits, `_` and `-` only; others (`functions.read:0`) go out with what is allowed, each one its own. */
const idWriter = (): ((given: string) => string) => {
  const written = new Map<string, string>()
  const taken = new Set<string>()
  return given => {
    const known = written.get(given)
    if (known !== undefined) return known
    const bare = given.replace(/[^a-zA-Z0-9_-]/g, '_') || 'call'
    let made = bare
    for (let count = 2; taken.has(made); count++) made = `${bare}_${count}`
    written.set(given, made)
    taken.add(made)
    return made
  }
}
