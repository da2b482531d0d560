/**
 * The neutral form of a conversation: the union of the protocols, nobody's wire. Read this page first.
 * Absent stays absent: a field is set only if the client sent it.
 */
import type { Json } from '../base/json/json.ts'

/** The name of a wire format: `openai-chat`, `anthropic` … One that only passes is the path itself: `embeddings`. */
export type ProtocolId = string

/** Opaque state only the protocol `by` can read (signatures, encrypted reasoning, unknown blocks); `at`: the seat (`Exchange.target`) that wrote it. */
export type Seal = { by: ProtocolId; at?: string; value: Json }
/** What any part may carry beside its content. */
export type PartMetadata = { seal?: Seal; cache?: { ttl?: '5m' | '1h' } }

/** Where a claim in a text comes from; `start` and `end` count characters of the text. */
export type Citation = { url?: string; title?: string; quote?: string; start?: number; end?: number; seal?: Seal }
/** A `file` is kept by a vendor of the protocol `by`, and no other can read it. */
export type MediaSource = { data: string } | { url: string } | { file: string; by: ProtocolId }

export type TextPart = { type: 'text'; text: string; citations?: Citation[] } & PartMetadata
export type RefusalPart = { type: 'refusal'; text: string } & PartMetadata
export type ReasoningPart = { type: 'reasoning'; text: string } & PartMetadata
/** `mime` may be a class only (`image/*`) where the wire names no more. `data` is base64. */
export type MediaPart = {
  type: 'media'
  mime: string
  source: MediaSource
  name?: string
  detail?: string
} & PartMetadata
/** `args` is JSON text as the model wrote it and is never parsed on the way; of a `custom` tool it is free text. */
export type ToolCall = { type: 'call'; id: string; name: string; args: string; custom?: boolean } & PartMetadata
export type ToolResult = { type: 'result'; id: string; parts: Part[]; failed?: boolean } & PartMetadata
/** A block only one protocol knows. */
export type ForeignPart = { type: 'foreign'; seal: Seal }
export type Part = TextPart | RefusalPart | ReasoningPart | MediaPart | ToolCall | ToolResult | ForeignPart

export type Turn = { role: 'system' | 'user' | 'assistant'; parts: Part[]; name?: string }

export type Tool = { name: string; description?: string; schema?: Json; strict?: boolean; custom?: Json } & PartMetadata
export type ToolChoice = 'auto' | 'none' | 'any' | { name: string }
export type Effort = 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh'
/** Without a `schema` it is just JSON. */
export type ResponseFormat = { name?: string; schema?: Json; strict?: boolean; description?: string }

export type Chat = {
  model: string
  stream: boolean
  turns: Turn[]
  tools?: Tool[]
  /** Tools only one protocol knows: the vendor's own search, code execution … */
  nativeTools?: Seal[]
  choice?: ToolChoice
  /** May the model call several tools at once. */
  parallel?: boolean
  /** Most tokens of the answer. */
  limit?: number
  temperature?: number
  topP?: number
  topK?: number
  seed?: number
  stop?: string[]
  /** `budget` in tokens; `on`: shall it think, however hard; `shown`: does the client want to see the thoughts (it asks for none). */
  reasoning?: { effort?: Effort; budget?: number; on?: boolean; shown?: boolean }
  format?: ResponseFormat
  user?: string
  /** Top-level fields only the client's protocol knows. */
  extra?: Seal
}

/** `input` includes cached tokens, `output` includes reasoning; the others are parts of them. */
export type Usage = {
  input: number
  output: number
  cacheRead?: number
  cacheWrite?: number
  /** The part of `cacheWrite` that is kept for an hour. */
  cacheWrite1h?: number
  reasoning?: number
  audioInput?: number
  audioOutput?: number
  /** Counted by us because the vendor did not say. */
  estimated?: boolean
}

export type FinishReason = 'stop' | 'length' | 'calls' | 'filter' | 'pause' | 'other'

/** A whole answer. `raw` is the vendor's own word for the finish; `stop` the sequence that ended it. */
export type Message = {
  id: string
  model: string
  parts: Part[]
  finish: FinishReason
  raw?: string
  stop?: string
  usage?: Usage
}
