/**
 * The one fetch for URLs a client can name. A name is resolved once, every address it has is checked, and the connection goes to a checked
 * address: what the name says a moment later does not count. Always straight, never through a proxy, which would resolve the name by itself.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { GatewayError } from '../base/errors.ts'
import { typeOf } from './file-type.ts'
import { permits } from './public-addresses.ts'

/** What may be fetched. Bytes and seconds. */
export type MediaTerms = {
  /** Loopback and private networks too; or the addresses and ranges that may be fetched from beside the public ones. */
  allowPrivate: boolean | readonly string[]
  /** Of one file. */
  maxBytes: number
  /** For all of one file: resolving, connecting, redirects, the body. */
  timeout: number
  /** Files of one request. */
  maxFiles: number
}

/** All addresses of a name. */
export type Resolve = (host: string) => Promise<readonly string[]>
/** For tests: another resolver, another authority for certificates. */
export type Surroundings = { resolve?: Resolve; authority?: string }

/** What was fetched: bytes, and their type, which is one of image, audio, video, text or PDF. */
export type Fetched = { bytes: Uint8Array; mime: string }
/** Called with each piece as it comes; throws to end the fetch. */
export type Meter = (bytes: number) => void

/** Fetches one file. `signal` ends it from outside. @throws GatewayError `invalid_request`, which tells neither addresses nor the URL. */
export type SafeFetch = (url: string, meter: Meter, signal: AbortSignal) => Promise<Fetched>

const mostRedirects = 3
/** Addresses of one name that are tried. */
const mostTries = 3

const everyAddress: Resolve = async host => (await lookup(host, { all: true })).map(({ address }) => address)

/** Why a file could not be had; ends in a sentence such as `messages[0]…: the file could not be fetched: <why>`. */
export const refusal = (why: string): GatewayError => new GatewayError('invalid_request', why)

export const createSafeFetch = (
  terms: MediaTerms,
  { resolve = everyAddress, authority }: Surroundings = {},
): SafeFetch => {
  const isPermitted = permits(terms.allowPrivate)

  /** The addresses to try, IPv4 first: many hosts have no way for IPv6. @throws unless all of them are permitted. */
  const checked = async (url: URL): Promise<readonly string[]> => {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const addresses = isIP(host) === 0 ? await resolve(host).catch(() => []) : [host]
    if (addresses.length === 0) throw refusal('its host is not known')
    if (!addresses.every(isPermitted)) throw refusal('its host is not on the public internet')
    return [...addresses].sort((one, other) => isIP(one) - isIP(other)).slice(0, mostTries)
  }

  const open = async (url: URL, signal: AbortSignal): Promise<Response> => {
    let last: unknown
    for (const address of await checked(url)) {
      signal.throwIfAborted()
      try {
        return await connect(url, address, signal, authority)
      } catch (thrown) {
        last = thrown
      }
    }
    throw last
  }

  const follow = async (written: string, signal: AbortSignal): Promise<Response> => {
    let url = parse(written)
    for (let hops = 0; hops <= mostRedirects; hops++) {
      const response = await open(url, signal)
      const next = response.headers.get('location')
      if (response.status < 300 || response.status > 399 || next === null) return response
      void response.body?.cancel().catch(() => undefined)
      url = parse(next, url)
    }
    throw refusal(`its server redirects more than ${mostRedirects} times`)
  }

  return async (url, meter, outside) => {
    const late = AbortSignal.timeout(terms.timeout * 1000)
    const signal = AbortSignal.any([late, outside])
    try {
      // A resolver cannot be stopped: who waits for it can.
      const response = await Promise.race([follow(url, signal), aborted(signal)])
      const bytes = await Promise.race([readBody(response, terms.maxBytes, meter, signal), aborted(signal)])
      const mime = typeOf(bytes, response.headers.get('content-type'))
      if (mime === undefined) throw refusal('it is neither image, audio, video, text nor PDF')
      return { bytes, mime }
    } catch (thrown) {
      if (thrown instanceof GatewayError) throw thrown
      if (late.aborted) throw refusal(`it took longer than ${terms.timeout} s`)
      throw refusal('its server could not be reached')
    }
  }
}

/** @param from the URL that led here. */
const parse = (written: string, from?: URL): URL => {
  const url = URL.parse(written, from?.href)
  if (url === null) throw refusal('its URL is none')
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refusal('only http and https are fetched')
  if (url.username !== '' || url.password !== '') throw refusal('a URL with a user name or password is not fetched')
  return url
}

/**
 * To the address, in the name of the host: the certificate is checked against the name. No connection is kept, because it would be kept by
 * address; nothing is inflated, because a small body may be a large file.
 */
const connect = (url: URL, address: string, signal: AbortSignal, ca: string | undefined): Promise<Response> => {
  const at = new URL(url)
  at.hostname = isIP(address) === 6 ? `[${address}]` : address
  at.hash = ''
  const name = url.hostname.replace(/\.$/, '')
  const isName = isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0
  const headers = { host: url.host, accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'simple-one-api' }
  const tls = { ...(isName && { serverName: name }), ...(ca !== undefined && { ca }) }
  const manner = { redirect: 'manual', proxy: false, keepalive: false, decompress: false, timeout: false }
  return fetch(at.href, { ...manner, headers, tls, signal } as unknown as RequestInit)
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

/** No further than `most` bytes, whatever the server announced. */
const readBody = async (response: Response, most: number, meter: Meter, signal: AbortSignal): Promise<Uint8Array> => {
  const reader = response.body?.getReader()
  try {
    checkHead(response, most)
    const pieces: Uint8Array[] = []
    for (let length = 0; reader; ) {
      const { done, value } = await reader.read()
      if (done) break
      signal.throwIfAborted()
      length += value.length
      if (length > most) throw tooLarge(most)
      meter(value.length)
      pieces.push(value)
    }
    if (pieces.length === 0) throw refusal('it is empty')
    return Buffer.concat(pieces)
  } catch (thrown) {
    void reader?.cancel().catch(() => undefined)
    throw thrown
  }
}

const checkHead = ({ status, headers }: Response, most: number): void => {
  if (status !== 200) throw refusal(`its server answered ${status}`)
  const coding = headers.get('content-encoding') ?? 'identity'
  if (coding.toLowerCase() !== 'identity') throw refusal('its server sends it compressed, though asked not to')
  if (Number(headers.get('content-length')) > most) throw tooLarge(most)
}

const tooLarge = (most: number): GatewayError => refusal(`it is larger than ${most} bytes`)
