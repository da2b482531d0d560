/**
 * Converts an element of `services.<type>[]` into an Entry, except for its proxy. Whitespace around names is ignored.
 */
import type { Credential, Entry, Limit } from '../providers/entry.ts'
import type { Provider } from '../providers/provider.ts'
import { normalizeServerUrl } from './address.ts'
import type { CredentialsConfig, EntryConfig, LimitConfig } from './schema/schema.ts'

/** @param defaults the provider, whose models are used for an entry that names none */
export const toEntry = (config: EntryConfig, id: string, type: string, defaults: Provider): Entry => {
  const models = distinctNames(config.models)
  const embeddingModels = distinctNames(config.embedding_models)
  const hasNoModels = models.length === 0 && embeddingModels.length === 0
  const serverUrl = config.server_url?.trim() ? normalizeServerUrl(config.server_url.trim()) : undefined
  return {
    id,
    type,
    models: models.length > 0 ? models : [...(defaults.models ?? [])],
    embeddingModels: hasNoModels ? [...(defaults.embeddingModels ?? [])] : embeddingModels,
    redirect: toMap(config.model_redirect),
    map: toMap(config.model_map),
    credentials: toCredentials(config),
    ...(serverUrl !== undefined && { serverUrl }),
    ...(config.speaks && { supportedProtocols: distinctNames(config.speaks.map(pathBelowV1)) }),
    weight: config.weight ?? 1,
    priority: config.priority ?? 0,
    headers: { ...config.headers },
    params: { ...config.params },
    ...(config.timeout && { timeout: config.timeout }),
    limit: toLimit(config.limit, 'entry'),
    embeddingLimit: toLimit(config.embedding_limit, 'model'),
  }
}

/** Trimmed names without empty ones and duplicates. */
const distinctNames = (names: readonly string[] = []): string[] =>
  [...new Set(names.map(name => name.trim()))].filter(name => name !== '')

/** A configured path → what follows `/v1/`. */
export const pathBelowV1 = (path: string): string =>
  path
    .trim()
    .replace(/^\/+(?:v1\/)?|^v1\//, '')
    .replace(/\/+$/, '')

/** A Map, so that no configured name can reach a prototype. */
export const toMap = (table: Readonly<Record<string, string>> = {}): Map<string, string> =>
  new Map(Object.entries(table).map(([from, to]) => [from.trim(), to.trim()]))

const toCredentials = ({ credentials, credential_list: list = [] }: EntryConfig): Credential[] =>
  (list.length > 0 ? list : [credentials ?? {}]).map(toCredential)

const toCredential = (config: CredentialsConfig, index: number): Credential => {
  const values: Record<string, string> = {}
  for (const [name, value] of Object.entries(config))
    if (typeof value === 'string' && value.trim() !== '') values[name] = value.trim()
  return {
    index,
    values,
    digest: digestOf(values),
    ...(config.limit && { limit: toLimit(config.limit, 'credential') }),
  }
}

/** The order of the names does not change the digest. */
const digestOf = (values: Record<string, string>): string => {
  const canonical = JSON.stringify(Object.entries(values).sort(([one], [other]) => (one < other ? -1 : 1)))
  return new Bun.CryptoHasher('sha256').update(canonical).digest('hex').slice(0, 8)
}

/** 0 means no limit. An unset timeout stays unset, because another limit may define it. */
const toLimit = (config: LimitConfig = {}, scope: Limit['scope']): Limit => {
  const limit: Limit = { scope: config.scope ?? scope! }
  if (config.timeout) limit.timeout = config.timeout
  if (config.qps) limit.qps = config.qps
  if (config.reset) limit.reset = config.reset
  if (config.pool) limit.pool = config.pool
  for (const name of integerLimits) {
    const value = roundLimit(name, config[name] ?? 0)
    if (value > 0) limit[name] = value
  }
  return limit
}

export const integerLimits = [
  'qpm',
  'rpm',
  'rph',
  'rpd',
  'tpm',
  'tpd',
  'rpm_month',
  'tokens_month',
  'once',
  'concurrency',
] as const

/** Limits that are counted in whole numbers only. */
const wholeLimits: ReadonlySet<string> = new Set(['tpm', 'tpd', 'tokens_month', 'once', 'concurrency'])

/** Rounds a limit down to a whole number. Rates below 1 stay fractions; other limits below 1 become 1. */
export const roundLimit = (name: (typeof integerLimits)[number], value: number): number => {
  if (value === 0 || value >= 1) return Math.floor(value)
  return wholeLimits.has(name) ? 1 : value
}
