/** A frame template renders the same output as the parser, or nothing. */
import { describe, expect, test } from 'bun:test'
import { isObject, type JsonObject, parseJson } from '../../src/base/json/json.ts'
import { replaceModel } from '../../src/protocols/openai-chat/chunks/rewrite-model.ts'
import { textDeltaOf } from '../../src/protocols/openai-chat/chunks/text-delta.ts'
import type { Frame, StreamPipe } from '../../src/protocols/protocol.ts'
import { protocols } from '../../src/protocols/registry.ts'
import { ByteTemplate } from '../../src/protocols/shared/frame-template/byte-template.ts'
import { TemplatedPipe } from '../../src/protocols/shared/frame-template/templated-pipe.ts'
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
/** The templates of a frame: for decoded frames, and for pieces of a body. */
type Templates = { captured: object; bytes: ByteTemplate }

const captureIn = (body: object): Templates => {
  const bytes = new ByteTemplate()
  const text = textDeltaOf(body as never)
  if (text !== undefined)
    bytes.capture(Buffer.from(`data: ${JSON.stringify(body)}\n\n`), { text, isRetained: false }, expectedOutput(body))
  return { captured: body, bytes }
}
const captured = (delta: object = { content: 'first' }) => captureIn(frame(delta))

/** A pipe that notes the frames it gets, and says of each what text delta it holds. */
const notingPipe = (isRetained = false) => {
  const pushed: string[] = []
  let last: JsonObject | undefined
  const pipe: StreamPipe = {
    state: { content: false },
    push({ data }) {
      pushed.push(data)
      const body = parseJson(data)
      last = isObject(body) ? body : undefined
      return last ? expectedOutput(last) : ''
    },
    lastDelta() {
      const text = last && textDeltaOf(last)
      return text === undefined ? undefined : { text, isRetained }
    },
    flush: () => '',
    end: () => '',
    fail: () => '',
  }
  return { pipe, pushed }
}

/**
 * Matches the text of a frame, and its bytes if they carry text that needs no parser. Both must give the same output.
 */
const match = ({ captured, bytes }: Templates, data: string): string | undefined => {
  const { pipe, pushed } = notingPipe()
  const templated = new TemplatedPipe(pipe)
  templated.push({ data: JSON.stringify(captured) })
  const output = templated.push({ data })
  const rendered = pushed.length === 1 ? output : undefined
  const piece = bytes.match(Buffer.from(`data: ${data}\n\n`))
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

  test('a template is forgotten at a frame that makes none', () => {
    const { pipe, pushed } = notingPipe()
    const templated = new TemplatedPipe(pipe)
    for (const data of [frame({ content: 'a' }), frame({}), frame({ content: 'b' }), frame({ content: 'c' })])
      templated.push({ data: JSON.stringify(data) })
    expect(pushed).toHaveLength(3)
    const { bytes } = captured()
    bytes.forget()
    expect(bytes.match(Buffer.from(`data: ${JSON.stringify(frame({ content: 'x' }))}\n\n`))).toBeUndefined()
  })

  test('a pipe that retains text gets every frame, as does one that names no deltas', () => {
    const retaining = notingPipe(true)
    const { pipe, pushed } = notingPipe()
    const { lastDelta: _, ...plain } = pipe
    const pipes = [new TemplatedPipe(retaining.pipe), new TemplatedPipe(plain)]
    for (const content of ['a', 'b', 'c'])
      for (const templated of pipes) templated.push({ data: JSON.stringify(frame({ content })) })
    expect([retaining.pushed.length, pushed.length]).toEqual([3, 3])
  })

  test('an event with a name is parsed although its data matches', () => {
    const { pipe, pushed } = notingPipe()
    const templated = new TemplatedPipe(pipe)
    templated.push({ data: JSON.stringify(frame({ content: 'a' })) })
    templated.push({ data: JSON.stringify(frame({ content: 'b' })), event: 'error' })
    expect(pushed).toHaveLength(2)
  })

  test('after 32 templates in a row that no frame matches, none is made', () => {
    const { pipe, pushed } = notingPipe()
    const templated = new TemplatedPipe(pipe)
    for (let turn = 0; turn < 32; turn++)
      templated.push({ data: JSON.stringify(frame({ content: 'a' }, { created: turn })) })
    for (const content of ['a', 'b']) templated.push({ data: JSON.stringify(frame({ content })) })
    expect(pushed).toHaveLength(34)
  })

  test('a vendor that escapes more than it must gets no template made of another string', () => {
    const { pipe, pushed } = notingPipe()
    const forwarding = { ...pipe, push: (one: Frame) => `${pipe.push(one) && 'data: '}${one.data}\n\n` }
    const templated = new TemplatedPipe(forwarding)
    const data = JSON.stringify(frame({ content: 'TEXT' }, { echo: 'é' }))
    templated.push({ data: data.replace('TEXT', '\\u00e9') })
    templated.push({ data: data.replace('TEXT', '\\u00e9').replace('"é"', '"x"') })
    expect(pushed).toHaveLength(2)
  })

  test('the delta of a frame that matched is its text, unless an escape in it needs a parser', () => {
    const templated = new TemplatedPipe(notingPipe().pipe)
    const deltas = ['a', 'b', 'c\nd', ''].map(content => {
      templated.push({ data: JSON.stringify(frame({ content })) })
      return templated.lastDelta()?.text
    })
    expect(deltas).toEqual(['a', 'b', undefined, undefined])
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
