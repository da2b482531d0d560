/** The brake on clients that send wrong keys. */
import { describe, expect, test } from 'bun:test'
import { createWrongKeys } from '../../src/auth/wrong-keys.ts'
import { startGateway, waitForLogLine } from '../support/gateway-process.ts'

/** A brake with a clock that the test sets. */
const brake = () => {
  const clock = { seconds: 0 }
  const wrongKeys = createWrongKeys(() => clock.seconds * 1000)
  /** Sends wrong keys, one after another, and returns the wait of the last one. */
  const send = (address: string | undefined, times = 1) => {
    let wait = 0
    for (let sent = 0; sent < times; sent++) wait = wrongKeys.note(address, 1)
    return wait
  }
  return { clock, wrongKeys, send }
}

describe('wrong keys', () => {
  test('ten wrong keys are tolerated, the next one must wait', () => {
    const { send } = brake()
    expect(send('192.0.2.1', 10)).toBe(0)
    expect(send('192.0.2.1')).toBe(1)
  })

  test('every further wrong key doubles the wait, up to five minutes', () => {
    const { clock, send } = brake()
    send('192.0.2.1', 9)
    const waits: number[] = []
    for (let round = 0; round < 40; round++) {
      expect(send('192.0.2.1')).toBe(0)
      waits.push(send('192.0.2.1'))
      clock.seconds += waits.at(-1)!
    }
    expect(waits.slice(0, 10)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300])
    expect(new Set(waits.slice(9))).toEqual(new Set([300]))
  })

  test('wrong keys during a wait do not prolong it', () => {
    const { clock, send } = brake()
    send('192.0.2.1', 10)
    clock.seconds = 0.5
    expect(send('192.0.2.1', 1000)).toBe(0.5)
    clock.seconds = 1
    expect(send('192.0.2.1')).toBe(0)
  })

  test('an address is forgotten a minute after its last wrong key', () => {
    const { clock, send } = brake()
    send('192.0.2.1', 9)
    clock.seconds = 59
    expect(send('192.0.2.1', 2)).toBe(1)
    clock.seconds = 59 + 1 + 60
    expect(send('192.0.2.1', 10)).toBe(0)
  })

  test('several wrong keys in one request count as several', () => {
    const { wrongKeys } = brake()
    expect(wrongKeys.note('192.0.2.1', 10)).toBe(0)
    expect(wrongKeys.note('192.0.2.1', 1)).toBe(1)
  })

  test('addresses are counted apart, those of one IPv6 /64 together', () => {
    const { send } = brake()
    send('192.0.2.1', 10)
    expect(send('192.0.2.2')).toBe(0)
    for (let host = 1; host <= 10; host++) expect(send(`2001:db8:1:2::${host}`)).toBe(0)
    expect(send('2001:db8:1:2:ffff::1')).toBe(1)
    expect(send('2001:db8:1:3::1')).toBe(0)
    send(undefined, 10)
    expect(send(undefined)).toBe(1)
  })

  test('10,000 addresses are remembered, and beyond that those that were active last', () => {
    const { send } = brake()
    const address = (index: number) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`
    send(address(0), 10)
    send(address(1), 10)
    for (let index = 2; index < 10_000; index++) send(address(index))
    expect(send(address(0))).toBeGreaterThan(0)
    send(address(10_000))
    expect(send(address(0))).toBeGreaterThan(0)
    expect(send(address(1))).toBe(0)
  })
})

describe('a gateway whose keys are guessed', () => {
  test('it answers 429 with Retry-After on every path and logs the address, and right keys are served meanwhile', async () => {
    await using gateway = await startGateway({
      services: { mock: [{ enabled: true }] },
      api_key: 'client-key',
      trusted_proxies: ['127.0.0.1'],
    })
    const get = (path: string, key: string | undefined, client = '198.51.100.7', method = 'GET') =>
      fetch(`${gateway.url}${path}`, {
        method,
        headers: { 'x-forwarded-for': client, ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
        proxy: false,
      } as RequestInit)

    for (let sent = 0; sent < 10; sent++) expect((await get('/v1/models', `guess-${sent}`)).status).toBe(401)
    /** A wait may just have ended. The next wrong key begins a longer one. */
    const getBraked = async (path: string, method: string): Promise<Response> => {
      const response = await get(path, 'guess', undefined, method)
      return response.status === 429 ? response : get(path, 'guess', undefined, method)
    }
    for (const [method, path] of [
      ['GET', '/v1/models'],
      ['GET', '/v1beta/models'],
      ['GET', '/v1/responses/resp_1'],
      ['POST', '/v1/chat/completions'],
      ['POST', '/v1/messages'],
      ['POST', '/v1beta/models/mock:generateContent'],
    ] as const) {
      const response = await getBraked(path, method)
      expect([path, response.status]).toEqual([path, 429])
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(await waitForLogLine(gateway, response.headers.get('x-request-id')!)).toMatchObject({
        address: '198.51.100.7',
        error: { code: 'limited', message: expect.stringContaining('too many wrong keys') },
      })
    }
    expect((await get('/v1/models', 'client-key')).status).toBe(200)
    expect((await get('/v1/models', undefined)).status).toBe(401)
    expect((await get('/v1/models', 'guess', '198.51.100.8')).status).toBe(401)
  })
})
