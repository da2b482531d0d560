/** The index of stored items by their keys. */
import { expect, test } from 'bun:test'
import { createItemIndex } from '../../src/store/items.ts'

test('an item is found at its latest holder until every holder is dropped, and a drop may be repeated', () => {
  const index = createItemIndex<string>()
  index.add(new Map([['a', { n: 1 }]]), 'first')
  index.add(new Map([['a', { n: 2 }]]), 'second')
  expect(index.find('a')).toEqual({ item: { n: 2 }, holder: 'second' })
  index.drop(['a'], 'second')
  expect(index.find('a')).toEqual({ item: { n: 1 }, holder: 'first' })
  index.drop(['a', 'never added'], 'first')
  index.drop(['a'], 'first')
  expect(index.find('a')).toBeUndefined()
})
