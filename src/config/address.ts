/** Reads the addresses of a configuration: where to listen, vendors, proxies, ranges; and sizes. */
import { isIP } from 'node:net'

/** `9090`, `"9090"`, `":9090"`, `"host:9090"`, `"[::1]:9090"` → where to listen; undefined: it is none of these, or no port. */
export const parseListen = (text: string | number): { host: string; port: number } | undefined => {
  const match = /^(?:(?:\[([\da-fA-F:.%\w]+)\]|([^\s:/[\]]*)):)?(\d{1,5})$/.exec(String(text).trim())
  const port = Number(match?.[3])
  if (!match || port < 1 || port > 65535) return
  return { host: match[1] ?? (match[2] || allInterfaces), port }
}

/** What a port without a host means. */
export const allInterfaces = '0.0.0.0'

/** An absolute URL of one of the schemes, with a host; undefined: it is none. */
export const parseUrl = (text: string, schemes: readonly string[]): URL | undefined => {
  if (!/^[a-z][a-z\d+.-]*:\/\/[^/?#]/i.test(text) || !URL.canParse(text)) return
  const url = new URL(text)
  return schemes.includes(url.protocol.slice(0, -1)) && url.hostname !== '' ? url : undefined
}

export const vendorSchemes = ['http', 'https', 'ws', 'wss']
export const httpSchemes = ['http', 'https']

/** A vendor's address without the slashes it ends in; a query stays. Undefined: it is no absolute HTTP or WebSocket URL. */
export const normalizeServerUrl = (text: string): string | undefined =>
  parseUrl(text, vendorSchemes) && text.replace(/#.*$/, '').replace(/\/+(?=\?|$)/, '')

/** `host:port` or a URL → `socks5://[user:password@]host:port`; undefined: it is neither, or has no port. */
export const parseSocks = (text: string): string | undefined => {
  const url = parseUrl(text.includes('://') ? text : `socks5://${text}`, ['socks5', 'socks5h', 'socks'])
  if (!url?.port) return
  const account = url.username ? `${url.username}${url.password && `:${url.password}`}@` : ''
  return `socks5://${account}${url.host}`
}

/** A proxy of any kind as an absolute URL; undefined: it is none. */
export const parseProxy = (text: string): string | undefined => {
  if (/^socks5?h?:/i.test(text)) return parseSocks(text)
  return parseUrl(text, httpSchemes) && text.replace(/\/+$/, '')
}

const units: Record<string, number> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }

/** Bytes of `33554432`, `"32MB"`, `"1.5 GiB"`; undefined: it is no size above 0. */
export const parseSize = (text: string | number): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmg])(?:i?b)?|b|bytes)?$/i.exec(String(text).trim())
  const bytes = match ? Math.floor(Number(match[1]) * units[(match[2] ?? 'b').toLowerCase()]!) : 0
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined
}

/** An address or a range of them (`10.0.0.0/8`, `fd12::/16`, `192.168.1.7`) without blanks around it; undefined: it is neither. */
export const parseRange = (text: string): string | undefined => {
  const range = text.trim()
  const [network = '', bits, ...rest] = range.split('/')
  const version = isIP(network)
  if (version === 0 || rest.length > 0 || network.includes('%')) return
  if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > (version === 6 ? 128 : 32))) return
  return range
}
