/** Access tokens of Google: asked for, and kept until shortly before they end. */
import { createPrivateKey, type KeyObject, sign as signBytes } from 'node:crypto'
import { GatewayError } from '../../base/errors.ts'
import { isObject, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'
import { credentialFault, type GoogleCredential } from './google-credential.ts'

/** `until`: milliseconds since 1970. */
export type Token = { value: string; until: number; project?: string | undefined; payer?: string | undefined }
/** A request that follows no redirect; `machine`: to the machine's own metadata, through no proxy. */
export type SendForToken = (url: string, options: RequestInit, machine: boolean) => Promise<Response>

const scope = 'https://www.googleapis.com/auth/cloud-platform'
/** Milliseconds for one answer; the metadata of a machine answers at once or is not there. */
const patience = { vendor: 10_000, machine: 3_000 }

/** @throws GatewayError `upstream_credentials` where Google refuses, `upstream_failed` where it cannot be reached; neither tells a secret. */
export const fetchToken = async (credential: GoogleCredential, send: SendForToken): Promise<Token> => {
  const { project, payer } = credential
  const token = await tokenOf(credential, send)
  return { project, payer, ...token }
}

const tokenOf = (credential: GoogleCredential, send: SendForToken): Promise<Token> => {
  switch (credential.type) {
    case 'service account': {
      // RFC 7523; developers.google.com/identity/protocols/oauth2/service-account
      const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
      return exchange(credential.tokenUri, { grant_type: grant, assertion: assertionOf(credential) }, send)
    }
    case 'person': {
      const { id, secret, refreshToken, tokenUri } = credential
      const form = { grant_type: 'refresh_token', client_id: id, client_secret: secret, refresh_token: refreshToken }
      return exchange(tokenUri, form, send)
    }
    case 'impersonated':
      return impersonated(credential, send)
    case 'machine':
      return ofMachine(credential.address, send)
  }
}

const exchange = async (url: string, form: Record<string, string>, send: SendForToken): Promise<Token> =>
  readToken(await ask(url, { method: 'POST', body: new URLSearchParams(form) }, send))

/** cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken */
const impersonated = async (
  { url, delegates, by }: GoogleCredential & { type: 'impersonated' },
  send: SendForToken,
): Promise<Token> => {
  const { value } = await tokenOf(by, send)
  const headers = { authorization: `Bearer ${value}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ scope: [scope], delegates, lifetime: '3600s' })
  const told = await ask(url, { method: 'POST', headers, body }, send)
  const until = Date.parse(textOf(told['expireTime']) ?? '')
  return readToken({ access_token: told['accessToken'], expires_in: (until - Date.now()) / 1000 })
}

/** cloud.google.com/compute/docs/access/authenticate-workloads */
const ofMachine = async (address: string, send: SendForToken): Promise<Token> => {
  const headers = { 'metadata-flavor': 'Google' }
  const at = (path: string) => `${address}/computeMetadata/v1/${path}`
  const query = `?scopes=${encodeURIComponent(scope)}`
  const [token, project] = await Promise.all([
    ask(at(`instance/service-accounts/default/token${query}`), { headers }, send, true),
    answerOf(at('project/project-id'), { headers }, send, true).then(({ ok, text }) => (ok ? text.trim() : undefined)),
  ])
  return { ...readToken(token), project }
}

const readToken = (told: JsonObject): Token => {
  const value = textOf(told['access_token'])
  const seconds = Number(told['expires_in'])
  if (!value || !Number.isFinite(seconds)) throw unreachable('gave no access token')
  return { value, until: Date.now() + seconds * 1000 }
}

const unreachable = (what: string): GatewayError =>
  new GatewayError('upstream_failed', `Google's token service ${what}`, { unsent: true })

/** @throws GatewayError; of what Google says only the code of the fault goes on: `invalid_grant`. */
const ask = async (url: string, options: RequestInit, send: SendForToken, machine = false): Promise<JsonObject> => {
  const { ok, status, text } = await answerOf(url, options, send, machine)
  const told = parseJson(text)
  if (ok && isObject(told)) return told
  if (status >= 500 || ok) throw unreachable(`answered ${status} and no token`)
  const fault = isObject(told) ? (textOf(told['error']) ?? textOf(statusOf(told['error']))) : undefined
  const word = fault !== undefined && /^\w{1,60}$/.test(fault) ? fault : String(status)
  throw credentialFault(`Google refuses the configured credential (${word})`)
}

const statusOf = (error: unknown): unknown => (isObject(error) ? error['status'] : undefined)

const answerOf = async (url: string, options: RequestInit, send: SendForToken, machine: boolean) => {
  try {
    const signal = AbortSignal.timeout(machine ? patience.machine : patience.vendor)
    const response = await send(url, { ...options, signal }, machine)
    return { ok: response.ok, status: response.status, text: await response.text() }
  } catch (thrown) {
    if (thrown instanceof GatewayError) throw thrown
    if (machine) throw credentialFault('no Google credential: neither a key file nor the metadata of a Google machine')
    throw unreachable('could not be reached')
  }
}

const encode = (part: JsonObject): string => Buffer.from(JSON.stringify(part)).toString('base64url')

const assertionOf = ({ email, key, keyId, tokenUri }: GoogleCredential & { type: 'service account' }): string => {
  const now = Math.floor(Date.now() / 1000)
  const head = encode({ alg: 'RS256', typ: 'JWT', ...(keyId !== undefined && { kid: keyId }) })
  const claims = encode({ iss: email, scope, aud: tokenUri, iat: now, exp: now + 3600 })
  const signature = signBytes('RSA-SHA256', Buffer.from(`${head}.${claims}`), readKey(key))
  return `${head}.${claims}.${signature.toString('base64url')}`
}

const readKey = (key: string): KeyObject => {
  try {
    return createPrivateKey(key)
  } catch {
    throw credentialFault('the private key of the Google credential cannot be read')
  }
}

/** Milliseconds before its end a token is replaced; and between two tries at it, while the old one still holds. */
const early = 5 * 60_000
const between = 5_000
/** A token that ends this soon is not sent any more. */
const spent = 10_000

/**
 * Keeps one token: at once while it is fresh; from five minutes before its end a new one is fetched beside the requests, which use the old one;
 * without one all wait for the same fetch. A failure beside them is not told while the old one holds.
 */
export const keepToken = (now: () => number = Date.now): ((renew: () => Promise<Token>) => Token | Promise<Token>) => {
  let token: Token | undefined
  let flight: Promise<Token> | undefined
  let tried = Number.NEGATIVE_INFINITY

  const begin = (renew: () => Promise<Token>): Promise<Token> => {
    tried = now()
    flight = renew()
      .then(got => {
        token = got
        return got
      })
      .finally(() => {
        flight = undefined
      })
    return flight
  }

  return renew => {
    const left = token === undefined ? 0 : token.until - now()
    if (token === undefined || left < spent) return flight ?? begin(renew)
    if (left < early && flight === undefined && now() - tried > between) begin(renew).catch(() => undefined)
    return token
  }
}
