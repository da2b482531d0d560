/** Calls and results that do not match are repaired before a vendor rejects them. */
import { expect, test } from 'bun:test'
import type { Part, Turn } from '../../../src/ir/chat.ts'
import { pairToolResults, type ResultRules } from '../../../src/protocols/shared/pair-tool-results.ts'

const text = (text: string): Part => ({ type: 'text', text })
const call = (id: string): Part => ({ type: 'call', id, name: 'clock', args: '{}' })
const result = (id: string): Part => ({ type: 'result', id, parts: [text(`of ${id}`)] })
const missing = (id: string): Part => ({ type: 'result', id, failed: true, parts: [text('This call has no result.')] })
const user = (...parts: Part[]): Turn => ({ role: 'user', parts })
const assistant = (...parts: Part[]): Turn => ({ role: 'assistant', parts })
const system: Turn = { role: 'system', parts: [text('Be brief.')] }

const pairBy = (rules: ResultRules, turns: Turn[]): { turns: Turn[]; losses: string[] } => {
  const losses: string[] = []
  return { turns: pairToolResults(turns, path => losses.push(path), rules), losses }
}
const pair = (...turns: Turn[]) => pairBy({}, turns)

test('turns whose calls and results match are returned unchanged', () => {
  const turns = [
    user(text('a')),
    assistant(call('1'), call('2')),
    user(result('1')),
    user(result('2'), text('b')),
    assistant(text('c'), call('3')),
    user(result('3')),
    system,
    assistant(text('d')),
  ]
  const { turns: paired, losses } = pair(...turns)
  expect(losses).toEqual([])
  expect(paired).toHaveLength(turns.length)
  expect(paired.every((turn, at) => turn === turns[at])).toBe(true)
})

test('a call without a result is answered after the results that exist', () =>
  expect(pair(assistant(call('1'), call('2')), user(result('1'), text('b')))).toEqual({
    turns: [assistant(call('1'), call('2')), user(result('1'), missing('2'), text('b'))],
    losses: ['calls.2'],
  }))

test('a call without a result is answered in the next turn, also at the end of the conversation', () =>
  expect(pair(assistant(call('1')), user(text('never mind')), assistant(call('2')))).toEqual({
    turns: [assistant(call('1')), user(missing('1'), text('never mind')), assistant(call('2')), user(missing('2'))],
    losses: ['calls.1', 'calls.2'],
  }))

test('calls of several consecutive turns of the model may be answered together', () =>
  expect(pair(assistant(call('1')), assistant(text('I look.')), user(result('1'))).losses).toEqual([]))

test('a result without a call, or a second result of a call, becomes text', () =>
  expect(pair(assistant(call('1')), user(result('1'), result('1'), result('9')))).toEqual({
    turns: [
      assistant(call('1')),
      user(result('1'), text('Result of the call 1:'), text('of 1'), text('Result of the call 9:'), text('of 9')),
    ],
    losses: ['results.1', 'results.9'],
  }))

test('a call id that is used twice is answered twice', () =>
  expect(pair(assistant(call('1')), user(result('1')), assistant(call('1')), user(result('1'))).losses).toEqual([]))

test("a user's text before or between results follows all results, which are in call order", () => {
  const calling = assistant(call('1'), call('2'))
  for (const replies of [
    [user(text('wait')), user(result('2')), user(result('1'))],
    [user(result('1'), text('wait')), user(result('2'))],
    [user(result('2'), text('wait'), result('1'))],
  ])
    expect(pair(calling, ...replies)).toEqual({
      turns: [calling, user(result('1'), result('2'), text('wait'))],
      losses: [],
    })
})

test('an instruction between a call and its result follows the result; a named speaker keeps a separate turn', () => {
  const ann = { ...user(text('wait')), name: 'ann' }
  expect(pair(assistant(call('1')), system, ann, user(result('1'))).turns).toEqual([
    assistant(call('1')),
    user(result('1')),
    system,
    ann,
  ])
})

test('calls of consecutive model turns with an instruction between them are merged into one turn', () =>
  expect(
    pair(assistant(call('1')), system, assistant(text('and'), call('2')), user(result('1')), user(result('2'))).turns,
  ).toEqual([assistant(call('1'), text('and'), call('2')), user(result('1'), result('2')), system]))

test('an id that calls of one round share is answered once for each call', () => {
  const first = { ...result('1'), parts: [text('first')] } as Part
  const second = { ...result('1'), parts: [text('second')] } as Part
  const calling = assistant(call('1'), call('1'))
  expect(pair(calling, user(first), user(second))).toEqual({
    turns: [calling, user(first), user(second)],
    losses: [],
  })
  expect(pair(calling, user(text('wait'), first)).turns).toEqual([calling, user(first, missing('1'), text('wait'))])
  expect(pair(calling, user(text('wait'), first, second)).turns).toEqual([calling, user(first, second, text('wait'))])
})

test('a result in a turn of the model moves to the turn that answers its call, or becomes text there', () => {
  expect(pair(assistant(call('1'), result('1')), user(text('b'))).turns).toEqual([
    assistant(call('1')),
    user(result('1')),
    user(text('b')),
  ])
  expect(pair(user(text('a')), assistant(result('9'))).turns).toEqual([
    user(text('a')),
    user(text('Result of the call 9:'), text('of 9')),
  ])
})

test('a part that only one protocol knows precedes a result only where the rules of the wire allow it', () => {
  const foreign: Part = { type: 'foreign', seal: { by: 'anthropic', value: {} } }
  const turns = [assistant(call('1'), call('2')), user(result('1'), foreign), user(foreign, result('2'))]
  expect(pair(...turns).turns).toEqual(turns)
  expect(pairBy({ foreignPartsFollow: true }, turns).turns).toEqual([
    turns[0]!,
    user(result('1'), result('2'), foreign, foreign),
  ])
})
