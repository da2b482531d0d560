/** `Authorization: Bearer <access token>` for Google Cloud, or `x-goog-api-key` for a credential that is an API key. */
import type { Credential, Target } from '../entry.ts'
import type { Sign, TokenFetch, UpstreamRequest } from '../provider.ts'
import { credentialError, hasGoogleCredential, readCredential } from './google-credential.ts'
import { createTokenCache, type GoogleFetch, type GoogleToken, requestGoogleToken } from './google-token.ts'
import { setApiKey, setSecret } from './header.ts'

/** Placeholder in a URL for a project that only the credential file names. `google` replaces it. */
export const unknownProject = '-'

const tokenCaches = new WeakMap<Credential, ReturnType<typeof createTokenCache>>()

const tokenCacheOf = (credential: Credential): ReturnType<typeof createTokenCache> => {
  const cache = tokenCaches.get(credential) ?? createTokenCache()
  tokenCaches.set(credential, cache)
  return cache
}

const directFetch: TokenFetch = (_, url, options) => fetch(url, { ...options, redirect: 'manual' })

/** The file is read again for every new token, so that replacing the file needs no restart. */
const renewToken = async (target: Target, fetchToken: TokenFetch): Promise<GoogleToken> => {
  const credential = await readCredential(target.credential.values, process.env)
  const googleFetch: GoogleFetch = (url, options, isMetadata) =>
    isMetadata
      ? fetch(url, { ...options, redirect: 'manual', proxy: false } as unknown as RequestInit)
      : fetchToken(target, url, options)
  return requestGoogleToken(credential, googleFetch)
}

const applyToken = (request: UpstreamRequest, token: GoogleToken): void => {
  const { headers } = request
  setSecret(headers, 'authorization', `Bearer ${token.value}`)
  if (token.quotaProject) setSecret(headers, 'x-goog-user-project', token.quotaProject)
  const placeholder = `/projects/${unknownProject}/`
  if (!request.url.includes(placeholder)) return
  if (!token.project) throw credentialError('the Google credential names no project: write project_id beside it')
  request.url = request.url.replace(placeholder, `/projects/${encodeURIComponent(token.project)}/`)
}

/** Signs synchronously while a token is cached. Without any credential nothing is sent. */
export const google: Sign = (request, target, fetchToken = directFetch) => {
  const { values } = target.credential
  if (values['api_key']) return setApiKey(request.headers, target, 'x-goog-api-key', values['api_key'])
  if (!hasGoogleCredential(values)) return
  const token = tokenCacheOf(target.credential)(() => renewToken(target, fetchToken))
  return token instanceof Promise ? token.then(fresh => applyToken(request, fresh)) : applyToken(request, token)
}
