/**
 * Keeps foreign web pages away from a gateway without client keys. A page on the Internet runs in the browser of
 * somebody who can reach the gateway, so the peer's address says nothing about it. The headers that a browser sets, and
 * that no page can change, do: `Host`, `Origin` and `Sec-Fetch-Site`.
 */
import { isIP } from 'node:net'
import { GatewayError } from '../base/errors.ts'
import type { CompiledConfig } from '../config/compiled.ts'

/** Returns the refusal of a request by its headers, or undefined if the gateway may answer it. */
export type OpenAccessRule = (headers: Headers) => GatewayError | undefined

/**
 * The rule for a gateway without keys. With keys it refuses nothing: a page that has no key gets a 401.
 * `allowedHosts` and `allowedOrigins` are lower case, and origins have no default port.
 */
export const createOpenAccessRule = ({
  keys,
  access: { allowedHosts, allowedOrigins },
}: Pick<CompiledConfig, 'keys' | 'access'>): OpenAccessRule => {
  if (keys.length > 0) return () => undefined
  const isAllowedHost = createHostFilter(allowedHosts)
  const isAllowedOrigin = createOriginFilter(allowedOrigins, isAllowedHost)
  return headers => {
    const host = headers.get('host')
    // Every browser sends a Host. A program that speaks HTTP/1.0 need not.
    if (host !== null && !isAllowedHost(hostNameOf(host)))
      return refusal(`the host ${quote(host)} is not served without client keys: add it to \`allowed_hosts\``)
    const origin = headers.get('origin')
    if (origin !== null && !isAllowedOrigin(origin))
      return refusal(`pages of ${quote(origin)} may not call the gateway: add the origin to \`allowed_origins\``)
    if (origin === null && headers.get('sec-fetch-site')?.toLowerCase() === 'cross-site')
      return refusal('a page of another site may not call the gateway: add its origin to `allowed_origins`')
    if (textType.test(headers.get('content-type') ?? ''))
      return refusal('a body of the type `text/plain` is not read without client keys: send `application/json`')
    return undefined
  }
}

/** A page of any origin may send this type without asking first. */
const textType = /(?:^|,)\s*text\/plain\s*(?:[;,]|$)/i

const refusal = (reason: string): GatewayError => new GatewayError('access_denied', `${reason}, or set \`api_key\``)

/** A name from a header, for an error: at most 100 characters, without any that a name cannot contain. */
const quote = (text: string): string => JSON.stringify(text.slice(0, 100).replace(/[^\w.:/[\]-]/g, '?'))

/** The name in a Host header: `Gateway.local:9090` → `gateway.local`, `[::1]:9090` → `::1`. */
const hostNameOf = (host: string): string => {
  const [, ipv6, name] = /^(?:\[([\da-f:.%]+)\]|([^:[\]]*))(?::\d*)?$/i.exec(host) ?? []
  return (ipv6 ?? name ?? '').toLowerCase().replace(/\.$/, '')
}

const hostName = /^[\w-]+(?:\.[\w-]+)*$/
/** Names that public DNS never answers: RFC 6761, RFC 6762, and ICANN's reservation of `.internal`. */
const privateName = /\.(?:localhost|local|internal)$/

/**
 * A predicate for host names. A page can point a name of its own at the gateway's address (DNS rebinding), but neither
 * an address nor a name that public DNS does not have.
 */
const createHostFilter = (allowed: readonly string[]): ((name: string) => boolean) => {
  const names = new Set(allowed)
  const suffixes = allowed.flatMap(name => (name.startsWith('*.') ? [name.slice(1)] : []))
  return name =>
    isIP(name) !== 0 ||
    (hostName.test(name) &&
      (!name.includes('.') ||
        privateName.test(name) ||
        names.has(name) ||
        suffixes.some(suffix => name.endsWith(suffix))))
}

const webOrigin = /^https?:\/\/([^/?#@\s,]+)$/
const anyOrigin = /^([a-z][a-z\d+.-]*):[^\s,]*$/
/** Schemes from which some browser loads pages of the web. Others belong to extensions and installed programs. */
const webSchemes: ReadonlySet<string> = new Set(
  'http https ftp data blob filesystem about javascript ipfs ipns dat hyper'.split(' '),
)

/** A predicate for Origin headers. `null` stands for every sandboxed page, so it passes only if it is listed. */
const createOriginFilter = (
  allowed: readonly string[],
  isAllowedHost: (name: string) => boolean,
): ((origin: string) => boolean) => {
  const origins = new Set(allowed)
  return text => {
    const origin = text.toLowerCase()
    if (origins.has(origin)) return true
    const host = webOrigin.exec(origin)?.[1]
    if (host !== undefined) return isAllowedHost(hostNameOf(host))
    const scheme = anyOrigin.exec(origin)?.[1]
    return scheme !== undefined && !webSchemes.has(scheme)
  }
}
