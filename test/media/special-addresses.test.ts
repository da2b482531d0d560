/** The two ends of every range of addresses that are not on the public internet, and the public neighbours of each. */
import { describe, expect, test } from 'bun:test'
import { createAddressFilter } from '../../src/media/public-addresses.ts'

const isPublic = createAddressFilter(false)
const isPublicOrPrivate = createAddressFilter(true)

/** [range, name in IANA's registry, first address, last address, public neighbours] */
type Range = readonly [string, string, string, string, readonly string[]]

// iana.org/assignments/iana-ipv4-special-registry and iana.org/assignments/ipv4-address-space (multicast).
const blockedIpv4: readonly Range[] = [
  ['0.0.0.0/8', 'this network, RFC 791', '0.0.0.0', '0.255.255.255', ['1.0.0.0']],
  ['169.254.0.0/16', 'link local, RFC 3927', '169.254.0.0', '169.254.255.255', ['169.253.255.255', '169.255.0.0']],
  ['192.0.0.0/24', 'protocol assignments, RFC 6890', '192.0.0.0', '192.0.0.255', ['191.255.255.255', '192.0.1.0']],
  ['192.0.2.0/24', 'documentation, RFC 5737', '192.0.2.0', '192.0.2.255', ['192.0.1.255', '192.0.3.0']],
  ['192.31.196.0/24', 'AS112, RFC 7535', '192.31.196.0', '192.31.196.255', ['192.31.195.255', '192.31.197.0']],
  ['192.52.193.0/24', 'AMT, RFC 7450', '192.52.193.0', '192.52.193.255', ['192.52.192.255', '192.52.194.0']],
  ['192.88.99.0/24', '6to4 relay, RFC 7526', '192.88.99.0', '192.88.99.255', ['192.88.98.255', '192.88.100.0']],
  ['192.175.48.0/24', 'AS112, RFC 7534', '192.175.48.0', '192.175.48.255', ['192.175.47.255', '192.175.49.0']],
  ['198.18.0.0/15', 'benchmarks, RFC 2544', '198.18.0.0', '198.19.255.255', ['198.17.255.255', '198.20.0.0']],
  ['198.51.100.0/24', 'documentation, RFC 5737', '198.51.100.0', '198.51.100.255', ['198.51.99.255', '198.51.101.0']],
  ['203.0.113.0/24', 'documentation, RFC 5737', '203.0.113.0', '203.0.113.255', ['203.0.112.255', '203.0.114.0']],
  ['224.0.0.0/4', 'multicast, RFC 5771', '224.0.0.0', '239.255.255.255', ['223.255.255.255']],
  ['240.0.0.0/4', 'reserved, RFC 1112, and broadcast', '240.0.0.0', '255.255.255.255', []],
  ['168.63.129.16', "Azure's services", '168.63.129.16', '168.63.129.16', ['168.63.129.15', '168.63.129.17']],
]

// iana.org/assignments/iana-ipv6-special-registry, and what lies outside of 2000::/3.
const blockedIpv6: readonly Range[] = [
  ['2001::/23', 'protocol assignments, RFC 2928', '2001::', '2001:1ff:ffff::', ['2000:ffff::', '2001:200::']],
  ['2001:db8::/32', 'documentation, RFC 3849', '2001:db8::', '2001:db8:ffff::', ['2001:db7:ffff::', '2001:db9::']],
  ['2002::/16', '6to4, RFC 3056', '2002::', '2002:ffff::', ['2001:ffff::', '2003::']],
  [
    '2620:4f:8000::/48',
    'AS112, RFC 7534',
    '2620:4f:8000::',
    '2620:4f:8000:ffff::',
    ['2620:4f:7fff::', '2620:4f:8001::'],
  ],
  ['3fff::/20', 'documentation, RFC 9637', '3fff::', '3fff:fff:ffff::', ['3ffe:ffff::', '3fff:1000::']],
  ['::/128', 'unspecified, RFC 4291', '::', '::', []],
  ['64:ff9b::/96', 'NAT64, RFC 6052', '64:ff9b::', '64:ff9b::ffff:ffff', []],
  ['64:ff9b:1::/48', 'local NAT64, RFC 8215', '64:ff9b:1::', '64:ff9b:1:ffff::', []],
  ['100::/64', 'discard only, RFC 6666', '100::', '100::ffff:ffff:ffff:ffff', []],
  ['5f00::/16', 'segment routing, RFC 9602', '5f00::', '5f00:ffff::', []],
  ['fe80::/10', 'link local, RFC 4291', 'fe80::', 'febf:ffff::', []],
  ['ff00::/8', 'multicast, RFC 4291', 'ff00::', 'ffff:ffff::', []],
]

