/** Seals of a vendor travel through clients of other protocols, and are restored where a client drops them. */
import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../../src/base/json/json.ts'
import type { Chat, Seal, ToolCall } from '../../../src/ir/chat.ts'
import type { Event } from '../../../src/ir/event.ts'
import { isReadable, sealPrefix, unwrapSeal, wrapSeal } from '../../../src/ir/seal.ts'
import { protocols } from '../../../src/protocols/registry.ts'
import { rememberThoughts, restoreThoughts } from '../../../src/protocols/shared/thought-memory.ts'
import { createSealStore } from '../../../src/store/seals.ts'
import { exchangeFor } from '../../contracts/protocol.ts'

const chat = protocols.get('openai-chat')!
const seal = (value: string, at = 'vendor.target'): Seal => ({ by: 'other', at, value })
const call = (change: Partial<ToolCall> = {}): ToolCall => ({
  type: 'call',
  id: 'call_1',
  name: 'look',
  args: '{"a": 1}',
  ...change,
})

describe('a wrapped seal', () => {
  test('is unwrapped unchanged and consists of characters that are valid wherever base64 is', () => {
    const wrapped = wrapSeal(seal('Zürich 你好 {"a":1}'), { next: true })!
    expect(wrapped).toMatch(/^[\w-]+={0,2}$/)
    expect(wrapped.length % 4).toBe(0)
    expect(unwrapSeal(wrapped)).toEqual({ seal: seal('Zürich 你好 {"a":1}'), next: true })
  })

  test('is not recognised in text of the client or in tampered text, and is not made beyond the maximum size', () => {
    for (const text of ['', 'EqoBCkgIBBABGAI', sealPrefix, `${sealPrefix}!!!`, `${sealPrefix}eyJhIjoxfQ`, 7, undefined])
      expect(unwrapSeal(text)).toBeUndefined()
    expect(wrapSeal(seal('x'.repeat(2_000_000)))).toBeUndefined()
  })

  test('of the maximum size is unwrapped, whatever its padding; a larger text is not', () => {
    // Four characters hold three bytes.
    const longest = (2 * 1024 * 1024 * 3) / 4
    const sizes = Array.from({ length: 60 }, (_, less) => longest - less)
    const made = sizes.filter(size => wrapSeal(seal('x'.repeat(size))) !== undefined).slice(0, 4)
    expect(made).toHaveLength(4)
    for (const size of made)
      expect(unwrapSeal(wrapSeal(seal('x'.repeat(size))))).toEqual({ seal: seal('x'.repeat(size)) })
    const larger = Buffer.from(JSON.stringify(['other', 'a.b', 'x'.repeat(longest), 0])).toString('base64url')
    expect(unwrapSeal(sealPrefix + larger)).toBeUndefined()
  })

  test('is readable by its own protocol at its own vendor only', () => {
    expect(isReadable(seal('x'), 'other', 'vendor.another')).toBe(true)
    expect(isReadable(seal('x'), 'other', 'stranger.target')).toBe(false)
    expect(isReadable(seal('x'), 'another', 'vendor.target')).toBe(false)
    expect(isReadable({ by: 'other', value: 'x' }, 'other', 'vendor.target')).toBe(true)
  })
})

const answer: Event[] = [
  { type: 'start', id: 'm', model: 'v' },
  { type: 'open', at: 0, part: 'reasoning' },
  { type: 'delta', at: 0, text: 'hm' },
  { type: 'seal', at: 0, seal: seal('thought') },
  { type: 'close', at: 0 },
  { type: 'open', at: 1, part: 'call', id: 'call_1', name: 'look' },
  { type: 'delta', at: 1, text: '{"a": 1}' },
  { type: 'seal', at: 1, seal: seal('called') },
  { type: 'close', at: 1 },
  { type: 'finish', reason: 'calls' },
]

const renderedChunks = (events: Event[]): JsonObject[] => {
  const frames: JsonObject[] = []
  const render = chat.renderStream(exchangeFor())(({ data }) => data !== '[DONE]' && frames.push(JSON.parse(data)))
  for (const event of events) render(event)
  render(undefined)
  return frames
}

