/**
 * What the calls to vendors share and what outlives each of them. Bun keeps one pool of idle connections for a process,
 * so runtimes that replace each other, or that call the same vendors, share one object.
 */
import { RuntimeSecrets } from '../../base/secrets/runtime-secrets.ts'
import type { TokenFetch } from '../../providers/provider.ts'
import { type ConnectProbe, createConnectProbe } from './connect-probe.ts'
import { createIdleConnections, type IdleConnections } from './idle-connections.ts'
import { createProxies, type Proxies } from './proxy.ts'
import { createTokenFetch } from './token-fetch.ts'

export type VendorConnections = {
  connectProbe: ConnectProbe
  idleConnections: IdleConnections
  proxies: Proxies
  /** Fetches what signing needs, such as an access token. */
  fetchToken: TokenFetch
  /** The secrets that these connections made or received. Nothing that leaves the process may contain one. */
  secrets: RuntimeSecrets
}

export const createVendorConnections = (): VendorConnections => {
  const secrets = new RuntimeSecrets()
  const proxies = createProxies(secrets)
  return {
    connectProbe: createConnectProbe(),
    idleConnections: createIdleConnections(),
    proxies,
    fetchToken: createTokenFetch(proxies, secrets),
    secrets,
  }
}
