/** Converts `services` into the entries that can be used, and reports the problems of the others. */

import type { Entry } from '../../providers/entry.ts'
import { providers, unsupported } from '../../providers/index.ts'
import type { Wire } from '../../providers/provider.ts'
import { credentialsOf, wireOf } from '../../providers/resolve-url.ts'
import { retiredTypes } from '../dialects/legacy.ts'
import { toEntry } from '../entry-config.ts'
import { pathTo } from '../file/tree.ts'
import { nearest } from '../schema/nearest.ts'
import type { Config, EntryConfig } from '../schema/schema.ts'
import { checkEntry, checkModels } from './check-entry.ts'
import { placeholderMessage, type ReportProblem } from './problems.ts'
import { proxyOf } from './proxy.ts'
import { isSamplePlaceholder } from './secrets.ts'

/** `isBroken`: the schema already reported an error below the path. */
export type CheckContext = { report: ReportProblem; isBroken: (path: string) => boolean }

/** Every known service type. */
export const knownTypes = (): string[] => [...providers.keys(), ...unsupported.keys(), ...retiredTypes.keys()]

/** The usable entries in file order. Disabled, unsupported and invalid entries are omitted. */
export const readServices = (config: Config, context: CheckContext): Entry[] => {
  const entries: Entry[] = []
  const usedIds = new Map<string, string>()
  const entryCounts = new Map<string, number>()
  for (const [typeKey, list] of Object.entries(config.services ?? {})) {
    const type = serviceTypeOf(typeKey, context.report)
    if (!type) continue
    for (const [index, entry] of list.entries()) {
      const number = (entryCounts.get(type) ?? 0) + 1
      entryCounts.set(type, number)
      const path = pathTo(pathTo('services', typeKey), index)
      const id = entry.id?.trim() || `${type}-${number}`
      const read = isEnabled(entry, path, context) && readEntry(entry, { path, id, type, usedIds }, config, context)
      if (read) entries.push(read)
    }
  }
  return entries
}

const serviceTypeOf = (typeKey: string, report: ReportProblem): string | undefined => {
  const path = pathTo('services', typeKey)
  const known = knownTypes()
  const type = known.find(name => name === typeKey) ?? known.find(name => name === typeKey.trim().toLowerCase())
  if (type && type !== typeKey) report('warning', path, `taken as \`${type}\`; write it so`)
  if (type) return type
  const suggestion = nearest(typeKey, known)
  report('error', path, 'unknown service type', suggestion === undefined ? {} : { nearest: suggestion })
}

const isEnabled = (entry: EntryConfig, path: string, { report, isBroken }: CheckContext): boolean => {
  if (entry.enabled === undefined && !isBroken(path))
    report('warning', `${path}.enabled`, 'is missing, so the entry is off; write "enabled": true to use it')
  return entry.enabled === true
}

type EntryLocation = { path: string; id: string; type: string; usedIds: Map<string, string> }

/** Reports all problems of an entry in one run. A value of the wrong type is not reported as missing as well. */
const readEntry = (
  config: EntryConfig,
  location: EntryLocation,
  settings: Config,
  context: CheckContext,
): Entry | undefined => {
  const { path, id, type, usedIds } = location
  const { report, isBroken } = context
  const provider = providers.get(type)
  if (!provider)
    return isBroken(path) ? undefined : reportSkipped(report, path, unsupported.get(type) ?? retiredTypes.get(type)!)
  checkId(location, report)
  usedIds.set(id, path)
  const isValid = checkEntry(config, path, report)
  const entry = toEntry(config, id, type, provider)
  const resolved = wireOf(entry)
  if ('unsupported' in resolved) return isBroken(path) ? undefined : reportSkipped(report, path, resolved.unsupported)
  const isComplete = [
    isBroken(`${path}.models`) || isBroken(`${path}.embedding_models`) || checkModels(entry, path, report),
    hasReadableServerUrl(path, context) && checkCredentials(config, entry, path, context),
  ].every(Boolean)
  if (!isValid || !isComplete || isBroken(path)) return
  const proxy = proxyOf(config, settings.proxy, vendorUrlOf(resolved.wire, entry))
  return { ...entry, credentials: dropDuplicates(entry, path, report), ...(proxy !== undefined && { proxy }) }
}

const reportSkipped = (report: ReportProblem, path: string, reason: string): undefined =>
  void report('warning', path, `skipped: ${reason}`)

const checkId = ({ path, id, usedIds }: EntryLocation, report: ReportProblem): void => {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id))
    report('error', `${path}.id`, 'must begin with a letter or digit and have only letters, digits, `.`, `_` and `-`')
  const other = usedIds.get(id)
  if (other) report('error', `${path}.id`, `${JSON.stringify(id)} is the id of ${other} already`)
}

/** The required credentials depend on the URL of the entry. */
const hasReadableServerUrl = (path: string, { isBroken }: CheckContext): boolean => !isBroken(`${path}.server_url`)

const checkCredentials = (
  config: EntryConfig,
  entry: Entry,
  path: string,
  { report, isBroken }: CheckContext,
): boolean => {
  const isList = (config.credential_list ?? []).length > 0
  const credentialPath = (index: number) => (isList ? pathTo(`${path}.credential_list`, index) : `${path}.credentials`)
  const missing = entry.credentials.flatMap(({ index, values }) => {
    const base = credentialPath(index)
    if (isBroken(base) || isBroken(`${path}.credential_list`)) return []
    return credentialsOf(entry).flatMap(name => (values[name] ? [] : pathTo(base, name)))
  })
  for (const missingPath of missing) report('error', missingPath, 'required')
  for (const { index, values } of entry.credentials)
    for (const name in values)
      if (isSamplePlaceholder(values[name]!)) report('warning', pathTo(credentialPath(index), name), placeholderMessage)
  return missing.length === 0
}

/** Removes repeated credentials, which would be two equal targets. */
const dropDuplicates = ({ credentials }: Entry, path: string, report: ReportProblem): Entry['credentials'] =>
  credentials.filter(({ index, digest }) => {
    const first = credentials.findIndex(other => other.digest === digest)
    if (first === index) return true
    report('warning', pathTo(`${path}.credential_list`, index), `ignored: the same as credential_list[${first}]`)
    return false
  })

/** The vendor's URL. Only its scheme is used. */
const vendorUrlOf = ({ base }: Wire, entry: Entry): string => {
  const [credential] = entry.credentials
  const model = entry.models[0] ?? entry.embeddingModels[0] ?? ''
  return (
    entry.serverUrl ??
    (typeof base === 'string' ? base : base({ id: entry.id, entry, credential: credential!, model }, { stream: false }))
  )
}
