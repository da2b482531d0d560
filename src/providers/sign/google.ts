/** `Authorization: Bearer <access token>` for Google's cloud, or `x-goog-api-key` for a credential that is an API key. */
import type { Credential, Target } from '../entry.ts'
import type { Sign, TokenFetch, UpstreamRequest } from '../provider.ts'
import { credentialFault, isGoogle, readCredential } from './google-credential.ts'
import { fetchToken, keepToken, type SendForToken, type Token } from './google-token.ts'
import { putKey, setSecret } from './header.ts'

/** Stands in an address for a project that only the credential's file knows; `google` puts it in. */
export const unknownProject = '-'

const kept = new WeakMap<Credential, ReturnType<typeof keepToken>>()

const keeperOf = (credential: Credential): ReturnType<typeof keepToken> => {
  const keeper = kept.get(credential) ?? keepToken()
  kept.set(credential, keeper)
  return keeper
}

const straight: TokenFetch = (_, url, options) => fetch(url, { ...options, redirect: 'manual' })

/** The file is read anew for every token: who replaces it need not restart. */
const renewed = async (target: Target, send: TokenFetch): Promise<Token> => {
  const credential = await readCredential(target.credential.values, process.env)
  const through: SendForToken = (url, options, machine) =>
    machine
      ? fetch(url, { ...options, redirect: 'manual', proxy: false } as unknown as RequestInit)
      : send(target, url, options)
  return fetchToken(credential, through)
}

const settle = (outgoing: UpstreamRequest, token: Token): void => {
  const { headers } = outgoing
  setSecret(headers, 'authorization', `Bearer ${token.value}`)
  if (token.payer) setSecret(headers, 'x-goog-user-project', token.payer)
  const gap = `/projects/${unknownProject}/`
  if (!outgoing.url.includes(gap)) return
  if (!token.project) throw credentialFault('the Google credential names no project: write project_id beside it')
  outgoing.url = outgoing.url.replace(gap, `/projects/${encodeURIComponent(token.project)}/`)
}

/** At once while a token is kept; without any credential nothing is sent. */
export const google: Sign = (outgoing, target, send = straight) => {
  const { values } = target.credential
  if (values['api_key']) return putKey(outgoing.headers, target, 'x-goog-api-key', values['api_key'])
  if (!isGoogle(values)) return
  const token = keeperOf(target.credential)(() => renewed(target, send))
  return token instanceof Promise ? token.then(fresh => settle(outgoing, fresh)) : settle(outgoing, token)
}
