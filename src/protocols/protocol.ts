/**
 * The seams of a wire format. Two verbs: `parse*` reads the wire, `render*` writes it. Two halves: Ingress (a client speaks it to us)
 * and Egress (we speak it to a vendor). Every protocol folder has the same files: wire request message stream error watch mend index.
 */
import type { GatewayError } from '../base/errors.ts'
import type { Json, JsonObject } from '../base/json/json.ts'
import type { Chat, MediaPart, Message, ProtocolId, Usage } from '../ir/chat.ts'
import type { Event } from '../ir/event.ts'
import type { SealMemory } from '../ir/seal.ts'

/** One unit of a wire stream: an SSE message. `data` is without its `data:` prefix, several lines joined by \n. */
export type Frame = { event?: string; data: string }

/** One stage of a stream: give it a way out, get a way in. `undefined` says the stream has ended. Stages never wait. */
export type Stage<I, O> = (emit: (output: O) => void) => (input: I | undefined) => void

/** Notes what a translation could not carry, or what a vendor's quirk forced: `loss('logit_bias', 'groq refuses it')`. */
export type NoteLoss = (path: string, reason: string) => void

/** What one exchange knows beside the bytes; made once an attempt. */
export type Exchange = {
  /** For answers that come without one: `chatcmpl-…`. */
  id: string
  /** Unix seconds. */
  created: number
  /** The model as the client named it; every answer carries it. */
  model: string
  /** The seat the vendor is spoken to at, `<vendor>.<target>` as two digests: what `Seal.at` names (see ir/seal.ts). */
  sealOrigin: string
  /** Where what calls need is kept between the turns of the caller's conversations. */
  seals?: SealMemory
  /** The client's request, where the answer repeats parts of it. */
  clientRequest?: JsonObject
  /** Did the client ask for usage in the stream. */
  usageRequested: boolean
  loss: NoteLoss
  /** The tool by which the request asked for an answer of a given form: its call is told as the text. Set where the request is rendered. */
  structuredOutputTool?: string
  /** Vendor's own corrections of a frame or body of this protocol, before ours. */
  patchResponse?: (body: JsonObject) => void
  /** Frees a vendor's text from every secret of the configuration. */
  redact: (text: string) => string
}

/** What has been seen so far of an answer on its way through. */
export type StreamState = {
  /** A frame that carries content has passed: from here no other attempt. */
  content: boolean
  /** The vendor has said that was all: nothing is waited for any more, though its body may not have ended. */
  finished?: boolean
  usage?: Usage
  /** The vendor said it failed, in-band. */
  fault?: GatewayError
  /** The vendor's model name, for the log. */
  model?: string
}

/**
 * An answer on its way through: whole frames in, text for the client out ('' for nothing).
 * The same shape serves a pass (frames as they came, mended where the vendor broke the protocol) and a translation.
 */
export interface StreamPipe {
  readonly state: StreamState
  /** One whole frame of the vendor → what the client gets for it. After `seen.fault` is set the caller stops. */
  push(frame: Frame): string
  /** What is held back (a finish waiting for what follows it): due when the vendor has been silent for a moment. */
  flush(): string
  /**
   * What the frame pushed last said, where that was one word and nothing else. A frame that differs from it in nothing but the word may then
   * go a short way, unpushed: out as that one did. Absent where no two frames are alike.
   */
  textDelta?(): string | undefined
  /** Words like that one are kept here: those that went the short way are pushed all the same, later and as one, and what comes of it is dropped. */
  retainsText?(): boolean
  /** What else may differ in it. */
  readonly volatileFields?: VolatileFields | undefined
  /** The vendor's body has ended: the clean end of the client's protocol, or `seen.fault` is set because it was cut. */
  end(): string
  /** The in-band form of an error, after what has been told so far. */
  fail(error: GatewayError): string
}

/** What a pass must see of one client protocol without rebuilding it. */
export interface Passthrough {
  /** The head of a request: the caller has checked that `body` is an object. */
  readRequest(body: JsonObject): { model?: string; stream: boolean; usageRequested: boolean }
  /** `text` is the request as it came; gives it back with the model replaced and usage asked for where `askUsage`. */
  writeRequest(text: string, body: JsonObject, change: { model: string; requestUsage: boolean }): string
  /** A stream of this protocol, passed. */
  pipeStream(exchange: Exchange): StreamPipe
  /** A whole answer of this protocol, passed: strict, with the client's model. Throws GatewayError where the body is a fault or no answer. */
  passMessage(text: string, exchange: Exchange): { text: string; usage?: Usage; model?: string }
}

