/** Which addresses of the internet are everybody's. What a client can name is fetched from those alone, unless the configuration says more. */
import { BlockList, isIP } from 'node:net'

const listOf = (ranges: readonly string[]): BlockList => {
  const list = new BlockList()
  for (const range of ranges) addRange(list, range)
  return list
}

const addRange = (list: BlockList, range: string): void => {
  const [network = '', bits] = range.split('/')
  const kind = isIP(network) === 6 ? 'ipv6' : 'ipv4'
  if (bits === undefined) list.addAddress(network, kind)
  else list.addSubnet(network, Number(bits), kind)
}

/** IANA's registry of special addresses of IPv4 (iana.org/assignments/iana-ipv4-special-registry), multicast, and what clouds keep for themselves. */
const special4 = listOf([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24', '192.168.0.0/16', '192.175.48.0/24'],
  ...['198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  // Azure's own services answer every virtual machine here, at an address that looks like any other.
  '168.63.129.16',
])

/** All that is given out of IPv6 lies here; loopback, mapped, NAT64, local and multicast addresses lie outside. */
const global6 = listOf(['2000::/3'])
/** Of those: protocol assignments with Teredo, documentation, 6to4, AS112 (iana.org/assignments/iana-ipv6-special-registry). */
const special6 = listOf(['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'])

/** What "private" means: loopback and the networks of a house. Link-local addresses, where clouds keep their metadata, are not among them. */
const house4 = listOf(['10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'])
const house6 = listOf(['::1', 'fc00::/7'])
/** Metadata services inside those networks: Alibaba's, AWS's and Google's. */
const metadata = listOf(['100.100.100.200', 'fd00:ec2::/32', 'fd20:ce::/32'])

/** An IPv4 address inside an IPv6 one is what it holds: `::ffff:7f00:1` → `127.0.0.1`. */
const unmapped = (address: string): string => {
  const mapped = /^\[(::ffff:[\da-f:]+)\]$/.exec(URL.parse(`http://[${address}]/`)?.hostname ?? '')?.[1]
  if (mapped === undefined) return address
  const [high = 0, low = 0] = mapped
    .slice('::ffff:'.length)
    .split(':')
    .map(word => Number.parseInt(word, 16))
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

const has = (list: BlockList, address: string): boolean => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

const isPublic = (address: string): boolean =>
  isIP(address) === 4
    ? !has(special4, address)
    : isIP(address) === 6 && has(global6, address) && !has(special6, address)

const isInHouse = (address: string): boolean =>
  has(isIP(address) === 4 ? house4 : house6, address) && !has(metadata, address)

/**
 * Who may be fetched from: every public address; with `true` also loopback and private networks, though never a cloud's metadata; with a list
 * also what it names, be it what it may. Addresses that hold another one (mapped, NAT64, 6to4, Teredo) are never public.
 */
export const permits = (allowed: boolean | readonly string[]): ((address: string) => boolean) => {
  const named = listOf(Array.isArray(allowed) ? allowed : [])
  return written => {
    const mapped = unmapped(written)
    if (has(named, mapped) || (allowed === true && isInHouse(mapped))) return true
    return mapped === written && isPublic(written)
  }
}
