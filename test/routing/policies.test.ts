import { expect, test } from 'bun:test'
import { createPolicies } from '../../src/routing/policies.ts'
import { createTargetStats } from '../../src/routing/target-stats.ts'
import { seeded } from '../contracts/limits.ts'
import { choicesOf, namesOf, policyContract } from '../contracts/policy.ts'

policyContract('first', () => createPolicies().first, false)
policyContract('random', () => createPolicies({ random: seeded(1) }).random, true)
policyContract('round_robin', () => createPolicies({ turns: new Map() }).round_robin, true)
policyContract('hash', () => createPolicies().hash, true)
policyContract('least_busy', () => createPolicies({ random: seeded(2), stats: createTargetStats() }).least_busy, true)
policyContract('fastest', () => createPolicies({ random: seeded(2), stats: createTargetStats() }).fastest, true)

const question = (affinity = '', key = 'model') => ({ key, affinity: () => affinity })

test('first keeps the order of the configuration', () => {
  expect(namesOf(createPolicies().first(choicesOf({ b: 1, a: 9, c: 0 }), question()))).toBe('b a c')
})

test('round robin with weights 1:2 goes A B B A B B, and behind it comes the next in the circle', () => {
  const { round_robin } = createPolicies({ turns: new Map() })
  const choices = choicesOf({ A: 1, B: 2 })
  const orders = Array.from({ length: 6 }, () => namesOf(round_robin(choices, question())))
  expect(orders).toEqual(['A B', 'B A', 'B A', 'A B', 'B A', 'B A'])
  const even = choicesOf({ A: 1, B: 1, C: 1 })
  expect(Array.from({ length: 4 }, () => namesOf(round_robin(even, question('', 'other'))))).toEqual([
    'A B C',
    'B C A',
    'C A B',
    'A B C',
  ])
})

test('round robin counts by key, goes on across reloads, and looks without moving', () => {
  const turns = new Map<string, number>()
  const choices = choicesOf({ A: 1, B: 1 })
  const turn = (key: string, peek = false) =>
    createPolicies({ turns }).round_robin(choices, { ...question('', key), peek })[0]!.name
  expect([turn('x'), turn('y'), turn('x', true), turn('x', true), turn('x'), turn('y'), turn('x')].join('')).toBe(
    'AABBBBA',
  )
})

test('round robin forgets the oldest of very many keys', () => {
  const turns = new Map<string, number>()
  const { round_robin } = createPolicies({ turns })
  for (let at = 0; at < 12_000; at++) round_robin(choicesOf({ A: 1, B: 1 }), question('', `key ${at}`))
  expect(turns.size).toBe(10_000)
})

test('random draws anew, hash does not', () => {
  const { random, hash } = createPolicies({ random: seeded(3) })
  const choices = choicesOf({ a: 1, b: 1, c: 1, d: 1 })
  const orders = (policy: typeof hash) =>
    new Set(Array.from({ length: 50 }, () => namesOf(policy(choices, question('one')))))
  expect(orders(random).size).toBeGreaterThan(10)
  expect(orders(hash).size).toBe(1)
})

test('hash moves only who held what is gone, and whoever a newcomer wins', () => {
  const { hash } = createPolicies()
  const all = choicesOf({ a: 1, b: 1, c: 1, d: 1, e: 1 })
  const without = all.filter(({ name }) => name !== 'c')
  let moved = 0
  for (let at = 0; at < 5000; at++) {
    const before = hash(all, question(`conversation ${at}`))
    const after = hash(without, question(`conversation ${at}`))
    expect(namesOf(after)).toBe(namesOf(before.filter(({ name }) => name !== 'c')))
    if (before[0]!.name !== after[0]!.name) moved++
  }
  expect(moved).toBeWithin(850, 1150)
})

test('hash spreads neighbours: numbered users, and models of one user', () => {
  const { hash } = createPolicies()
  const choices = choicesOf({ 'openai-1': 1, 'openai-2': 1 })
  const share = (order: (at: number) => string) =>
    Array.from({ length: 2000 }, (_, at) => order(at)).filter(name => name === 'openai-1').length
  expect(share(at => hash(choices, question(`user-${at}`))[0]!.name)).toBeWithin(880, 1120)
  expect(share(at => hash(choices, question('one', `model-${at}`))[0]!.name)).toBeWithin(880, 1120)
})
