/** One configured service in normalised form. Providers, routing and limits work with this type. */
import { type ModelKind, modelKindOf } from '../catalog/model-kinds.ts'

/** The limits of an entry or a credential. All given numbers apply at the same time. */
export type Limit = {
  /** Requests per second. Fractions are allowed: 0.5 is one request every two seconds. */
  qps?: number
  /** Requests per minute. `qpm` and `rpm` limit the same thing. If both are given, both apply. */
  qpm?: number
  rpm?: number
  /** Requests in 24 hours. */
  rpd?: number
  /** Tokens per minute. */
  tpm?: number
  /** Requests in an hour. */
  rph?: number
  /** Tokens in a day, as `rpd` counts days. */
  tpd?: number
  /** Requests and tokens in a month. */
  rpm_month?: number
  tokens_month?: number
  /** Tokens in total, never renewed. */
  once?: number
  /** When the limits of a day and a month renew: `sliding`, or `00:00 America/Los_Angeles`. */
  reset?: string
  /** The name of the counters, shared with every limit of that name. */
  pool?: string
  /** Maximum number of concurrent requests. */
  concurrency?: number
  /** Maximum time in seconds that a request waits in the queue. */
  timeout?: number
  /** Who has a counter of its own: the entry, each of its credentials, or each of its models. */
  scope?: 'entry' | 'credential' | 'model'
}

export type Credential = {
  /** Position in `credential_list`. 0 for a single `credentials`. */
  index: number
  /** The string values of the configured object: `api_key`, `secret_key`, … */
  values: Record<string, string>
  /** The first 8 hex digits of a digest of `values`. It identifies the credential without revealing it. */
  digest: string
  limit?: Limit
}

export type Entry = {
  /** Unique over all services: the configured `id`, or `<type>-<n>` with n counted from 1. */
  id: string
  /** The service type. It names a provider. */
  type: string
  models: string[]
  embeddingModels: string[]
  /** Alias → model, one hop. */
  redirect: ReadonlyMap<string, string>
  /** Model → the vendor's model, one hop, applied after `redirect`. */
  map: ReadonlyMap<string, string>
  /** At least one. An entry without credentials has one credential with empty `values`. */
  credentials: Credential[]
  /** Absolute URL without a trailing slash. Absent if not configured. */
  serverUrl?: string
  /** Protocols and paths that the host supports beyond the provider's first protocol: `["anthropic"]`. */
  supportedProtocols?: string[]
  weight: number
  priority: number
  /** Headers added to every request of this entry. */
  headers: Record<string, string>
  /** Top-level fields that replace those of the client. */
  params: Record<string, unknown>
  /**
   * The proxy of this entry as an absolute URL. `false` means no proxy, not even the environment's. Absent means the
   * environment's proxy.
   */
  proxy?: string | false
  /** Seconds until the first byte of a stream, or until the end of a response that is not streamed. */
  timeout?: number
  limit: Limit
  embeddingLimit: Limit
}

/** What a request can be sent to: an entry × a credential × a model of the vendor. */
export type Target = {
  /** `<entry id>/<credential digest>/<model>`. It stays the same across reloads. */
  id: string
  entry: Entry
  credential: Credential
  /** The vendor's name of the model. */
  model: string
}

/** True if a credential of the entry has one of these values. Providers use this to choose a variant. */
export const hasCredential = ({ credentials }: Pick<Entry, 'credentials'>, ...names: string[]): boolean =>
  credentials.some(({ values }) => names.some(name => values[name] !== undefined))

/**
 * True if all models that an entry names are of these kinds. Models under `embedding_models` are embedding models,
 * whatever their name.
 */
export const servesOnlyKinds = (
  { models, embeddingModels, redirect, map }: Entry,
  kinds: readonly ModelKind[],
): boolean => {
  const names = [...models, ...redirect.keys()]
    .map(name => redirect.get(name) ?? name)
    .map(name => map.get(name) ?? name)
  return embeddingModels.length + names.length > 0 && names.every(name => kinds.includes(modelKindOf(name)))
}
