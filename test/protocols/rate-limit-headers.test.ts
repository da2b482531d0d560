/** What the rate limit headers of each vendor mean. */
import { describe, expect, test } from 'bun:test'
import { allowancesOf, resetSeconds } from '../../src/protocols/shared/failure/rate-limit-headers.ts'

const now = Date.parse('2026-06-01T12:00:00Z')
const read = (headers: Record<string, string>) => allowancesOf(new Headers(headers), now)

describe('the headers of a vendor', () => {
  test.each([
    [
      { 'x-ratelimit-remaining-requests': '59', 'x-ratelimit-reset-requests': '1s' },
      [{ counts: 'requests', remaining: 59, resetsIn: 1 }],
    ],
    [
      { 'x-ratelimit-remaining-tokens': '149984', 'x-ratelimit-reset-tokens': '6m0s' },
      [{ counts: 'tokens', remaining: 149_984, resetsIn: 360 }],
    ],
    [
      {
        'anthropic-ratelimit-requests-remaining': '0',
        'anthropic-ratelimit-requests-reset': '2026-06-01T12:00:30Z',
        'anthropic-ratelimit-tokens-remaining': '1000',
        'anthropic-ratelimit-tokens-reset': '2026-06-01T12:01:00+00:00',
      },
      [
        { counts: 'requests', remaining: 0, resetsIn: 30 },
        { counts: 'tokens', remaining: 1000, resetsIn: 60 },
      ],
    ],
    [
      { 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': String(now + 90_000) },
      [{ counts: 'requests', remaining: 3, resetsIn: 90 }],
    ],
    [
      { 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': String(now / 1000 + 45) },
      [{ counts: 'requests', remaining: 3, resetsIn: 45 }],
    ],
    [{ 'ratelimit-remaining': '7', 'ratelimit-reset': '20' }, [{ counts: 'requests', remaining: 7, resetsIn: 20 }]],
    [{ ratelimit: '"default";r=50;t=30' }, [{ counts: 'requests', remaining: 50, resetsIn: 30 }]],
    [{ ratelimit: 'limit=100, remaining=5, reset=10' }, [{ counts: 'requests', remaining: 5, resetsIn: 10 }]],
  ] as const)('%j', (headers, expected) => expect<unknown>(read(headers)).toEqual(expected))

  test.each([
    {},
    { 'x-ratelimit-remaining-requests': '59' },
    { 'x-ratelimit-remaining-requests': '-1', 'x-ratelimit-reset-requests': '1s' },
    { 'x-ratelimit-remaining-requests': 'many', 'x-ratelimit-reset-requests': '1s' },
    { 'x-ratelimit-remaining-requests': '5', 'x-ratelimit-reset-requests': 'soon' },
    { 'x-ratelimit-remaining-requests': '9'.repeat(400), 'x-ratelimit-reset-requests': '1s' },
    { ratelimit: 'r' },
  ] as Record<string, string>[])('%j says nothing', headers => expect(read(headers)).toEqual([]))
})

test.each([
  ['250ms', 0.25],
  ['1h2m3.5s', 3723.5],
  ['2d', 172_800],
  ['12', 12],
  ['0.5', 0.5],
  ['2026-06-01T11:00:00Z', 0],
  ['Mon, 01 Jun', undefined],
  ['', undefined],
  ['-3', undefined],
] as const)('the reset %j is in %p s', (text, seconds) => expect(resetSeconds(text, now)).toBe(seconds))
