/** Checks the `proxy` block and determines the proxy of each entry. */
import { httpSchemes, parseProxy, parseSocks, parseUrl } from '../address.ts'
import type { EntryConfig, ProxyConfig } from '../schema/schema.ts'
import type { ReportProblem } from './problems.ts'

/** Reports problems of the `proxy` block. */
export const checkProxy = (proxy: ProxyConfig, report: ReportProblem): void => {
  const { strategy, http_proxy: http, https_proxy: https, socks5_proxy: socks } = proxy
  const isDisabled = !strategy || strategy === 'disabled'
  if (!strategy && (http || https || socks))
    report('warning', 'proxy', 'treated as disabled: it has no `strategy` (disabled, default, all or force_all)')
  if (proxy.timeout !== undefined)
    report('note', 'proxy.timeout', 'has no effect here: `timeouts.connect` bounds every connection')
  if (!isDisabled && !proxy.type)
    report('error', 'proxy.type', 'required unless the strategy is disabled: http or socks5')
  checkUrl('proxy.http_proxy', http, report)
  checkUrl('proxy.https_proxy', https, report)
  if (socks?.trim() && !parseSocks(socks.trim()))
    report('error', 'proxy.socks5_proxy', 'must be host:port or socks5://host:port')
  if (!isDisabled) checkAddresses(proxy, report)
}

/** The addresses that the type of the proxy requires. */
const checkAddresses = (proxy: ProxyConfig, report: ReportProblem): void => {
  const { http_proxy: http, https_proxy: https, socks5_proxy: socks } = proxy
  if (proxy.type === 'http' && !http?.trim() && !https?.trim())
    report('error', 'proxy.http_proxy', 'this or `https_proxy` is required')
  if (proxy.type === 'socks5' && !socks?.trim()) report('error', 'proxy.socks5_proxy', 'required')
}

const checkUrl = (path: string, value: string | undefined, report: ReportProblem): void => {
  if (value?.trim() && !parseUrl(value.trim(), [...httpSchemes, 'socks5', 'socks5h']))
    report('error', path, 'must be an absolute URL of a proxy: http://host:port')
}

/**
 * The proxy of an entry: a URL, `false` for none, or undefined for the environment's proxy.
 * `use_proxy: false` under a strategy that respects it means no proxy, not even the environment's.
 * @param address the vendor's URL; its scheme selects `http_proxy` or `https_proxy`
 */
export const proxyOf = (entry: EntryConfig, proxy: ProxyConfig = {}, address: string): string | false | undefined => {
  if (entry.proxy === false) return false
  if (entry.proxy?.trim()) return parseProxy(entry.proxy.trim())
  const { strategy = 'disabled' } = proxy
  if (strategy === 'disabled') return
  if (strategy !== 'force_all' && entry.use_proxy === false) return false
  if (strategy === 'default' && !entry.use_proxy) return
  return proxyFromBlock(proxy, address)
}

const proxyFromBlock = (proxy: ProxyConfig, address: string): string | undefined => {
  if (proxy.type === 'socks5') return parseSocks(proxy.socks5_proxy?.trim() ?? '')
  const { http_proxy: http = '', https_proxy: https = '' } = proxy
  const isSecure = /^(?:https|wss):/i.test(address)
  return parseProxy(isSecure ? https.trim() || http.trim() : http.trim() || https.trim())
}
