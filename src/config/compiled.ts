/**
 * The compiled configuration that the rest of the program uses: checked and normalised, so that requests need no
 * further processing.
 */
import type { TranslationOptions } from '../protocols/deepl/index.ts'
import type { Entry } from '../providers/entry.ts'

export type Strategy = 'random' | 'first' | 'round_robin' | 'hash' | 'least_busy' | 'fastest'
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** A client key. Only its SHA-256 is stored, in `digest`. */
export type KeyRule = {
  /** The caller's name in the log: the configured name, `master`, or `key-` and 6 hex digits of the digest. */
  id: string
  digest: Uint8Array
  /** Model names, `prefix*` or `*`. Absent: every model. */
  scopes?: string[]
}

/** Timeouts in seconds. */
export type Timeouts = { connect: number; firstByte: number; idle: number }

export type CompiledConfig = {
  /** Absolute path of the configuration file. Absent for the built-in default. */
  path?: string
  host: string
  port: number
  logLevel: LogLevel
  /** `auto`: human-readable on a terminal, JSON elsewhere. */
  logFormat: 'auto' | 'json'
  /** Request bodies are written to the log. */
  logPrompts: boolean
  /** Empty: clients need no key. */
  keys: KeyRule[]
  strategy: Strategy
  entries: Entry[]
  /** The global `model_redirect`. The key `all` applies to every chat request. */
  redirect: ReadonlyMap<string, string>
  defaultModel?: string
  timeouts: Timeouts
  /** Seconds between heartbeats on a silent stream. 0 sends none. */
  heartbeat: number
  /** Maximum size of a request body in bytes. */
  maxBody: number
  /**
   * Limits for files that the gateway downloads because a request names them by URL. `allowPrivate`: `true`, or the
   * addresses and ranges that are allowed besides public ones. Sizes in bytes, `timeout` in seconds.
   */
  media: { allowPrivate: boolean | readonly string[]; maxBytes: number; maxFiles: number; timeout: number }
  /** Seconds that open requests get to finish when the process stops. */
  shutdownTimeout: number
  /** Absent: the translation endpoints are not served. */
  translation?: TranslationOptions
  onLoss: 'note' | 'refuse'
  /** Every secret of the file, longest first. A secret is only ever sent to its vendor. */
  secrets: string[]
}
