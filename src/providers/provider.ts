/**
 * The type of a provider: base URL, signing and supported protocols of a vendor. A new vendor is one small file of
 * data.
 */

import type { Failure, FailureReason } from '../base/failure-reasons.ts'
import type { JsonObject } from '../base/json/json.ts'
import type { SecretSink } from '../base/secrets/runtime-secrets.ts'
import type { ProtocolId } from '../ir/chat.ts'
import type { NoteLoss } from '../protocols/protocol.ts'
import type { Credential, Entry, Target } from './entry.ts'

/**
 * One HTTP request to a vendor. `sign` may change `url` and `headers`. `body` is the text to send, or undefined if the
 * body is not text. Without `method` the request is a POST.
 */
export type UpstreamRequest = { url: string; headers: Headers; body: string | undefined; method?: string }
export type Sign = (request: UpstreamRequest, target: Target, fetchToken: TokenFetch) => Promise<void>
/**
 * Sends a request that signing needs, such as a request for an access token. It uses the target's proxy and follows no
 * redirects.
 */
export type TokenFetch = {
  (target: Target, url: string, options: RequestInit): Promise<Response>
  /** The tokens obtained so far. They outlive a configuration, and each is gone with its credential. */
  readonly tokenCaches: WeakMap<Credential, TokenCache>
  /** Every secret that signing makes or receives is added here, so that it is redacted wherever a vendor repeats it. */
  readonly secrets: SecretSink
}
/** An access token. `expiresAt` is in milliseconds since 1970. */
export type AccessToken = {
  value: string
  expiresAt: number
  project?: string | undefined
  quotaProject?: string | undefined
}
/** Returns the token of one credential: the cached one while it is valid, else the one that `renew` obtains. */
export type TokenCache = (renew: () => Promise<AccessToken>) => Promise<AccessToken>

/** A constant, or a function of the target and the request options. */
type PerTarget<T> = T | ((target: Target, options: PathOptions) => T)
/** Request options that a URL can depend on. */
export type PathOptions = { stream: boolean }

/** Where a vendor's protocols are and how requests and responses are adapted. A variant overrides single members. */
export type Wire = {
  /**
   * Absolute URL without a trailing slash. `server_url` replaces a constant base. A function has to read `server_url`
   * itself. The base may end in a query string, which is then added to every URL.
   */
  base: PerTarget<string>
  /** Protocol or passthrough path → path below `base`. The preferred protocol comes first. */
  paths: Record<ProtocolId, PerTarget<string>>
  sign: Sign
  /**
   * Adapts the final request body where the vendor differs from the protocol. Without this hook the client's bytes are
   * sent unchanged.
   * `client`: the headers of a client that speaks the same protocol, for values that the vendor expects in the body.
   */
  patchRequest?: Record<ProtocolId, (body: JsonObject, noteLoss: NoteLoss, target: Target, client?: Headers) => void>
  /**
   * The same for vendors that differ only in top-level members: returns the new members, `undefined` for one to remove.
   * All other bytes are sent as the client wrote them.
   */
  patchTopLevel?: Record<
    ProtocolId,
    (body: JsonObject, noteLoss: NoteLoss, target: Target, client?: Headers) => JsonObject
  >
  /** Wraps the final request body in an envelope. */
  wrap?: Record<ProtocolId, (text: string) => string>
  /**
   * Removes what the vendor refuses from a translated body, before `patchRequest`. It does not apply to requests that
   * the client sent in the vendor's own protocol.
   */
  trimTranslated?: Record<ProtocolId, (body: JsonObject, noteLoss: NoteLoss, target: Target) => void>
  /**
   * Corrects errors in the vendor's responses beyond the protocol's own normalization. It gets a stream frame or a
   * complete response.
   */
  patchResponse?: Record<ProtocolId, (body: JsonObject) => void>
  /**
   * The vendor refuses a message with tool calls without the reasoning that preceded them. The gateway stores the
   * reasoning for clients that drop it (openai-chat).
   */
  requiresReasoning?: boolean
  /** Which protocols of `paths` a model supports, best first. Absent or undefined means all of them. */
  protocolsFor?: (model: string) => readonly ProtocolId[] | undefined
  /** Protocols in which the vendor accepts media only as bytes, although the protocol allows URLs. */
  requiresInlineMedia?: readonly ProtocolId[]
  /**
   * Maximum number of texts per request for a model, where the vendor documents fewer than the protocol (embeddings).
   * Longer lists are split into batches.
   */
  maxTexts?: Record<ProtocolId, (model: string) => number>
  /**
   * What the vendor's own error codes mean: `{ '1113': 'balance' }`. Only codes that other vendors do not share, or use
   * for something else (protocols/shared/failure/codes). A code without a suffix covers those with one: `Throttling`.
   */
  failureCodes?: Readonly<Record<string, FailureReason | Failure>>
  /** When the vendor's quota of a day renews: `00:00 America/Los_Angeles`. */
  dailyReset?: string
  /** The vendor answers 400 if a stream request asks for usage. */
  refusesUsage?: boolean
  /** Replaces the HTTP request (the built-in mock, or a vendor that uses WebSocket). */
  transport?: (request: UpstreamRequest, target: Target, signal: AbortSignal) => Promise<Response>
}

/** A variant of the vendor's API. The first variant whose `when` is true for the entry is used. */
type Variant = { when: (entry: Entry) => boolean } & (
  | (Partial<Wire> & { credentials?: string[] })
  /** Known but not supported yet. The entry is skipped, and this text says what to configure instead. */
  | { unsupported: string }
)

export type Provider = Wire & {
  /** The service type in the configuration. */
  id: string
  title: string
  /** URL of the vendor's documentation. */
  docs: string
  /** The month in which the facts of the file were last compared with the documentation: `2026-11`. */
  checked?: string
  /**
   * What the gateway corrects for the vendor, one clause each, for the reference page. `patchRequest`, `patchTopLevel`,
   * `trimTranslated`, `patchResponse` and `refusesUsage` each need a clause.
   */
  quirks?: string[]
  /** Names of the credentials that an enabled entry must have. `keyless` can make them optional. */
  credentials: string[]
  /** An entry with its own `server_url` needs no credentials. */
  keyless?: boolean
  /** Models of an entry that names none. */
  models?: string[]
  /** Embedding models of an entry that names no models at all. */
  embeddingModels?: string[]
  /**
   * The vendor's hosts besides the host of `base`. `*.x.y` matches every host below x.y. An `openai` entry that points
   * at one of them gets this vendor's quirks. `*` is for software that users run themselves: every host is its own, and
   * no host identifies it.
   */
  hosts?: string[]
  variants?: Variant[]
}

/** Gives a provider its type. A file in `vendors/` exports exactly one. */
export const provider = (definition: Provider): Provider => definition
