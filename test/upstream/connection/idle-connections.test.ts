/** Which requests may reuse an idle connection. */
import { expect, test } from 'bun:test'
import { createIdleConnections } from '../../../src/upstream/connection/idle-connections.ts'

test('every connection that a response left idle is taken once', () => {
  const idle = createIdleConnections()
  expect(idle.take('a')).toBe(false)
  idle.release('a')
  idle.release('a')
  idle.release('b')
  expect([idle.take('a'), idle.take('a'), idle.take('a')]).toEqual([true, true, false])
  expect([idle.take('b'), idle.take('b')]).toEqual([true, false])
  idle.release('a')
  expect([idle.take('a'), idle.take('a')]).toEqual([true, false])
})

test('a pool keeps 64 idle connections at most', () => {
  const idle = createIdleConnections()
  for (let released = 0; released < 70; released++) idle.release('a')
  const taken = Array.from({ length: 70 }, () => idle.take('a'))
  expect(taken.filter(Boolean)).toHaveLength(64)
})
