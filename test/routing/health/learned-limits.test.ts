/** Limits learned from refusals and headers, and how well a target counts when one is chosen. */
import { describe, expect, test } from 'bun:test'
import { LearnedLimits } from '../../../src/routing/health/learned-limits.ts'
import { healthUnderTest } from '../../support/health.ts'

const tokens = () => 10
/** Limits to which requests were sent, evenly over the last 30 seconds. */
const withRequests = (count: number, now: number): LearnedLimits => {
  const learned = new LearnedLimits()
  for (let request = 0; request < count; request++) learned.started(tokens, now - 30_000 + (request * 30_000) / count)
  return learned
}
const now = 1_000_000

describe('a refusal with several requests in flight', () => {
  test('keeps four fifths of them', () => {
    const learned = withRequests(10, now)
    learned.refused(10, now)
    expect(learned.blockedUntil(7, tokens, now)).toBe(0)
    expect(learned.blockedUntil(8, tokens, now)).toBe(Number.POSITIVE_INFINITY)
  })

  test('always leaves one', () => {
    const learned = withRequests(2, now)
    learned.refused(2, now)
    expect(learned.blockedUntil(0, tokens, now)).toBe(0)
    expect(learned.blockedUntil(1, tokens, now)).toBe(Number.POSITIVE_INFINITY)
  })

  test('allows one more after every ten answers', () => {
    const learned = withRequests(2, now)
    learned.refused(2, now)
    for (let answer = 0; answer < 9; answer++) learned.answered(now + answer)
    expect(learned.blockedUntil(1, tokens, now)).not.toBe(0)
    learned.answered(now + 10)
    expect(learned.blockedUntil(1, tokens, now)).toBe(0)
  })
})

describe('a refusal with a single request in flight', () => {
  test('keeps four fifths of the requests of the last minute, which pass with time', () => {
    const learned = withRequests(11, now)
    learned.refused(1, now)
    const until = learned.blockedUntil(0, tokens, now)
    expect(until).toBeGreaterThan(now)
    expect(until).toBeLessThanOrEqual(now + 60_000)
    expect(learned.blockedUntil(0, tokens, until)).toBe(0)
  })

  test('allows one more a minute after thirty seconds without a refusal', () => {
    const learned = withRequests(6, now)
    learned.refused(1, now)
    for (let request = 0; request < 4; request++) learned.started(tokens, now + 60_000)
    expect(learned.blockedUntil(0, tokens, now + 60_000)).toBeGreaterThan(now + 60_000)
    learned.answered(now + 60_000)
    expect(learned.blockedUntil(0, tokens, now + 60_000)).toBe(0)
  })
})

test('a refusal that speaks of a time limits the rate, whatever is in flight', () => {
  const learned = withRequests(11, now)
  learned.refused(11, now, true)
  expect(Number.isFinite(learned.blockedUntil(11, tokens, now))).toBe(true)
})

test('refusals of requests that were under way together count once', () => {
  const learned = withRequests(10, now)
  for (let refusal = 0; refusal < 5; refusal++) learned.refused(10, now + refusal * 100)
  expect(learned.blockedUntil(7, tokens, now)).toBe(0)
})

test('what was learned is forgotten ten minutes after the last refusal', () => {
  const learned = withRequests(2, now)
  learned.refused(2, now)
  expect(learned.blockedUntil(1, tokens, now + 600_000)).not.toBe(0)
  expect(learned.blockedUntil(1, tokens, now + 600_001)).toBe(0)
  expect(learned.isEmpty).toBe(true)
})

describe('what the headers of a vendor say is left', () => {
  test('holds requests back until the reset once nothing is left', () => {
    const learned = new LearnedLimits()
    learned.allow({ counts: 'requests', remaining: 1, resetsIn: 20 }, now)
    expect(learned.blockedUntil(0, tokens, now)).toBe(0)
    learned.started(tokens, now)
    expect(learned.blockedUntil(0, tokens, now)).toBe(now + 20_000)
    expect(learned.blockedUntil(0, tokens, now + 20_000)).toBe(0)
  })

  test('holds back a request with more tokens than are left, and lets a smaller one through', () => {
    const learned = new LearnedLimits()
    learned.allow({ counts: 'tokens', remaining: 100, resetsIn: 20 }, now)
    expect(learned.blockedUntil(0, () => 101, now)).toBe(now + 20_000)
    expect(learned.blockedUntil(0, () => 100, now)).toBe(0)
  })

  test('is never trusted for longer than a day', () => {
    const learned = new LearnedLimits()
    learned.allow({ counts: 'requests', remaining: 0, resetsIn: 1_000_000 }, now)
    expect(learned.blockedUntil(0, tokens, now)).toBe(now + 86_400_000)
  })
})

test('learn: false learns nothing', () => {
  const { health, target, begin, fail, admits, sleep } = healthUnderTest({ learns: false })
  const ends = [begin(), begin()]
  health.noteAllowance(target(), { counts: 'requests', remaining: 0, resetsIn: 60 })
  fail({ reason: 'minute' })
  sleep(61)
  for (const end of ends.slice(1)) end()
  expect(admits()).toBe(true)
})

describe('the chance of a target', () => {
  test('is whole for a target that nobody has asked', () => expect(healthUnderTest().fitness()).toBe(1))

  test('falls with every failure, but not below two hundredths of its share', () => {
    const { fail, gate, target } = healthUnderTest()
    let before = 1
    for (let failure = 0; failure < 5; failure++) {
      fail({ reason: 'broken' })
      const success = gate(target()).success(1_000_000)
      expect(success).toBeLessThan(before)
      before = success
    }
    for (let failure = 0; failure < 100; failure++) fail({ reason: 'broken' })
    expect(gate(target()).success(1_000_000)).toBe(0.02)
  })

  test('recovers by half of what is missing in two minutes in which nobody asks', () => {
    const { fail, gate, target } = healthUnderTest()
    for (let failure = 0; failure < 100; failure++) fail({ reason: 'broken' })
    expect(gate(target()).success(1_120_000)).toBeCloseTo(0.51, 1)
  })

  test('is small for some seconds after a failure, and whole again after an answer', () => {
    const { fail, report, fitness, sleep } = healthUnderTest()
    fail({ reason: 'broken' })
    expect(fitness()).toBeLessThan(0.02)
    sleep(7)
    expect(fitness()).toBeGreaterThan(0.7)
    fail({ reason: 'broken' })
    report('answered')
    expect(fitness()).toBeGreaterThan(0.5)
  })
})

test('a client that leaves after a long silence counts against the target, and opens no breaker', () => {
  const { report, fitness, admits } = healthUnderTest()
  for (let request = 0; request < 10; request++) report('slow')
  expect(fitness()).toBeLessThan(0.1)
  expect(admits()).toBe(true)
})
