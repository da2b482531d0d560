/** What can be wrong with an enabled entry beyond its shape. */
import { isCustomPath, isValidPath } from '../../protocols/custom-paths.ts'
import type { Entry } from '../../providers/entry.ts'
import { providers } from '../../providers/index.ts'
import { parseProxy, parseServerUrl } from '../address.ts'
import { figureOf, pathIn, wholeLimits } from '../entry-config.ts'
import { pathTo } from '../file/tree.ts'
import { nearest } from '../schema/nearest.ts'
import type { EntryConfig, LimitConfig } from '../schema/schema.ts'
import type { Say } from './problems.ts'

/** False: it is too wrong to be read on. */
export const checkEntry = (entry: EntryConfig, path: string, say: Say): boolean => {
  let isSound = true
  const tell: Say = (level, ...rest) => {
    if (level === 'error') isSound = false
    say(level, ...rest)
  }
  checkNames(entry, path, tell)
  checkAddresses(entry, path, tell)
  checkHeaders(entry, path, tell)
  checkLimits(entry, path, tell)
  checkSpeaks(entry, path, tell)
  for (const name of ['model', 'stream'] as const)
    if (name in (entry.params ?? {}))
      tell('error', `${path}.params.${name}`, 'cannot be replaced: the gateway needs it as the client sent it')
  if (entry.timeout)
    tell(
      'note',
      `${path}.timeout`,
      'bounds the wait for the first byte (not streamed: for the answer), never a flowing stream; without it `timeouts.first_byte` holds, not 30 s',
    )
  if (entry.provider !== undefined)
    tell('note', `${path}.provider`, 'has no effect here: system messages are always kept')
  if (Object.keys(entry.reasoning_models ?? {}).length > 0)
    tell('note', `${path}.reasoning_models`, 'has no effect here: reasoning is passed on from every model')
  return isSound
}

const checkNames = (entry: EntryConfig, path: string, say: Say): void => {
  for (const field of ['models', 'embedding_models'] as const)
    for (const [index, model] of (entry[field] ?? []).entries()) {
      const here = pathTo(`${path}.${field}`, index)
      if (model.trim() === '') say('warning', here, 'is empty, and left out')
      if (/\*./.test(model.trim()))
        say('warning', here, 'only a `*` at the end stands for anything; this one is an ordinary character')
      if (model.trim() === 'random')
        say('warning', here, '`random` is what clients say for any model; this one cannot be asked for')
    }
  for (const field of ['model_redirect', 'model_map'] as const)
    for (const [from, to] of Object.entries(entry[field] ?? {}))
      if (from.trim() === '' || to.trim() === '') say('error', pathTo(`${path}.${field}`, from), 'must not be empty')
}

const checkAddresses = ({ server_url: url, proxy }: EntryConfig, path: string, say: Say): void => {
  if (url?.trim() && !parseServerUrl(url.trim()))
    say('error', `${path}.server_url`, 'must be an absolute URL: http://, https://, ws:// or wss:// and a host')
  if (proxy !== undefined && proxy !== false && proxy.trim() && !parseProxy(proxy.trim()))
    say(
      'error',
      `${path}.proxy`,
      'must be false or an absolute URL: http://host:port, https://host:port or socks5://host:port',
    )
}

/** What says how long a message is, and to whom it goes, is not a file's to say. */
const ours = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'host',
  'upgrade',
  'te',
  'trailer',
  'keep-alive',
])

const checkHeaders = ({ headers = {} }: EntryConfig, path: string, say: Say): void => {
  for (const [name, value] of Object.entries(headers)) {
    const here = pathTo(`${path}.headers`, name)
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) say('error', here, 'is no name of a header')
    else if (ours.has(name.toLowerCase())) say('error', here, 'this header belongs to the gateway')
    // What a header can carry: RFC 9110, field values.
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) say('error', here, 'holds a character a header cannot carry')
  }
}

/** Addresses that the gateway answers itself, as operations.ts has them: what follows `/v1/`. */
const ownAddresses =
  /(?:^|\/)(?:chat\/completions|responses|v1\/messages)$|^(?:translate|responses\/[\w-]+\/cancel)$|^models\/.*:\w+$/

/** A protocol nobody knows may be a path the host alone speaks: only what looks like a slip, or leads nowhere, is told. */
const checkSpeaks = ({ speaks = [] }: EntryConfig, path: string, say: Say): void => {
  const known = new Set([...providers.values()].flatMap(one => Object.keys(one.paths)))
  for (const [index, word] of speaks.entries()) {
    const name = pathIn(word)
    const here = pathTo(`${path}.speaks`, index)
    if (name === '' || !isCustomPath(name)) continue
    const near = nearest(name, known)
    if (!isValidPath(name))
      say('error', here, `${JSON.stringify(word)} is no protocol, and no path that could stand behind \`/v1/\``)
    else if (near) say('warning', here, 'no protocol of this name is known', { nearest: near })
    else if (ownAddresses.test(name))
      say('warning', here, 'has no effect: addresses that end so are answered by the gateway itself')
  }
}

const checkLimits = (entry: EntryConfig, path: string, say: Say): void => {
  checkLimit(entry.limit, `${path}.limit`, say)
  checkLimit(entry.embedding_limit, `${path}.embedding_limit`, say)
  checkLimit(entry.credentials?.limit, `${path}.credentials.limit`, say)
  for (const [index, { limit }] of (entry.credential_list ?? []).entries())
    checkLimit(limit, `${pathTo(`${path}.credential_list`, index)}.limit`, say)
}

const checkLimit = (limit: LimitConfig = {}, path: string, say: Say): void => {
  for (const name of wholeLimits) {
    const value = limit[name] ?? 0
    const taken = figureOf(name, value)
    if (taken !== value) say('warning', `${path}.${name}`, `is taken as ${taken}: only rates below 1 are fractions`)
  }
}

/** An entry needs something to offer. Words on names that can never be asked for. */
export const checkModels = (entry: Entry, path: string, say: Say): boolean => {
  const offered = [...entry.models, ...entry.embeddingModels]
  if (offered.length === 0) {
    say('error', `${path}.models`, 'at least one model, for chat or for embeddings, is required')
    return false
  }
  const asked = new Set([...offered, ...entry.redirect.keys(), ...entry.redirect.values()])
  const isWild = offered.some(model => model.endsWith('*'))
  for (const model of entry.map.keys())
    if (!isWild && !asked.has(model))
      say('warning', pathTo(`${path}.model_map`, model), 'is never used: this name is not among `models`')
  return true
}
