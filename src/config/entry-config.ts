/** One element of `services.<type>[]` → an Entry, without a decision about its proxy. Blanks around names are nothing. */
import type { Credential, Entry, Limit } from '../providers/entry.ts'
import type { Provider } from '../providers/provider.ts'
import { parseServerUrl } from './address.ts'
import type { CredentialsConfig, EntryConfig, LimitConfig } from './schema/schema.ts'

/** @param defaults the provider, for the models of an entry that names none. */
export const toEntry = (written: EntryConfig, id: string, type: string, defaults: Provider): Entry => {
  const models = namesOf(written.models)
  const embeddingModels = namesOf(written.embedding_models)
  const isBare = models.length === 0 && embeddingModels.length === 0
  const serverUrl = written.server_url?.trim() ? parseServerUrl(written.server_url.trim()) : undefined
  return {
    id,
    type,
    models: models.length > 0 ? models : [...(defaults.models ?? [])],
    embeddingModels: isBare ? [...(defaults.embeddingModels ?? [])] : embeddingModels,
    redirect: toMap(written.model_redirect),
    map: toMap(written.model_map),
    credentials: toCredentials(written),
    ...(serverUrl !== undefined && { serverUrl }),
    ...(written.speaks && { supportedProtocols: namesOf(written.speaks.map(pathIn)) }),
    weight: written.weight ?? 1,
    priority: written.priority ?? 0,
    headers: { ...written.headers },
    params: { ...written.params },
    ...(written.timeout && { timeout: written.timeout }),
    limit: toLimit(written.limit, 'entry'),
    embeddingLimit: toLimit(written.embedding_limit, 'model'),
  }
}

export const namesOf = (names: readonly string[] = []): string[] =>
  [...new Set(names.map(name => name.trim()))].filter(name => name !== '')

/** A path as it is written → what follows `/v1/`. */
export const pathIn = (written: string): string =>
  written
    .trim()
    .replace(/^\/+(?:v1\/)?|^v1\//, '')
    .replace(/\/+$/, '')

/** A Map: no name a file can write reaches a prototype. */
export const toMap = (table: Readonly<Record<string, string>> = {}): Map<string, string> =>
  new Map(Object.entries(table).map(([from, to]) => [from.trim(), to.trim()]))

const toCredentials = ({ credentials, credential_list: list = [] }: EntryConfig): Credential[] =>
  (list.length > 0 ? list : [credentials ?? {}]).map(toCredential)

const toCredential = (written: CredentialsConfig, index: number): Credential => {
  const values: Record<string, string> = {}
  for (const [name, value] of Object.entries(written))
    if (typeof value === 'string' && value.trim() !== '') values[name] = value.trim()
  return {
    index,
    values,
    digest: digestOf(values),
    ...(written.limit && { limit: toLimit(written.limit, 'credential') }),
  }
}

/** The order of the names is nothing. */
const digestOf = (values: Record<string, string>): string => {
  const canonical = JSON.stringify(Object.entries(values).sort(([one], [other]) => (one < other ? -1 : 1)))
  return new Bun.CryptoHasher('sha256').update(canonical).digest('hex').slice(0, 8)
}

/** 0 is no limit. A timeout nobody wrote is left open: another limit may have one. */
const toLimit = (written: LimitConfig = {}, scope: Limit['scope']): Limit => {
  const limit: Limit = { scope: written.scope ?? scope! }
  if (written.timeout) limit.timeout = written.timeout
  if (written.qps) limit.qps = written.qps
  for (const name of wholeLimits) {
    const value = figureOf(name, written[name] ?? 0)
    if (value > 0) limit[name] = value
  }
  return limit
}

export const wholeLimits = ['qpm', 'rpm', 'rpd', 'tpm', 'concurrency'] as const

/** A figure cut to whole things. Below one, requests over time are one in a longer time; of anything else it is one. */
export const figureOf = (name: (typeof wholeLimits)[number], written: number): number => {
  if (written === 0 || written >= 1) return Math.floor(written)
  return name === 'tpm' || name === 'concurrency' ? 1 : written
}
