/** The contract of every strategy: the order contains all candidates and respects the weights. */
import { describe, expect, test } from 'bun:test'
import type { Candidate, Policy, PolicyContext } from '../../src/routing/policies.ts'

export const candidatesOf = (weights: Record<string, number>): Candidate<string>[] =>
  Object.entries(weights).map(([name, weight]) => ({ name, weight, value: name }))

/** The context of the n-th request, in a stream of requests that all differ. */
export type ContextFor = (request: number) => PolicyContext

export const namesOf = (order: readonly Candidate<string>[]): string => order.map(({ value }) => value).join(' ')

/** How often each candidate came first. */
export const countFirsts = (
  policy: Policy,
  candidates: Candidate<string>[],
  contextFor: ContextFor,
  requests: number,
): Record<string, number> => {
  const counts: Record<string, number> = Object.fromEntries(candidates.map(({ name }) => [name, 0]))
  for (let request = 0; request < requests; request++) {
    const name = policy(candidates, contextFor(request))[0]!.name
    counts[name] = counts[name]! + 1
  }
  return counts
}

/** @param usesWeights false if the strategy ignores weights */
export const policyContract = (name: string, make: () => Policy, usesWeights: boolean): void => {
  const contextFor: ContextFor = request => ({ key: 'model', affinity: () => `conversation ${request}` })

  describe(`policy: ${name}`, () => {
    test('an empty list and a single candidate are ordered', () => {
      expect(make()(candidatesOf({}), contextFor(0))).toEqual([])
      expect(namesOf(make()(candidatesOf({ a: 0 }), contextFor(0)))).toBe('a')
    })

    test.each([
      { a: 1 },
      { a: 1, b: 1 },
      { a: 1, b: 2, c: 0.5, d: 100 },
      { a: 0, b: 3 },
      { a: 0, b: 0, c: 0 },
    ] as Record<string, number>[])('all candidates of %j are ordered, without changing the list', weights => {
      const policy = make()
      const candidates = candidatesOf(weights)
      const before = structuredClone(candidates)
      for (let request = 0; request < 200; request++) {
        const order = policy(candidates, contextFor(request))
        expect([...order].map(candidate => candidate.name).sort()).toEqual(Object.keys(weights).sort())
      }
      expect(candidates).toEqual(before)
    })

    if (!usesWeights) return
    test.each([
      { a: 1, b: 1, c: 1 },
      { a: 1, b: 2 },
      { a: 5, b: 3, c: 2 },
      { a: 0.5, b: 1.5 },
      { a: 100, b: 300 },
    ] as Record<string, number>[])('the candidates of %j come first in proportion to their weights', weights => {
      const requests = 20_000
      const counts = countFirsts(make(), candidatesOf(weights), contextFor, requests)
      const sum = Object.values(weights).reduce((all, weight) => all + weight, 0)
      for (const [candidate, weight] of Object.entries(weights)) {
        const expected = (requests * weight) / sum
        expect(Math.abs(counts[candidate]! - expected)).toBeLessThan(4 * Math.sqrt(expected))
      }
    })

    test('a candidate of weight 0 comes last', () => {
      const policy = make()
      for (let request = 0; request < 200; request++)
        expect(policy(candidatesOf({ none: 0, a: 1, b: 0.001 }), contextFor(request)).at(-1)?.name).toBe('none')
    })
  })
}
