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
  /** The caller's name in the log: the configured name, `master`, or `key-` and 12 hex digits of the digest. */
  id: string
  digest: Uint8Array
  /** Model names, `prefix*` or `*`. Absent: every model. */
  scopes?: string[]
}

/** Timeouts in seconds. */
export type Timeouts = { connect: number; firstByte: number; idle: number; total: number }

/** The most items of each kind in one request. */
export type MaxItems = Readonly<
  Record<'messages' | 'tools' | 'calls' | 'stop_sequences' | 'inputs' | 'parts' | 'form_fields' | 'media', number>
>

/** Who may reach the gateway, besides the keys. */
export type AccessSettings = {
  /** Host names in lower case, `*.name` for every name below it. Used only without keys. */
  allowedHosts: readonly string[]
  /** Origins as a browser writes them, or `null`. Used only without keys. */
  allowedOrigins: readonly string[]
  /** Addresses and ranges. */
  trustedProxies: readonly string[]
  /** Addresses and ranges. Empty: every address. */
  allowAddresses: readonly string[]
  /** Addresses and ranges. */
  denyAddresses: readonly string[]
}

export type RetrySettings = {
  /** Attempts of one request, the first included. */
  attempts: number
  /** Seconds before the same target is asked again; they double up to `maxBackoff`. */
  backoff: number
  maxBackoff: number
  /** Seconds from the arrival of the request after which no further attempt begins. */
  maxTime: number
  /** The part of an entry's requests that may be repeats at the same target. */
  budget: number
}

export type BreakerSettings = {
  /** False: no breaker ever opens. */
  enabled: boolean
  /** Failures in a row that open it. */
  failureThreshold: number
  /** Seconds until the first try; they double up to ten minutes. */
  recoveryTimeout: number
  /** Requests at once that try whether the vendor has recovered. */
  halfOpenMaxRequests: number
}

/** What happens when vendors fail. */
export type FailureSettings = {
  retry: RetrySettings
  breaker: BreakerSettings
  /** Model → the models that stand in for it, best first. `*` is for all others. */
  fallback: ReadonlyMap<string, readonly string[]>
  /** Whether targets are passed over after a refusal. */
  cools: boolean
  /** Whether limits are learned from refusals and from the vendors' headers. */
  learns: boolean
  /** Whether a second attempt may overtake a silent one. */
  hedges: boolean
  /** Whether answers name the target that served them. */
  exposeTargets: boolean
}

export type CompiledConfig = FailureSettings & {
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
  access: AccessSettings
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
  /** Maximum number of JSON values in a request: see `jsonExcess`. */
  maxValues: number
  maxItems: MaxItems
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