/** Merges the deltas of a call as clients do. */
const mergeChunks = (frames: JsonObject[]): JsonObject => {
  const calls: JsonObject[] = []
  let reasoning = ''
  for (const { choices } of frames as { choices: { delta: JsonObject }[] }[])
    for (const { delta } of choices) {
      reasoning += delta.reasoning_content ?? ''
      for (const { index, function: functionDelta, ...rest } of (delta.tool_calls ?? []) as JsonObject[]) {
        calls[index as number] ??= { function: { name: '', arguments: '' } }
        const known = calls[index as number]!
        const body = known.function as { name: string; arguments: string }
        body.name += (functionDelta as JsonObject).name ?? ''
        body.arguments += (functionDelta as JsonObject).arguments ?? ''
        Object.assign(known, rest)
      }
    }
  return { role: 'assistant', reasoning_content: reasoning, content: null, tool_calls: calls }
}

const requestWith = (message: JsonObject): JsonObject => ({
  model: 'm',
  messages: [{ role: 'user', content: 'hi' }, message, { role: 'tool', tool_call_id: 'call_1', content: '3' }],
})

describe('a chat client', () => {
  test('sends back the seal of a call and of the thought before the call', () => {
    const { turns } = chat.parseRequest(requestWith(mergeChunks(renderedChunks(answer))), () => undefined)
    expect(turns[1]!.parts).toEqual([
      { type: 'reasoning', text: 'hm', seal: seal('thought') },
      call({ seal: seal('called') }),
    ])
  })

  test('sends wrapped seals that a vendor of its own protocol never receives', () => {
    const body = requestWith(mergeChunks(renderedChunks(answer)))
    const text = chat.passthrough.writeRequest(JSON.stringify(body), body, { model: 'vendor', requestUsage: false })
    expect(text).not.toContain(sealPrefix)
    expect(text).toContain('"tool_call_id":"call_1"')
    expect(JSON.parse(text).model).toBe('vendor')
  })

  test("sends back Google's own signature in the same place", () => {
    const extra_content = { google: { thought_signature: 'c2lnbmF0dXJl' } }
    const body = requestWith({
      role: 'assistant',
      tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' }, extra_content }],
    })
    const back = chat.renderRequest(
      chat.parseRequest(body, () => undefined),
      exchangeFor(),
    ) as { messages: JsonObject[] }
    expect((back.messages[1]!.tool_calls as JsonObject[])[0]!.extra_content).toEqual(extra_content)
  })
})

describe('a thought or seal that a client dropped', () => {
  const dropped: Chat = {
    model: 'm',
    stream: false,
    turns: [{ role: 'assistant', parts: [{ type: 'text', text: 'Let me look.' }, call({ args: '{"a":1}' })] }],
  }
  const thought = { type: 'reasoning' as const, text: 'hm', seal: seal('thought') }

  test('is restored for its caller only', () => {
    const store = createSealStore()
    answer.forEach(rememberThoughts(store.forCaller('alice')))
    expect(restoreThoughts(dropped, store.forCaller('alice')).turns[0]!.parts).toEqual([
      thought,
      { type: 'text', text: 'Let me look.' },
      call({ args: '{"a":1}', seal: seal('called') }),
    ])
    expect(restoreThoughts(dropped, store.forCaller('bob'))).toEqual(dropped)
  })

  test('replaces a thought without a seal, but not one with a seal', () => {
    const store = createSealStore()
    answer.forEach(rememberThoughts(store.forCaller('a')))
    const restoredParts = (parts: Chat['turns'][0]['parts']) =>
      restoreThoughts({ ...dropped, turns: [{ role: 'assistant', parts }] }, store.forCaller('a')).turns[0]!.parts
    expect(restoredParts([{ type: 'reasoning', text: 'hm' }, call()])[0]).toEqual(thought)
    const sealed = { ...thought, seal: { by: 'mine', value: 1 } }
    expect(restoredParts([sealed, call()])[0]).toEqual(sealed)
  })

  test('is not found for other arguments, after an hour, or beyond the bounds', () => {
    let now = 0
    const store = createSealStore({ entries: 3, bytes: 4000, seconds: 3600 }, () => now)
    const memory = store.forCaller('a')
    memory.save(call(), { thoughts: [], seal: seal('x') })
    expect(memory.find(call({ args: '{"a":2}' }))).toBeUndefined()
    now = 3_599_000
    expect(memory.find(call())).toBeDefined()
    now = 7_200_000
    expect(memory.find(call())).toBeUndefined()
    for (const id of ['1', '2', '3']) memory.save(call({ id }), { thoughts: [], seal: seal(id) })
    expect(['1', '2', '3'].map(id => memory.find(call({ id })) !== undefined)).toEqual([false, true, true])
    memory.save(call({ id: 'large' }), { thoughts: [], seal: seal('x'.repeat(5000)) })
    expect(memory.find(call({ id: 'large' }))).toBeUndefined()
  })
})
