/** Converts `api_key` and `api_keys` into key rules. */
import type { KeyRule } from '../compiled.ts'
import { pathTo } from '../file/tree.ts'
import type { Config } from '../schema/schema.ts'
import { placeholderMessage } from './problems.ts'
import { isSamplePlaceholder } from './secrets.ts'
import type { CheckContext } from './services.ts'

type KeyConfig = { key: string; name: string | undefined; scopes: string[] | undefined }

/** Combines both settings. A key that is configured twice may use the models of both. */
export const readKeys = (config: Config, { report, isBroken }: CheckContext): KeyRule[] => {
  const rules = new Map<string, KeyConfig>()
  const master = config.api_key?.trim() ?? ''
  if (isSamplePlaceholder(master)) report('warning', 'api_key', placeholderMessage)
  if (master) rules.set(master, { key: master, name: undefined, scopes: undefined })
  for (const [index, item] of (config.api_keys ?? []).entries()) {
    const path = pathTo('api_keys', index)
    const key = item.api_key?.trim()
    if (!key) {
      report('error', `${path}.api_key`, 'must not be empty')
      continue
    }
    if (isSamplePlaceholder(key)) report('warning', `${path}.api_key`, placeholderMessage)
    const next = { key, name: item.name?.trim() || undefined, scopes: scopesOf(item.supported_models) }
    if (next.scopes?.length === 0) report('warning', `${path}.supported_models`, 'names no model: the key may use none')
    if (!next.scopes && key !== master && !isBroken(path)) report('warning', path, unscopedKeyMessage)
    const duplicate = rules.get(key)
    rules.set(key, duplicate ? mergeKeys(duplicate, next) : next)
    if (duplicate) report('warning', `${path}.api_key`, duplicateMessage(key === master))
  }
  const keys = [...rules.values()].map(rule => ruleOf(rule, rule.key === master))
  warnOfEqualNames(keys, report)
  return keys
}

/** What a key stores belongs to the key, not to its name, but the log tells keys apart only by their names. */
const warnOfEqualNames = (keys: readonly KeyRule[], report: CheckContext['report']): void => {
  const names = new Set<string>()
  for (const { id } of keys) {
    if (names.has(id))
      report(
        'warning',
        'api_keys',
        `several keys are named ${JSON.stringify(id.slice(0, 100))}: the log cannot tell them apart`,
      )
    names.add(id)
  }
}

const duplicateMessage = (isMaster: boolean): string =>
  isMaster
    ? 'the same as `api_key`, which may use every model'
    : 'the same key is written above; it may use the models of both'

/** simple-one-api v0.10 denied such keys every model, so users who migrate a file are warned. */
const unscopedKeyMessage =
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

const mergeKeys = (first: KeyConfig, second: KeyConfig): KeyConfig => ({
  key: first.key,
  name: first.name ?? second.name,
  scopes: first.scopes && second.scopes && [...new Set([...first.scopes, ...second.scopes])],
})

const ruleOf = ({ key, name, scopes }: KeyConfig, isMaster: boolean): KeyRule => {
  const digest = new Bun.CryptoHasher('sha256').update(key).digest()
  const id = name ?? (isMaster ? 'master' : `key-${digest.toString('hex').slice(0, 12)}`)
  return { id, digest: new Uint8Array(digest), ...(scopes && { scopes }) }
}
