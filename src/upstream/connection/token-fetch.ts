/**
 * Requests of the gateway itself that precede a vendor request, such as for an access token. They use the target's
 * proxy and follow no redirect.
 */
import { RuntimeSecrets, type SecretSink } from '../../base/secrets/runtime-secrets.ts'
import type { Target } from '../../providers/entry.ts'
import type { TokenFetch } from '../../providers/provider.ts'
import { inflateResponse } from '../inflate.ts'
import type { Proxies } from './proxy.ts'

/**
 * Creates a token fetch whose token caches are empty. It throws the error of `fetch`, whose message may contain the URL.
 * @param secrets receives the secrets that signing makes
 */
export const createTokenFetch = (proxies: Proxies, secrets: SecretSink = new RuntimeSecrets()): TokenFetch =>
  Object.assign(
    async ({ entry }: Target, url: string, options: RequestInit): Promise<Response> => {
      const proxy = await proxies.proxyFor(url, entry.proxy)
      const headers = new Headers(options.headers)
      headers.set('accept-encoding', 'identity')
      const fetchOptions = { ...options, headers, redirect: 'manual', decompress: false, proxy }
      return inflateResponse(await fetch(url, fetchOptions as unknown as RequestInit))
    },
    { tokenCaches: new WeakMap(), secrets },
  )
