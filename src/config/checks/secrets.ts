/** Finds the secrets of a configuration. */
import { secretsOfUrl } from '../../base/secrets/url-secrets.ts'
import { placeholders } from '../dialects/legacy.ts'
import type { Config, EntryConfig } from '../schema/schema.ts'

/**
 * Minimum length. Redacting shorter secrets would remove harmless text and protect nothing. `createRedact` only looks
 * for whole words where a secret is longer and could still be one.
 */
const minLength = 4

/** Credentials that are identifiers, not secrets. */
const publicCredentials: ReadonlySet<string> = new Set([
  ...['account_id', 'domain', 'location', 'project_id', 'model_id', 'address', 'json_file', 'region'],
  ...['client_email', 'client_id', 'private_key_id', 'token_uri', 'auth_uri', 'type', 'universe_domain'],
])
/** Headers that contain no secret. */
const publicHeaders =
  /^(?:accept|accept-language|content-type|user-agent|http-referer|referer|x-title|(?:anthropic|openai)-(?:version|beta))$/i

/**
 * Passwords that are also words of errors and logs. They protect nothing, and redacting them would make the texts
 * unreadable.
 */
const commonWords: ReadonlySet<string> = new Set(
  [
    'access admin anonymous api-key api_key apikey authorization bearer changeme credential credentials default',
    'error false foobar guest invalid key local localhost message model openai anthropic gemini claude password proxy',
    'request response root secret service sk-xxx socks5 true undefined unknown user username value your-api-key',
  ].flatMap(line => line.split(' ')),
)

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
    .filter(text => !placeholders.has(text.toLowerCase()) && !commonWords.has(text.toLowerCase()))
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
    ? [value, ...secretsOfKeyFile(value)]
    : []

/** The secrets inside a key file that is written into the configuration. */
const secretsOfKeyFile = (value: string): string[] =>
  [...value.matchAll(/"(?:private_key|client_secret|refresh_token)"\s*:\s*"((?:[^"\\]|\\.)*)"/g)].flatMap(
    ([, secret]) => secret ?? [],
  )

/** `Bearer abc`: the whole value, and the part after the scheme. */
const secretsOfHeader = ([name, value]: [string, string]): string[] =>
  publicHeaders.test(name) ? [] : [value, ...(/^\w+\s+(\S+)$/.exec(value.trim())?.slice(1) ?? [])]
