/** The address of a client, behind proxies or not, and the lists of addresses that may use the gateway. */
import { addressRangesOf, canonicalAddress } from '../base/address-ranges.ts'
import { GatewayError } from '../base/errors.ts'
import type { AccessSettings } from '../config/compiled.ts'

export type ClientAddress = {
  /** As `canonicalAddress` spells it. Undefined if the connection has no address. */
  readonly address: string | undefined
  /**
   * False if a header says that somebody forwarded the request, and `trusted_proxies` does not contain the peer. The
   * address may then belong to a proxy that many clients share, so nothing may be granted because of it.
   */
  readonly isCertain: boolean
}

export type ClientAddresses = {
  /** Finds the client of a request that arrived from the address `peer`. */
  find: (headers: Headers, peer: string | undefined) => ClientAddress
  /** Returns the refusal of a request by its client's address, or undefined if the gateway may answer it. */
  refuse: (headers: Headers, peer: () => string | undefined) => GatewayError | undefined
}

/** Builds the rules from `trusted_proxies`, `allow_addresses` and `deny_addresses`. */
export const createClientAddresses = ({
  trustedProxies,
  allowAddresses,
  denyAddresses,
}: Pick<AccessSettings, 'trustedProxies' | 'allowAddresses' | 'denyAddresses'>): ClientAddresses => {
  const trusted = addressRangesOf(trustedProxies)
  const allowed = allowAddresses.length > 0 ? addressRangesOf(allowAddresses) : undefined
  const denied = addressRangesOf(denyAddresses)
  const hasLists = allowed !== undefined || denyAddresses.length > 0

  const find: ClientAddresses['find'] = (headers, peerText) => {
    const peer = peerText === undefined ? undefined : canonicalAddress(peerText)
    if (peer !== undefined && trusted.contains(peer))
      return { address: lastUntrustedHop(hopsOf(headers), trusted.contains) ?? peer, isCertain: true }
    return { address: peer, isCertain: !forwardingHeaders.some(name => headers.has(name)) }
  }

  const refuse: ClientAddresses['refuse'] = (headers, peer) => {
    if (!hasLists) return undefined
    const { address = '', isCertain } = find(headers, peer())
    if (denied.contains(address)) return refusal('the address is in `deny_addresses`')
    if (allowed === undefined) return undefined
    if (!allowed.contains(address)) return refusal('the address is not in `allow_addresses`')
    return isCertain
      ? undefined
      : refusal('the request came through a proxy that `trusted_proxies` does not contain, so its client is unknown')
  }

  return { find, refuse }
}

const refusal = (message: string): GatewayError => new GatewayError('access_denied', message)

/** Headers by which proxies say that they forward a request. */
const forwardingHeaders = [
  ...['x-forwarded-for', 'forwarded', 'x-real-ip', 'x-forwarded-host', 'x-forwarded-proto', 'via'],
  ...['cf-connecting-ip', 'true-client-ip', 'x-client-ip', 'x-cluster-client-ip'],
]

/**
 * The text that holds the hops of a request, each appended by the proxy that received from it. Only one header is read:
 * the first of those that a proxy sets by default. A client can send the others, and its proxy may forward them.
 */
const hopsOf = (headers: Headers): string =>
  headers.get('x-forwarded-for') ?? headers.get('forwarded') ?? headers.get('x-real-ip') ?? ''

/**
 * The last hop that is not a trusted proxy. What stands before it was written by that client itself, and proves nothing.
 * If all hops are trusted, the first one. Reading stops at a hop that is not an address: nobody vouches for the rest.
 */
const lastUntrustedHop = (hops: string, isTrusted: (address: string) => boolean): string | undefined => {
  let client: string | undefined
  for (let end = hops.length; end > 0; ) {
    const start = hops.lastIndexOf(',', end - 1)
    const hop = addressOfHop(hops.slice(start + 1, end))
    if (hop === undefined) return client
    client = hop
    if (!isTrusted(hop)) return client
    end = start
  }
  return client
}

/** Longer text is no hop. This also bounds the time of the patterns below. */
const maxHopLength = 200

/** The address of `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`, or `for="[2001:db8::1]";proto=https` (RFC 7239). */
const addressOfHop = (hop: string): string | undefined => {
  if (hop.length > maxHopLength) return undefined
  const node = /(?:^|;)\s*for=\s*"?([^";]*)"?\s*(?:;|$)/i.exec(hop)?.[1] ?? hop
  const [, ipv6, ipv4] = /^\s*(?:\[([^\]]*)\](?::\d+)?|([\d.]+)(?::\d+)?)\s*$/.exec(node) ?? []
  return canonicalAddress(ipv6 ?? ipv4 ?? node.trim())
}
