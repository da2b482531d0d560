/**
 * The interfaces of a wire format. Two verbs: `parse*` reads the wire format, `render*` writes it. Two halves: Ingress
 * (clients use it to call the gateway) and Egress (the gateway uses it to call a vendor). Every protocol folder with
 * both halves has the files wire, request, message, stream, error, passthrough, normalize and index.
 */
import type { GatewayError } from '../base/errors.ts'
import type { Failure, FailureReason } from '../base/failure-reasons.ts'
import type { Json, JsonObject } from '../base/json/json.ts'
import type { Chat, MediaPart, Message, ProtocolId, Usage } from '../ir/chat.ts'
import type { Event } from '../ir/event.ts'
import type { SealMemory } from '../ir/seal.ts'
import type { DeltaTraits, TextDelta } from './shared/frame-template/pattern.ts'
import type { AnswerCount, RequestReader } from './shared/request-reader.ts'

/**
 * One unit of a stream on the wire: an SSE message. `data` excludes the `data:` prefix; several lines are joined by
 * line feeds.
 */
export type Frame = { event?: string; data: string }

/**
 * One stage of a stream: takes the function that receives its output, and returns the function that accepts its input.
 * An input of `undefined` marks the end of the stream. Stages are synchronous.
 */
export type Stage<I, O> = (emit: (output: O) => void) => (input: I | undefined) => void

/**
 * Records what a translation could not carry, or what a vendor's quirk required: `loss('logit_bias', 'groq refuses
 * it')`.
 */
export type NoteLoss = (path: string, reason: string) => void

/** The context of one exchange (one request and its answer); created once per attempt. */
export type Exchange = {
  /** Id for answers that have none: `chatcmpl-…`. */
  id: string
  /** Unix seconds. */
  created: number
  /** The model as the client named it; every answer carries this name. */
  model: string
  /**
   * The origin of seals written in this exchange: `<vendor>.<target>` as two digests. `Seal.at` holds the same value
   * (see ir/seal.ts).
   */
  sealOrigin: string
  /** Remembers what tool calls need between the turns of the caller's conversations. */
  seals?: SealMemory
  /** The client's request, for answers that repeat parts of it. */
  clientRequest?: JsonObject
  /** Whether the client asked for usage in the stream. */
  usageRequested: boolean
  /** The vendor is asked for usage in the stream; false where it refuses the question, absent where nothing is known. */
  requestUsage?: boolean
  loss: NoteLoss
  /**
   * Name of the tool that stands for structured output: its call is rendered as text. Set when the request is rendered.
   */
  structuredOutputTool?: string
  /**
   * Names of the free-text tools, where the vendor's protocol has objects only: they are called with `{ input }`. Set
   * when the request is rendered, needed to decode its response.
   */
  freeTextTools?: ReadonlySet<string>
  /** The vendor's own corrections of a frame or body of this protocol; applied before the protocol's normalization. */
  patchResponse?: (body: JsonObject) => void
  /** Removes every secret, of the configuration and of run time, from a vendor's text that is not content. */
  redact: (text: string) => string
  /** What the vendor's own error codes mean: see `Wire.failureCodes`. */
  failureCodes?: Readonly<Record<string, FailureReason | Failure>> | undefined
}

/** What has been seen of a streamed answer so far. */
export type StreamState = {
  /** A frame with content has been sent. From then on no other attempt is made. */
  content: boolean
  /** The vendor has ended its answer. Nothing more is awaited, even if the body has not ended. */
  finished?: boolean
  /** The answer ended with a plain stop and held nothing: no text, no reasoning, no call. */
  isEmpty?: boolean
  usage?: Usage
  /** An error the vendor reported inside the stream. */
  fault?: GatewayError
  /** The vendor's model name, for the log. */
  model?: string
}

/**
 * A streamed answer on its way to the client: complete frames in, client text out ('' for nothing). The same interface
 * serves passthrough (frames as received, normalized where the vendor broke the protocol) and translation.
 */
