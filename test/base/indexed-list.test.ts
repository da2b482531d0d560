import { edenGC, fullGC, heapStats } from 'bun:jsc'
import { describe, expect, test } from 'bun:test'
import { type Indexed, IndexedList } from '../../src/base/indexed-list.ts'

type Named = Indexed & { name: string }
const named = (...names: string[]): Named[] => names.map(name => ({ name }))
const namesOn = (roster: IndexedList<Named>): string[] => [...roster].map(({ name }) => name).sort()

describe('a roster', () => {
  test('holds who joined and did not leave, in whatever order they leave', () => {
    const roster = new IndexedList<Named>()
    const [a, b, c, d] = named('a', 'b', 'c', 'd') as [Named, Named, Named, Named]
    for (const one of [a, b, c, d]) roster.add(one)
    roster.delete(b)
    expect(namesOn(roster)).toEqual(['a', 'c', 'd'])
    roster.delete(d)
    roster.delete(a)
    expect(namesOn(roster)).toEqual(['c'])
    roster.add(b)
    roster.delete(c)
    expect(namesOn(roster)).toEqual(['b'])
    expect(roster.size).toBe(1)
  })

  test('takes nobody twice and lets nobody go who is not on it', () => {
    const roster = new IndexedList<Named>()
    const [a, b] = named('a', 'b') as [Named, Named]
    roster.add(a)
    roster.add(a)
    roster.delete(b)
    expect(roster.size).toBe(1)
    roster.delete(a)
    roster.delete(a)
    expect(roster.size).toBe(0)
  })

  test('is gone through whole while its members leave', () => {
    const roster = new IndexedList<Named>()
    for (const one of named('a', 'b', 'c')) roster.add(one)
    const met: string[] = []
    for (const one of roster) {
      met.push(one.name)
      roster.delete(one)
    }
    expect(met).toEqual(['a', 'b', 'c'])
    expect(roster.size).toBe(0)
  })
})

/** Objects of the heap after 20,000 members passed through, sixteen at a time; young ones are collected all the while. */
const leftBehindBy = (crowd: { add: (one: Named) => unknown; delete: (one: Named) => unknown }): number => {
  fullGC()
  const before = heapStats().objectCount
  const under: Named[] = []
  for (let at = 0; at < 20_000; at++) {
    const one: Named & { body: unknown } = { name: 'one', body: [{ at }] }
    crowd.add(one)
    const other = under[at % 16]
    if (other) crowd.delete(other)
    under[at % 16] = one
    if (at % 1000 === 0) edenGC()
  }
  edenGC()
  return heapStats().objectCount - before
}

describe('what is left behind for the collector', () => {
  test("a roster keeps nobody alive who left it; JavaScriptCore's own Set does, or Roster may go", () => {
    expect(leftBehindBy(new IndexedList<Named>())).toBeLessThan(5_000)
    expect(leftBehindBy(new Set<Named>())).toBeGreaterThan(15_000)
  })
})
