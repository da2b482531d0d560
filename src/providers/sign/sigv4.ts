/** AWS Signature Version 4. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html (2026-11) */
import type { Credential, Target } from '../entry.ts'
import type { Sign, UpstreamRequest } from '../provider.ts'
import { setSecret } from './header.ts'

const algorithm = 'AWS4-HMAC-SHA256'

/** Whom a signature is good for. */
export type Scope = { service: string; region: string }
/** A request as far as a signature reaches. `body`: undefined is not text and goes out unsigned. */
export type Signable = { method: string; url: string; headers: Headers; body: string | undefined }

/**
 * Signs with the credential's `access_key` and `secret_key`, and `session_token` where there is one; the exact body, the host and the
 * type, the date and all headers of AWS. A signature is good for five minutes around `now`.
 */
export const sigv4 =
  (service: string, regionOf: (target: Target) => string, now: () => Date = () => new Date()): Sign =>
  (outgoing: UpstreamRequest, target: Target) => {
    const { headers } = outgoing
    const { access_key: access = '', session_token: token } = target.credential.values
    headers.set('x-amz-date', stampOf(now()))
    if (token) setSecret(headers, 'x-amz-security-token', token)
    if (outgoing.body === undefined) headers.set('x-amz-content-sha256', unsigned)
    const scope = { service, region: regionOf(target) }
    const names = [...headers.keys()].filter(name => name === 'content-type' || name.startsWith('x-amz-'))
    const request = { method: 'POST', ...outgoing }
    const key = keyOf(target.credential, headers.get('x-amz-date')!.slice(0, 8), scope)
    setSecret(headers, 'authorization', authorizationOf(request, ['host', ...names], access, key, scope))
  }

/** The `Authorization` of a request that carries `x-amz-date`; `names` are the headers to sign, lower case, `host` among them. */
export const authorizationOf = (
  request: Signable,
  names: readonly string[],
  accessKey: string,
  key: Uint8Array,
  { service, region }: Scope,
): string => {
  const signed = [...names].sort()
  const stamp = request.headers.get('x-amz-date')!
  const scope = `${stamp.slice(0, 8)}/${region}/${service}/aws4_request`
  const toSign = [algorithm, stamp, scope, sha256(canonicalRequest(request, signed))].join('\n')
  const signature = hmac(key, toSign).toString('hex')
  return `${algorithm} Credential=${accessKey}/${scope}, SignedHeaders=${signed.join(';')}, Signature=${signature}`
}

/** The request in the one form both sides digest. */
export const canonicalRequest = ({ method, url, headers, body }: Signable, signed: readonly string[]): string => {
  const { host, pathname, searchParams } = new URL(url)
  const lines = signed.map(name => `${name}:${name === 'host' ? host : folded(headers.get(name) ?? '')}`)
  const digest = body === undefined ? unsigned : sha256(body)
  return [method, canonicalPath(pathname), canonicalQuery(searchParams), ...lines, '', signed.join(';'), digest].join(
    '\n',
  )
}

const unsigned = 'UNSIGNED-PAYLOAD'

/** Every service but S3 has each step of the path encoded once more than it stands in the address: the `%3A` of a model is signed as `%253A`. */
const canonicalPath = (path: string): string =>
  path
    .replace(/\/{2,}/g, '/')
    .split('/')
    .map(encoded)
    .join('/')

const canonicalQuery = (query: URLSearchParams): string =>
  [...query]
    .map(([name, value]) => [encoded(name), encoded(value)] as const)
    .sort(([name, value], [other, another]) => order(name, other) || order(value, another))
    .map(pair => pair.join('='))
    .join('&')

const order = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

/** RFC 3986 in full; JavaScript leaves five of its reserved characters as they are. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, mark => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)

const folded = (value: string): string => value.trim().replace(/ +/g, ' ')

/** `20150830T123600Z`. */
const stampOf = (date: Date): string => date.toISOString().replace(/[-:]|\.\d+/g, '')

/** The day's key, four digests away from the secret. */
export const signingKey = (secret: string, day: string, { service, region }: Scope): Uint8Array =>
  [day, region, service, 'aws4_request'].reduce<Uint8Array>(hmac, Buffer.from(`AWS4${secret}`))

const keys = new WeakMap<Credential, { of: string; key: Uint8Array }>()

const keyOf = (credential: Credential, day: string, scope: Scope): Uint8Array => {
  const of = `${day}/${scope.region}/${scope.service}`
  const known = keys.get(credential)
  if (known?.of === of) return known.key
  const key = signingKey(credential.values['secret_key'] ?? '', day, scope)
  keys.set(credential, { of, key })
  return key
}

const hmac = (key: Uint8Array, text: string): Buffer => new Bun.CryptoHasher('sha256', key).update(text).digest()

const sha256 = (text: string): string => new Bun.CryptoHasher('sha256').update(text).digest('hex')
