/** What a start tells the operator. */

import { version } from '../base/version.ts'
import type { Compiled } from '../config/compiled.ts'
import type { Runtime } from '../gateway/runtime.ts'
import type { Entry, Limit } from '../providers/entry.ts'

/** A short table: address, services, models, limits, strategy, proxies. No secret, and no URL that may carry one. */
export const banner = ({ settings, router }: Runtime, port: number): string => {
  const anyone = router.list(everyone).map(({ id }) => id)
  const patterns = router.table().flatMap(({ model }) => (model.endsWith('*') ? [model] : []))
  const rows: [string, string][] = [
    ['address', `http://${inUrl(settings.host)}:${port}/v1`],
    ['config', settings.path ?? 'none: the built-in mock'],
    ['services', settings.entries.map(({ id }) => id).join(', ') || 'none'],
    ['models', shorten([...patterns, ...anyone])],
    ['limits', limitsOf(settings.entries)],
    ['strategy', settings.strategy],
    ['proxies', proxiesOf(settings.entries)],
    ['keys', settings.keys.length === 0 ? 'none' : String(settings.keys.length)],
  ]
  return `simple-one-api ${version}\n${rows.map(([name, text]) => `  ${name.padEnd(9)} ${text}\n`).join('')}`
}

const everyone = { id: 'start', canUse: () => true }

/** A loud warning where everybody may use the keys of the configuration; else nothing. */
export const exposed = ({ keys, host }: Compiled): string =>
  keys.length > 0 || /^(127(\.\d+){3}|localhost|::1|\[::1\])$/i.test(host)
    ? ''
    : `
  *** WARNING: no api_key is set and ${host === '0.0.0.0' || host === '::' ? 'every network' : host} can reach this address. ***
  *** Anybody who finds it spends your quota. Set "api_key", or "server_port": "127.0.0.1:9090".  ***

`

const inUrl = (host: string): string =>
  host === '0.0.0.0' || host === '::' || host === ''
    ? 'localhost'
    : host.includes(':') && !host.startsWith('[')
      ? `[${host}]`
      : host

const shorten = (names: string[]): string =>
  names.length === 0
    ? 'none'
    : names.length <= 12
      ? names.join(', ')
      : `${names.slice(0, 12).join(', ')} and ${names.length - 12} more`

const counted = ['qps', 'qpm', 'rpm', 'rpd', 'tpm', 'concurrency'] as const

const limitsOf = (entries: readonly Entry[]): string => {
  const told = entries.flatMap(({ id, limit, credentials }) => {
    const texts = [limit, ...credentials.map(credential => credential.limit ?? {})].map(limitText).filter(Boolean)
    return texts.length > 0 ? [`${id} (${[...new Set(texts)].join('; ')})`] : []
  })
  return told.join(', ') || 'none'
}

const limitText = (limit: Limit): string =>
  counted.flatMap(kind => (limit[kind] === undefined ? [] : [`${kind} ${limit[kind]}`])).join(', ')

const proxiesOf = (entries: readonly Entry[]): string =>
  entries
    .flatMap(({ id, proxy }) => (typeof proxy === 'string' ? [`${id} by ${proxy.split(':', 1)[0]}`] : []))
    .join(', ') || 'none'
