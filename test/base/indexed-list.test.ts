import { edenGC, fullGC, heapStats } from 'bun:jsc'
import { describe, expect, test } from 'bun:test'
import { type Indexed, IndexedList } from '../../src/base/indexed-list.ts'

type Named = Indexed & { name: string }
const named = (...names: string[]): Named[] => names.map(name => ({ name }))
const namesIn = (list: IndexedList<Named>): string[] => [...list].map(({ name }) => name).sort()

describe('a roster', () => {
  test('holds who joined and did not leave, in whatever order they leave', () => {
    const list = new IndexedList<Named>()
    const [a, b, c, d] = named('a', 'b', 'c', 'd') as [Named, Named, Named, Named]
    for (const one of [a, b, c, d]) list.add(one)
    list.delete(b)
    expect(namesIn(list)).toEqual(['a', 'c', 'd'])
    list.delete(d)
    list.delete(a)
    expect(namesIn(list)).toEqual(['c'])
    list.add(b)
    list.delete(c)
    expect(namesIn(list)).toEqual(['b'])
    expect(list.size).toBe(1)
  })

  test('takes nobody twice and lets nobody go who is not on it', () => {
    const list = new IndexedList<Named>()
    const [a, b] = named('a', 'b') as [Named, Named]
    list.add(a)
    list.add(a)
    list.delete(b)
    expect(list.size).toBe(1)
    list.delete(a)
    list.delete(a)
    expect(list.size).toBe(0)
  })

  test('is gone through whole while its members leave', () => {
    const list = new IndexedList<Named>()
    for (const one of named('a', 'b', 'c')) list.add(one)
    const visited: string[] = []
    for (const one of list) {
      visited.push(one.name)
      list.delete(one)
    }
    expect(visited).toEqual(['a', 'b', 'c'])
    expect(list.size).toBe(0)
  })
})

/** Objects of the heap after 20,000 members passed through, sixteen at a time; young ones are collected all the while. */
const objectsLeftBy = (collection: { add: (one: Named) => unknown; delete: (one: Named) => unknown }): number => {
  fullGC()
  const before = heapStats().objectCount
  const current: Named[] = []
  for (let at = 0; at < 20_000; at++) {
    const one: Named & { body: unknown } = { name: 'one', body: [{ at }] }
    collection.add(one)
    const other = current[at % 16]
    if (other) collection.delete(other)
    current[at % 16] = one
    if (at % 1000 === 0) edenGC()
  }
  edenGC()
  return heapStats().objectCount - before
}

describe('what is left behind for the collector', () => {
  test("a roster keeps nobody alive who left it; JavaScriptCore's own Set does, or Roster may go", () => {
    expect(objectsLeftBy(new IndexedList<Named>())).toBeLessThan(5_000)
    expect(objectsLeftBy(new Set<Named>())).toBeGreaterThan(15_000)
  })
})