// RFC 1918, RFC 6598, RFC 1122 3.2.1.3, RFC 4193, RFC 4291 2.5.3.
const privateRanges: readonly Range[] = [
  ['10.0.0.0/8', 'private', '10.0.0.0', '10.255.255.255', ['9.255.255.255', '11.0.0.0']],
  ['100.64.0.0/10', 'carrier-grade NAT', '100.64.0.0', '100.127.255.255', ['100.63.255.255', '100.128.0.0']],
  ['127.0.0.0/8', 'loopback', '127.0.0.0', '127.255.255.255', ['126.255.255.255', '128.0.0.0']],
  ['172.16.0.0/12', 'private', '172.16.0.0', '172.31.255.255', ['172.15.255.255', '172.32.0.0']],
  ['192.168.0.0/16', 'private', '192.168.0.0', '192.168.255.255', ['192.167.255.255', '192.169.0.0']],
  ['::1', 'loopback', '::1', '::1', []],
  ['fc00::/7', 'unique local', 'fc00::', 'fdff:ffff::', []],
]

describe('an address that is not on the public internet', () => {
  test.each([...blockedIpv4, ...blockedIpv6])('%s (%s) is never allowed', (_range, _name, first, last, neighbours) => {
    expect([first, last].map(isPublic)).toEqual([false, false])
    expect([first, last].map(isPublicOrPrivate)).toEqual([false, false])
    expect(neighbours.filter(address => !isPublic(address))).toEqual([])
  })

  test.each(privateRanges)(
    '%s (%s) is allowed only with private networks',
    (_range, _name, first, last, neighbours) => {
      expect([first, last].map(isPublic)).toEqual([false, false])
      expect([first, last].map(isPublicOrPrivate)).toEqual([true, true])
      expect(neighbours.filter(address => !isPublic(address))).toEqual([])
    },
  )

  test.each([
    ['1fff:ffff::', false],
    ['2000::', true],
    ['3fff:ffff::', true],
    ['4000::', false],
  ])('%s, at an edge of the public IPv6 addresses: %p', (address, allowed) => expect(isPublic(address)).toBe(allowed))
})

// docs.aws.amazon.com, "Instance metadata"; cloud.google.com, "About VM metadata"; alibabacloud.com, "Instance metadata".
describe('the metadata service of a cloud', () => {
  test.each([
    ['169.254.169.254', 'all clouds', ['10.0.0.1']],
    ['100.100.100.200', 'Alibaba', ['100.100.100.199', '100.100.100.201']],
    ['fd00:ec2::254', 'AWS', ['fd00:ec1:ffff::', 'fd00:ec3::']],
    ['fd00:ec2::', 'AWS, first', ['fd00:ec1:ffff::']],
    ['fd00:ec2:ffff::', 'AWS, last', ['fd00:ec3::']],
    ['fd20:ce::254', 'Google', ['fd20:cd:ffff::', 'fd20:cf::']],
  ])('%s (%s) is never allowed, its private neighbours are', (address, _cloud, neighbours) => {
    expect([isPublic(address), isPublicOrPrivate(address)]).toEqual([false, false])
    expect(neighbours.filter(neighbour => !isPublicOrPrivate(neighbour))).toEqual([])
  })

  test.each(['::ffff:100.100.100.200', '::ffff:a9fe:a9fe', '0:0:0:0:0:ffff:a9fe:a9fe'])(
    '%s, its mapped form, is never allowed',
    address => expect([isPublic(address), isPublicOrPrivate(address)]).toEqual([false, false]),
  )
})

describe('a text that is no address', () => {
  test.each(['', 'localhost', '8.8.8', '8.8.8.8/32', '2606:4700::/32', '[2606:4700::1111]'])('%j is refused', text =>
    expect([isPublic(text), isPublicOrPrivate(text)]).toEqual([false, false]),
  )
})
