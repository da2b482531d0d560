/**
 * Selects the proxy of a request, in the form that Bun's `fetch` takes. The decision is made once for each origin and
 * then cached.
 */
import { BlockList, isIP } from 'node:net'
import { GatewayError } from '../../base/errors.ts'
import { RuntimeSecrets, type SecretSink } from '../../base/secrets/runtime-secrets.ts'
import { secretsOfUrl } from '../../base/secrets/url-secrets.ts'
import { openBridge, type SocksBridge } from './socks-bridge.ts'

/**
 * The value for `fetch(…, { proxy })`. It is never undefined, null or '': Bun would then use the proxy of the
 * environment, which it selects by other rules. `respectNoProxy` is false because NO_PROXY has been applied already.
 * `bridge` is set if the request goes through SOCKS; `fetch` ignores it.
 */
export type ProxyOption = false | { url: string; respectNoProxy: false; bridge?: SocksBridge }

type ProxyEnvironment = Readonly<Record<string, string | undefined>>

/**
 * Maximum origins to remember for one proxy. More than a configuration can name, so that a flood of addresses stays
 * bounded.
 */
const maxOrigins = 1024

/** The decisions that were made so far, and the one SOCKS bridge, which opens with the first request that needs it. */
export type Proxies = {
  /**
   * The proxy for a request to `url`. The first call through SOCKS waits for the bridge to start. Later calls for an
   * origin parse nothing.
   * @param configured an absolute proxy URL (http, https, socks5, socks5h, with or without `user:password@`); `false`
   * for no proxy; undefined for the environment's HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, read as Go's
   * golang.org/x/net/http/httpproxy reads them
   * @throws GatewayError `upstream_failed` if the proxy is not a usable address; the message does not contain the
   * address
   */
  proxyFor(url: string, configured: string | false | undefined): Promise<ProxyOption>
  /**
   * Closes the bridge with its connections and clears the cached decisions. The next request through SOCKS starts a new
   * bridge.
   */
  close(): Promise<void>
}

/** @param secrets receives the accounts of the environment's proxies and of the bridge */
export const createProxies = (secrets: SecretSink = new RuntimeSecrets()): Proxies => {
  /** Configured proxy → origin → decision. */
  const decisions = new Map<string | undefined, Map<string, ProxyOption>>()
  let bridge: Promise<SocksBridge> | undefined

  const proxyFor = async (url: string, configured: string | false | undefined): Promise<ProxyOption> => {
    if (configured === false) return false
    const origins = decisions.get(configured)
    const origin = originOf(url)
    return origins?.get(origin) ?? decide(origin, configured)
  }

  const close = async (): Promise<void> => {
    decisions.clear()
    const closing = bridge
    bridge = undefined
    await (await closing?.catch(() => undefined))?.close()
  }

  const decide = async (origin: string, configured: string | undefined): Promise<ProxyOption> => {
    const address = configured ?? environmentProxy(origin, process.env)
    if (address === undefined) return cacheDecision(origin, configured, false)
    for (const secret of secretsOfUrl(address)) secrets.add(secret, Number.POSITIVE_INFINITY)
    const parsed = parseProxy(address)
    if (!parsed.protocol.startsWith('socks')) return cacheDecision(origin, configured, proxyOption(parsed.href))
    bridge ??= openBridge(secrets)
    const opening = bridge
    let openedBridge: SocksBridge
    try {
      openedBridge = await opening
    } catch {
      if (bridge === opening) bridge = undefined
      throw new GatewayError('upstream_failed', 'the bridge to the SOCKS proxy could not be opened')
    }
    const proxy: ProxyOption = { url: openedBridge.addressFor(parsed), respectNoProxy: false, bridge: openedBridge }
    return bridge === opening ? cacheDecision(origin, configured, proxy) : proxy
  }

  const cacheDecision = (origin: string, configured: string | undefined, proxy: ProxyOption): ProxyOption => {
    const known = decisions.get(configured)
    if (known === undefined || known.size >= maxOrigins) decisions.set(configured, new Map([[origin, proxy]]))
    else known.set(origin, proxy)
    return proxy
  }

  return { proxyFor, close }
}

