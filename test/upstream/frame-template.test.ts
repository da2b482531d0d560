/** The short cut for frames that differ in a word gives what the long way gives, or nothing. */
import { describe, expect, test } from 'bun:test'
import { createChunkTemplate, textDeltaOf } from '../../src/protocols/openai-chat/chunks/frame-template.ts'
import { replaceModel } from '../../src/protocols/openai-chat/chunks/rewrite-model.ts'
import { protocols } from '../../src/protocols/registry.ts'
import { FrameTemplate } from '../../src/upstream/frame-template.ts'
import { exchangeFor } from '../contracts/protocol.ts'

const frame = (delta: object, more: object = {}, model = 'vendor') => ({
  id: 'c1',
  object: 'chat.completion.chunk',
  created: 1,
  model,
  choices: [{ index: 0, delta, logprobs: null, finish_reason: null }],
  ...more,
})
const out = (body: object) => `data: ${JSON.stringify({ ...body, model: 'client' })}\n\n`
const learn = (body: object): Likenesses => {
  const alike = { frames: createChunkTemplate(), pieces: new FrameTemplate() }
  const word = textDeltaOf(body as never)
  const data = JSON.stringify(body)
  alike.frames.capture(data, body as never, out(body))
  if (word) alike.pieces.capture(Buffer.from(`data: ${data}\n\n`), word.text, out(body))
  return alike
}
const learnt = (delta: object = { content: 'first' }) => learn(frame(delta))
type Likenesses = { frames: ReturnType<typeof createChunkTemplate>; pieces: FrameTemplate }

/** Told by the frame's text, and by its bytes on the wire where they say something and need no reader. */
const recall = ({ frames, pieces }: Likenesses, data: string): string | undefined => {
  const told = frames.match(data)
  const piece = pieces.match(Buffer.from(`data: ${data}\n\n`))
  if (piece || !(data.includes('\\') || data.includes('""'))) expect(piece && Buffer.from(piece).toString()).toBe(told)
  return told
}

const pieces = ['a', '"', '\\', '\n', '\u0000', '你好', '🌏', '}', '{"', '","', 'content', '\\"', '\u2028', ' ']
const words = (count: number) => {
  let state = 7
  const next = (limit: number) => {
    state = (state * 1103515245 + 12345) % 2147483648
    return state % limit
  }
  return Array.from({ length: count }, () =>
    Array.from({ length: next(5) }, () => pieces[next(pieces.length)]).join(''),
  )
}

describe('a frame like the last one', () => {
  test('goes out with its own word, or is left to the long way: 5,000 seeded words', () => {
    const alike = learnt()
    let short = 0
    for (const word of words(5000)) {
      const body = frame({ content: word })
      const told = recall(alike, JSON.stringify(body))
      if (told === undefined) continue
      short++
      expect(told).toBe(out(body))
    }
    expect(short).toBeGreaterThan(1000)
  })

  test('may carry thoughts, and what is empty beside them', () => {
    const alike = learnt({ role: 'assistant', content: null, reasoning_content: 'hm' })
    const body = frame({ role: 'assistant', content: null, reasoning_content: 'so' })
    expect(recall(alike, JSON.stringify(body))).toBe(out(body))
  })

  test('is not one that differs in anything else', () => {
    const alike = learnt()
    const others = [
      frame({ content: 'x' }, { created: 2 }),
      frame({ content: 'x' }, { id: 'c2' }),
      frame({ content: 'x' }, { usage: { total_tokens: 1 } }),
      frame({ content: 'x', tool_calls: [] }),
      frame({ reasoning_content: 'x' }),
      { ...frame({}), choices: [{ index: 0, delta: { content: 'x' }, logprobs: null, finish_reason: 'stop' }] },
      { ...frame({}), choices: [{ index: 1, delta: { content: 'x' }, logprobs: null, finish_reason: null }] },
      { error: { message: 'x' } },
    ]
    for (const body of others) expect(recall(alike, JSON.stringify(body))).toBeUndefined()
    for (const data of ['[DONE]', '', '{"id":"c1"', `${JSON.stringify(frame({ content: 'x' }))} `])
      expect(recall(alike, data)).toBeUndefined()
  })

  test('is forgotten', () => {
    const alike = learnt()
    alike.frames.forget()
    alike.pieces.forget()
    expect(recall(alike, JSON.stringify(frame({ content: 'x' })))).toBeUndefined()
  })

  test('is not learnt where the word stands twice, or says more than itself', () => {
    const bodies = [
      frame({ content: 'x' }, { echo: { content: 'x' } }),
      frame({ content: 'x', refusal: 'y' }),
      frame({ content: 'x' }, { usage: { total_tokens: 1 } }),
      frame({ content: '' }),
      { ...frame({}), choices: [] },
    ]
    for (const body of bodies) {
      const alike = learn(body)
      expect(recall(alike, JSON.stringify(body))).toBeUndefined()
    }
  })
})

test('a stream passes the same whether its frames are alike or each is made unlike the one before', () => {
  const { passthrough } = protocols.get('openai-chat')!
  const told = (unlike: boolean) => {
    const pipe = passthrough.pipeStream(exchangeFor())
    const bodies = [frame({ role: 'assistant', content: '' }), ...words(300).map(content => frame({ content }))]
    const texts = bodies.map(body => JSON.stringify(body))
    return texts.map((data, index) => pipe.push({ data: unlike && index % 2 === 1 ? `${data} ` : data })).join('')
  }
  expect(told(false)).toBe(told(true).replaceAll('} \n', '}\n'))
})

describe('the model of a whole answer', () => {
  const rest =
    '"choices":[{"index":0,"message":{"role":"assistant","content":"\\"model\\":\\"v\\""},"finish_reason":"stop"}]'
  const texts = [
    `{"id":"a","model":"v",${rest}}`,
    `{ "id": "a", "model": "v", ${rest} }`,
    `{"id":"a","model" : "v",${rest}}`,
    `{"id":"a",${rest},"model":"v"}`,
    `{"id":"a","model":"v",${rest},"echo":{"model":"v"}}`,
    `{"id":"a","echo":{"model":"v"},"model" : "v",${rest}}`,
    `{"id":"a","echo":{"model":"v"},"model":"v",${rest}}`,
    `{"id":"a","model":"v","model":"v",${rest}}`,
    `{"id":"a","m\\u006fdel":"v",${rest}}`,
  ]
  test.each(texts)('%s', text => {
    const told = JSON.parse(replaceModel(text, 'v', 'client'))
    expect(told).toEqual({ ...JSON.parse(text), model: 'client' })
  })
})
