/** Addresses as text, and ranges of them. */
import { describe, expect, test } from 'bun:test'
import { addressRangesOf, canonicalAddress, clientNetwork } from '../../src/base/address-ranges.ts'

describe('address ranges', () => {
  test.each<[ranges: string[], inside: string[], outside: string[]]>([
    [['10.0.0.0/8'], ['10.0.0.0', '10.255.255.255'], ['11.0.0.0', '9.255.255.255', '::a00:0', 'ten', '']],
    [['192.168.1.7'], ['192.168.1.7'], ['192.168.1.8']],
    [['0.0.0.0/0'], ['1.2.3.4'], ['2001:db8::1']],
    [['::/0'], ['2001:db8::1'], ['1.2.3.4']],
    [
      ['fd12::/16', '::1'],
      ['fd12:ffff::1', '::1', '0:0:0:0:0:0:0:1'],
      ['fd13::1', '::2'],
    ],
    [['::ffff:10.0.0.0/104'], ['10.9.8.7'], ['11.0.0.1']],
    [['::ffff:a00:1'], ['10.0.0.1'], ['10.0.0.2']],
    [[], [], ['127.0.0.1', '::1']],
  ])('the ranges %j contain %j and not %j', (ranges, inside, outside) => {
    const { contains } = addressRangesOf(ranges)
    expect(inside.filter(address => !contains(address))).toEqual([])
    expect(outside.filter(contains)).toEqual([])
  })
})

describe('the spelling of an address', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['fe80::1%en0', 'fe80::1'],
  ])('%s is the address %s', (text, address) => expect(canonicalAddress(text)).toBe(address))

  test.each(['', 'localhost', '1.2.3', '256.1.1.1', '2001:db8::g', '[::1]', '1.2.3.4:80', '_hidden', 'unknown'])(
    'the text "%s" is not an address',
    text => expect(canonicalAddress(text)).toBeUndefined(),
  )
})

describe('the network of a client', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::', 'fe80:0:0:0::/64'],
    ['2001:db8:1:2:3::', '2001:db8:1:2::/64'],
  ])('%s belongs to %s', (address, network) => expect(clientNetwork(address)).toBe(network))
})
