/** How long a target is passed over after a refusal, and who ends the pause. */
import { describe, expect, test } from 'bun:test'
import type { FailureReason } from '../../../src/base/failure-reasons.ts'
import { healthUnderTest } from '../../support/health.ts'

const minute = 60
const hour = 3600

/** Seconds of the first pauses if the vendor names none, each after a refusal of the request that ended the last one. */
const pauses: [FailureReason, readonly number[]][] = [
  ['key', [minute, 2 * minute, 4 * minute, 8 * minute, 16 * minute, 30 * minute, 30 * minute]],
  ['balance', [minute, 2 * minute, 4 * minute, 8 * minute, 16 * minute, 30 * minute]],
  ['minute', [1, 2, 4, 8, 16, 32, 60, 60]],
  ['day', [10 * minute, 20 * minute, 40 * minute, hour, hour]],
  ['model_gone', [hour, 2 * hour, 4 * hour, 8 * hour, 16 * hour, 24 * hour, 24 * hour]],
  ['region', [10 * minute, 20 * minute, 40 * minute, 80 * minute, 160 * minute, 320 * minute, 6 * hour]],
  ['overload', [0.5, 1, 2, 4, 8, 15, 15]],
  ['unknown', [10, 20, 40, 80, 160, 320, 600, 600]],
]

test.each(pauses)(
  'a refusal of the reason %s pauses its target for longer each time, up to a bound',
  (reason, seconds) => {
    const { fail, pause, sleep, admits } = healthUnderTest({
      learns: false,
      breaker: { enabled: false, failureThreshold: 5, recoveryTimeout: 30, halfOpenMaxRequests: 1 },
    })
    for (const expected of seconds) {
      sleep(2)
      fail({ reason })
      expect(pause()).toBeCloseTo(expected, 3)
      expect(admits()).toBe(false)
      sleep(expected)
      expect(admits()).toBe(true)
    }
  },
)

test.each(['moderation', 'context', 'ability', 'parameter', 'request', 'broken'] as const)(
  'a failure of the reason %s pauses nothing',
  reason => {
    const { fail, admits } = healthUnderTest()
    fail({ reason })
    expect(admits()).toBe(true)
  },
)

describe('a wait that the vendor names', () => {
  test.each([
    ['minute', 7, 7],
    ['minute', 5 * hour, hour],
    ['overload', 20, 20],
    ['overload', hour, minute],
    ['day', 5 * hour, 5 * hour],
    ['day', 100 * hour, 24 * hour],
    ['key', 10, 10],
    ['key', 5 * hour, 30 * minute],
  ] as const)('of the reason %s and %d seconds pauses the target for %d seconds', (reason, retryAfter, expected) => {
    const { fail, pause } = healthUnderTest({ learns: false })
    fail({ reason, retryAfter })
    expect(pause()).toBeCloseTo(expected, 3)
  })

  test('never makes a running pause shorter', () => {
    const { fail, pause } = healthUnderTest({ learns: false })
    fail({ reason: 'minute', retryAfter: 60 })
    fail({ reason: 'minute', retryAfter: 1 })
    expect(pause()).toBeCloseTo(60, 3)
  })
})

test('refusals of requests that were under way together count as one', () => {
  const { fail, pause } = healthUnderTest({ learns: false })
  for (let request = 0; request < 5; request++) fail({ reason: 'key' })
  expect(pause()).toBeCloseTo(minute, 3)
})

test('an answer ends the pause, and the next one is short again', () => {
  const { fail, report, pause, sleep, admits } = healthUnderTest()
  for (let refusal = 0; refusal < 3; refusal++) {
    fail({ reason: 'key' })
    sleep(31 * minute)
  }
  report('answered')
  expect(admits()).toBe(true)
  fail({ reason: 'key' })
  expect(pause()).toBeCloseTo(minute, 3)
})

describe('after the pause of a dead key', () => {
  test('one request tries it, and the others wait for its outcome', () => {
    const { fail, sleep, admits, begin } = healthUnderTest()
    fail({ reason: 'key' })
    sleep(minute)
    begin()
    expect(admits()).toBe(false)
  })

  test('a try that is refused pauses it again', () => {
    const { fail, sleep, admits, begin, pause } = healthUnderTest()
    fail({ reason: 'key' })
    sleep(minute)
    const end = begin()
    fail({ reason: 'key' })
    end()
    expect(admits()).toBe(false)
    expect(pause()).toBeCloseTo(2 * minute, 3)
  })

  test('a try whose client leaves is given to the next request', () => {
    const { fail, report, sleep, admits, begin } = healthUnderTest()
    fail({ reason: 'key' })
    sleep(minute)
    const end = begin()
    report('unknown')
    end()
    expect(admits()).toBe(true)
    begin()
    expect(admits()).toBe(false)
  })

  test('a try that is answered frees it for all', () => {
    const { fail, report, sleep, admits, begin } = healthUnderTest()
    fail({ reason: 'key' })
    sleep(minute)
    begin()
    report('answered')
    expect(admits()).toBe(true)
  })
})

/** Which of the four targets of an entry are held back: key 1 and 2 with the models one and two. */
const heldBack = ({ admits, target }: ReturnType<typeof healthUnderTest>): string[] =>
  [0, 1].flatMap(key =>
    ['one', 'two'].filter(model => !admits(target(key, model))).map(model => `key ${key + 1} of ${model}`),
  )

test.each([
  ['key', {}, ['key 1 of one', 'key 1 of two']],
  ['balance', {}, ['key 1 of one']],
  ['balance', { wholeAccount: true }, ['key 1 of one', 'key 1 of two']],
  ['minute', {}, ['key 1 of one']],
  ['minute', { onlyThisRequest: true }, []],
  ['day', {}, ['key 1 of one']],
  ['day', { wholeAccount: true }, ['key 1 of one', 'key 1 of two']],
  ['model_gone', {}, ['key 1 of one', 'key 2 of one']],
  ['region', {}, ['key 1 of one']],
  ['overload', {}, ['key 1 of one']],
] as const)('a refusal of the reason %s with %o holds back exactly its scope', (reason, more, expected) => {
  const subject = healthUnderTest()
  for (const key of [0, 1]) for (const model of ['one', 'two']) subject.gate(subject.target(key, model))
  subject.fail({ reason, ...more })
  expect(heldBack(subject)).toEqual([...expected])
})

test('a quota of a day lasts until its vendor renews it', () => {
  const { health, fail, pause } = healthUnderTest()
  health.resetsIn = () => 3 * hour
  fail({ reason: 'day' })
  expect(pause()).toBeCloseTo(3 * hour, 3)
})

test('with cooling off no refusal pauses anything', () => {
  const { fail, admits } = healthUnderTest({ cools: false })
  for (const [reason] of pauses) fail({ reason })
  expect(admits()).toBe(true)
})
