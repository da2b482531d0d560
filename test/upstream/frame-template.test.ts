/** A frame template renders the same output as the parser, or nothing. */
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
const expectedOutput = (body: object) => `data: ${JSON.stringify({ ...body, model: 'client' })}\n\n`
const captureIn = (body: object): Templates => {
  const templates = { frames: createChunkTemplate(), pieces: new FrameTemplate() }
  const text = textDeltaOf(body as never)
  const data = JSON.stringify(body)
  templates.frames.capture(data, body as never, expectedOutput(body))
  if (text) templates.pieces.capture(Buffer.from(`data: ${data}\n\n`), text.text, expectedOutput(body))
  return templates
}
const captured = (delta: object = { content: 'first' }) => captureIn(frame(delta))
type Templates = { frames: ReturnType<typeof createChunkTemplate>; pieces: FrameTemplate }

/**
 * Matches the text of a frame, and its bytes if they carry text that needs no parser. Both must give the same output.
 */
const match = ({ frames, pieces }: Templates, data: string): string | undefined => {
  const rendered = frames.match(data)
  const piece = pieces.match(Buffer.from(`data: ${data}\n\n`))
  if (piece || !(data.includes('\\') || data.includes('""')))
    expect(piece && Buffer.from(piece).toString()).toBe(rendered)
  return rendered
}

const pieces = ['a', '"', '\\', '\n', '\u0000', '你好', '🌏', '}', '{"', '","', 'content', '\\"', '\u2028', ' ']
const seededTexts = (count: number) => {
  let state = 7
  const next = (limit: number) => {
    state = (state * 1103515245 + 12345) % 2147483648
    return state % limit
  }
  return Array.from({ length: count }, () =>
    Array.from({ length: next(5) }, () => pieces[next(pieces.length)]).join(''),
  )
}

describe('frame templates', () => {
  test('5,000 seeded texts are rendered as the parser renders them, or do not match', () => {
    const templates = captured()
    let matchCount = 0
    for (const text of seededTexts(5000)) {
      const body = frame({ content: text })
      const rendered = match(templates, JSON.stringify(body))
      if (rendered === undefined) continue
      matchCount++
      expect(rendered).toBe(expectedOutput(body))
    }
    expect(matchCount).toBeGreaterThan(1000)
  })

  test('a frame of reasoning with empty fields beside it matches', () => {
    const templates = captured({ role: 'assistant', content: null, reasoning_content: 'hm' })
    const body = frame({ role: 'assistant', content: null, reasoning_content: 'so' })
    expect(match(templates, JSON.stringify(body))).toBe(expectedOutput(body))
  })

  test('a frame that differs in anything but its text does not match', () => {
    const templates = captured()
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
    for (const body of others) expect(match(templates, JSON.stringify(body))).toBeUndefined()
    for (const data of ['[DONE]', '', '{"id":"c1"', `${JSON.stringify(frame({ content: 'x' }))} `])
      expect(match(templates, data)).toBeUndefined()
  })

  test('a forgotten template does not match', () => {
    const templates = captured()
    templates.frames.forget()
    templates.pieces.forget()
    expect(match(templates, JSON.stringify(frame({ content: 'x' })))).toBeUndefined()
  })

  test('a frame is not captured if its text occurs twice or it carries anything else', () => {
    const bodies = [
      frame({ content: 'x' }, { echo: { content: 'x' } }),
      frame({ content: 'x', refusal: 'y' }),
      frame({ content: 'x' }, { usage: { total_tokens: 1 } }),
      frame({ content: '' }),
      { ...frame({}), choices: [] },
    ]
    for (const body of bodies) {
      const templates = captureIn(body)
      expect(match(templates, JSON.stringify(body))).toBeUndefined()
    }
  })
})

test('a passthrough stream is the same whether its frames match or each differs from the one before', () => {
  const { passthrough } = protocols.get('openai-chat')!
  const rendered = (isAlternating: boolean) => {
    const pipe = passthrough.pipeStream(exchangeFor())
    const bodies = [frame({ role: 'assistant', content: '' }), ...seededTexts(300).map(content => frame({ content }))]
    const texts = bodies.map(body => JSON.stringify(body))
    return texts
      .map((data, index) => pipe.push({ data: isAlternating && index % 2 === 1 ? `${data} ` : data }))
      .join('')
  }
  expect(rendered(false)).toBe(rendered(true).replaceAll('} \n', '}\n'))
})

describe('replacing the model of a complete answer', () => {
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
  test.each(texts)('the model of %s is replaced', text => {
    const rendered = JSON.parse(replaceModel(text, 'v', 'client'))
    expect(rendered).toEqual({ ...JSON.parse(text), model: 'client' })
  })
})
