/** Messages without content, left out before a vendor refuses them. */
import { expect, test } from 'bun:test'
import type { Part, Turn } from '../../../src/ir/chat.ts'
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts'
import { dropEmptyTurns } from '../../../src/protocols/shared/drop-empty-turns.ts'
import { exchangeFor } from '../../contracts/protocol.ts'

const text = (text: string): Part => ({ type: 'text', text })
const user = (...parts: Part[]): Turn => ({ role: 'user', parts })
const assistant = (...parts: Part[]): Turn => ({ role: 'assistant', parts })
const system: Turn = { role: 'system', parts: [text('Be brief.')] }

const spoken = (...turns: Turn[]): { turns: Turn[]; lost: string[] } => {
  const lost: string[] = []
  return { turns: dropEmptyTurns(turns, 'gemini', 'messages', path => lost.push(path)), lost }
}

test('empty turns are left out and noted, the others are the very same', () => {
  const said = [user(text('a')), assistant({ type: 'call', id: '1', name: 'f', args: '' }), user(text('b'))]
  const { turns, lost } = spoken(said[0]!, assistant(), user(text(' ')), said[1]!, assistant(text('')), said[2]!)
  expect(turns.every((turn, at) => turn === said[at])).toBe(true)
  expect(lost).toEqual(['messages[1]', 'messages[2]', 'messages[4]'])
})

test('what only the vendor can read says something to it, and to no other', () => {
  const block = (by: string): Turn => assistant({ type: 'foreign', seal: { by, value: {} } })
  const thought = (by: string): Turn => assistant({ type: 'reasoning', text: '', seal: { by, value: 's' } })
  const asked = user(text('a'))
  expect(spoken(asked, block('gemini'), thought('gemini')).turns).toHaveLength(3)
  expect(spoken(asked, block('anthropic'), thought('anthropic')).turns).toEqual([asked])
})

test('a system alone is told as the user', () =>
  expect(spoken(system, user())).toEqual({
    turns: [{ ...system, role: 'user' }],
    lost: ['messages[1]', 'messages'],
  }))

test('nothing said is refused, and the place named', () =>
  expect(() => spoken(user(), assistant(text('')))).toThrow(
    expect.objectContaining({ code: 'invalid_request', message: 'messages: nothing is said' }),
  ))

test('in Chat Completions thoughts alone stand beside an empty content, and what cannot be said makes no message', () => {
  const foreign: Part = { type: 'foreign', seal: { by: 'anthropic', value: {} } }
  const turns = [user(text('a')), assistant({ type: 'reasoning', text: 'hm' }), user(foreign)]
  expect(openaiChat.renderRequest({ model: 'm', stream: false, turns }, exchangeFor()).messages).toEqual([
    { role: 'user', content: 'a' },
    { role: 'assistant', content: '', reasoning_content: 'hm' },
  ])
})
