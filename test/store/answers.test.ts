/** Stored answers: who finds them, how much is kept, and for how long. */
import { describe, expect, test } from 'bun:test'
import type { Json } from '../../src/base/json/json.ts'
import { createAnswerStore } from '../../src/store/answers.ts'

const answerWith = (text: string, options: { input?: Json[]; id?: string } = {}) => ({
  answer: { output: [{ id: options.id ?? 'msg_1', type: 'message', role: 'assistant', content: text }] },
  input: options.input ?? [],
  target: 'entry/digest/model',
  native: false,
})
const bounds = { entries: 100, bytes: 64 * 1024, seconds: 3600 }

describe('the answer store', () => {
  test('an answer of up to half of all bytes is kept, and Latin text takes a byte a character', () => {
    const store = createAnswerStore(bounds)
    expect(store.keep('alice', 'latin', answerWith('é'.repeat(30_000)))).toBe(true)
    expect(store.keep('alice', 'wide', answerWith('世'.repeat(30_000)))).toBe(false)
    expect(store.keep('alice', 'half', answerWith('世'.repeat(8000)))).toBe(true)
    expect(['latin', 'wide', 'half'].map(id => store.find('alice', id) !== undefined)).toEqual([true, false, true])
  })

  test('the least recently used answer is removed first, with its items', () => {
    const store = createAnswerStore(bounds)
    store.keep('alice', 'one', answerWith('x'.repeat(15_000), { id: 'msg_one' }))
    store.keep('alice', 'two', answerWith('x'.repeat(15_000), { id: 'msg_two' }))
    store.findItem('alice', 'msg_one')
    store.keep('alice', 'three', answerWith('x'.repeat(25_000), { id: 'msg_three' }))
    const found = ['msg_one', 'msg_two', 'msg_three'].map(id => store.findItem('alice', id)?.item['id'])
    expect(found).toEqual(['msg_one', undefined, 'msg_three'])
    expect(store.findItem('bob', 'msg_one')).toBeUndefined()
  })

  test('an item is found as long as any stored answer holds it', () => {
    let now = 0
    const store = createAnswerStore(bounds, () => now)
    const item = { id: 'msg_in', role: 'user', content: 'hi' }
    store.keep('alice', 'one', answerWith('a', { input: [item] }))
    store.keep('alice', 'two', answerWith('b', { input: [item, { type: 'item_reference', id: 'msg_far' }] }))
    store.forget('alice', 'two')
    expect(store.findItem('alice', 'msg_in')?.item).toEqual(item)
    expect(store.findItem('alice', 'msg_far')).toBeUndefined()
    store.keep('alice', 'one', answerWith('anew'))
    expect(store.findItem('alice', 'msg_in')).toBeUndefined()
    now = 3_600_001
    expect(store.findItem('alice', 'msg_1')).toBeUndefined()
  })
})
