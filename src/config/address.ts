/**
 * Parsers for addresses and sizes in a configuration: listen addresses, vendor URLs, proxies, IP ranges, byte sizes.
 */
import { isIP } from 'node:net'

/**
 * `9090`, `"9090"`, `":9090"`, `"host:9090"` or `"[::1]:9090"` → host and port to listen on. Undefined if it is none of
 * these, or the port is out of range.
 */
export const parseListen = (text: string | number): { host: string; port: number } | undefined => {
  const match = /^(?:(?:\[([\da-fA-F:.%\w]+)\]|([^\s:/[\]]*)):)?(\d{1,5})$/.exec(String(text).trim())
  const port = Number(match?.[3])
  if (!match || port < 1 || port > 65535) return
  return { host: match[1] ?? (match[2] || allInterfaces), port }
}

/** The host of a port without a host. */
export const allInterfaces = '0.0.0.0'

/** Parses an absolute URL that has one of the schemes and a host. Undefined for anything else. */
export const parseUrl = (text: string, schemes: readonly string[]): URL | undefined => {
  if (!/^[a-z][a-z\d+.-]*:\/\/[^/?#]/i.test(text) || !URL.canParse(text)) return
  const url = new URL(text)
  return schemes.includes(url.protocol.slice(0, -1)) && url.hostname !== '' ? url : undefined
}

const vendorSchemes = ['http', 'https', 'ws', 'wss']
export const httpSchemes = ['http', 'https']

/**
 * A vendor's URL without trailing slashes and fragment. The query is kept. Undefined if it is not an absolute HTTP or
 * WebSocket URL.
 */
export const normalizeServerUrl = (text: string): string | undefined =>
  parseUrl(text, vendorSchemes) && text.replace(/#.*$/, '').replace(/\/+(?=\?|$)/, '')

/** `host:port` or a URL → `socks5://[user:password@]host:port`. Undefined if it is neither, or has no port. */
export const parseSocks = (text: string): string | undefined => {
  const url = parseUrl(text.includes('://') ? text : `socks5://${text}`, ['socks5', 'socks5h', 'socks'])
  if (!url?.port) return
  const account = url.username ? `${url.username}${url.password && `:${url.password}`}@` : ''
  return `socks5://${account}${url.host}`
}

/** An HTTP or SOCKS proxy as an absolute URL. Undefined for anything else. */
export const parseProxy = (text: string): string | undefined => {
  if (/^socks5?h?:/i.test(text)) return parseSocks(text)
  return parseUrl(text, httpSchemes) && text.replace(/\/+$/, '')
}

const units: Record<string, number> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }

/** The bytes of `33554432`, `"32MB"` or `"1.5 GiB"`. Undefined if it is not a size above 0. */
export const parseSize = (text: string | number): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmg])(?:i?b)?|b|bytes)?$/i.exec(String(text).trim())
  const bytes = match ? Math.floor(Number(match[1]) * units[(match[2] ?? 'b').toLowerCase()]!) : 0
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined
}

/** A trimmed IP address or range (`10.0.0.0/8`, `fd12::/16`, `192.168.1.7`). Undefined for anything else. */
export const parseRange = (text: string): string | undefined => {
  const range = text.trim()
  const [network = '', bits, ...rest] = range.split('/')
  const version = isIP(network)
  if (version === 0 || rest.length > 0 || network.includes('%')) return
  if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > (version === 6 ? 128 : 32))) return
  return range
}

/** A host name in lower case, or `*.` and a name. Undefined for anything else, such as a name with a port. */
export const parseHostName = (text: string): string | undefined => {
  const name = text.trim().toLowerCase().replace(/\.$/, '')
  return /^(?:\*\.)?[\w-]+(?:\.[\w-]+)*$/.test(name) || isIP(name) !== 0 ? name : undefined
}

/**
 * An origin as a browser writes it: in lower case, without a default port. `null` stands for pages without an origin.
 * Undefined for anything else, such as a URL with a path.
 */
export const parseOrigin = (text: string): string | undefined => {
  const origin = text.trim().toLowerCase()
  if (origin === 'null') return origin
  const url = parseUrl(origin, httpSchemes)
  return url && url.href === `${url.origin}/` ? url.origin : undefined
}
