import { expect, test } from 'bun:test'
import { createPolicies } from '../../src/routing/policies.ts'
import { createTargetStats } from '../../src/routing/target-stats.ts'
import { seeded } from '../contracts/limits.ts'
import { candidatesOf, namesOf, policyContract } from '../contracts/policy.ts'

policyContract('first', () => createPolicies().first, false)
policyContract('random', () => createPolicies({ random: seeded(1) }).random, true)
policyContract('round_robin', () => createPolicies({ positions: new Map() }).round_robin, true)
policyContract('hash', () => createPolicies().hash, true)
policyContract('least_busy', () => createPolicies({ random: seeded(2), stats: createTargetStats() }).least_busy, true)
policyContract('fastest', () => createPolicies({ random: seeded(2), stats: createTargetStats() }).fastest, true)

const context = (affinity = '', key = 'model') => ({ key, affinity: () => affinity })

test('first keeps the order of the configuration', () => {
  expect(namesOf(createPolicies().first(candidatesOf({ b: 1, a: 9, c: 0 }), context()))).toBe('b a c')
})

test('round robin with weights 1:2 gives A B B A B B, and the next in the circle follows', () => {
  const { round_robin } = createPolicies({ positions: new Map() })
  const candidates = candidatesOf({ A: 1, B: 2 })
  const orders = Array.from({ length: 6 }, () => namesOf(round_robin(candidates, context())))
  expect(orders).toEqual(['A B', 'B A', 'B A', 'A B', 'B A', 'B A'])
  const even = candidatesOf({ A: 1, B: 1, C: 1 })
  expect(Array.from({ length: 4 }, () => namesOf(round_robin(even, context('', 'other'))))).toEqual([
    'A B C',
    'B C A',
    'C A B',
    'A B C',
  ])
})

test('round robin counts by key, continues across reloads, and does not advance on a peek', () => {
  const positions = new Map<string, number>()
  const candidates = candidatesOf({ A: 1, B: 1 })
  const firstOf = (key: string, peek = false) =>
    createPolicies({ positions }).round_robin(candidates, { ...context('', key), peek })[0]!.name
  expect(
    [firstOf('x'), firstOf('y'), firstOf('x', true), firstOf('x', true), firstOf('x'), firstOf('y'), firstOf('x')].join(
      '',
    ),
  ).toBe('AABBBBA')
})

test('round robin drops the oldest keys beyond the maximum', () => {
  const positions = new Map<string, number>()
  const { round_robin } = createPolicies({ positions })
  const candidates = candidatesOf({ A: 1, B: 1 })
  for (let at = 0; at < 12_000; at++) round_robin(candidates, context('', `key ${at}`))
  expect([...positions.keys()]).toEqual(Array.from({ length: 10_000 }, (_, at) => `key ${at + 2000}`))
  const firstOf = (key: string) => round_robin(candidates, context('', key))[0]!.name
  expect(['key 11999', 'key 2500', 'key 0'].map(firstOf).join(' ')).toBe('B B A')
})

test('random draws for each request, hash keeps its order', () => {
  const { random, hash } = createPolicies({ random: seeded(3) })
  const candidates = candidatesOf({ a: 1, b: 1, c: 1, d: 1 })
  const orders = (policy: typeof hash) =>
    new Set(Array.from({ length: 50 }, () => namesOf(policy(candidates, context('one')))))
  expect(orders(random).size).toBeGreaterThan(10)
  expect(orders(hash).size).toBe(1)
})

test('hash moves only the conversations that a removed candidate held or an added one wins', () => {
  const { hash } = createPolicies()
  const all = candidatesOf({ a: 1, b: 1, c: 1, d: 1, e: 1 })
  const without = all.filter(({ name }) => name !== 'c')
  let moved = 0
  for (let at = 0; at < 5000; at++) {
    const before = hash(all, context(`conversation ${at}`))
    const after = hash(without, context(`conversation ${at}`))
    expect(namesOf(after)).toBe(namesOf(before.filter(({ name }) => name !== 'c')))
    if (before[0]!.name !== after[0]!.name) moved++
  }
  expect(moved).toBeWithin(850, 1150)
})

test('hash spreads numbered users, and the models of one user', () => {
  const { hash } = createPolicies()
  const candidates = candidatesOf({ 'openai-1': 1, 'openai-2': 1 })
  const share = (order: (at: number) => string) =>
    Array.from({ length: 2000 }, (_, at) => order(at)).filter(name => name === 'openai-1').length
  expect(share(at => hash(candidates, context(`user-${at}`))[0]!.name)).toBeWithin(880, 1120)
  expect(share(at => hash(candidates, context('one', `model-${at}`))[0]!.name)).toBeWithin(880, 1120)
})
