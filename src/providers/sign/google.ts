/** `Authorization: Bearer <access token>` for Google Cloud, or `x-goog-api-key` for a credential that is an API key. */
import type { Credential, Target } from '../entry.ts'
import type { AccessToken, Sign, TokenCache, TokenFetch, UpstreamRequest } from '../provider.ts'
import { credentialError, hasGoogleCredential, readCredential } from './google-credential.ts'
import { createTokenCache, type GoogleFetch, requestGoogleToken } from './google-token.ts'
import { setApiKey, setSecret } from './header.ts'

/** Placeholder in a URL for a project that only the credential file names. `google` replaces it. */
export const unknownProject = '-'

const tokenCacheOf = (credential: Credential, { tokenCaches }: TokenFetch): TokenCache => {
  const cache = tokenCaches.get(credential) ?? createTokenCache()
  tokenCaches.set(credential, cache)
  return cache
}

/** The file is read again for every new token, so that replacing the file needs no restart. */
const renewToken = async (target: Target, fetchToken: TokenFetch): Promise<AccessToken> => {
  const credential = await readCredential(target.credential.values, process.env)
  const googleFetch: GoogleFetch = (url, options, isMetadata) =>
    isMetadata
      ? fetch(url, { ...options, redirect: 'manual', proxy: false } as unknown as RequestInit)
      : fetchToken(target, url, options)
  return requestGoogleToken(credential, googleFetch, fetchToken.secrets)
}

const applyToken = (request: UpstreamRequest, token: AccessToken): void => {
  const { headers } = request
  setSecret(headers, 'authorization', `Bearer ${token.value}`)
  if (token.quotaProject) setSecret(headers, 'x-goog-user-project', token.quotaProject)
  const placeholder = `/projects/${unknownProject}/`
  if (!request.url.includes(placeholder)) return
  if (!token.project) throw credentialError('the Google credential names no project: write project_id beside it')
  request.url = request.url.replace(placeholder, `/projects/${encodeURIComponent(token.project)}/`)
}

/** Signs with a cached token while it is valid. Without any credential nothing is sent. */
export const google: Sign = async (request, target, fetchToken) => {
  const { values } = target.credential
  if (values['api_key']) return setApiKey(request.headers, target, 'x-goog-api-key', values['api_key'])
  if (!hasGoogleCredential(values)) return
  const tokenCache = tokenCacheOf(target.credential, fetchToken)
  applyToken(request, await tokenCache(() => renewToken(target, fetchToken)))
}