/** `scheme://host:port` of an absolute http(s) URL, cut out without parsing. ConnectProbe uses the same form. */
export const originOf = (url: string): string => {
  // The shortest URL with a host begins with `http://h`, so the first slash from index 8 on ends the origin.
  const slash = url.indexOf('/', 8)
  if (slash !== -1 && url.lastIndexOf('?', slash) === -1) return url.slice(0, slash)
  return /^[^?#]*?:\/\/[^/?#]*/.exec(url)?.[0] ?? url
}

const proxyOption = (url: string): ProxyOption => ({ url, respectNoProxy: false })

const parseProxy = (address: string): URL => {
  const parsed = URL.parse(address.includes('://') ? address : `http://${address}`)
  if (parsed?.hostname && /^(https?|socks5h?):$/.test(parsed.protocol)) return parsed
  throw new GatewayError('upstream_failed', 'the proxy is not an http, https or socks5 address')
}

/**
 * The proxy that the environment names for an origin, unparsed: HTTPS_PROXY or HTTP_PROXY by the origin's scheme, else
 * ALL_PROXY. Upper-case names take precedence over lower-case ones. Never for localhost, loopback addresses and what
 * NO_PROXY names.
 */
export const environmentProxy = (origin: string, environment: ProxyEnvironment): string | undefined => {
  const read = (name: string) => environment[name] || environment[name.toLowerCase()] || undefined
  const target = URL.parse(origin)
  if (target === null) return undefined
  const address = read(target.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY') ?? read('ALL_PROXY')
  return address === undefined || bypassesProxy(target, read('NO_PROXY') ?? '') ? undefined : address
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

const bypassesProxy = (target: URL, noProxy: string): boolean => {
  const host = target.hostname.replace(/^\[|\]$|\.$/g, '').toLowerCase()
  const port = target.port || (target.protocol === 'https:' ? '443' : '80')
  if (host === 'localhost' || contains(loopback, host)) return true
  return noProxy.split(',').some(pattern => matchesNoProxy(host, port, pattern.trim().toLowerCase()))
}

/**
 * Matches one NO_PROXY pattern: `*`; an address or a range of addresses; a domain (itself and its subdomains);
 * `.domain` or `*.domain` (only subdomains). All but a range may have a `:port`.
 */
const matchesNoProxy = (host: string, port: string, pattern: string): boolean => {
  if (pattern === '') return false
  if (pattern === '*') return true
  const [network = '', bits] = pattern.split('/')
  if (bits !== undefined) return isRange(network, bits) && contains(rangeOf(network, Number(bits)), host)
  const [name, onlyPort] = splitPort(pattern)
  if (onlyPort !== undefined && onlyPort !== port) return false
  if (isIP(name)) return contains(rangeOf(name, isIP(name) === 6 ? 128 : 32), host)
  const domain = name.startsWith('*.') ? name.slice(1) : name
  return host.endsWith(domain.startsWith('.') ? domain : `.${domain}`) || host === domain
}

/** `[::1]:80`, `::1`, `host:80`, `host` → the name without brackets, and the port if there is one. */
const splitPort = (pattern: string): [string, string | undefined] => {
  if (isIP(pattern)) return [pattern, undefined]
  const found = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(pattern)
  return found ? [found[1] ?? found[2] ?? '', found[3]] : [pattern, undefined]
}

const isRange = (network: string, bits: string): boolean =>
  /^\d{1,3}$/.test(bits) && isIP(network) !== 0 && Number(bits) <= (isIP(network) === 6 ? 128 : 32)

const rangeOf = (network: string, bits: number): BlockList => {
  const range = new BlockList()
  range.addSubnet(network, bits, isIP(network) === 6 ? 'ipv6' : 'ipv4')
  return range
}

const contains = (range: BlockList, host: string): boolean =>
  isIP(host) !== 0 && range.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4')
