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

/** Renders parts of one conversation. Every occurrence of a call id is mapped to the same id. */
export class BlockWriter {
  readonly #wireIdOf = createIdMapper()

  constructor(
    private readonly traits: ModelTraits,
    private readonly exchange: Pick<Exchange, 'sealOrigin' | 'loss'>,
  ) {}

  /** @param path where the part stands in the request, for losses */
  write(part: Part, path: string): JsonObject | undefined {
    if (part.type === 'text') return this.#textBlock(part, path)
    if (part.type === 'reasoning') return this.#thinkingBlock(part, path)
    if (part.type === 'call') return this.#toolUseBlock(part, path)
    if (part.type === 'result') return this.#toolResultBlock(part, path)
    if (part.type === 'refusal') return part.text.trim() === '' ? undefined : { type: 'text', text: part.text }
    if (part.type === 'foreign')
      return isObject(this.#readSeal(part.seal, path)) ? (part.seal.value as JsonObject) : undefined
    const block = renderMedia(part, this.#sealFields(part.seal, path), path, this.exchange.loss)
    return block && { ...block, ...renderCacheControl(part.cache) }
  }

  #textBlock({ text, citations, seal, cache }: TextPart, path: string): JsonObject | undefined {
    const { block } = this.#sealFields(seal, path)
    if (isObject(block)) return block
    if (text.trim() === '') return undefined
    const wireCitations = this.#renderCitations(citations ?? [], path)
    return {
      type: 'text',
      text,
      ...(wireCitations.length > 0 && { citations: wireCitations }),
      ...renderCacheControl(cache),
    }
  }

  #thinkingBlock({ text: thinking, seal }: ReasoningPart, path: string): JsonObject | undefined {
    const value = this.#readSeal(seal, path)
    if (isObject(value) && value.redacted !== undefined) return { type: 'redacted_thinking', data: value.redacted }
    if (typeof value === 'string') return { type: 'thinking', thinking, signature: value }
    if (!this.traits.isClaude && thinking !== '') return { type: 'thinking', thinking, signature: '' }
    if (thinking !== '') this.exchange.loss(path, 'this protocol does not accept thoughts without a signature')
    return undefined
  }

  #toolUseBlock(part: ToolCall, path: string): JsonObject {
    return {
      type: 'tool_use',
      id: this.#wireIdOf(part.id),
      name: part.name,
      input: renderInput(part, path, this.exchange.loss),
      ...this.#sealFields(part.seal, path),
      ...renderCacheControl(part.cache),
    }
  }

  #toolResultBlock(part: ToolResult, path: string): JsonObject {
    return {
      type: 'tool_result',
      tool_use_id: this.#wireIdOf(part.id),
      ...renderContent(
        part.parts.map(one => this.#resultContentBlock(one, `${path}.content`)).filter(one => one !== undefined),
      ),
      ...(part.failed && { is_error: true }),
      ...this.#sealFields(part.seal, path),
      ...renderCacheControl(part.cache),
    }
  }

  /** Renders a part inside a tool result. */
  #resultContentBlock(part: Part, path: string): JsonObject | undefined {
    return part.type === 'text' || part.type === 'media' || part.type === 'foreign'
      ? this.write(part, path)
      : void this.exchange.loss(path, `a tool result cannot contain ${part.type}`)
  }

  #renderCitations(citations: readonly Citation[], path: string): JsonObject[] {
    const { sealOrigin, loss } = this.exchange
    const readable = citations.flatMap(({ seal }) =>
      seal && isReadable(seal, id, sealOrigin) && isObject(seal.value) ? [seal.value] : [],
    )
    if (readable.length < citations.length) loss(`${path}.citations`, 'citations of another vendor cannot be sent back')
    return readable
  }

  #sealFields(seal: Seal | undefined, path: string): JsonObject {
    const value = this.#readSeal(seal, path)
    return isObject(value) ? value : {}
  }

  /** Returns the value of a seal if the vendor can read it. Otherwise notes a loss. */
  #readSeal(seal: Seal | undefined, path: string): Json | undefined {
    if (seal === undefined) return undefined
    if (isReadable(seal, id, this.exchange.sealOrigin)) return seal.value
    this.exchange.loss(`${path}.seal`, `only the ${seal.by} vendor that wrote it can read it`)
    return undefined
  }
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
  loss(`${path}.input`, 'arguments that are not a JSON object are sent in `input`')
  return { input: args }
}

/**
 * Call ids of this protocol may only contain letters, digits, `_` and `-`. In other ids (`functions.read:0`) the
 * remaining characters are replaced. Different ids stay different.
 */
const createIdMapper = (): ((given: string) => string) => {
  const mapped = new Map<string, string>()
  const used = new Set<string>()
  /** The last number given to an id, so that many equal ones take linear time. */
  const counts = new Map<string, number>()
  return given => {
    const known = mapped.get(given)
    if (known !== undefined) return known
    const sanitized = given.replace(/[^a-zA-Z0-9_-]/g, '_') || 'call'
    let unique = sanitized
    for (let count = counts.get(sanitized) ?? 2; used.has(unique); count++) {
      unique = `${sanitized}_${count}`
      counts.set(sanitized, count + 1)
    }
    mapped.set(given, unique)
    used.add(unique)
    return unique
  }
}
