/** Finds the secrets of a configuration. */
import { placeholders } from '../dialects/legacy.ts'
import type { Config, EntryConfig } from '../schema/schema.ts'

/** Minimum length. Redacting shorter secrets would remove harmless text and protect nothing. */
const minLength = 4

/** Credentials that are identifiers, not secrets. */
const publicCredentials: ReadonlySet<string> = new Set([
  ...['account_id', 'domain', 'location', 'project_id', 'model_id', 'address', 'json_file', 'region'],
  ...['client_email', 'client_id', 'private_key_id', 'token_uri', 'auth_uri', 'type', 'universe_domain'],
])
/** Headers that contain no secret. */
const publicHeaders =
  /^(?:accept|accept-language|content-type|user-agent|http-referer|referer|x-title|(?:anthropic|openai)-(?:version|beta))$/i

/** True for a placeholder of the samples, which is not a secret. */
export const isSamplePlaceholder = (text: string): boolean => /replace-me|^your-/i.test(text.trim())

/** All secrets of the file, longest first, including those of disabled entries. */
export const secretsOf = (config: Config): string[] => {
  const { proxy = {} } = config
  const found = [
    config.api_key,
    ...(config.api_keys ?? []).map(({ api_key: key }) => key),
    ...[proxy.http_proxy, proxy.https_proxy, proxy.socks5_proxy].flatMap(secretsOfUrl),
    ...Object.values(config.services ?? {})
      .flat()
      .flatMap(secretsOfEntry),
  ]
  const secrets = found.flatMap(text => text?.trim() ?? []).filter(text => text.length >= minLength)
  return [...new Set(secrets)]
    .filter(text => !placeholders.has(text.toLowerCase()))
    .sort((first, second) => second.length - first.length)
}

const secretsOfEntry = (entry: EntryConfig): (string | undefined)[] => [
  ...[entry.credentials ?? {}, ...(entry.credential_list ?? [])].flatMap(credentials =>
    Object.entries(credentials).flatMap(secretsOfCredential),
  ),
  ...Object.entries(entry.headers ?? {}).flatMap(secretsOfHeader),
  ...secretsOfUrl(entry.server_url),
  ...secretsOfUrl(entry.proxy || undefined),
]

const secretsOfCredential = ([name, value]: [string, unknown]): string[] =>
  typeof value === 'string' && (!publicCredentials.has(name) || /^\s*\{/.test(value))
    ? [value, ...privateKeyOf(value)]
    : []

/** The private key inside a service account that is written into the file. */
const privateKeyOf = (value: string): string[] => {
  const key = /"private_key"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(value)?.[1]
  return key ? [key.slice(1, -1)] : []
}

/** `Bearer abc`: the whole value, and the part after the scheme. */
const secretsOfHeader = ([name, value]: [string, string]): string[] =>
  publicHeaders.test(name) ? [] : [value, ...(/^\w+\s+(\S+)$/.exec(value.trim())?.slice(1) ?? [])]

const secretQuery = /key|token|secret|sig|auth|password|code/i

/** The password of a URL, both as written and decoded, and query values with a secret name. */
const secretsOfUrl = (url: string | undefined): string[] => {
  if (!url) return []
  const account = /^[a-z\d+.-]+:\/\/[^/?#]*?:([^/?#]*)@/i.exec(url.includes('://') ? url : `socks5://${url}`)
  const query = new URLSearchParams(/\?([^#]*)/.exec(url)?.[1] ?? '')
  const querySecrets = [...query].flatMap(([name, value]) => (secretQuery.test(name) ? [value] : []))
  return account?.[1] ? [account[1], tryDecode(account[1]), ...querySecrets] : querySecrets
}

const tryDecode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
