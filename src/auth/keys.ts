/** Who may come in, and what they may ask for. */

import { GatewayError } from '../base/errors.ts'
import type { KeyRule } from '../config/compiled.ts'
import type { Caller } from '../routing/router.ts'

/** The keys a request shows, in the order they are tried. */
export type Presented = readonly string[]

export type Auth = {
  /** @throws GatewayError `unauthorized` if keys are configured and none of these is one of them */
  identify: (presented: Presented) => Caller
}

/** Bytes of a key; who sends more sends no key. */
const longestKey = 4096
const keyHeaders = ['x-api-key', 'x-goog-api-key', 'api-key'] as const

/** The keys of a request: `Authorization: Bearer` (DeepL's clients write `DeepL-Auth-Key`), then the headers other vendors' clients use, then `?key=` of `query` (without its `?`). */
export const presentedKeys = (headers: Headers, query: string): string[] => {
  const shown: string[] = []
  show(shown, bearerOf(headers.get('authorization')))
  for (const name of keyHeaders) show(shown, headers.get(name))
  if (query.includes('key=')) for (const key of new URLSearchParams(query).getAll('key').slice(0, 4)) show(shown, key)
  return shown
}

const show = (shown: string[], key: string | null): void => {
  const trimmed = key?.trim() ?? ''
  if (trimmed !== '' && Buffer.byteLength(trimmed) <= longestKey) shown.push(trimmed)
}

const schemes = ['bearer ', 'deepl-auth-key ']

const bearerOf = (header: string | null): string | null => {
  if (header === null) return null
  for (const scheme of schemes)
    if (header.slice(0, scheme.length).toLowerCase() === scheme) return header.slice(scheme.length)
  return null
}

/** Exact names, `prefix*` and `*`; absent: every model, empty: none. */
export const mayOf = (scopes: readonly string[] | undefined): ((model: string) => boolean) => {
  if (scopes === undefined || scopes.includes('*')) return () => true
  const exact = new Set(scopes.filter(scope => !scope.endsWith('*')))
  const prefixes = scopes.filter(scope => scope.endsWith('*')).map(scope => scope.slice(0, -1))
  return model => exact.has(model) || prefixes.some(prefix => model.startsWith(prefix))
}

const callerOf = (id: string, scopes?: readonly string[]): Caller => ({
  id,
  may: mayOf(scopes),
  ...(scopes === undefined ? {} : { scopes }),
})

type Known = { digest: Uint8Array; caller: Caller }

/** One key may stand in the configuration twice (as `api_key` and in `api_keys`): it may do what either allows. */
const knownKeys = (rules: readonly KeyRule[]): Known[] => {
  const byDigest = new Map<string, KeyRule>()
  for (const rule of rules) {
    const name = Buffer.from(rule.digest).toString('hex')
    const known = byDigest.get(name)
    byDigest.set(name, known ? union(known, rule) : rule)
  }
  return [...byDigest.values()].map(({ id, digest, scopes }) => ({ digest, caller: callerOf(id, scopes) }))
}

const union = (one: KeyRule, other: KeyRule): KeyRule => {
  if (one.scopes === undefined) return one
  if (other.scopes === undefined) return other
  return { ...one, scopes: [...one.scopes, ...other.scopes] }
}

/** Compares with every key, however early one fits: how long it takes tells nothing. */
const find = (keys: readonly Known[], presented: string): Caller | undefined => {
  const digest = Bun.CryptoHasher.hash('sha256', presented)
  let found: Caller | undefined
  for (const known of keys) {
    const isEqual = crypto.timingSafeEqual(known.digest, digest)
    found = isEqual ? known.caller : found
  }
  return found
}

/** Without keys everybody is the caller `anonymous`; else one valid key among those shown suffices. */
export const createAuth = (rules: readonly KeyRule[]): Auth => {
  const keys = knownKeys(rules)
  const anonymous = callerOf('anonymous')
  return {
    identify: presented => {
      if (keys.length === 0) return anonymous
      let caller: Caller | undefined
      for (const key of presented) caller ??= find(keys, key)
      if (caller) return caller
      throw new GatewayError('unauthorized', 'a valid key is needed: send it as `Authorization: Bearer <key>`')
    },
  }
}
