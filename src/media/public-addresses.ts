/**
 * Tells public IP addresses from others. URLs that a client can name are fetched from public addresses only, unless the
 * configuration allows more.
 */
import { isIP } from 'node:net'
import { addressRangesOf, unmapIpv4 } from '../base/address-ranges.ts'

/**
 * IANA's registry of special-purpose IPv4 addresses (iana.org/assignments/iana-ipv4-special-registry), multicast, and
 * addresses that clouds reserve.
 */
const specialIpv4 = addressRangesOf([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24', '192.168.0.0/16', '192.175.48.0/24'],
  ...['198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  // Azure's own services answer every virtual machine at this address, which looks like any public one.
  '168.63.129.16',
])

/** All allocated public IPv6 addresses. Loopback, mapped, NAT64, local and multicast addresses lie outside. */
const globalIpv6 = addressRangesOf(['2000::/3'])
/**
 * Exceptions within that range: protocol assignments with Teredo, documentation, 6to4, AS112
 * (iana.org/assignments/iana-ipv6-special-registry).
 */
const specialIpv6 = addressRangesOf(['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'])

/**
 * What "private" means: loopback and private networks. It excludes link-local addresses, where clouds serve their
 * metadata.
 */
const privateIpv4 = addressRangesOf(['10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'])
const privateIpv6 = addressRangesOf(['::1', 'fc00::/7'])
/** Metadata services inside those networks: Alibaba's, AWS's and Google's. */
const cloudMetadata = addressRangesOf(['100.100.100.200', 'fd00:ec2::/32', 'fd20:ce::/32'])

const isPublic = (address: string): boolean =>
  isIP(address) === 4
    ? !specialIpv4.contains(address)
    : isIP(address) === 6 && globalIpv6.contains(address) && !specialIpv6.contains(address)

const isPrivate = (address: string): boolean =>
  (isIP(address) === 4 ? privateIpv4 : privateIpv6).contains(address) && !cloudMetadata.contains(address)

/**
 * A predicate for addresses that may be fetched from. Public addresses are always allowed. `true` also allows loopback
 * and private networks, but never a cloud's metadata service. A list also allows whatever it names. Addresses that
 * embed another one (mapped, NAT64, 6to4, Teredo) are never public.
 */
export const createAddressFilter = (allowed: boolean | readonly string[]): ((address: string) => boolean) => {
  const allowList = addressRangesOf(Array.isArray(allowed) ? allowed : [])
  return address => {
    const unmapped = unmapIpv4(address)
    if (allowList.contains(unmapped) || (allowed === true && isPrivate(unmapped))) return true
    return unmapped === address && isPublic(address)
  }
}
