/**
 * The protocol-neutral form of a conversation: the union of what the protocols can express. Read this page first.
 * Absent stays absent: a field is set only if the client sent it.
 */
import type { Json } from '../base/json/json.ts'

/**
 * The name of a wire format: `openai-chat`, `anthropic` … The id of a passthrough-only protocol is its path:
 * `embeddings`.
 */
export type ProtocolId = string

/**
 * Opaque state that only the protocol `by` can read (signatures, encrypted reasoning, unknown blocks). `at` is the seal
 * origin (`Exchange.sealOrigin`) that wrote it.
 */
export type Seal = { by: ProtocolId; at?: string; value: Json }
/** What any part may carry besides its content. */
export type PartMetadata = { seal?: Seal; cache?: { ttl?: '5m' | '1h' } }

/** The source of a claim in a text; `start` and `end` are character offsets into the text. */
export type Citation = { url?: string; title?: string; quote?: string; start?: number; end?: number; seal?: Seal }
/** A `file` is stored at a vendor of the protocol `by`; no other vendor can read it. */
type MediaSource = { data: string } | { url: string } | { file: string; by: ProtocolId }

export type TextPart = { type: 'text'; text: string; citations?: Citation[] } & PartMetadata
type RefusalPart = { type: 'refusal'; text: string } & PartMetadata
export type ReasoningPart = { type: 'reasoning'; text: string } & PartMetadata
/** `mime` may be only a class (`image/*`) if the wire format gives no more. `data` is base64. */
export type MediaPart = {
  type: 'media'
  mime: string
  source: MediaSource
  name?: string
  detail?: string
} & PartMetadata
/**
 * `args` is JSON text as the model wrote it and is never parsed by the gateway. For a `custom` tool it is free text.
 */
export type ToolCall = { type: 'call'; id: string; name: string; args: string; custom?: boolean } & PartMetadata
export type ToolResult = { type: 'result'; id: string; parts: Part[]; failed?: boolean } & PartMetadata
/** A block that only one protocol has. */
export type ForeignPart = { type: 'foreign'; seal: Seal }
export type Part = TextPart | RefusalPart | ReasoningPart | MediaPart | ToolCall | ToolResult | ForeignPart

export type Turn = { role: 'system' | 'user' | 'assistant'; parts: Part[]; name?: string }

export type Tool = { name: string; description?: string; schema?: Json; strict?: boolean; custom?: Json } & PartMetadata
export type ToolChoice = 'auto' | 'none' | 'any' | { name: string }
export type Effort = 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh'
/** Without a `schema` any JSON is allowed. */
export type ResponseFormat = { name?: string; schema?: Json; strict?: boolean; description?: string }

export type Chat = {
  model: string
  stream: boolean
  turns: Turn[]
  tools?: Tool[]
  /** Tools that only one protocol has: the vendor's own search, code execution … */
  nativeTools?: Seal[]
  choice?: ToolChoice
  /** Whether the model may call several tools at once. */
  parallel?: boolean
  /** Maximum number of output tokens. */
  limit?: number
  temperature?: number
  topP?: number
  topK?: number
  seed?: number
  stop?: string[]
  /**
   * `budget` is in tokens. `on`: whether to reason at all, at whatever effort. `shown`: whether the client wants to
   * receive the reasoning; false if it asks for none.
   */
  reasoning?: { effort?: Effort; budget?: number; on?: boolean; shown?: boolean }
  format?: ResponseFormat
  user?: string
  /** Top-level fields that only the client's protocol has. */
  extra?: Seal
}

/** `input` includes cached tokens and `output` includes reasoning. The other counts are parts of these two. */
export type Usage = {
  input: number
  output: number
  cacheRead?: number
  cacheWrite?: number
  /** The part of `cacheWrite` that is cached for an hour. */
  cacheWrite1h?: number
  reasoning?: number
  audioInput?: number
  audioOutput?: number
  /** Estimated by the gateway because the vendor reported no usage. */
  estimated?: boolean
}

export type FinishReason = 'stop' | 'length' | 'calls' | 'filter' | 'pause' | 'other'

/** A complete answer. `raw` is the vendor's own finish reason; `stop` is the stop sequence that ended the answer. */
export type Message = {
  id: string
  model: string
  parts: Part[]
  finish: FinishReason
  raw?: string
  stop?: string
  usage?: Usage
}
