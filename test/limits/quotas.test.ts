/** Limits as vendors count them: by the hour, the day, the month or once; renewed at a time of a zone; shared by name. */
import { afterEach, describe, expect, setSystemTime, test } from 'bun:test'
import { isResetText, nextReset, parseReset } from '../../src/base/reset-time.ts'
import { memoryLimits } from '../../src/limits/memory.ts'
import type { Limit, Target } from '../../src/providers/entry.ts'
import { admissionRequest, createClock, credential, entryOf } from '../contracts/limits.ts'

const hour = 3_600_000
const day = 24 * hour

afterEach(() => {
  setSystemTime()
})

const targetWith = (limit: Limit, id = 'service', changes: Partial<Target> = {}): Target => ({
  id: `${id}/key/m`,
  entry: { ...entryOf(id), limit: { scope: 'entry', timeout: 1, ...limit } },
  credential: credential(0),
  model: 'm',
  ...changes,
})

/** Whether a request of so many tokens is admitted now. It ends at once. */
const meter = () => {
  const clock = createClock()
  const limits = memoryLimits(clock)
  const ask = (target: Target, tokens = 1): boolean => {
    const admission = limits.tryAdmit([target], admissionRequest({ tokens: () => tokens }))
    admission?.lease.settle(tokens)
    return admission !== undefined
  }
  return { clock, limits, ask }
}

describe('the period of each limit', () => {
  test.each([
    ['rph', hour],
    ['rpd', day],
    ['qpm', 60_000],
  ] as const)('%s counts requests in %d ms', (name, span) => {
    const { clock, ask } = meter()
    const target = targetWith({ [name]: 2 })
    expect([ask(target), ask(target), ask(target)]).toEqual([true, true, false])
    clock.advance(span - 1000)
    expect(ask(target)).toBe(false)
    clock.advance(1001)
    expect(ask(target)).toBe(true)
  })

  test('tpd counts tokens in a day, beside tpm', () => {
    const { clock, ask } = meter()
    const target = targetWith({ tpm: 100, tpd: 150 })
    expect([ask(target, 100), ask(target, 1)]).toEqual([true, false])
    clock.advance(60_001)
    expect([ask(target, 60), ask(target, 50), ask(target, 1)]).toEqual([false, true, false])
  })

  test('the tokens that were really used correct every token counter', () => {
    const clock = createClock()
    const limits = memoryLimits(clock)
    const target = targetWith({ tpm: 100, tpd: 100, once: 100 })
    const admission = limits.tryAdmit([target], admissionRequest({ tokens: () => 90 }))!
    admission.lease.settle(10)
    expect(limits.tryAdmit([target], admissionRequest({ tokens: () => 90 }))).toBeDefined()
  })

  test('once is never renewed', () => {
    const { clock, ask } = meter()
    const target = targetWith({ once: 10 })
    expect([ask(target, 10), ask(target)]).toEqual([true, false])
    setSystemTime(new Date(Date.now() + 4000 * day))
    clock.advance(4000 * day)
    expect(ask(target)).toBe(false)
  })

  test.each(['rpm_month', 'tokens_month'] as const)('%s is renewed on the first, UTC', name => {
    setSystemTime(new Date('2026-01-31T23:59:00Z'))
    const { ask } = meter()
    const target = targetWith({ [name]: 1 })
    expect([ask(target), ask(target)]).toEqual([true, false])
    setSystemTime(new Date('2026-02-01T00:00:01Z'))
    expect(ask(target)).toBe(true)
  })

  test('a sliding month is 30 days', () => {
    const { clock, ask } = meter()
    const target = targetWith({ rpm_month: 1, reset: 'sliding' })
    expect([ask(target), ask(target)]).toEqual([true, false])
    clock.advance(30 * day + 1)
    expect(ask(target)).toBe(true)
  })
})

