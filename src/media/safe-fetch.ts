/**
 * The SSRF guard: the only fetch for URLs that a client can name. A host name is resolved once, every address of it is
 * checked, and the connection goes to a checked address. A later change of the DNS answer has no effect. The connection
 * is always direct, because a proxy would resolve the name itself.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { GatewayError } from '../base/errors.ts'
import { detectFileType } from './file-type.ts'
import { createAddressFilter } from './public-addresses.ts'

/** What may be fetched. Sizes are bytes, times are seconds. */
export type MediaSettings = {
  /**
   * `true` also allows loopback and private networks. A list names addresses and ranges that are allowed beside the
   * public ones.
   */
  allowPrivate: boolean | readonly string[]
  /** Maximum size of one file. */
  maxBytes: number
  /** Time for one file in total: resolving, connecting, redirects, the body. */
  timeout: number
  /** Maximum files of one request. */
  maxFiles: number
}

/** Resolves a host name to all of its addresses. */
export type ResolveHost = (host: string) => Promise<readonly string[]>
/** For tests: another resolver and another certificate authority. */
type SafeFetchOptions = { resolve?: ResolveHost; ca?: string }

/** The fetched bytes and their type, which is one of image, audio, video, text or PDF. */
export type FetchedFile = { bytes: Uint8Array; mime: string }
/** Called with the size of each piece. It throws to end the fetch. */
type ByteMeter = (bytes: number) => void

/**
 * Fetches one file. `signal` cancels it.
 * @throws GatewayError `invalid_request`, whose message contains neither addresses nor the URL
 */
export type SafeFetch = (url: string, meter: ByteMeter, signal: AbortSignal) => Promise<FetchedFile>

const maxRedirects = 3
/** Maximum addresses of one host name that are tried. */
const maxAddresses = 3

const resolveAll: ResolveHost = async host => (await lookup(host, { all: true })).map(({ address }) => address)

/**
 * The error for a file that could not be fetched. `reason` completes a message such as `messages[0]…: the file could
 * not be fetched: <reason>`.
 */
export const mediaError = (reason: string): GatewayError => new GatewayError('invalid_request', reason)

export const createSafeFetch = (
  settings: MediaSettings,
  { resolve = resolveAll, ca }: SafeFetchOptions = {},
): SafeFetch => {
  const isPermitted = createAddressFilter(settings.allowPrivate)

  /**
   * The addresses to try, IPv4 first: many hosts have no IPv6 route.
   * @throws GatewayError unless all of them are permitted
   */
  const resolvePermitted = async (url: URL): Promise<readonly string[]> => {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const addresses = isIP(host) === 0 ? await resolve(host).catch(() => []) : [host]
    if (addresses.length === 0) throw mediaError('its host is not known')
    if (!addresses.every(isPermitted)) throw mediaError('its host is not on the public internet')
    return [...addresses].sort((one, other) => isIP(one) - isIP(other)).slice(0, maxAddresses)
  }

  const connectToAny = async (url: URL, signal: AbortSignal): Promise<Response> => {
    let lastError: unknown
    for (const address of await resolvePermitted(url)) {
      signal.throwIfAborted()
      try {
        return await connect(url, address, signal, ca)
      } catch (thrown) {
        lastError = thrown
      }
    }
    throw lastError
  }

  const followRedirects = async (urlText: string, signal: AbortSignal): Promise<Response> => {
    let url = parseMediaUrl(urlText)
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const response = await connectToAny(url, signal)
      const location = response.headers.get('location')
      if (response.status < 300 || response.status > 399 || location === null) return response
      void response.body?.cancel().catch(() => undefined)
      url = parseMediaUrl(location, url)
    }
    throw mediaError(`its server redirects more than ${maxRedirects} times`)
  }

  return async (url, meter, cancelSignal) => {
    const timeoutSignal = AbortSignal.timeout(settings.timeout * 1000)
    const signal = AbortSignal.any([timeoutSignal, cancelSignal])
    try {
      // A resolver cannot be cancelled, but the wait for it can.
      const response = await Promise.race([followRedirects(url, signal), rejectOnAbort(signal)])
      const bytes = await Promise.race([readBody(response, settings.maxBytes, meter, signal), rejectOnAbort(signal)])
      const mime = detectFileType(bytes, response.headers.get('content-type'))
      if (mime === undefined) throw mediaError('it is neither image, audio, video, text nor PDF')
      return { bytes, mime }
    } catch (thrown) {
      if (thrown instanceof GatewayError) throw thrown
      if (timeoutSignal.aborted) throw mediaError(`it took longer than ${settings.timeout} s`)
      throw mediaError('its server could not be reached')
    }
  }
}

/** @param from the URL that redirected here */
const parseMediaUrl = (urlText: string, from?: URL): URL => {
  const url = URL.parse(urlText, from?.href)
  if (url === null) throw mediaError('its URL is none')
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw mediaError('only http and https are fetched')
  if (url.username !== '' || url.password !== '') throw mediaError('a URL with a user name or password is not fetched')
  return url
}

/**
 * Connects to the address in the name of the host: the certificate is verified against the host name. The connection is
 * not kept, because Bun would keep it by address. Nothing is decompressed, because a small body may be a large file.
 */
const connect = (url: URL, address: string, signal: AbortSignal, ca: string | undefined): Promise<Response> => {
  const addressUrl = new URL(url)
  addressUrl.hostname = isIP(address) === 6 ? `[${address}]` : address
  addressUrl.hash = ''
  const certificateName = url.hostname.replace(/\.$/, '')
  const isHostName = isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0
  const headers = { host: url.host, accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'simple-one-api' }
  const tls = { ...(isHostName && { serverName: certificateName }), ...(ca !== undefined && { ca }) }
  const options = { redirect: 'manual', proxy: false, keepalive: false, decompress: false, timeout: false }
  return fetch(addressUrl.href, { ...options, headers, tls, signal } as unknown as RequestInit)
}

const rejectOnAbort = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

/** Reads at most `maxBytes`, whatever length the server announced. */
const readBody = async (
  response: Response,
  maxBytes: number,
  meter: ByteMeter,
  signal: AbortSignal,
): Promise<Uint8Array> => {
  const reader = response.body?.getReader()
  try {
    checkResponseHeaders(response, maxBytes)
    const pieces: Uint8Array[] = []
    for (let length = 0; reader; ) {
      const { done, value } = await reader.read()
      if (done) break
      signal.throwIfAborted()
      length += value.length
      if (length > maxBytes) throw tooLarge(maxBytes)
      meter(value.length)
      pieces.push(value)
    }
    if (pieces.length === 0) throw mediaError('it is empty')
    return Buffer.concat(pieces)
  } catch (thrown) {
    void reader?.cancel().catch(() => undefined)
    throw thrown
  }
}

const checkResponseHeaders = ({ status, headers }: Response, maxBytes: number): void => {
  if (status !== 200) throw mediaError(`its server answered ${status}`)
  const encoding = headers.get('content-encoding') ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') throw mediaError('its server sends it compressed, though asked not to')
  if (Number(headers.get('content-length')) > maxBytes) throw tooLarge(maxBytes)
}

const tooLarge = (maxBytes: number): GatewayError => mediaError(`it is larger than ${maxBytes} bytes`)