export interface StreamPipe {
  readonly state: StreamState
  /**
   * Takes one complete frame of the vendor and returns the text for the client. The caller stops once `state.fault` is
   * set.
   */
  push(frame: Frame): string
  /**
   * Returns text held back, such as a finish that waits for what may follow. Called when the vendor has been silent for
   * a moment.
   */
  flush(): string
  /**
   * For speed only; a pipe without it gets every frame. The text delta of the frame pushed last, if the frame held one
   * text delta and nothing else. A frame that differs from it only in the delta may then bypass `push` and is sent in
   * the same form: `shared/frame-template/`.
   */
  lastDelta?(): TextDelta | undefined
  /**
   * The vendor's body has ended. Returns the proper end of the client's protocol, or sets `state.fault` if the body was
   * cut off.
   */
  end(): string
  /** Renders an error inside the stream, after the text already sent. */
  fail(error: GatewayError): string
}

/** `isEmpty`: the answer ended with a plain stop and holds nothing. */
export type PassedMessage = { text: string; usage?: Usage; model?: string; isEmpty?: boolean }

/** Passthrough for one client protocol: what must be read or changed without rebuilding the body. */
export interface Passthrough {
  /** Reads the fields the gateway needs. The caller has checked that `body` is an object. */
  readRequest(body: JsonObject): { model?: string; stream: boolean; usageRequested: boolean }
  /**
   * `text` is the request as received. Returns it with the model replaced, and with usage requested if `requestUsage`.
   */
  writeRequest(text: string, body: JsonObject, change: { model: string; requestUsage: boolean }): string
  /** A pipe that passes a stream of this protocol through. */
  pipeStream(exchange: Exchange): StreamPipe
  /**
   * Passes a complete answer of this protocol through: normalized, with the client's model name.
   * @throws GatewayError if the body is an error or not an answer
   */
  passMessage(text: string, exchange: Exchange): PassedMessage
}

/**
 * What a protocol is for. `chat`: conversations, translated through the IR. `unary`: one request and one answer,
 * translated within one task (embeddings, reranking). `count`: counts the tokens of a chat. `passthrough`: passed to
 * vendors with the same protocol, never translated.
 */
type ProtocolKind = 'chat' | 'unary' | 'count' | 'passthrough'

/** What every protocol of a client has, whatever its kind. */
export interface ClientHalf {
  readonly kind: ProtocolKind
  readonly id: ProtocolId
  /**
   * Checks the shape of a request. Unknown fields are allowed.
   * @throws GatewayError `invalid_request` naming the path
   */
  checkRequest(body: JsonObject): void
  renderError(error: GatewayError): Json
  /** An error as text on the wire, for a client that already has status 200 but no part of an answer. */
  renderStreamError(error: GatewayError): string
  /** The keep-alive text for a silent stream, if it is not an SSE comment; '' if the protocol has none. */
  heartbeat?: string
  /** Content type of a stream, if it is not server-sent events. */
  streamType?: string
  /** Prefix of the ids of its answers: `chatcmpl-`. */
  idPrefix: string
  /** The top-level fields that a key limited to some models may send. Absent: all but those known to reach further. */
  scopedFields?: ReadonlySet<string>
  /** What limits and routing ask about a request. */
  reader: RequestReader
  passthrough: Passthrough
  /** A header, besides `x-request-id`, in which clients of this protocol look for the id of their request. */
  requestIdHeader?: string
  /** An answer may be plain text, such as a transcript. */
  answersPlainText?: boolean
  /** A form (`application/x-www-form-urlencoded`) is accepted as a body. A repeated field becomes a list. */
  acceptsForms?: boolean
}

/** How a vendor is asked for usage in a stream, in protocols whose vendors do not report it unasked. */
export type UsageOption = {
  /** The changes to top-level members after which a request no longer asks. */
  readonly removal: Readonly<JsonObject>
  /** Whether an error mentions the option: without it the same request may succeed. */
  isMentioned(refusal: GatewayError): boolean
  /** Whether an error says that the vendor does not know the option. An error that only repeats the request does not. */
  isUnsupported(refusal: GatewayError): boolean
}

