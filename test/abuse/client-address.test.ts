/** Whose address counts behind proxies, and which addresses may use the gateway. */
import { describe, expect, test } from 'bun:test'
import { createClientAddresses } from '../../src/auth/client-address.ts'
import { startGateway, waitForLogLine } from '../support/gateway-process.ts'

const rules = (more: Partial<Parameters<typeof createClientAddresses>[0]>) =>
  createClientAddresses({ trustedProxies: [], allowAddresses: [], denyAddresses: [], ...more })
const proxies = { trustedProxies: ['127.0.0.1', '10.0.0.0/8', 'fd00::/8'] }
type Fields = Readonly<Record<string, string>>

describe('the address of a client', () => {
  const found = (fields: Fields, peer: string | undefined) => rules(proxies).find(new Headers(fields), peer).address

  test.each<[header: string, client: string]>([
    ['198.51.100.7', '198.51.100.7'],
    ['198.51.100.7, 10.1.1.1', '198.51.100.7'],
    ['1.1.1.1, 198.51.100.7, 10.1.1.1, 10.2.2.2', '198.51.100.7'],
    ['10.1.1.1, 198.51.100.7', '198.51.100.7'],
    ['10.9.9.9, 10.1.1.1', '10.9.9.9'],
    ['198.51.100.7:4711', '198.51.100.7'],
    ['[2001:DB8::1]:4711', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['::ffff:198.51.100.7', '198.51.100.7'],
    ['198.51.100.7, ::ffff:10.1.1.1, fd00::5', '198.51.100.7'],
  ])('behind trusted proxies, `X-Forwarded-For: %s` is %s', (header, client) =>
    expect(found({ 'x-forwarded-for': header }, '127.0.0.1')).toBe(client),
  )

  test.each<[header: string, client: string]>([
    ['for=198.51.100.7', '198.51.100.7'],
    ['for=1.1.1.1, for=198.51.100.7;proto=https;by=10.1.1.1, for=10.1.1.1', '198.51.100.7'],
    ['by=10.1.1.1; For="[2001:db8::1]:4711"', '2001:db8::1'],
    ['for="198.51.100.7:80"', '198.51.100.7'],
  ])('behind trusted proxies, `Forwarded: %s` is %s', (forwarded, client) =>
    expect(found({ forwarded }, '127.0.0.1')).toBe(client),
  )

  test.each<[header: string, client: string]>([
    ['unknown', '127.0.0.1'],
    ['', '127.0.0.1'],
    [',,,', '127.0.0.1'],
    ['1.1.1.1, unknown', '127.0.0.1'],
    ['1.1.1.1, _hidden, 10.1.1.1', '10.1.1.1'],
    ['1.1.1.1, 999.1.1.1, 10.1.1.1', '10.1.1.1'],
    [`1.1.1.1, ${' '.repeat(16_000)}`, '127.0.0.1'],
  ])('what stands before a hop that is not an address is not believed: `%s` is %s', (header, client) => {
    expect(found({ 'x-forwarded-for': header }, '127.0.0.1')).toBe(client)
    expect(found({ forwarded: `for="1.1.1.1, for=x"` }, '127.0.0.1')).toBe('127.0.0.1')
  })

  test('`X-Forwarded-For` goes before `Forwarded`, and that before `X-Real-IP`', () => {
    const all = { 'x-forwarded-for': '198.51.100.1', forwarded: 'for=198.51.100.2', 'x-real-ip': '198.51.100.3' }
    expect(found(all, '127.0.0.1')).toBe('198.51.100.1')
    expect(found({ forwarded: all.forwarded, 'x-real-ip': all['x-real-ip'] }, '127.0.0.1')).toBe('198.51.100.2')
    expect(found({ 'x-real-ip': all['x-real-ip'] }, '127.0.0.1')).toBe('198.51.100.3')
  })

  test('a peer that is not a trusted proxy is the client, whatever it writes', () => {
    const lies = { 'x-forwarded-for': '10.0.0.1', forwarded: 'for=10.0.0.1', 'x-real-ip': '10.0.0.1' }
    expect(found(lies, '203.0.113.9')).toBe('203.0.113.9')
    expect(found(lies, '::ffff:203.0.113.9')).toBe('203.0.113.9')
    expect(found(lies, undefined)).toBeUndefined()
  })

  test('a trusted proxy with an IPv4-mapped address is trusted', () =>
    expect(found({ 'x-forwarded-for': '198.51.100.7' }, '::ffff:127.0.0.1')).toBe('198.51.100.7'))

  test.each(['x-forwarded-for', 'forwarded', 'x-real-ip', 'via', 'x-forwarded-proto', 'cf-connecting-ip'])(
    'an address is uncertain while an unknown proxy sends %s',
    name => {
      const { find } = rules(proxies)
      expect(find(new Headers({ [name]: 'x' }), '203.0.113.9').isCertain).toBe(false)
      expect(find(new Headers({ [name]: 'x' }), '127.0.0.1').isCertain).toBe(true)
      expect(find(new Headers(), '203.0.113.9').isCertain).toBe(true)
    },
  )
})

describe('the lists of addresses', () => {
  const refusalOf = (more: Parameters<typeof rules>[0], peer: string | undefined, fields: Fields = {}) =>
    rules(more).refuse(new Headers(fields), () => peer)?.message

  test('without lists the address is not even read', () =>
    expect(
      rules({}).refuse(new Headers(), () => {
        throw new Error('read')
      }),
    ).toBeUndefined())

  test('an address that is denied is refused, even if it is allowed', () => {
    const lists = { denyAddresses: ['203.0.113.0/24', '2001:db8:bad::/48'], allowAddresses: ['0.0.0.0/0', '::/0'] }
    expect(refusalOf(lists, '203.0.113.9')).toContain('`deny_addresses`')
    expect(refusalOf(lists, '::ffff:203.0.113.9')).toContain('`deny_addresses`')
    expect(refusalOf(lists, '2001:db8:bad::1')).toContain('`deny_addresses`')
    expect(refusalOf(lists, '203.0.114.9')).toBeUndefined()
    expect(refusalOf(lists, '2001:db8:900d::1')).toBeUndefined()
  })

  test('with `allow_addresses` every other address is refused, and a connection without one', () => {
    const lists = { allowAddresses: ['192.168.0.0/16', '::1'] }
    expect(refusalOf(lists, '192.168.3.4')).toBeUndefined()
    expect(refusalOf(lists, '::1')).toBeUndefined()
    expect(refusalOf(lists, '192.169.3.4')).toContain('`allow_addresses`')
    expect(refusalOf(lists, undefined)).toContain('`allow_addresses`')
  })

  test('an allowed peer that forwards for somebody else is refused unless it is a trusted proxy', () => {
    const lists = { allowAddresses: ['127.0.0.1', '198.51.100.7'] }
    const forwarded = { 'x-forwarded-for': '198.51.100.7' }
    expect(refusalOf(lists, '127.0.0.1', forwarded)).toContain('`trusted_proxies`')
    expect(refusalOf({ ...lists, ...proxies }, '127.0.0.1', forwarded)).toBeUndefined()
    expect(refusalOf({ ...lists, ...proxies }, '127.0.0.1', { 'x-forwarded-for': '198.51.100.8' })).toContain(
      '`allow_addresses`',
    )
  })
})

test('no address replaces a key: neither that of this machine nor one that a header claims', async () => {
  await using gateway = await startGateway({
    services: { mock: [{ enabled: true }] },
    api_key: 'client-key',
    trusted_proxies: ['127.0.0.1'],
    allow_addresses: ['127.0.0.1', '::1'],
  })
  const claims: Fields[] = [
    {},
    { 'x-forwarded-for': '127.0.0.1' },
    { forwarded: 'for="[::1]"' },
    { 'x-real-ip': '::1' },
  ]
  for (const headers of claims)
    for (const path of ['/v1/models', '/v1/models/mock', '/v1beta/models', '/v1/responses/resp_1']) {
      const response = await fetch(`${gateway.url}${path}`, { headers, proxy: false } as RequestInit)
      expect([headers, path, response.status]).toEqual([headers, path, 401])
    }
})

test('every route refuses an address that is denied, with a key or without, and logs it; health endpoints answer', async () => {
  await using gateway = await startGateway({
    services: { mock: [{ enabled: true }] },
    api_key: 'client-key',
    trusted_proxies: ['127.0.0.1'],
    deny_addresses: ['198.51.100.0/24'],
  })
  const get = (path: string, client: string, method = 'GET') =>
    fetch(`${gateway.url}${path}`, {
      method,
      headers: { 'x-forwarded-for': client, authorization: 'Bearer client-key' },
      proxy: false,
    } as RequestInit)
  for (const [method, path] of [
    ['GET', '/v1/models'],
    ['GET', '/docs'],
    ['GET', '/unknown'],
    ['OPTIONS', '/v1/models'],
    ['POST', '/v1/chat/completions'],
  ] as const) {
    const response = await get(path, '198.51.100.7', method)
    expect([method, path, response.status]).toEqual([method, path, 403])
    expect(await waitForLogLine(gateway, response.headers.get('x-request-id')!)).toMatchObject({
      address: '198.51.100.7',
      error: { code: 'access_denied' },
    })
  }
  expect((await get('/healthz', '198.51.100.7')).status).toBe(200)
  expect((await get('/v1/models', '198.51.101.7')).status).toBe(200)
})
