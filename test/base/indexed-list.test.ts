/** IndexedList: membership, iteration, and what it leaves to the garbage collector. */
import { edenGC, fullGC, heapStats } from 'bun:jsc'
import { describe, expect, test } from 'bun:test'
import { type Indexed, IndexedList } from '../../src/base/indexed-list.ts'

type Named = Indexed & { name: string }
const named = (...names: string[]): Named[] => names.map(name => ({ name }))
const namesIn = (list: IndexedList<Named>): string[] => [...list].map(({ name }) => name).sort()

describe('IndexedList', () => {
  test('holds the members that were added and not deleted, in whatever order they are deleted', () => {
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

  test('ignores a second add of a member and the delete of an absent member', () => {
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

  test('an iteration visits every member even if members are deleted meanwhile', () => {
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

/**
 * Objects on the heap after 20,000 members passed through, sixteen at a time, with collections of the young generation
 * in between.
 */
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

describe('garbage left behind', () => {
  test("an IndexedList keeps no deleted member alive; JavaScriptCore's own Set does, otherwise IndexedList can be removed", () => {
    expect(objectsLeftBy(new IndexedList<Named>())).toBeLessThan(5_000)
    expect(objectsLeftBy(new Set<Named>())).toBeGreaterThan(15_000)
  })
})
