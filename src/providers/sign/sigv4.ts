/**
 * AWS Signature Version 4. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 * (2026-11)
 */
import type { Credential, Target } from '../entry.ts'
import type { TokenFetch, UpstreamRequest } from '../provider.ts'
import { setSecret } from './header.ts'

/** Milliseconds for which AWS accepts a signature, with a margin for the clocks. */
const signatureLifetime = 15 * 60_000
const algorithm = 'AWS4-HMAC-SHA256'

/** What a signing key is valid for. */
type SigningScope = { service: string; region: string }
/** The parts of a request that are signed. An undefined `body` is not text and is sent with an unsigned payload. */
type SignableRequest = { method: string; url: string; headers: Headers; body: string | undefined }

/**
 * Signs with the credential's `access_key` and `secret_key`, and with `session_token` if there is one. The signature
 * covers the exact body, the host, the content type, the date and all AWS headers. It is valid for five minutes around
 * `now`.
 */
export const sigv4 =
  (service: string, regionOf: (target: Target) => string, now: () => Date = () => new Date()) =>
  (upstreamRequest: UpstreamRequest, target: Target, { secrets }: Pick<TokenFetch, 'secrets'>): void => {
    const { headers } = upstreamRequest
    const { access_key: accessKey = '', session_token: token } = target.credential.values
    const date = now()
    headers.set('x-amz-date', timestampOf(date))
    if (token) setSecret(headers, 'x-amz-security-token', token)
    if (upstreamRequest.body === undefined) headers.set('x-amz-content-sha256', unsignedPayload)
    const scope = { service, region: regionOf(target) }
    const names = [...headers.keys()].filter(name => name === 'content-type' || name.startsWith('x-amz-'))
    const request = { method: 'POST', ...upstreamRequest }
    const key = cachedSigningKey(target.credential, headers.get('x-amz-date')!.slice(0, 8), scope)
    const authorization = authorizationOf(request, ['host', ...names], accessKey, key, scope)
    secrets.add(authorization.slice(authorization.lastIndexOf('=') + 1), date.getTime() + signatureLifetime)
    setSecret(headers, 'authorization', authorization)
  }

/**
 * The `Authorization` header of a request that already has `x-amz-date`. `names` are the headers to sign in lower case
 * and include `host`.
 */
export const authorizationOf = (
  request: SignableRequest,
  names: readonly string[],
  accessKey: string,
  key: Uint8Array,
  { service, region }: SigningScope,
): string => {
  const signedHeaders = [...names].sort()
  const timestamp = request.headers.get('x-amz-date')!
  const scope = `${timestamp.slice(0, 8)}/${region}/${service}/aws4_request`
  const stringToSign = [algorithm, timestamp, scope, sha256(canonicalRequest(request, signedHeaders))].join('\n')
  const signature = hmac(key, stringToSign).toString('hex')
  return `${algorithm} Credential=${accessKey}/${scope}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`
}

/** The canonical request, as both sides compute it. */
export const canonicalRequest = (
  { method, url, headers, body }: SignableRequest,
  signedHeaders: readonly string[],
): string => {
  const { host, pathname, searchParams } = new URL(url)
  const lines = signedHeaders.map(name => `${name}:${name === 'host' ? host : collapseSpaces(headers.get(name) ?? '')}`)
  const digest = body === undefined ? unsignedPayload : sha256(body)
  return [
    method,
    canonicalPath(pathname),
    canonicalQuery(searchParams),
    ...lines,
    '',
    signedHeaders.join(';'),
    digest,
  ].join('\n')
}

const unsignedPayload = 'UNSIGNED-PAYLOAD'

/**
 * For every service except S3 each path segment is encoded once more than in the URL: the `%3A` of a model is signed as
 * `%253A`.
 */
const canonicalPath = (path: string): string =>
  path
    .replace(/\/{2,}/g, '/')
    .split('/')
    .map(encodeRfc3986)
    .join('/')

const canonicalQuery = (query: URLSearchParams): string =>
  [...query]
    .map(([name, value]) => [encodeRfc3986(name), encodeRfc3986(value)] as const)
    .sort(([name, value], [otherName, otherValue]) => compareText(name, otherName) || compareText(value, otherValue))
    .map(pair => pair.join('='))
    .join('&')

const compareText = (left: string, right: string): number => {
  if (left === right) return 0
  return left < right ? -1 : 1
}

/** Percent-encoding of RFC 3986. `encodeURIComponent` leaves five reserved characters unencoded. */
const encodeRfc3986 = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

const collapseSpaces = (value: string): string => value.trim().replace(/ +/g, ' ')

/** `20150830T123600Z`. */
const timestampOf = (date: Date): string => date.toISOString().replace(/[-:]|\.\d+/g, '')

/** Derives the signing key of a day from the secret with four HMACs. */
export const signingKey = (secret: string, day: string, { service, region }: SigningScope): Uint8Array =>
  [day, region, service, 'aws4_request'].reduce<Uint8Array>(hmac, Buffer.from(`AWS4${secret}`))

const signingKeys = new WeakMap<Credential, { cacheKey: string; key: Uint8Array }>()

const cachedSigningKey = (credential: Credential, day: string, scope: SigningScope): Uint8Array => {
  const cacheKey = `${day}/${scope.region}/${scope.service}`
  const cached = signingKeys.get(credential)
  if (cached?.cacheKey === cacheKey) return cached.key
  const key = signingKey(credential.values['secret_key'] ?? '', day, scope)
  signingKeys.set(credential, { cacheKey, key })
  return key
}

const hmac = (key: Uint8Array, text: string): Buffer => new Bun.CryptoHasher('sha256', key).update(text).digest()

const sha256 = (text: string): string => new Bun.CryptoHasher('sha256').update(text).digest('hex')
