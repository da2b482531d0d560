/** Two attempts side by side: who wins, and that the other one is stopped and returns what it borrowed. */
import { describe, expect, test } from 'bun:test'
import type { GatewayError } from '../../../src/base/errors.ts'
import { runOvertakable } from '../../../src/gateway/retry/overtake.ts'
import type { Runtime } from '../../../src/gateway/runtime.ts'
import { OvertakeBudget } from '../../../src/routing/overtake-budget.ts'
import { AttemptRecord } from '../../../src/telemetry/attempt-record.ts'
import { failureOf, healthUnderTest } from '../../support/health.ts'

type Attempt = {
  record: AttemptRecord
  settled: number[]
  stopped: string[]
  answer: (text: string) => void
  fail: (error: GatewayError) => void
}

const setUp = ({ isStream = true, budget = new OvertakeBudget(), mayFollow = true } = {}) => {
  const { health, target, fitness } = healthUnderTest()
  const attempts: Attempt[] = []
  const outcomes = new Map<AttemptRecord, Promise<string>>()
  const begin = (key: number): AttemptRecord => {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    promise.catch(() => undefined)
    const settled: number[] = []
    const stopped: string[] = []
    const lease = { settle: (tokens?: number) => settled.push(tokens ?? -1) }
    const record = new AttemptRecord({ target: target(key), lease }, undefined, health)
    record.reachedVendor = true
    record.call = { stop: ({ code }: GatewayError) => stopped.push(code) }
    attempts.push({ record, settled, stopped, answer: resolve, fail: reject })
    outcomes.set(record, promise)
    return record
  }
  const failures: string[] = []
  const first = begin(0)
  const result = runOvertakable(first, {
    runtime: { health, overtakeBudget: budget } as unknown as Runtime,
    isStream,
    run: record => outcomes.get(record)!,
    second: isFit => (mayFollow && isFit(target(1)) ? begin(1) : undefined),
    noteFailure: (record, error) => {
      record.end(error)
      failures.push(error.code)
      return false
    },
  })
  const becomeSilent = async () => {
    first.onSilent!.run()
    await Bun.sleep(0)
  }
  return { attempts, result, becomeSilent, failures, health, target, fitness }
}
const at = (attempts: Attempt[], index: number) => attempts[index]!
const broken = failureOf({ reason: 'broken' })

test('an answer before the silence starts no second attempt', async () => {
  const { attempts, result } = setUp()
  at(attempts, 0).answer('first')
  expect(await result).toMatchObject({ answer: 'first' })
  expect(attempts).toHaveLength(1)
})

test('a failure before the silence is the result', async () => {
  const { attempts, result } = setUp()
  at(attempts, 0).fail(broken)
  expect(await result).toMatchObject({ error: broken })
})

describe('after the silence', () => {
  test('the second answer wins; the first attempt is stopped, and settled once with its estimate', async () => {
    const { attempts, result, becomeSilent, fitness } = setUp()
    await becomeSilent()
    at(attempts, 1).answer('second')
    expect(await result).toMatchObject({ answer: 'second', record: at(attempts, 1).record })
    expect(at(attempts, 0)).toMatchObject({ settled: [-1], stopped: ['cancelled'] })
    expect(at(attempts, 1)).toMatchObject({ settled: [], stopped: [] })
    at(attempts, 0).record.end()
    expect(at(attempts, 0).settled).toEqual([-1])
    expect(fitness(at(attempts, 0).record.target)).toBe(1)
  })

  test('the tokens that the stopped attempt had used are charged', async () => {
    const { attempts, result, becomeSilent } = setUp()
    await becomeSilent()
    at(attempts, 0).record.usage = { input: 7, output: 3 }
    at(attempts, 1).answer('second')
    await result
    expect(at(attempts, 0).settled).toEqual([10])
  })

  test('the first answer may still win, and the second attempt is stopped', async () => {
    const { attempts, result, becomeSilent } = setUp()
    await becomeSilent()
    at(attempts, 0).answer('first')
    expect(await result).toMatchObject({ answer: 'first' })
    expect(at(attempts, 1)).toMatchObject({ settled: [-1], stopped: ['cancelled'] })
  })

  test('if the second one fails, the first one is waited for', async () => {
    const { attempts, result, becomeSilent, failures } = setUp()
    await becomeSilent()
    at(attempts, 1).fail(broken)
    await Bun.sleep(0)
    at(attempts, 0).answer('first')
    expect(await result).toMatchObject({ answer: 'first' })
    expect(failures).toEqual(['upstream_failed'])
    expect(at(attempts, 1).settled).toEqual([-1])
  })

  test('if the first one fails, the second one is waited for', async () => {
    const { attempts, result, becomeSilent } = setUp()
    await becomeSilent()
    at(attempts, 0).fail(broken)
    await Bun.sleep(0)
    at(attempts, 1).answer('second')
    expect(await result).toMatchObject({ answer: 'second' })
    expect(at(attempts, 0).settled).toEqual([-1])
  })

  test('if both fail, the last failure is the result', async () => {
    const { attempts, result, becomeSilent } = setUp()
    await becomeSilent()
    at(attempts, 0).fail(broken)
    await Bun.sleep(0)
    const last = failureOf({ reason: 'minute' })
    at(attempts, 1).fail(last)
    expect(await result).toMatchObject({ error: last })
  })

  test('without a free target the first attempt goes on alone', async () => {
    const { attempts, result, becomeSilent } = setUp({ mayFollow: false })
    await becomeSilent()
    at(attempts, 0).answer('first')
    expect(await result).toMatchObject({ answer: 'first' })
  })

  test('a used-up budget starts nothing', async () => {
    const budget = new OvertakeBudget()
    budget.take()
    const { attempts, becomeSilent } = setUp({ budget })
    await becomeSilent()
    expect(attempts).toHaveLength(1)
  })
})

describe('the silence', () => {
  test.each([
    [true, 8000],
    [false, 30_000],
  ])('of a target without a history, streamed %p, is %d ms', (isStream, milliseconds) => {
    const { attempts } = setUp({ isStream })
    expect(at(attempts, 0).record.onSilent?.milliseconds).toBe(milliseconds)
  })
})
