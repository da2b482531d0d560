/** Authentication by client keys, and the models each key may use. */

import { GatewayError } from '../base/errors.ts'
import type { KeyRule } from '../config/compiled.ts'
import type { Caller } from '../routing/router.ts'

/** The keys of a request, in the order they are tried. */
type PresentedKeys = readonly string[]

export type Auth = {
  /** @throws GatewayError `unauthorized` if keys are configured and none of the presented keys matches */
  authenticate: (presented: PresentedKeys) => Caller
}

/** Maximum bytes of a key. A longer one is ignored. */
const maxKeyBytes = 4096
const keyHeaders = ['x-api-key', 'x-goog-api-key', 'api-key'] as const

/**
 * Returns the keys of a request: first `Authorization: Bearer` (DeepL's clients write `DeepL-Auth-Key`), then the
 * headers of other vendors' clients, then `?key=` of `query` (given without its `?`).
 */
export const presentedKeys = (headers: Headers, query: string): string[] => {
  const keys: string[] = []
  addKey(keys, bearerToken(headers.get('authorization')))
  for (const name of keyHeaders) addKey(keys, headers.get(name))
  if (query.includes('key=')) for (const key of new URLSearchParams(query).getAll('key').slice(0, 4)) addKey(keys, key)
  return keys
}

const addKey = (keys: string[], key: string | null): void => {
  const trimmed = key?.trim() ?? ''
  if (trimmed !== '' && Buffer.byteLength(trimmed) <= maxKeyBytes) keys.push(trimmed)
}

const authSchemes = ['bearer ', 'deepl-auth-key ']

const bearerToken = (header: string | null): string | null => {
  if (header === null) return null
  for (const scheme of authSchemes)
    if (header.slice(0, scheme.length).toLowerCase() === scheme) return header.slice(scheme.length)
  return null
}

/** What a vendor's URL or a list of models could read as more than one name. */
const unclearCharacters = /[\p{C}%?#\\,;|]|[^\S ]|\.\.|^\/|\s$/u

/** Whether what follows a prefix is the rest of one name. A vendor behind a wildcard gets it as it is. */
const isPlainRest = (rest: string): boolean => !unclearCharacters.test(rest)

/** Scopes are exact names, `prefix*` and `*`. Undefined allows every model, an empty list none. */
export const modelFilter = (scopes: readonly string[] | undefined): ((model: string) => boolean) => {
  if (scopes === undefined || scopes.includes('*')) return () => true
  const exact = new Set(scopes.filter(scope => !scope.endsWith('*')))
  const prefixes = scopes.filter(scope => scope.endsWith('*')).map(scope => scope.slice(0, -1))
  return model =>
    exact.has(model) || prefixes.some(prefix => model.startsWith(prefix) && isPlainRest(model.slice(prefix.length)))
}

const createCaller = (id: string, owner: string, scopes?: readonly string[]): Caller => ({
  id,
  owner,
  canUse: modelFilter(scopes),
  ...(scopes === undefined ? {} : { scopes }),
})

/** 128 bits: no caller can find a key that shares the state of another. */
const ownerOf = (digest: Uint8Array): string => Buffer.from(digest).toString('hex').slice(0, 32)

type KnownKey = { digest: Uint8Array; caller: Caller }

/** A key that is configured twice (as `api_key` and in `api_keys`) may do what either configuration allows. */
const knownKeys = (rules: readonly KeyRule[]): KnownKey[] => {
  const byDigest = new Map<string, KeyRule>()
  for (const rule of rules) {
    const hexDigest = Buffer.from(rule.digest).toString('hex')
    const known = byDigest.get(hexDigest)
    byDigest.set(hexDigest, known ? mergeRules(known, rule) : rule)
  }
  return [...byDigest.values()].map(({ id, digest, scopes }) => ({
    digest,
    caller: createCaller(id, ownerOf(digest), scopes),
  }))
}

const mergeRules = (one: KeyRule, other: KeyRule): KeyRule => {
  if (one.scopes === undefined) return one
  if (other.scopes === undefined) return other
  return { ...one, scopes: [...one.scopes, ...other.scopes] }
}

/** Compares with every key, even after a match, so that the time reveals nothing. */
const findCaller = (keys: readonly KnownKey[], presented: string): Caller | undefined => {
  const digest = Bun.CryptoHasher.hash('sha256', presented)
  let found: Caller | undefined
  for (const known of keys) {
    const isEqual = crypto.timingSafeEqual(known.digest, digest)
    found = isEqual ? known.caller : found
  }
  return found
}

/** Without configured keys every caller is `anonymous`. Otherwise one valid key among those presented is enough. */
export const createAuth = (rules: readonly KeyRule[]): Auth => {
  const keys = knownKeys(rules)
  const anonymous = createCaller('anonymous', 'anonymous')
  return {
    authenticate: presented => {
      if (keys.length === 0) return anonymous
      let caller: Caller | undefined
      for (const key of presented) caller ??= findCaller(keys, key)
      if (caller) return caller
      throw new GatewayError('unauthorized', 'a valid key is needed: send it as `Authorization: Bearer <key>`')
    },
  }
}
