/** Messages without content are dropped before a vendor rejects them. */
import { expect, test } from 'bun:test'
import type { Part, Turn } from '../../../src/ir/chat.ts'
import { openaiChat } from '../../../src/protocols/openai-chat/index.ts'
import { dropEmptyTurns } from '../../../src/protocols/shared/drop-empty-turns.ts'
import { exchangeFor } from '../../contracts/protocol.ts'

const text = (text: string): Part => ({ type: 'text', text })
const user = (...parts: Part[]): Turn => ({ role: 'user', parts })
const assistant = (...parts: Part[]): Turn => ({ role: 'assistant', parts })
const system: Turn = { role: 'system', parts: [text('Be brief.')] }

const dropEmpty = (...turns: Turn[]): { turns: Turn[]; losses: string[] } => {
  const losses: string[] = []
  return { turns: dropEmptyTurns(turns, 'gemini', 'messages', path => losses.push(path)), losses }
}

test('empty turns are dropped and noted, the others are unchanged', () => {
  const nonEmpty = [user(text('a')), assistant({ type: 'call', id: '1', name: 'f', args: '' }), user(text('b'))]
  const { turns, losses } = dropEmpty(
    nonEmpty[0]!,
    assistant(),
    user(text(' ')),
    nonEmpty[1]!,
    assistant(text('')),
    nonEmpty[2]!,
  )
  expect(turns).toHaveLength(nonEmpty.length)
  expect(turns.every((turn, at) => turn === nonEmpty[at])).toBe(true)
  expect(losses).toEqual(['messages[1]', 'messages[2]', 'messages[4]'])
})

test('an opaque block counts as content only for the protocol that can read it', () => {
  const block = (by: string): Turn => assistant({ type: 'foreign', seal: { by, value: {} } })
  const thought = (by: string): Turn => assistant({ type: 'reasoning', text: '', seal: { by, value: 's' } })
  const question = user(text('a'))
  expect(dropEmpty(question, block('gemini'), thought('gemini')).turns).toHaveLength(3)
  expect(dropEmpty(question, block('anthropic'), thought('anthropic')).turns).toEqual([question])
})

test('the last of only system turns becomes a user turn', () =>
  expect(dropEmpty(system, user())).toEqual({
    turns: [{ ...system, role: 'user' }],
    losses: ['messages[1]', 'messages'],
  }))

test('a conversation without content is refused with the name of the field', () =>
  expect(() => dropEmpty(user(), assistant(text('')))).toThrow(
    expect.objectContaining({ code: 'invalid_request', message: 'messages: nothing is said' }),
  ))

test('in Chat Completions a turn of reasoning alone has empty content, and a turn that cannot be expressed becomes no message', () => {
  const foreign: Part = { type: 'foreign', seal: { by: 'anthropic', value: {} } }
  const turns = [user(text('a')), assistant({ type: 'reasoning', text: 'hm' }), user(foreign)]
  expect(openaiChat.renderRequest({ model: 'm', stream: false, turns }, exchangeFor()).messages).toEqual([
    { role: 'user', content: 'a' },
    { role: 'assistant', content: '', reasoning_content: 'hm' },
  ])
})
