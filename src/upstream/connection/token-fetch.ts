/** A request of our own on the way to a vendor's answer, such as for a token: through the target's proxy, no redirect followed. */
import type { TokenFetch } from '../../providers/provider.ts'
import { proxyFor } from './proxy.ts'

/** @throws what `fetch` throws, whose message may hold the URL. */
export const fetchToken: TokenFetch = async ({ entry }, url, options) => {
  const proxy = await proxyFor(url, entry.proxy)
  return fetch(url, { ...options, redirect: 'manual', proxy } as unknown as RequestInit)
}
