/** The banner that is printed at startup. */

import { version } from '../base/version.ts'
import type { CompiledConfig } from '../config/compiled.ts'
import type { Runtime } from '../gateway/runtime.ts'
import type { Entry, Limit } from '../providers/entry.ts'

/**
 * A short table: address, services, models, limits, strategy and proxies. It contains no secret and no URL that could
 * contain one.
 */
export const banner = ({ settings, router }: Runtime, port: number): string => {
  const modelNames = router.list(anyCaller).map(({ id }) => id)
  const patterns = router.table().flatMap(({ model }) => (model.endsWith('*') ? [model] : []))
  const rows: [string, string][] = [
    ['address', `http://${urlHost(settings.host)}:${port}/v1`],
    ['config', settings.path ?? 'none: the built-in mock'],
    ['services', settings.entries.map(({ id }) => id).join(', ') || 'none'],
    ['models', shorten([...patterns, ...modelNames])],
    ['limits', limitsOf(settings.entries)],
    ['strategy', settings.strategy],
    ['proxies', proxiesOf(settings.entries)],
    ['keys', settings.keys.length === 0 ? 'none' : String(settings.keys.length)],
  ]
  return `simple-one-api ${version}\n${rows.map(([name, text]) => `  ${name.padEnd(9)} ${text}\n`).join('')}`
}

const anyCaller = { id: 'start', owner: 'start', canUse: () => true }

/** A warning if anybody on the network can use the configured keys. Otherwise an empty string. */
export const exposureWarning = ({ keys, host }: CompiledConfig): string =>
  keys.length > 0 || /^(127(\.\d+){3}|localhost|::1|\[::1\])$/i.test(host)
    ? ''
    : `
  *** WARNING: no api_key is set and ${host === '0.0.0.0' || host === '::' ? 'every network' : host} can reach this address. ***
  *** Anybody who finds it spends your quota. Set "api_key", or "server_port": "127.0.0.1:9090".  ***

`

const urlHost = (host: string): string => {
  if (host === '0.0.0.0' || host === '::' || host === '') return 'localhost'
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}

const shorten = (names: string[]): string => {
  if (names.length === 0) return 'none'
  if (names.length <= 12) return names.join(', ')
  return `${names.slice(0, 12).join(', ')} and ${names.length - 12} more`
}

const limitNames = [
  'qps',
  'qpm',
  'rpm',
  'rph',
  'rpd',
  'tpm',
  'tpd',
  'rpm_month',
  'tokens_month',
  'once',
  'concurrency',
] as const

const limitsOf = (entries: readonly Entry[]): string => {
  const rendered = entries.flatMap(({ id, limit, credentials }) => {
    const texts = [limit, ...credentials.map(credential => credential.limit ?? {})].map(limitText).filter(Boolean)
    return texts.length > 0 ? [`${id} (${[...new Set(texts)].join('; ')})`] : []
  })
  return rendered.join(', ') || 'none'
}

const limitText = (limit: Limit): string =>
  limitNames.flatMap(name => (limit[name] === undefined ? [] : [`${name} ${limit[name]}`])).join(', ')

const proxiesOf = (entries: readonly Entry[]): string =>
  entries
    .flatMap(({ id, proxy }) => (typeof proxy === 'string' ? [`${id} by ${proxy.split(':', 1)[0]}`] : []))
    .join(', ') || 'none'
