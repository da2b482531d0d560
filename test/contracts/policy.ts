/** What every strategy keeps: an order of all choices, and the weights. */
import { describe, expect, test } from 'bun:test'
import type { Candidate, Policy, Question } from '../../src/routing/policies.ts'

export const choicesOf = (weights: Record<string, number>): Candidate<string>[] =>
  Object.entries(weights).map(([name, weight]) => ({ name, weight, value: name }))

/** `asking(n)` is the n-th question of a stream of requests that differ in all they may differ in. */
export type Asking = (request: number) => Question

export const namesOf = (order: readonly Candidate<string>[]): string => order.map(({ value }) => value).join(' ')

/** How often each choice came first. */
export const firsts = (
  policy: Policy,
  choices: Candidate<string>[],
  asking: Asking,
  requests: number,
): Record<string, number> => {
  const counts: Record<string, number> = Object.fromEntries(choices.map(({ name }) => [name, 0]))
  for (let request = 0; request < requests; request++) {
    const name = policy(choices, asking(request))[0]!.name
    counts[name] = counts[name]! + 1
  }
  return counts
}

/** @param weighs false: the strategy does not look at weights */
export const policyContract = (name: string, make: () => Policy, weighs: boolean): void => {
  const asking: Asking = request => ({ key: 'model', affinity: () => `conversation ${request}` })

  describe(`policy: ${name}`, () => {
    test('orders nothing, and one', () => {
      expect(make()(choicesOf({}), asking(0))).toEqual([])
      expect(namesOf(make()(choicesOf({ a: 0 }), asking(0)))).toBe('a')
    })

    test.each([
      { a: 1 },
      { a: 1, b: 1 },
      { a: 1, b: 2, c: 0.5, d: 100 },
      { a: 0, b: 3 },
      { a: 0, b: 0, c: 0 },
    ] as Record<string, number>[])('orders all of %j, changing nothing', weights => {
      const policy = make()
      const choices = choicesOf(weights)
      const before = structuredClone(choices)
      for (let request = 0; request < 200; request++) {
        const order = policy(choices, asking(request))
        expect([...order].map(choice => choice.name).sort()).toEqual(Object.keys(weights).sort())
      }
      expect(choices).toEqual(before)
    })

    if (!weighs) return
    test.each([
      { a: 1, b: 1, c: 1 },
      { a: 1, b: 2 },
      { a: 5, b: 3, c: 2 },
      { a: 0.5, b: 1.5 },
      { a: 100, b: 300 },
    ] as Record<string, number>[])('serves %j by weight', weights => {
      const requests = 20_000
      const counts = firsts(make(), choicesOf(weights), asking, requests)
      const sum = Object.values(weights).reduce((all, weight) => all + weight, 0)
      for (const [choice, weight] of Object.entries(weights)) {
        const due = (requests * weight) / sum
        expect(Math.abs(counts[choice]! - due)).toBeLessThan(4 * Math.sqrt(due))
      }
    })

    test('a weight of 0 comes last', () => {
      const policy = make()
      for (let request = 0; request < 200; request++)
        expect(policy(choicesOf({ none: 0, a: 1, b: 0.001 }), asking(request)).at(-1)?.name).toBe('none')
    })
  })
}
