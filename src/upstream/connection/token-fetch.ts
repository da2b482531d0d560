/**
 * Requests of the gateway itself that precede a vendor request, such as for an access token. They use the target's
 * proxy and follow no redirect.
 */
import { RuntimeSecrets, type SecretSink } from '../../base/secrets/runtime-secrets.ts'
import type { Target } from '../../providers/entry.ts'
import type { TokenFetch } from '../../providers/provider.ts'
import type { Proxies } from './proxy.ts'

/**
 * Creates a token fetch whose token caches are empty. It throws the error of `fetch`, whose message may contain the URL.
 * @param secrets receives the secrets that signing makes
 */
export const createTokenFetch = (proxies: Proxies, secrets: SecretSink = new RuntimeSecrets()): TokenFetch =>
  Object.assign(
    async ({ entry }: Target, url: string, options: RequestInit): Promise<Response> => {
      const proxy = await proxies.proxyFor(url, entry.proxy)
      return fetch(url, { ...options, redirect: 'manual', proxy } as unknown as RequestInit)
    },
    { tokenCaches: new WeakMap(), secrets },
  )
