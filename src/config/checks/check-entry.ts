/** Checks of an enabled entry beyond its schema. */
import { isResetText } from '../../base/reset-time.ts'
import { isValidPath } from '../../protocols/custom-paths.ts'
import { isCustomPath } from '../../protocols/registry.ts'
import type { Entry } from '../../providers/entry.ts'
import { providers } from '../../providers/index.ts'
import { normalizeServerUrl, parseProxy } from '../address.ts'
import { integerLimits, pathBelowV1, roundLimit } from '../entry-config.ts'
import { pathTo } from '../file/tree.ts'
import { nearest } from '../schema/nearest.ts'
import type { EntryConfig, LimitConfig } from '../schema/schema.ts'
import type { ReportProblem } from './problems.ts'

/** Reports problems of an entry. Returns false if one of them is an error. */
export const checkEntry = (entry: EntryConfig, path: string, report: ReportProblem): boolean => {
  let isValid = true
  const reportAndTrack: ReportProblem = (level, ...rest) => {
    if (level === 'error') isValid = false
    report(level, ...rest)
  }
  checkNames(entry, path, reportAndTrack)
  checkAddresses(entry, path, reportAndTrack)
  checkHeaders(entry, path, reportAndTrack)
  checkLimits(entry, path, reportAndTrack)
  checkSpeaks(entry, path, reportAndTrack)
  for (const name of ['model', 'stream'] as const)
    if (name in (entry.params ?? {}))
      reportAndTrack(
        'error',
        `${path}.params.${name}`,
        'cannot be replaced: the gateway needs it as the client sent it',
      )
  if (entry.timeout)
    reportAndTrack(
      'note',
      `${path}.timeout`,
      'bounds the wait for the first byte (not streamed: for the answer), never a flowing stream; without it `timeouts.first_byte` holds, not 30 s',
    )
  if (entry.provider !== undefined)
    reportAndTrack('note', `${path}.provider`, 'has no effect here: system messages are always kept')
  if (Object.keys(entry.reasoning_models ?? {}).length > 0)
    reportAndTrack('note', `${path}.reasoning_models`, 'has no effect here: reasoning is passed on from every model')
  return isValid
}

const checkNames = (entry: EntryConfig, path: string, report: ReportProblem): void => {
  for (const field of ['models', 'embedding_models'] as const)
    for (const [index, model] of (entry[field] ?? []).entries()) {
      const fieldPath = pathTo(`${path}.${field}`, index)
      if (model.trim() === '') report('warning', fieldPath, 'is empty; the gateway ignores it')
      if (/\*./.test(model.trim()))
        report('warning', fieldPath, 'only a `*` at the end stands for anything; this one is an ordinary character')
      if (model.trim() === 'random')
        report('warning', fieldPath, '`random` is what clients say for any model; this one cannot be asked for')
    }
  for (const field of ['model_redirect', 'model_map'] as const)
    for (const [from, to] of Object.entries(entry[field] ?? {}))
      if (from.trim() === '' || to.trim() === '') report('error', pathTo(`${path}.${field}`, from), 'must not be empty')
}

const checkAddresses = ({ server_url: url, proxy }: EntryConfig, path: string, report: ReportProblem): void => {
  if (url?.trim() && !normalizeServerUrl(url.trim()))
    report('error', `${path}.server_url`, 'must be an absolute URL: http://, https://, ws:// or wss:// and a host')
  if (proxy !== undefined && proxy !== false && proxy.trim() && !parseProxy(proxy.trim()))
    report(
      'error',
      `${path}.proxy`,
      'must be false or an absolute URL: http://host:port, https://host:port or socks5://host:port',
    )
}

/** Headers that only the gateway may set: they define the length, the connection and the destination of a request. */
const gatewayHeaders: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'host',
  'upgrade',
  'te',
  'trailer',
  'keep-alive',
])

const checkHeaders = ({ headers = {} }: EntryConfig, path: string, report: ReportProblem): void => {
  for (const [name, value] of Object.entries(headers)) {
    const fieldPath = pathTo(`${path}.headers`, name)
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) report('error', fieldPath, 'is no name of a header')
    else if (gatewayHeaders.has(name.toLowerCase())) report('error', fieldPath, 'this header belongs to the gateway')
    // Characters allowed in a header value: RFC 9110, field values.
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) report('error', fieldPath, 'holds a character a header cannot carry')
  }
}

/** Paths below `/v1/` that the gateway answers itself, as listed in routes.ts. */
const reservedPaths =
  /(?:^|\/)(?:chat\/completions|responses|v1\/messages)$|^(?:translate|responses\/[\w-]+\/cancel)$|^models\/.*:\w+$/

/**
 * An unknown protocol may be a custom path of the host. Only likely typos and paths that can have no effect are
 * reported.
 */
const checkSpeaks = ({ speaks = [] }: EntryConfig, path: string, report: ReportProblem): void => {
  const known = new Set([...providers.values()].flatMap(provider => Object.keys(provider.paths)))
  for (const [index, configured] of speaks.entries()) {
    const name = pathBelowV1(configured)
    const fieldPath = pathTo(`${path}.speaks`, index)
    if (name === '' || !isCustomPath(name)) continue
    const suggestion = nearest(name, known)
    if (!isValidPath(name))
      report(
        'error',
        fieldPath,
        `${JSON.stringify(configured)} is no protocol, and no path that could stand behind \`/v1/\``,
      )
    else if (suggestion) report('warning', fieldPath, 'no protocol of this name is known', { nearest: suggestion })
    else if (reservedPaths.test(name))
      report('warning', fieldPath, 'has no effect: addresses that end so are answered by the gateway itself')
  }
}

const checkLimits = (entry: EntryConfig, path: string, report: ReportProblem): void => {
  checkLimit(entry.limit, `${path}.limit`, report)
  checkLimit(entry.embedding_limit, `${path}.embedding_limit`, report)
  checkLimit(entry.credentials?.limit, `${path}.credentials.limit`, report)
  for (const [index, { limit }] of (entry.credential_list ?? []).entries())
    checkLimit(limit, `${pathTo(`${path}.credential_list`, index)}.limit`, report)
}

const checkLimit = (limit: LimitConfig = {}, path: string, report: ReportProblem): void => {
  for (const name of integerLimits) {
    const value = limit[name] ?? 0
    const rounded = roundLimit(name, value)
    if (rounded !== value)
      report('warning', `${path}.${name}`, `is taken as ${rounded}: only rates below 1 are fractions`)
  }
  if (limit.reset !== undefined && !isResetText(limit.reset))
    report('error', `${path}.reset`, 'must be `sliding`, or a time with a time zone: `00:00 America/Los_Angeles`')
}

/** Checks that an entry offers a model, and warns of names that can never be requested. */
export const checkModels = (entry: Entry, path: string, report: ReportProblem): boolean => {
  const offered = [...entry.models, ...entry.embeddingModels]
  if (offered.length === 0) {
    report('error', `${path}.models`, 'at least one model, for chat or for embeddings, is required')
    return false
  }
  const knownNames = new Set([...offered, ...entry.redirect.keys(), ...entry.redirect.values()])
  const hasWildcard = offered.some(model => model.endsWith('*'))
  for (const model of entry.map.keys())
    if (!hasWildcard && !knownNames.has(model))
      report('warning', pathTo(`${path}.model_map`, model), 'is never used: this name is not among `models`')
  return true
}
