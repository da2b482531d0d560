/** The budgets of repeats and of overtaking attempts, and the models that stand in for another one. */
import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import { fallbackNames, fallbackPlans } from '../../src/routing/fallbacks.ts'
import { OvertakeBudget } from '../../src/routing/overtake-budget.ts'
import { RetryBudget } from '../../src/routing/retry-budget.ts'
import type { Plan } from '../../src/routing/router.ts'

/** The number of times that something is granted, up to a thousand. */
const granted = (take: () => boolean): number => {
  let count = 0
  while (count < 1000 && take()) count++
  return count
}

describe('the budget of repeats', () => {
  const create = () => {
    const clock = { now: 100_000 }
    return { clock, budget: new RetryBudget(0.2, () => clock.now) }
  }

  test('always allows ten within ten seconds', () => {
    const { clock, budget } = create()
    expect(granted(() => budget.take('a'))).toBe(10)
    clock.now += 10_000
    expect(granted(() => budget.take('a'))).toBe(10)
  })

  test('allows a fifth of the requests of the entry', () => {
    const { budget } = create()
    for (let request = 0; request < 200; request++) budget.noteRequest('a')
    expect(granted(() => budget.take('a'))).toBe(40)
    expect(granted(() => budget.take('b'))).toBe(10)
  })

  test('forgets requests after ten seconds', () => {
    const { clock, budget } = create()
    for (let request = 0; request < 200; request++) budget.noteRequest('a')
    clock.now += 10_000
    expect(granted(() => budget.take('a'))).toBe(10)
  })
})

describe('the budget of overtaking', () => {
  const takenAfter = (requests: number): number => {
    const budget = new OvertakeBudget(() => 100_000)
    for (let request = 0; request < requests; request++) budget.noteRequest()
    return granted(() => {
      const may = budget.mayTake()
      if (may) budget.take()
      return may
    })
  }

  test.each([
    [1, 1],
    [20, 1],
    [100, 5],
    [1000, 50],
  ])('of %d requests in a minute, %d may be sent twice', (requests, twice) => expect(takenAfter(requests)).toBe(twice))
})

describe('fallbacks', () => {
  const table = new Map([
    ['a', ['b', 'c']],
    ['b', ['d']],
    ['d', ['e']],
    ['loop', ['pool']],
    ['pool', ['loop', 'pool']],
    ['*', ['random']],
  ])

  test('of a model come in their order, then the fallbacks of these, but no further', () =>
    expect(fallbackNames('a', table)).toEqual(['b', 'c', 'd']))

  test('of * stand in for every model without its own', () => {
    expect(fallbackNames('unlisted', table)).toEqual(['random'])
    expect(fallbackNames('c', table)).toEqual(['random'])
  })

  test('that lead in a circle end', () => expect(fallbackNames('loop', table)).toEqual(['pool']))

  test('that nobody offers or the caller may not use are passed over', () => {
    const plan = (model: string): Plan => {
      if (model === 'b') throw new GatewayError('model_not_found', 'no such model')
      if (model === 'c') throw new GatewayError('forbidden', 'not for this key')
      return { model, targets: [] }
    }
    expect([...fallbackPlans('a', table, plan)].map(({ model }) => model)).toEqual(['d'])
  })

  test('are planned only when they are needed', () => {
    const planned: string[] = []
    const plans = fallbackPlans('a', table, model => {
      planned.push(model)
      return { model, targets: [] }
    })
    plans.next()
    expect(planned).toEqual(['b'])
  })
})
