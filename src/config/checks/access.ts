/** Checks of the settings that say who may reach the gateway. */
import { parseHostName, parseOrigin, parseRange } from '../address.ts'
import { pathTo } from '../file/tree.ts'
import type { accessFields } from '../schema/access.ts'
import type { Config } from '../schema/schema.ts'
import type { CheckContext } from './services.ts'

type AccessList = keyof typeof accessFields

const addresses = { parse: parseRange, expected: 'must be an address, or a range such as "10.1.0.0/16"' }

/** How each list is read, and what its items must be. */
const lists: Readonly<Record<AccessList, { parse: (text: string) => string | undefined; expected: string }>> = {
  allowed_hosts: {
    parse: parseHostName,
    expected: 'must be a host name such as "gateway.example.com", or "*.example.com", without scheme and port',
  },
  allowed_origins: {
    parse: parseOrigin,
    expected: 'must be an origin such as "https://app.example.com", without a path, or "null"',
  },
  trusted_proxies: addresses,
  allow_addresses: addresses,
  deny_addresses: addresses,
}

/** Reports items that cannot be read, and lists that have no effect. */
export const checkAccess = (config: Config, { report, isBroken }: CheckContext): void => {
  for (const [name, { parse, expected }] of Object.entries(lists) as [AccessList, (typeof lists)[AccessList]][])
    if (!isBroken(name))
      for (const [index, text] of (config[name] ?? []).entries())
        if (parse(text) === undefined) report('error', pathTo(name, index), expected)
  for (const [index, range] of (config.trusted_proxies ?? []).entries())
    if (/\/0+$/.test(range.trim()))
      report(
        'warning',
        pathTo('trusted_proxies', index),
        'trusts every address, so each client can claim to have another one',
      )
  const hasKeys = Boolean(config.api_key?.trim()) || (config.api_keys ?? []).length > 0
  for (const name of ['allowed_hosts', 'allowed_origins'] as const)
    if (hasKeys && (config[name] ?? []).length > 0)
      report(
        'note',
        name,
        'has no effect beside client keys: with them, any host and any web page may call the gateway',
      )
}
