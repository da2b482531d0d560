/** When a circuit breaker opens, when it tries its target again, and what opens a whole entry. */
import { describe, expect, test } from 'bun:test'
import type { FailureReason } from '../../../src/base/failure-reasons.ts'
import { healthUnderTest } from '../../support/health.ts'

const broken = { reason: 'broken' } as const

const failTimes = (count: number, { fail, target }: ReturnType<typeof healthUnderTest>, of = target()) => {
  for (let failure = 0; failure < count; failure++) fail(broken, of)
}

test('five failures in a row open the breaker of their target, and of no other', () => {
  const subject = healthUnderTest()
  failTimes(4, subject)
  expect(subject.admits()).toBe(true)
  failTimes(1, subject)
  expect(subject.admits()).toBe(false)
  expect(subject.pause()).toBe(30)
  expect(subject.admits(subject.target(1))).toBe(true)
})

test('an answer between failures starts the count again', () => {
  const subject = healthUnderTest()
  failTimes(4, subject)
  subject.report('answered')
  failTimes(4, subject)
  expect(subject.admits()).toBe(true)
})

test('half of ten requests within a minute open it', () => {
  const subject = healthUnderTest()
  for (let pair = 0; pair < 4; pair++) {
    subject.report('answered')
    subject.fail(broken)
  }
  subject.report('answered')
  expect(subject.admits()).toBe(true)
  subject.fail(broken)
  expect(subject.admits()).toBe(false)
})

test('failures of more than a minute ago do not count as recent', () => {
  const subject = healthUnderTest()
  for (let pair = 0; pair < 4; pair++) {
    subject.report('answered')
    subject.fail(broken)
  }
  subject.sleep(61)
  subject.report('answered')
  subject.fail(broken)
  expect(subject.admits()).toBe(true)
})

test('the wait doubles with each failed try, up to ten minutes, and is short again after an answer', () => {
  const subject = healthUnderTest()
  failTimes(5, subject)
  for (const seconds of [30, 60, 120, 240, 480, 600, 600]) {
    expect(subject.pause()).toBe(seconds)
    subject.sleep(seconds)
    const end = subject.begin()
    failTimes(1, subject)
    end()
  }
  subject.sleep(600)
  subject.report('answered')
  failTimes(5, subject)
  expect(subject.pause()).toBe(30)
})

describe('after the wait', () => {
  test.each([1, 3])('%d requests at once try the target, if so many are configured', probes => {
    const subject = healthUnderTest({
      breaker: { enabled: true, failureThreshold: 5, recoveryTimeout: 30, halfOpenMaxRequests: probes },
    })
    failTimes(5, subject)
    subject.sleep(30)
    for (let probe = 0; probe < probes; probe++) {
      expect(subject.admits()).toBe(true)
      subject.begin()
    }
    expect(subject.admits()).toBe(false)
  })

  test('a try whose client leaves is given to the next request', () => {
    const subject = healthUnderTest()
    failTimes(5, subject)
    subject.sleep(30)
    const end = subject.begin()
    subject.report('unknown')
    end()
    expect(subject.admits()).toBe(true)
    subject.begin()
    expect(subject.admits()).toBe(false)
  })

  test('an answer closes it for all', () => {
    const subject = healthUnderTest()
    failTimes(5, subject)
    subject.sleep(30)
    subject.begin()
    subject.report('answered')
    expect(subject.admits()).toBe(true)
  })
})

describe('an entry', () => {
  test('is open after five connections that failed', () => {
    const subject = healthUnderTest()
    for (let failure = 0; failure < 5; failure++) subject.fail(broken, subject.target(failure % 2), { unsent: true })
    expect(subject.admits(subject.target(1, 'two'))).toBe(false)
  })

  test('is open if two of its models are', () => {
    const subject = healthUnderTest()
    failTimes(5, subject, subject.target(0, 'one'))
    expect(subject.admits(subject.target(0, 'three'))).toBe(true)
    failTimes(5, subject, subject.target(0, 'two'))
    expect(subject.admits(subject.target(0, 'three'))).toBe(false)
  })

  test('stays closed if two keys of one model are open', () => {
    const subject = healthUnderTest()
    failTimes(5, subject, subject.target(0))
    failTimes(5, subject, subject.target(1))
    expect(subject.admits(subject.target(0, 'two'))).toBe(true)
  })
})

test.each([
  'key',
  'balance',
  'minute',
  'day',
  'model_gone',
  'moderation',
  'context',
  'ability',
  'parameter',
  'request',
] as const)('refusals of the reason %s open no breaker', (reason: FailureReason) => {
  const subject = healthUnderTest({ cools: false, learns: false })
  for (let refusal = 0; refusal < 20; refusal++) subject.fail({ reason })
  expect(subject.admits()).toBe(true)
})

test('enabled: false opens no breaker, and refusals cool all the same', () => {
  const subject = healthUnderTest({
    breaker: { enabled: false, failureThreshold: 5, recoveryTimeout: 30, halfOpenMaxRequests: 1 },
  })
  failTimes(20, subject)
  expect(subject.admits()).toBe(true)
  subject.fail({ reason: 'key' })
  expect(subject.admits()).toBe(false)
})
