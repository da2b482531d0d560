/** Requests Google access tokens and caches them until shortly before they expire. */
import { createPrivateKey, type KeyObject, sign as signBytes } from 'node:crypto'
import { GatewayError } from '../../base/errors.ts'
import { isObject, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'
import type { SecretSink } from '../../base/secrets/runtime-secrets.ts'
import type { AccessToken, TokenCache } from '../provider.ts'
import { credentialError, type GoogleCredential } from './google-credential.ts'

/**
 * Sends a request without following redirects. `isMetadata`: the request goes to the machine's metadata server, without
 * a proxy.
 */
export type GoogleFetch = (url: string, options: RequestInit, isMetadata: boolean) => Promise<Response>

const scope = 'https://www.googleapis.com/auth/cloud-platform'
/** Seconds for which an assertion is valid. */
const assertionLifetime = 3600
/** Timeouts of one request in milliseconds. The metadata server answers immediately or does not exist. */
const timeouts = { tokenUri: 10_000, metadata: 3_000 }

/**
 * Requests a new access token. Every secret on the way is added to `secrets`: the credential's own, the assertion, and
 * each token.
 * @throws GatewayError `upstream_credentials` if Google refuses, `upstream_failed` if Google cannot be reached. Neither
 * contains a secret.
 */
export const requestGoogleToken = async (
  credential: GoogleCredential,
  googleFetch: GoogleFetch,
  secrets: SecretSink,
): Promise<AccessToken> => {
  const { project, quotaProject } = credential
  const token = await tokenFor(credential, googleFetch, secrets)
  return { project, quotaProject, ...token }
}

const tokenFor = async (
  credential: GoogleCredential,
  googleFetch: GoogleFetch,
  secrets: SecretSink,
): Promise<AccessToken> => {
  for (const secret of secretsOf(credential)) secrets.add(secret, Number.POSITIVE_INFINITY)
  const token = await obtainToken(credential, googleFetch, secrets)
  secrets.add(token.value, token.expiresAt)
  return token
}

const secretsOf = (credential: GoogleCredential): string[] => {
  if (credential.type === 'service account') return [credential.key]
  return credential.type === 'person' ? [credential.secret, credential.refreshToken] : []
}

/** Obtains a token for a credential, without noting it. */
const obtainToken = (
  credential: GoogleCredential,
  googleFetch: GoogleFetch,
  secrets: SecretSink,
): Promise<AccessToken> => {
  switch (credential.type) {
    case 'service account': {
      // RFC 7523; developers.google.com/identity/protocols/oauth2/service-account
      const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
      const assertion = signAssertion(credential)
      for (const secret of [assertion, assertion.slice(assertion.lastIndexOf('.') + 1)])
        secrets.add(secret, Date.now() + assertionLifetime * 1000)
      return requestByForm(credential.tokenUri, { grant_type: grant, assertion }, googleFetch)
    }
    case 'person': {
      const { id, secret, refreshToken, tokenUri } = credential
      const form = { grant_type: 'refresh_token', client_id: id, client_secret: secret, refresh_token: refreshToken }
      return requestByForm(tokenUri, form, googleFetch)
    }
    case 'impersonated':
      return requestImpersonated(credential, googleFetch, secrets)
    case 'machine':
      return requestFromMetadata(credential.address, googleFetch)
  }
}

const requestByForm = async (
  url: string,
  form: Record<string, string>,
  googleFetch: GoogleFetch,
): Promise<AccessToken> =>
  parseToken(await requestJson(url, { method: 'POST', body: new URLSearchParams(form) }, googleFetch))

/** cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken */
const requestImpersonated = async (
  { url, delegates, source }: GoogleCredential & { type: 'impersonated' },
  googleFetch: GoogleFetch,
  secrets: SecretSink,
): Promise<AccessToken> => {
  const { value } = await tokenFor(source, googleFetch, secrets)
  const headers = { authorization: `Bearer ${value}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ scope: [scope], delegates, lifetime: '3600s' })
  const response = await requestJson(url, { method: 'POST', headers, body }, googleFetch)
  const expiresAt = Date.parse(textOf(response['expireTime']) ?? '')
  return parseToken({ access_token: response['accessToken'], expires_in: (expiresAt - Date.now()) / 1000 })
}

/** cloud.google.com/compute/docs/access/authenticate-workloads */
const requestFromMetadata = async (address: string, googleFetch: GoogleFetch): Promise<AccessToken> => {
  const headers = { 'metadata-flavor': 'Google' }
  const metadataUrl = (path: string) => `${address}/computeMetadata/v1/${path}`
  const query = `?scopes=${encodeURIComponent(scope)}`
  const [token, project] = await Promise.all([
    requestJson(metadataUrl(`instance/service-accounts/default/token${query}`), { headers }, googleFetch, true),
    requestText(metadataUrl('project/project-id'), { headers }, googleFetch, true).then(({ ok, text }) =>
      ok ? text.trim() : undefined,
    ),
  ])
  return { ...parseToken(token), project }
}

const parseToken = (response: JsonObject): AccessToken => {
  const value = textOf(response['access_token'])
  const seconds = Number(response['expires_in'])
  if (!value || !Number.isFinite(seconds)) throw tokenServiceError('gave no access token')
  return { value, expiresAt: Date.now() + seconds * 1000 }
}

const tokenServiceError = (what: string): GatewayError =>
  new GatewayError('upstream_failed', `Google's token service ${what}`, { unsent: true })

/**
 * Sends a request and parses the JSON response. Of an error response only the code is passed on: `invalid_grant`.
 * @throws GatewayError `upstream_credentials` or `upstream_failed`
 */
const requestJson = async (
  url: string,
  options: RequestInit,
  googleFetch: GoogleFetch,
  isMetadata = false,
): Promise<JsonObject> => {
  const { ok, status, text } = await requestText(url, options, googleFetch, isMetadata)
  const body = parseJson(text)
  if (ok && isObject(body)) return body
  if (status >= 500 || ok) throw tokenServiceError(`answered ${status} and no token`)
  const errorCode = isObject(body) ? (textOf(body['error']) ?? textOf(statusOf(body['error']))) : undefined
  const reason = errorCode !== undefined && /^\w{1,60}$/.test(errorCode) ? errorCode : String(status)
  throw credentialError(`Google refuses the configured credential (${reason})`)
}

const statusOf = (error: unknown): unknown => (isObject(error) ? error['status'] : undefined)

const requestText = async (url: string, options: RequestInit, googleFetch: GoogleFetch, isMetadata: boolean) => {
  try {
    const signal = AbortSignal.timeout(isMetadata ? timeouts.metadata : timeouts.tokenUri)
    const response = await googleFetch(url, { ...options, signal }, isMetadata)
    return { ok: response.ok, status: response.status, text: await response.text() }
  } catch (thrown) {
    if (thrown instanceof GatewayError) throw thrown
    if (isMetadata)
      throw credentialError('no Google credential: neither a key file nor the metadata of a Google machine')
    throw tokenServiceError('could not be reached')
  }
}

const encodeJson = (part: JsonObject): string => Buffer.from(JSON.stringify(part)).toString('base64url')

const signAssertion = ({ email, key, keyId, tokenUri }: GoogleCredential & { type: 'service account' }): string => {
  const now = Math.floor(Date.now() / 1000)
  const header = encodeJson({ alg: 'RS256', typ: 'JWT', ...(keyId !== undefined && { kid: keyId }) })
  const claims = encodeJson({ iss: email, scope, aud: tokenUri, iat: now, exp: now + assertionLifetime })
  const signature = signBytes('RSA-SHA256', Buffer.from(`${header}.${claims}`), readKey(key))
  return `${header}.${claims}.${signature.toString('base64url')}`
}

const readKey = (key: string): KeyObject => {
  try {
    return createPrivateKey(key)
  } catch {
    throw credentialError('the private key of the Google credential cannot be read')
  }
}

/**
 * In milliseconds: how long before its expiry a token is renewed, and the interval between two attempts while the old
 * token is still valid.
 */
const renewBefore = 5 * 60_000
const retryInterval = 5_000
/** A token that expires within this many milliseconds is not used any more. */
const minLifetime = 10_000

/**
 * Caches one token. A valid token is returned immediately. In the five minutes before its expiry a new token is fetched
 * in the background while requests use the old one. Without a valid token all requests wait for the same fetch. A
 * failed background fetch is ignored while the old token is valid.
 */
export const createTokenCache = (now: () => number = Date.now): TokenCache => {
  let token: AccessToken | undefined
  let pending: Promise<AccessToken> | undefined
  let lastAttempt = Number.NEGATIVE_INFINITY

  const startRenewal = (renew: () => Promise<AccessToken>): Promise<AccessToken> => {
    lastAttempt = now()
    pending = renew()
      .then(renewed => {
        token = renewed
        return renewed
      })
      .finally(() => {
        pending = undefined
      })
    return pending
  }

  return async renew => {
    const remaining = token === undefined ? 0 : token.expiresAt - now()
    if (token === undefined || remaining < minLifetime) return pending ?? startRenewal(renew)
    if (remaining < renewBefore && pending === undefined && now() - lastAttempt > retryInterval)
      startRenewal(renew).catch(() => undefined)
    return token
  }
}
