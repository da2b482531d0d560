/** `services` → the entries that can be used; what is wrong with the others is said. */

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
import { type Say, unreplaced } from './problems.ts'
import { proxyOf } from './proxy.ts'
import { isFromSample } from './secrets.ts'

/** `isBroken`: something below the path has the wrong shape, which has been said. */
export type Checking = { say: Say; isBroken: (path: string) => boolean }

/** Every service type the house has heard of. */
export const knownTypes = (): string[] => [...providers.keys(), ...unsupported.keys(), ...retiredTypes.keys()]

/** Entries in the order of the file. Those that are off, are not spoken yet or have faults are left out. */
export const readServices = (config: Config, checking: Checking): Entry[] => {
  const entries: Entry[] = []
  const taken = new Map<string, string>()
  const counted = new Map<string, number>()
  for (const [written, list] of Object.entries(config.services ?? {})) {
    const type = typeOf(written, checking.say)
    if (!type) continue
    for (const [index, entry] of list.entries()) {
      const number = (counted.get(type) ?? 0) + 1
      counted.set(type, number)
      const path = pathTo(pathTo('services', written), index)
      const id = entry.id?.trim() || `${type}-${number}`
      const read = isOn(entry, path, checking) && readEntry(entry, { path, id, type, taken }, config, checking)
      if (read) entries.push(read)
    }
  }
  return entries
}

const typeOf = (written: string, say: Say): string | undefined => {
  const path = pathTo('services', written)
  const known = knownTypes()
  const type = known.find(name => name === written) ?? known.find(name => name === written.trim().toLowerCase())
  if (type && type !== written) say('warning', path, `taken as \`${type}\`; write it so`)
  if (type) return type
  const near = nearest(written, known)
  say('error', path, 'unknown service type', near === undefined ? {} : { nearest: near })
}

const isOn = (entry: EntryConfig, path: string, { say, isBroken }: Checking): boolean => {
  if (entry.enabled === undefined && !isBroken(path))
    say('warning', `${path}.enabled`, 'is missing, so the entry is off; write "enabled": true to use it')
  return entry.enabled === true
}

type Where = { path: string; id: string; type: string; taken: Map<string, string> }

/** Everything that is wrong is said in one run: what has the wrong shape counts as not written, and is not missed. */
const readEntry = (written: EntryConfig, where: Where, config: Config, checking: Checking): Entry | undefined => {
  const { path, id, type, taken } = where
  const { say, isBroken } = checking
  const named = providers.get(type)
  if (!named) return isBroken(path) ? undefined : skip(say, path, unsupported.get(type) ?? retiredTypes.get(type)!)
  checkId(where, say)
  taken.set(id, path)
  const isSound = checkEntry(written, path, say)
  const entry = toEntry(written, id, type, named)
  const form = wireOf(entry)
  if ('unsupported' in form) return isBroken(path) ? undefined : skip(say, path, form.unsupported)
  const isComplete = [
    isBroken(`${path}.models`) || isBroken(`${path}.embedding_models`) || checkModels(entry, path, say),
    isAddressed(path, checking) && checkCredentials(written, entry, path, checking),
  ].every(Boolean)
  if (!isSound || !isComplete || isBroken(path)) return
  const proxy = proxyOf(written, config.proxy, addressIn(form.wire, entry))
  return { ...entry, credentials: distinct(entry, path, say), ...(proxy !== undefined && { proxy }) }
}

const skip = (say: Say, path: string, word: string): undefined => void say('warning', path, `skipped: ${word}`)

const checkId = ({ path, id, taken }: Where, say: Say): void => {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id))
    say('error', `${path}.id`, 'must begin with a letter or digit and have only letters, digits, `.`, `_` and `-`')
  const other = taken.get(id)
  if (other) say('error', `${path}.id`, `${JSON.stringify(id)} is the id of ${other} already`)
}

/** Which credentials an entry needs hangs on its address. */
const isAddressed = (path: string, { isBroken }: Checking): boolean => !isBroken(`${path}.server_url`)

const checkCredentials = (written: EntryConfig, entry: Entry, path: string, { say, isBroken }: Checking): boolean => {
  const isList = (written.credential_list ?? []).length > 0
  const placeOf = (index: number) => (isList ? pathTo(`${path}.credential_list`, index) : `${path}.credentials`)
  const missing = entry.credentials.flatMap(({ index, values }) => {
    const place = placeOf(index)
    if (isBroken(place) || isBroken(`${path}.credential_list`)) return []
    return credentialsOf(entry).flatMap(name => (values[name] ? [] : pathTo(place, name)))
  })
  for (const one of missing) say('error', one, 'required')
  for (const { index, values } of entry.credentials)
    for (const name in values) if (isFromSample(values[name]!)) say('warning', pathTo(placeOf(index), name), unreplaced)
  return missing.length === 0
}

/** The same credential twice would be one target twice. */
const distinct = ({ credentials }: Entry, path: string, say: Say): Entry['credentials'] =>
  credentials.filter(({ index, digest }) => {
    const first = credentials.findIndex(other => other.digest === digest)
    if (first === index) return true
    say('warning', pathTo(`${path}.credential_list`, index), `ignored: the same as credential_list[${first}]`)
    return false
  })

/** Where the vendor lives, as far as its scheme goes. */
const addressIn = ({ base }: Wire, entry: Entry): string => {
  const [credential] = entry.credentials
  const model = entry.models[0] ?? entry.embeddingModels[0] ?? ''
  return (
    entry.serverUrl ??
    (typeof base === 'string' ? base : base({ id: entry.id, entry, credential: credential!, model }, { stream: false }))
  )
}
