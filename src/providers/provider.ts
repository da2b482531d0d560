/** What a vendor is: a place, a way to sign, the protocols it speaks. A new one is one small file of data. */

import type { JsonObject } from '../base/json/json.ts'
import type { ProtocolId } from '../ir/chat.ts'
import type { NoteLoss } from '../protocols/protocol.ts'
import type { Entry, Target } from './entry.ts'

/** One HTTP request on its way to a vendor. `sign` may change the url and the headers; `body` is what will be sent, if it is text; without a `method` it is a POST. */
export type UpstreamRequest = { url: string; headers: Headers; body: string | undefined; method?: string }
export type Sign = (request: UpstreamRequest, target: Target, fetchToken?: TokenFetch) => void | Promise<void>
/** A request a signature needs (a token), by the target's own way: its proxy, no redirects. Absent: straight. */
export type TokenFetch = (target: Target, url: string, options: RequestInit) => Promise<Response>

/** Data, or how to work it out from the target and from what is asked of it. */
export type PerTarget<T> = T | ((target: Target, options: PathOptions) => T)
/** What an address may hang on. */
export type PathOptions = { stream: boolean }

/** Where the protocols live and how they are spoken; a variant overrides what it names. */
export type Wire = {
  /**
   * Absolute, no trailing slash; `server_url` replaces it. One that is worked out from the target reads `server_url` itself, and may
   * end in a query that every address then ends in.
   */
  base: PerTarget<string>
  /** Protocol, or path that only passes → address below `base`. Best first. */
  paths: Record<ProtocolId, PerTarget<string>>
  sign: Sign
  /**
   * What the vendor wants otherwise than the protocol says, on the body as it will be sent. Without one the bytes pass.
   * `client`: the headers of a client that speaks this protocol, for what the vendor wants in the body instead.
   */
  patchRequest?: Record<ProtocolId, (body: JsonObject, noteLoss: NoteLoss, target: Target, client?: Headers) => void>
  /**
   * The same where only members at the top differ: what they become, `undefined` where they go. The other bytes pass as the client wrote them.
   */
  patchTopLevel?: Record<
    ProtocolId,
    (body: JsonObject, noteLoss: NoteLoss, target: Target, client?: Headers) => JsonObject
  >
  /** What the body as it will be sent stands in. */
  wrap?: Record<ProtocolId, (text: string) => string>
  /** What the vendor refuses of what a translation says, on the body before `adjust`. A request in the vendor's own words goes as it came. */
  trimTranslated?: Record<ProtocolId, (body: JsonObject, noteLoss: NoteLoss, target: Target) => void>
  /** What the vendor gets wrong beyond what the protocol's own mending knows, on a frame or a whole answer. */
  patchResponse?: Record<ProtocolId, (body: JsonObject) => void>
  /** A message with calls is refused without the thoughts before them: kept for clients that drop them (openai-chat). */
  requiresReasoning?: boolean
  /** Which of `speaks` a model of the vendor is spoken to in, best first; absent or undefined: all of them. */
  protocolsFor?: (model: string) => readonly ProtocolId[] | undefined
  /** Protocols in which the vendor takes media as bytes alone, though they know URLs. */
  requiresInlineMedia?: readonly ProtocolId[]
  /** Texts the vendor takes at once by model, where it documents fewer than the protocol (embeddings). Longer lists go in parts. */
  maxTexts?: Record<ProtocolId, (model: string) => number>
  /** The vendor answers 400 when it is asked for usage in a stream. */
  refusesUsage?: boolean
  /** In place of HTTP (the built-in mock; a vendor that speaks WebSocket). */
  transport?: (request: UpstreamRequest, target: Target, signal: AbortSignal) => Promise<Response>
}

/** A form of the vendor that the entry asks for by what it says. The first whose `when` holds wins. */
export type Variant = { when: (entry: Entry) => boolean } & (
  | (Partial<Wire> & { credentials?: string[] })
  /** Known, but not spoken yet: the entry is skipped with this word on what to write instead. */
  | { unsupported: string }
)

export type Provider = Wire & {
  /** The service type in the config. */
  id: string
  title: string
  /** The vendor's documentation. */
  docs: string
  /** When the facts of the file were last compared with it: `2026-11`. */
  checked?: string
  /** What is put right for the vendor, a clause each, for the reference page; `adjust`, `trim`, `mend` and `refusesUsage` each need a word. */
  quirks?: string[]
  /** Names of credentials an enabled entry must have; `server_url` of one's own may free from them (see `keyless`). */
  credentials: string[]
  /** True: an entry with its own `server_url` needs no credentials. */
  keyless?: boolean
  /** Models of an entry that names none. */
  models?: string[]
  /** Embedding models of an entry that names no models at all. */
  embeddingModels?: string[]
  /**
   * Hosts that are the vendor's own beside that of `base`; `*.x.y` matches below x.y. An `openai` entry that points at one gets this vendor's
   * quirks. `*`: the server is the user's, every host is its own, and none gives it away.
   */
  hosts?: string[]
  variants?: Variant[]
}

/** Gives a provider its type; a file of this folder exports exactly one. */
export const provider = (definition: Provider): Provider => definition