/** What every protocol that calls a vendor has, whatever its kind. */
export interface VendorHalf {
  readonly kind: ProtocolKind
  readonly id: ProtocolId
  /** `text` is at most 64 KiB of the vendor's body, of any form: JSON, an SSE line, HTML, empty. */
  parseError(
    status: number,
    headers: Headers,
    text: string,
    exchange: Pick<Exchange, 'redact' | 'failureCodes'>,
  ): GatewayError
  /** Headers of a client that vendors of this protocol understand. */
  requestHeaders?: readonly string[]
  /** Headers of a vendor's response that tell a client something; `x-ratelimit-*` stands for all that begin so. */
  responseHeaders?: readonly string[]
  /** Absent if vendors of this protocol report the usage of a stream unasked, or never. */
  usageOption?: UsageOption
}

/** A wire format of chats as used by a client to call the gateway. */
export interface Ingress extends ClientHalf {
  readonly kind: 'chat'
  parseRequest(body: JsonObject, loss: NoteLoss): Chat
  renderMessage(message: Message, exchange: Exchange): Json
  renderStream(exchange: Exchange): Stage<Event, Frame>
  /** One frame as text on the wire, blank line included. */
  renderFrame(frame: Frame): string
  /** For speed only: set if two deltas of one text are rendered in frames that differ in nothing else. */
  deltaTraits?: DeltaTraits | undefined
  /** Fields that an answer of this protocol cannot express. */
  omittedFields?: readonly ('stop' | 'cacheWrite')[]
  /**
   * Whether the text of a request may name media by URL, which costs less to find out than parsing it. Absent: it always
   * may.
   */
  mayNameUrls?(text: string): boolean
  /** Set if one request may be a batch (a list of prompts). */
  batch?: Batch
  /** The field of a request that holds its conversation or its text; errors and losses name it. */
  turnsField: string
  /** How many answers a request asks for. Absent if a request of this protocol cannot ask for several. */
  answerCount?(body: JsonObject): AnswerCount | undefined
}

/**
 * The requests that a batch is split into. A body is made only when its turn comes, and shares with the batch every
 * field but its texts, so a large batch is not copied once for each part.
 */
export type BatchParts = { count: number; bodyAt(index: number): JsonObject }

/** Splits a request that holds several, for targets that take one at a time. */
export type Batch = {
  /** The requests of at most `maxTexts` texts each; undefined if there is only one. */
  split(body: JsonObject, maxTexts: number): BatchParts | undefined
  /** Combines the answers into one, in order. */
  join(answers: JsonObject[]): JsonObject
  /** The answer to a part that needs no upstream call. */
  precomputed?(body: JsonObject): JsonObject | undefined
  /** `concurrency`: maximum parts in flight. `retry`: further attempts for a part whose failure may be temporary. */
  concurrency?: number
  retry?: number
  /** The combined answer as frames of a stream. */
  frames(answer: JsonObject, usageRequested: boolean): Frame[]
}

/** A wire format of chats as used by the gateway to call a vendor. */
export interface Egress extends VendorHalf {
  readonly kind: 'chat'
  renderRequest(chat: Chat, exchange: Exchange): JsonObject
  parseMessage(body: Json, exchange: Exchange): Message
  parseStream(exchange: Exchange): Stage<Frame, Event>
  /** For speed only; absent means that the text of deltas is gathered. */
  deltaTraits?: DeltaTraits | undefined
  /** Whether the media may be sent as a URL. If not, the gateway downloads it first. */
  acceptsUrl(media: MediaPart): boolean
  /**
   * Headers that a request in this protocol needs (`anthropic-version`). `client` holds the client's own headers if it
   * uses the same protocol; copy only known ones.
   */
  headers?(client: Headers | undefined): Record<string, string>
  /** The protocol with whose vendors this one shares a file store (`MediaPart.source.by`), if it has none of its own. */
  fileStore?: ProtocolId
  /** For vendors that refuse tool calls without the reasoning before them (`Wire.requiresReasoning`). */
  callReasoning?: CallReasoning
}

/** Restores the reasoning before tool calls, which clients drop. */
export type CallReasoning = {
  /** Whether the text of a request may contain tool calls. */
  mayHaveCalls(text: string): boolean
  /** Adds to each call without reasoning what is remembered of it. Changes `body`. */
  restore(body: JsonObject, memory: SealMemory | undefined): void
}

/** A protocol that is only passed through (images, audio …): passthrough and errors, no translation. */
export interface PassthroughProtocol extends ClientHalf, VendorHalf {
  readonly kind: 'passthrough'
}

export type Protocol = Ingress & Egress
