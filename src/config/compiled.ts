/** The configuration as the rest of the house reads it: checked, normalised, nothing left to work out per request. */
import type { TranslationOptions } from '../protocols/deepl/index.ts'
import type { Entry } from '../providers/entry.ts'

export type Strategy = 'random' | 'first' | 'round_robin' | 'hash' | 'least_busy' | 'fastest'
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** A client key. The key itself is not kept: `digest` is its SHA-256. */
export type KeyRule = {
  /** Names the caller in the log: the configured name, `master`, or `key-` and 6 hex digits of the digest. */
  id: string
  digest: Uint8Array
  /** Model names, `prefix*` or `*`; absent: every model. */
  scopes?: string[]
}

/** Seconds. */
export type Timeouts = { connect: number; firstByte: number; idle: number }

export type CompiledConfig = {
  /** The file it came from, absolute; absent for the built-in default. */
  path?: string
  host: string
  port: number
  logLevel: LogLevel
  /** `auto`: pretty on a terminal, JSON elsewhere. */
  logFormat: 'auto' | 'json'
  /** The request's body goes into the log. */
  logPrompts: boolean
  /** Empty: no key is needed. */
  keys: KeyRule[]
  strategy: Strategy
  entries: Entry[]
  /** The global model_redirect; the key `all` stands for every chat request. */
  redirect: ReadonlyMap<string, string>
  defaultModel?: string
  timeouts: Timeouts
  /** Seconds between signs of life on a silent stream; 0: none. */
  heartbeat: number
  /** Bytes. */
  maxBody: number
  /** What may be fetched for a client that names files by URL. `allowPrivate`: `true`, or what is allowed beside public addresses. Bytes, seconds. */
  media: { allowPrivate: boolean | readonly string[]; maxBytes: number; maxFiles: number; timeout: number }
  /** Seconds a stopping process gives its open requests. */
  shutdownTimeout: number
  /** Undefined: the translation addresses are not served. */
  translation?: TranslationOptions
  onLoss: 'note' | 'refuse'
  /** Every secret of the file, longest first: none may leave the process but to its vendor. */
  secrets: string[]
}
