/** `api_key` and `api_keys` → who may ask for what. */
import type { KeyRule } from '../compiled.ts'
import { pathTo } from '../file/tree.ts'
import type { Config } from '../schema/schema.ts'
import { unreplaced } from './problems.ts'
import { isFromSample } from './secrets.ts'
import type { Checking } from './services.ts'

type Key = { key: string; name: string | undefined; scopes: string[] | undefined }

/** Both together. A key written twice may what any of its places lets it. */
export const readKeys = (config: Config, { say, isBroken }: Checking): KeyRule[] => {
  const rules = new Map<string, Key>()
  const master = config.api_key?.trim()
  if (isFromSample(master ?? '')) say('warning', 'api_key', unreplaced)
  if (master) rules.set(master, { key: master, name: undefined, scopes: undefined })
  for (const [index, written] of (config.api_keys ?? []).entries()) {
    const path = pathTo('api_keys', index)
    const key = written.api_key?.trim()
    if (!key) {
      say('error', `${path}.api_key`, 'must not be empty')
      continue
    }
    if (isFromSample(key)) say('warning', `${path}.api_key`, unreplaced)
    const next = { key, name: written.name?.trim() || undefined, scopes: scopesOf(written.supported_models) }
    if (next.scopes?.length === 0) say('warning', `${path}.supported_models`, 'names no model: the key may use none')
    if (!next.scopes && key !== master && !isBroken(path)) say('warning', path, unscoped)
    const twin = rules.get(key)
    if (twin && key !== master)
      say('warning', `${path}.api_key`, 'the same key is written above; it may use the models of both')
    if (twin && key === master) say('warning', `${path}.api_key`, 'the same as `api_key`, which may use every model')
    rules.set(key, twin ? union(twin, next) : next)
  }
  return [...rules.values()].map(rule => ruleOf(rule, rule.key === master))
}

/** simple-one-api v0.10 refused such keys everything: who brings its file along is to know. */
const unscoped =
  'has no `supported_models`, so the key may use every model (v0.10 let it use none); write "supported_models": { "all": ["*"] } if that is meant'

const scopesOf = (groups: Record<string, string[]> | undefined): string[] | undefined =>
  groups &&
  [
    ...new Set(
      Object.values(groups)
        .flat()
        .map(model => model.trim()),
    ),
  ].filter(model => model !== '')

const union = (one: Key, other: Key): Key => ({
  key: one.key,
  name: one.name ?? other.name,
  scopes: one.scopes && other.scopes && [...new Set([...one.scopes, ...other.scopes])],
})

const ruleOf = ({ key, name, scopes }: Key, isMaster: boolean): KeyRule => {
  const digest = new Bun.CryptoHasher('sha256').update(key).digest()
  const id = name ?? (isMaster ? 'master' : `key-${digest.toString('hex').slice(0, 6)}`)
  return { id, digest: new Uint8Array(digest), ...(scopes && { scopes }) }
}