/** Differs from frame to frame and says nothing: all figures behind a text that stands behind the word, or the one string that this text opens. */
export type VolatileFields = { kind: 'figures' | 'string'; precededBy: string }

/** What becomes of the words of a text on their way: see `Passing.word`. */
export type TextRetention = 'forgotten' | 'gathered'

/** A wire format, seen from a client that speaks it to us. */
export interface Ingress {
  readonly id: ProtocolId
  /** Checks the shape of a request; throws `invalid_request` naming the path. Unknown fields stay. */
  checkRequest(body: JsonObject): void
  parseRequest(body: JsonObject, loss: NoteLoss): Chat
  renderMessage(message: Message, exchange: Exchange): Json
  renderStream(exchange: Exchange): Stage<Event, Frame>
  renderError(error: GatewayError): Json
  /** An error for a client that already has its 200, where no answer has begun: as it stands on the wire. */
  renderStreamError(error: GatewayError): string
  /** One frame of the stream as it stands on the wire, blank line included. */
  renderFrame(frame: Frame): string
  /** The sign of life on a silent stream, where it is not an SSE comment; '' where the protocol has none. */
  heartbeat?: string
  /** Content type of a stream, where it is not server-sent events. */
  streamType?: string
  /** What the ids of its answers begin with: `chatcmpl-`. */
  idPrefix: string
  /** Given where two words of one text are told alike, in frames that differ in nothing else: are they forgotten once told, or gathered. */
  textRetention?: TextRetention | undefined
  /** What an answer of it has no place for. */
  omittedFields?: readonly ('stop' | 'cacheWrite')[]
  passthrough: Passthrough
  /** Where one request may be several (a list of prompts). */
  batch?: Batch
  /** A form (`application/x-www-form-urlencoded`) is taken for a body: a field that is there twice is a list. */
  acceptsForms?: boolean
}

/** A request that is several, for targets that take one at a time. */
export type Batch = {
  /** The requests it is, of at most so many texts each; undefined where it is only one. */
  split(body: JsonObject, maxTexts: number): JsonObject[] | undefined
  /** Their answers as one, in order. */
  join(answers: JsonObject[]): JsonObject
  /** The answer to a part that needs no asking. */
  precomputed?(body: JsonObject): JsonObject | undefined
  /** Parts under way at once, and further tries of one that failed in a way that may pass. */
  concurrency?: number
  retry?: number
  /** The same as a stream. */
  frames(answer: JsonObject, usageRequested: boolean): Frame[]
}

/** A wire format, seen from a vendor we speak it to. */
export interface Egress {
  readonly id: ProtocolId
  renderRequest(chat: Chat, exchange: Exchange): JsonObject
  parseMessage(body: Json, exchange: Exchange): Message
  parseStream(exchange: Exchange): Stage<Frame, Event>
  /** `text` is at most 64 KiB of the vendor's body in whatever shape: JSON, an SSE line, HTML, nothing. */
  parseError(status: number, headers: Headers, text: string, exchange: Pick<Exchange, 'redact'>): GatewayError
  /** Are words forgotten once they are heard; absent: they are gathered. */
  textRetention?: TextRetention | undefined
  /** What differs from frame to frame beside the word. */
  volatileFields?: VolatileFields
  /** May media be sent as a URL; else they are fetched first. */
  acceptsUrl(media: MediaPart): boolean
  /** Headers a request in this protocol needs (`anthropic-version`). `client`: the client's own, where it speaks the same protocol; take only what is known. */
  headers?(client: Headers | undefined): Record<string, string>
}

/** A protocol that only passes (embeddings, images, audio …) has a watch and errors, and nothing to translate. */
export interface PassthroughProtocol {
  readonly id: ProtocolId
  acceptsForms?: boolean
  checkRequest(body: JsonObject): void
  renderError(error: GatewayError): Json
  renderStreamError(error: GatewayError): string
  heartbeat?: string
  streamType?: string
  idPrefix: string
  parseError: Egress['parseError']
  passthrough: Passthrough
}

export type Protocol = Ingress & Egress