describe('renewal at a time of a zone', () => {
  test('rpd with a reset is renewed then, not after 24 hours', () => {
    setSystemTime(new Date('2026-06-01T06:59:00Z'))
    const { clock, limits, ask } = meter()
    const target = targetWith({ rpd: 1, reset: '00:00 America/Los_Angeles' })
    expect([ask(target), ask(target)]).toEqual([true, false])
    clock.advance(60_001)
    setSystemTime(new Date('2026-06-01T07:00:00Z'))
    expect(ask(target)).toBe(true)
    expect(limits.shareLeft(target, false)).toBe(0)
  })

  test('a request that cannot wait so long is refused with the seconds until the renewal', () => {
    setSystemTime(new Date('2026-06-01T06:00:00Z'))
    const { limits, ask } = meter()
    const target = targetWith({ rpd: 1, reset: '00:00 America/Los_Angeles' })
    ask(target)
    const refuse = () => limits.admit([target], admissionRequest({}))
    expect(refuse).toThrow('limit rpd 1')
    try {
      void refuse()
    } catch (error) {
      expect((error as { detail: { retryAfter: number } }).detail.retryAfter).toBe(3600)
    }
  })

  test('a clock that is set back by days does not put the renewal out of reach', () => {
    setSystemTime(new Date('2026-06-10T12:00:00Z'))
    const { ask } = meter()
    const target = targetWith({ rpd: 1, reset: '00:00 UTC' })
    ask(target)
    setSystemTime(new Date('2026-06-01T12:00:00Z'))
    expect(ask(target)).toBe(false)
    setSystemTime(new Date('2026-06-02T00:00:01Z'))
    expect(ask(target)).toBe(true)
  })

  const next = (text: string, now: string, period: 'day' | 'month' = 'day') =>
    new Date(nextReset(parseReset(text)!, period, Date.parse(now))).toISOString()

  test.each([
    ['00:00 UTC', '2026-03-01T10:00:00Z', '2026-03-02T00:00:00.000Z'],
    ['00:00', '2026-03-01T00:00:00Z', '2026-03-02T00:00:00.000Z'],
    ['00:00 Asia/Shanghai', '2026-03-01T15:59:00Z', '2026-03-01T16:00:00.000Z'],
    ['00:00 Asia/Kolkata', '2026-03-01T10:00:00Z', '2026-03-01T18:30:00.000Z'],
    ['08:30 America/Los_Angeles', '2026-07-01T00:00:00Z', '2026-07-01T15:30:00.000Z'],
    // Daylight saving time begins at 10:00 UTC on 8 March 2026 and ends at 09:00 UTC on 1 November.
    ['00:00 America/Los_Angeles', '2026-03-08T09:00:00Z', '2026-03-09T07:00:00.000Z'],
    ['02:30 America/Los_Angeles', '2026-03-08T08:00:00Z', '2026-03-08T10:30:00.000Z'],
    ['00:00 America/Los_Angeles', '2026-11-01T07:30:00Z', '2026-11-02T08:00:00.000Z'],
  ])('%s after %s is %s', (text, now, expected) => expect(next(text, now)).toBe(expected))

  test.each([
    ['00:00 UTC', '2026-12-15T00:00:00Z', '2027-01-01T00:00:00.000Z'],
    ['00:00 UTC', '2026-02-01T00:00:00Z', '2026-03-01T00:00:00.000Z'],
    ['00:00 America/Los_Angeles', '2026-03-20T00:00:00Z', '2026-04-01T07:00:00.000Z'],
  ])('the month: %s after %s is %s', (text, now, expected) => expect(next(text, now, 'month')).toBe(expected))

  test.each(['24:00 UTC', '0:60', 'midnight', '00:00 Mars/Olympus', '00:00 UTC now', ''])('%j is no reset', text =>
    expect(isResetText(text)).toBe(false),
  )
  test.each(['sliding', '0:00', '23:59 Europe/Berlin'])('%j is a reset', text => expect(isResetText(text)).toBe(true))
})

describe('a pool', () => {
  test('is shared by two entries', () => {
    const { ask } = meter()
    const [one, other] = ['one', 'other'].map(id => targetWith({ rpm: 2, pool: 'account' }, id))
    expect([ask(one!), ask(other!), ask(one!), ask(other!)]).toEqual([true, true, false, false])
  })

  test('is shared by two credentials and counted once for an entry that names it too', () => {
    const { ask } = meter()
    const limit = { rpm: 4, pool: 'account' }
    const keys = [0, 1].map(index => credential(index, limit))
    const [one, other] = keys.map((key, index) => targetWith(limit, 'service', { credential: key, id: `s/${index}/m` }))
    expect([ask(one!), ask(other!), ask(one!), ask(other!), ask(one!)]).toEqual([true, true, true, true, false])
  })

  test('serves a waiting request of another entry when a slot is free', async () => {
    const { limits } = meter()
    const [one, other] = ['one', 'other'].map(id => targetWith({ concurrency: 1, pool: 'account', timeout: 60 }, id))
    const first = limits.tryAdmit([one!], admissionRequest({}))!
    const waiting = limits.admit([other!], admissionRequest({}))
    expect(waiting).toBeInstanceOf(Promise)
    first.lease.settle(1)
    expect((await waiting).target).toBe(other!)
  })
})
