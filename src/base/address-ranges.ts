/** IP addresses: reading them as text, and whether they lie in a list of addresses and ranges. */
import { BlockList, isIP } from 'node:net'

/** Addresses and ranges, such as `192.168.1.7` and `fd12::/16`. */
export type AddressRanges = {
  /** Whether an IPv4 or IPv6 address lies in one of the ranges. False for text that is not an address. */
  contains: (address: string) => boolean
}

/**
 * Builds the ranges from their text: an address, or a network and its bits. A range of IPv4-mapped IPv6 addresses, such
 * as `::ffff:10.0.0.0/104`, is the range of the IPv4 addresses.
 */
export const addressRangesOf = (ranges: readonly string[]): AddressRanges => {
  // One list per family: an IPv6 range such as `::/0` must not contain IPv4 addresses.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const range of ranges) {
    const [network, bits] = unmapRange(range)
    const family = familyOf(network)
    if (bits === undefined) lists[family].addAddress(network, family)
    else lists[family].addSubnet(network, bits, family)
  }
  return { contains: address => isIP(address) !== 0 && lists[familyOf(address)].check(address, familyOf(address)) }
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** Bits of the prefix that marks an IPv4-mapped IPv6 address. */
const mappedBits = 96

const unmapRange = (range: string): [network: string, bits?: number] => {
  const [network = '', text] = range.split('/')
  const bits = text === undefined ? undefined : Number(text)
  const unmapped = unmapIpv4(network)
  if (unmapped === network) return bits === undefined ? [network] : [network, bits]
  if (bits === undefined) return [unmapped]
  return bits >= mappedBits ? [unmapped, bits - mappedBits] : [network, bits]
}

/**
 * The IPv4 address inside an IPv4-mapped IPv6 address: `::ffff:7f00:1` → `127.0.0.1`. Other addresses are unchanged.
 */
export const unmapIpv4 = (address: string): string => {
  if (!address.includes(':')) return address
  const mapped = /^\[(::ffff:[\da-f:]+)\]$/.exec(URL.parse(`http://[${address}]/`)?.hostname ?? '')?.[1]
  if (mapped === undefined) return address
  const [high = 0, low = 0] = mapped
    .slice('::ffff:'.length)
    .split(':')
    .map(group => Number.parseInt(group, 16))
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/**
 * The one spelling of an address: without a zone (`%en0`), IPv4-mapped addresses as IPv4, IPv6 in lower case and
 * shortened. Undefined if the text is not an address.
 */
export const canonicalAddress = (text: string): string | undefined => {
  const [address = ''] = text.split('%', 1)
  const version = isIP(address)
  if (version !== 6) return version === 4 ? address : undefined
  const unmapped = unmapIpv4(address)
  return unmapped === address ? URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1) : unmapped
}

/**
 * The network that one client controls: an IPv4 address itself, of an IPv6 address its first 64 bits (`2001:db8::/64`),
 * because a client may choose the other bits.
 * @param address an address as `canonicalAddress` spells it
 */
export const clientNetwork = (address: string): string => {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::', 2)
  const groups = groupsOf(head)
  const rest = groupsOf(tail ?? '')
  const zeros = tail === undefined ? 0 : 8 - groups.length - rest.length
  const prefix = [...groups, ...Array<string>(zeros).fill('0'), ...rest].slice(0, 4)
  return `${prefix.join(':')}::/64`
}

const groupsOf = (text: string): string[] => (text === '' ? [] : text.split(':'))
