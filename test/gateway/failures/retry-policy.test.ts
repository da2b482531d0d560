/** Who may be asked after a failure, and which of several failures the client sees. */
import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../../src/base/errors.ts'
import type { Failure } from '../../../src/base/failure-reasons.ts'
import { finalError } from '../../../src/gateway/retry/final-error.ts'
import { Candidates, wasNotProcessed } from '../../../src/gateway/retry/retry-policy.ts'
import { credential, entryOf, targetOf } from '../../contracts/limits.ts'
import { failureOf } from '../../support/health.ts'

const entries = ['x', 'y', 'z'].map(id => entryOf(id, { credentials: [credential(0), credential(1)] }))
/** Two keys of each of three entries, x1 x2 y1 y2 z1 z2, all with one model. */
const targets = entries.flatMap(entry => [targetOf(entry, 0, `m-${entry.id}`), targetOf(entry, 1, `m-${entry.id}`)])
const named = (name: string) => targets.find(({ entry, credential: { index } }) => `${entry.id}${index + 1}` === name)!
const names = (candidates: Candidates): string =>
  candidates
    .remaining()
    .map(({ entry, credential: { index } }) => `${entry.id}${index + 1}`)
    .join(' ')

const after = (...failures: [string, Failure][]) => {
  const candidates = new Candidates(targets)
  const mayContinue = failures.map(([name, failure]) =>
    candidates.note({ target: named(name), error: failureOf(failure) }),
  )
  return { candidates, mayContinue: mayContinue.at(-1), order: names(candidates) }
}

describe('who is asked next', () => {
  test.each([
    ['key', {}, 'x2 y1 y2 z1 z2'],
    ['balance', {}, 'x2 y1 y2 z1 z2'],
    ['minute', {}, 'x2 y1 y2 z1 z2 x1'],
    ['minute', { onlyThisRequest: true }, 'x2 y1 y2 z1 z2'],
    ['day', {}, 'x2 y1 y2 z1 z2'],
    ['model_gone', {}, 'y1 y2 z1 z2'],
    ['region', {}, 'y1 y2 z1 z2'],
    ['context', {}, 'y1 y2 z1 z2'],
    ['ability', {}, 'y1 y2 z1 z2'],
    ['overload', {}, 'y1 y2 z1 z2 x2 x1'],
    ['broken', {}, 'y1 y2 z1 z2 x2 x1'],
    ['unknown', {}, 'x2 y1 y2 z1 z2'],
  ] as const)('after the reason %s with %o: %s', (reason, more, order) => {
    const { mayContinue, order: actual } = after(['x1', { reason, ...more }])
    expect(mayContinue).toBe(true)
    expect(actual).toBe(order)
  })

  test.each(['moderation', 'parameter', 'request'] as const)('after the reason %s: nobody', reason =>
    expect(after(['x1', { reason }]).mayContinue).toBe(false),
  )

  test('a second refusal of the region is final', () =>
    expect(after(['x1', { reason: 'region' }], ['y1', { reason: 'region' }]).mayContinue).toBe(false))

  test('a context that is too long moves twice', () => {
    const moves: [string, Failure][] = [
      ['x1', { reason: 'context' }],
      ['y1', { reason: 'context' }],
    ]
    expect(after(...moves)).toMatchObject({ mayContinue: true, order: 'z1 z2' })
    expect(after(...moves, ['z1', { reason: 'context' }]).mayContinue).toBe(false)
  })

  test('after a vendor failed, its other keys come behind all other entries', () =>
    expect(after(['x1', { reason: 'broken' }], ['y1', { reason: 'broken' }]).order).toBe('z1 z2 x2 y2 x1 y1'))

  test('with x-no-fallback only the keys of the same entry', () => {
    const { candidates } = after(['x1', { reason: 'key' }])
    candidates.keepEntry('x')
    expect(names(candidates)).toBe('x2')
  })
})

describe('a call that acts twice is repeated', () => {
  test.each(['key', 'balance', 'minute', 'day', 'model_gone', 'region'] as const)('after the reason %s', reason =>
    expect(wasNotProcessed(failureOf({ reason }))).toBe(true),
  )
  test('after a request that was never sent', () =>
    expect(wasNotProcessed(failureOf({ reason: 'broken' }, { unsent: true }))).toBe(true))
  test('after a 503 with Retry-After, and not after one without', () => {
    expect(wasNotProcessed(failureOf({ reason: 'overload', retryAfter: 3 }, { status: 503 }))).toBe(true)
    expect(wasNotProcessed(failureOf({ reason: 'overload' }, { status: 503 }))).toBe(false)
  })
  test.each(['broken', 'unknown', 'context'] as const)('not after the reason %s', reason =>
    expect(wasNotProcessed(failureOf({ reason }))).toBe(false),
  )
})

describe('of several failures the client sees', () => {
  const seen = (...failures: Failure[]) => {
    const failed = failures.map((failure, at) => ({ target: targets[at]!, error: failureOf(failure) }))
    return finalError(failed, failed.at(-1)!.error).detail.failure
  }

  test('the refusal of the request itself first', () =>
    expect(seen({ reason: 'minute', retryAfter: 1 }, { reason: 'request' }, { reason: 'key' })?.reason).toBe('request'))
  test('then the one that clears soonest', () =>
    expect(seen({ reason: 'day', retryAfter: 900 }, { reason: 'minute', retryAfter: 5 }, { reason: 'key' })).toEqual({
      reason: 'minute',
      retryAfter: 5,
    }))
  test('a failure with a wait before one without', () =>
    expect(seen({ reason: 'broken' }, { reason: 'minute', retryAfter: 5 })?.reason).toBe('minute'))
  test('what is not about the keys before what is', () =>
    expect(seen({ reason: 'key' }, { reason: 'model_gone' }, { reason: 'key' })?.reason).toBe('model_gone'))
  test('the refusal of the keys if there is nothing else', () =>
    expect(seen({ reason: 'key' }, { reason: 'key' })?.reason).toBe('key'))
  test('the limit of the gateway that ended the wait, with its time', () => {
    const last = new GatewayError('limited', 'used up', { retryAfter: 3 })
    const failed = [{ target: targets[0]!, error: failureOf({ reason: 'minute', retryAfter: 60 }) }]
    expect(finalError(failed, last)).toBe(last)
  })
})
