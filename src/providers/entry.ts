/** What the configuration says of one service, normalised: what providers, routing and limits get to see. */
import { type ModelKind, modelKindOf } from '../catalog/model-kinds.ts'

/** All given numbers are in force together. */
export type Limit = {
  /** Requests a second; fractions too: 0.5 is one in two seconds. */
  qps?: number
  /** Requests a minute. `qpm` and `rpm` are the same kind; both hold if both are given. */
  qpm?: number
  rpm?: number
  /** Requests in 24 hours. */
  rpd?: number
  /** Tokens a minute. */
  tpm?: number
  /** Requests at once. */
  concurrency?: number
  /** Seconds a request may wait for its turn. */
  timeout?: number
  /** Whose counter it is: the whole entry's, each credential's, or each model's of the entry. */
  scope?: 'entry' | 'credential' | 'model'
}

export type Credential = {
  /** Position in `credential_list`; 0 for a single `credentials`. */
  index: number
  /** Only the string values of the object: `api_key`, `secret_key`, … */
  values: Record<string, string>
  /** First 8 hex digits of a digest over `values`: names the credential without telling it. */
  digest: string
  limit?: Limit
}

export type Entry = {
  /** Unique over all services: the configured `id`, else `<type>-<n>` with n from 1. */
  id: string
  /** The service type, which names a provider. */
  type: string
  models: string[]
  embeddingModels: string[]
  /** alias → model, one hop. */
  redirect: ReadonlyMap<string, string>
  /** model → the vendor's model, one hop, after `redirect`. */
  map: ReadonlyMap<string, string>
  /** At least one; an entry without credentials has one with empty `values`. */
  credentials: Credential[]
  /** Absolute URL without a trailing slash, if configured. */
  serverUrl?: string
  /** Protocols and paths the host speaks beyond the first: `["anthropic"]`. */
  supportedProtocols?: string[]
  weight: number
  priority: number
  /** Added to every request of this entry. */
  headers: Record<string, string>
  /** Replace the client's top-level fields. */
  params: Record<string, unknown>
  /** The proxy this entry goes through as an absolute URL; `false`: none, not even the environment's; absent: the environment's. */
  proxy?: string | false
  /** Seconds to the first byte (unstreamed: to the answer). */
  timeout?: number
  limit: Limit
  embeddingLimit: Limit
}

/** What a request can be sent to: an entry × a credential × the vendor's model. */
export type Target = {
  /** `<entry id>/<credential digest>/<model>`: survives a reload. */
  id: string
  entry: Entry
  credential: Credential
  /** The vendor's name of the model. */
  model: string
}

/** Has any credential of the entry one of these values: tells a vendor's forms apart. */
export const hasCredential = ({ credentials }: Pick<Entry, 'credentials'>, ...names: string[]): boolean =>
  credentials.some(({ values }) => names.some(name => values[name] !== undefined))

/** Are all models an entry names of these kinds; those under `embedding_models` are for embeddings whatever their name. */
export const servesOnlyKinds = (
  { models, embeddingModels, redirect, map }: Entry,
  kinds: readonly ModelKind[],
): boolean => {
  const names = [...models, ...redirect.keys()]
    .map(name => redirect.get(name) ?? name)
    .map(name => map.get(name) ?? name)
  return embeddingModels.length + names.length > 0 && names.every(name => kinds.includes(modelKindOf(name)))
}
