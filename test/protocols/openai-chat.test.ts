/**
 * Passthrough of Chat Completions: what passes unchanged, what is corrected, what is held back, and how a stream ends.
 */
import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import type { JsonObject } from '../../src/base/json/json.ts'
import type { Exchange, StreamPipe } from '../../src/protocols/protocol.ts'
import { protocols } from '../../src/protocols/registry.ts'
import { collectStream, streamMessage, translateMessage } from '../../src/protocols/shared/translate.ts'
import { exchangeFor, framesOf } from '../contracts/protocol.ts'
import { messages, streams, toText } from '../fixtures/openai-chat.ts'
import { readMessage, readStream } from '../validators/openai-chat.ts'

const chat = protocols.get('openai-chat')!
const { passthrough } = chat
const model = exchangeFor().model

const envelope = { id: 'c-1', object: 'chat.completion.chunk', created: 1_700_000_001, model: 'theirs' }
const chunk = (delta: JsonObject, finish: string | null = null, more: JsonObject = {}): string =>
  JSON.stringify({ ...envelope, choices: [{ index: 0, delta, finish_reason: finish }], ...more })
const first = chunk({ role: 'assistant', content: '' })
const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }
const usageChunk = JSON.stringify({ ...envelope, choices: [], usage })
const withClientModel = (data: string) => `data: ${data.replace('"theirs"', JSON.stringify(model))}\n\n`

const createPipe = (change: Partial<Exchange> = {}): StreamPipe => passthrough.pipeStream(exchangeFor(change))
const pushAll = (pipe: StreamPipe, ...frames: string[]): string => frames.map(data => pipe.push({ data })).join('')

describe('stream fixtures of vendor quirks', () => {
  test.each(streams.map(fixture => [fixture.quirk, fixture] as const))(
    'the client gets a valid stream, or the expected fault: %s',
    (_quirk, fixture) => {
      const { expected } = fixture
      const pipe = createPipe()
      let out = ''
      for (const frame of framesOf(toText(fixture))) out += pipe.push(frame)
      out += pipe.end()
      expect(pipe.state.fault?.status).toBe(expected.fault)
      if (expected.fault !== undefined) return expect(out).not.toContain('[DONE]')
      const { choices, usage: counted } = readStream(out, model)
      expect(choices).toHaveLength(1)
      const { text, reasoning, calls, finish } = choices[0]!
      expect({ text, reasoning, calls, finish }).toEqual({
        text: expected.text ?? '',
        reasoning: expected.reasoning ?? '',
        calls: expected.calls ?? [],
        finish: expected.finish,
      })
      if (expected.usage)
        expect(counted).toMatchObject({
          prompt_tokens: expected.usage.prompt,
          completion_tokens: expected.usage.completion,
        })
      if (expected.usage)
        expect(pipe.state.usage).toMatchObject({ input: expected.usage.prompt, output: expected.usage.completion })
    },
  )
})

describe('a correct frame passes unchanged', () => {
  test('a correct frame keeps every character except its model', () => {
    const unusualFrame = `{"id" : "c-1","object":"chat.completion.chunk","created":1700000001, "model":"theirs","choices":[{"index":0,"delta":{"content":"\\u0041\\/ \\"model\\":\\"theirs\\""},"finish_reason":null,"n":12345678901234567890}]}`
    const pipe = createPipe()
    expect(pushAll(pipe, first)).toBe(withClientModel(first))
    expect(pushAll(pipe, unusualFrame)).toBe(withClientModel(unusualFrame))
    expect(pipe.state).toMatchObject({ content: true, model: 'theirs' })
  })

  test('a frame with a second choice, logprobs and vendor fields passes unchanged except for its model', () => {
    const pipe = createPipe()
    const two = JSON.stringify({
      ...envelope,
      choices: [
        {
          index: 1,
          delta: { role: 'assistant', content: 'x', audio: null },
          logprobs: { content: [] },
          finish_reason: null,
        },
      ],
      service_tier: 'x',
    })
    expect(pushAll(pipe, two)).toBe(withClientModel(two))
  })

  test('every line of a multi-line frame is written as a data line', () => {
    expect(
      pushAll(createPipe(), JSON.stringify(JSON.parse(first), null, 1))
        .trimEnd()
        .split('\n')
        .every(line => line.startsWith('data: ')),
    ).toBe(true)
  })

  test('a frame that is not JSON passes and is reported as a loss', () => {
    const lost: string[] = []
    const pipe = createPipe({ loss: path => lost.push(path) })
    expect(pipe.push({ data: 'hello' })).toBe('data: hello\n\n')
    expect(lost).toEqual(['stream'])
  })

  test("the vendor's patchResponse runs before the normalizer", () => {
    const pipe = createPipe({
      patchResponse: body =>
        Object.assign(body, { choices: [{ index: 0, delta: { content: body.say as string }, finish_reason: null }] }),
    })
    expect(JSON.parse(pushAll(pipe, '{"say":"hi"}').slice(6))).toMatchObject({
      model,
      choices: [{ delta: { role: 'assistant', content: 'hi' } }],
    })
  })
})

describe('detection of content', () => {
  test('frames that only open the answer do not count as content, a tool call does', () => {
    const pipe = createPipe()
    pushAll(pipe, JSON.stringify({ ...envelope, choices: [] }), first, chunk({}))
    expect(pipe.state.content).toBe(false)
    pushAll(
      pipe,
      chunk({ tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }] }),
    )
    expect(pipe.state.content).toBe(true)
  })
})

describe('tool calls that share an id', () => {
  const entry = (args: string, index?: number): JsonObject => ({
    ...(index !== undefined && { index }),
    ...{ id: 'x', type: 'function', function: { name: 'f', arguments: args } },
  })

  const callsOf = (...frames: JsonObject[]) => {
    const pipe = createPipe()
    const out = pushAll(pipe, first, ...frames.map(delta => chunk(delta)), chunk({}, 'tool_calls')) + pipe.end()
    const ids = [...out.matchAll(/"id":"([^"]*)","type":"function"/g)].map(([, id]) => id)
    return readStream(out, model).choices[0]!.calls.map(({ args }, at) => [ids[at], args])
  }

  test('streamed calls with one id get ids of their own, with or without an index, complete or in pieces', () => {
    const twoCalls = [
      ['x', '{"a":1}'],
      [expect.stringMatching(/^call_.*_1$/), '{"b":2}'],
    ]
    expect(callsOf({ tool_calls: [entry('{"a":1}', 0), entry('{"b":2}', 1)] })).toEqual(twoCalls)
    expect(callsOf({ tool_calls: [entry('{"a":1}')] }, { tool_calls: [entry('{"b":2}')] })).toEqual(twoCalls)
    const pieces = [entry('', 0), entry('', 1)]
    const more = (args: string, index: number) => ({ index, id: 'x', function: { arguments: args } })
    expect(callsOf({ tool_calls: pieces }, { tool_calls: [more('{"a":1}', 0), more('{"b":2}', 1)] })).toEqual(twoCalls)
  })

  test('calls with one id in a non-streaming answer get ids of their own', () => {
    const message = { role: 'assistant', content: null, tool_calls: [entry('{"a":1}'), entry('{"b":2}')] }
    const choices = [{ index: 0, message, finish_reason: 'tool_calls' }]
    const { text } = passthrough.passMessage(
      JSON.stringify({ ...envelope, object: 'chat.completion', choices }),
      exchangeFor(),
    )
    const answer = (JSON.parse(text) as { choices: { message: { tool_calls: JsonObject[] } }[] }).choices[0]!
    expect(answer.message.tool_calls).toMatchObject([
      entry('{"a":1}'),
      { ...entry('{"b":2}'), id: expect.stringMatching(/^call_.*_1$/) },
    ])
  })
})

describe('finish_reason', () => {
  test.each(['constructor', '__proto__', 'toString'])('the unknown finish_reason `%s` becomes stop', reason => {
    const pipe = createPipe()
    const out = pushAll(pipe, first, chunk({ content: 'a' }), chunk({}, reason)) + pipe.end()
    expect(out).toContain('"finish_reason":"stop"')
  })

  test('a finish_reason is held back until the next frame', () => {
    const pipe = createPipe()
    pushAll(pipe, first, chunk({ content: 'A' }))
    expect(pushAll(pipe, chunk({}, 'stop'))).toBe('')
    expect(pushAll(pipe, usageChunk)).toBe(withClientModel(chunk({}, 'stop')) + withClientModel(usageChunk))
    expect(pipe.end()).toBe('data: [DONE]\n\n')
  })

  test('a held finish_reason is sent by flush, or at the end of the stream', () => {
    const pipe = createPipe()
    pushAll(pipe, first, chunk({}, 'length'))
    expect(pipe.flush()).toBe(withClientModel(chunk({}, 'length')))
    expect(pipe.flush()).toBe('')
    expect(pipe.end()).toBe('data: [DONE]\n\n')
    const other = createPipe()
    pushAll(other, first, chunk({}, 'length'), '[DONE]')
    expect(other.end()).toBe(`${withClientModel(chunk({}, 'length'))}data: [DONE]\n\n`)
  })

  test('finish_reason is sent once, after all content, even if the vendor repeats it', () => {
    const pipe = createPipe()
    const out =
      pushAll(
        pipe,
        first,
        chunk({ content: 'A' }, 'stop'),
        chunk({}, 'stop'),
        chunk({ content: 'B' }),
        chunk({}, 'stop'),
        chunk({}, 'length'),
      ) + pipe.end()
    expect(readStream(out, model).choices[0]).toMatchObject({ text: 'AB', finish: 'stop' })
  })

  test('content after a finish_reason that was sent still passes and is reported as a loss', () => {
    const lost: string[] = []
    const pipe = createPipe({ loss: path => lost.push(path) })
    pushAll(pipe, first, chunk({}, 'stop'))
    pipe.flush()
    expect(pushAll(pipe, chunk({ content: 'late' }, 'stop'))).toContain('late')
    expect(lost).toEqual(['choices[0]'])
    expect(pipe.end()).toBe('data: [DONE]\n\n')
  })

  test('every choice gets its own finish_reason', () => {
    const chunkOf = (index: number, delta: JsonObject, finish: string | null = null) =>
      JSON.stringify({ ...envelope, choices: [{ index, delta, finish_reason: finish }] })
    const pipe = createPipe()
    const out = pushAll(
      pipe,
      chunkOf(0, { role: 'assistant', content: 'A' }),
      chunkOf(1, { role: 'assistant', content: 'B' }),
      chunkOf(0, {}, 'stop'),
      chunkOf(1, { content: 'b' }),
      chunkOf(1, {}, 'length'),
    )
    const { choices } = readStream(out + pipe.end(), model)
    expect(choices.map(({ text, finish }) => [text, finish])).toEqual([
      ['A', 'stop'],
      ['Bb', 'length'],
    ])
  })
})

describe('usage in a stream', () => {
  test('a usage chunk is withheld from a client that did not request usage', () => {
    const pipe = createPipe({ usageRequested: false })
    const out = pushAll(pipe, first, chunk({ content: 'A' }), chunk({}, 'stop'), usageChunk, '[DONE]') + pipe.end()
    expect(out).not.toContain('usage')
    expect(pipe.state.usage).toEqual({ input: 1, output: 2 })
  })

  test('usage on a chunk with content passes to every client', () => {
    const pipe = createPipe({ usageRequested: false })
    expect(pushAll(pipe, chunk({ role: 'assistant', content: 'A' }, null, { usage }))).toContain('prompt_tokens')
  })

  test('usage on a repeated finish_reason is sent with the first one, even if the client did not request usage', () => {
    const pipe = createPipe({ usageRequested: false })
    const out =
      pushAll(pipe, first, chunk({ content: 'A' }), chunk({}, 'stop'), chunk({ content: '' }, 'stop', { usage })) +
      pipe.end()
    const { choices, usage: counted } = readStream(out, model)
    expect(choices[0]).toMatchObject({ text: 'A', finish: 'stop' })
    expect(counted).toEqual(usage)
    expect(out).not.toContain('"choices":[]')
  })

  test('usage on a repeated finish_reason after late content is sent with that finish_reason', () => {
    const pipe = createPipe({ usageRequested: false })
    const frames = [first, chunk({}, 'stop'), chunk({ content: 'late' }), chunk({}, 'stop', { usage })]
    const { choices, usage: counted } = readStream(pushAll(pipe, ...frames) + pipe.end(), model)
    expect(choices[0]).toMatchObject({ text: 'late', finish: 'stop' })
    expect(counted).toEqual(usage)
  })

  test('a chunk with empty choices and without usage passes unchanged except for its model', () => {
    const filter = JSON.stringify({ ...envelope, choices: [], prompt_filter_results: [] })
    expect(pushAll(createPipe({ usageRequested: false }), filter)).toBe(withClientModel(filter))
  })

  test.each([
    [
      {
        prompt_tokens: 1,
        completion_tokens: 2,
        total_tokens: 3,
        prompt_tokens_details: { cached_tokens: 1 },
        completion_tokens_details: { reasoning_tokens: 2 },
      },
      { input: 1, output: 2, cacheRead: 1, reasoning: 2 },
    ],
    [
      {
        prompt_tokens: 331,
        completion_tokens: 11,
        total_tokens: 674,
        completion_tokens_details: { reasoning_tokens: 332 },
      },
      { input: 331, output: 343, reasoning: 332 },
    ],
    [
      { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12, prompt_cache_hit_tokens: 4 },
      { input: 9, output: 3, cacheRead: 4 },
    ],
    [{ total_tokens: 0 }, undefined],
    [
      { prompt_tokens: 5, completion_tokens: null, total_tokens: null },
      { input: 5, output: 0 },
    ],
  ])('usage %j is counted correctly', (given, expectedUsage) => {
    const pipe = createPipe()
    pushAll(pipe, JSON.stringify({ ...envelope, choices: [], usage: given }))
    expect(pipe.state.usage).toEqual(expectedUsage as never)
  })
})

describe('the end of a stream', () => {
  test("the vendor's [DONE] is dropped, and the gateway writes one [DONE] at the end", () => {
    const pipe = createPipe()
    expect(pushAll(pipe, first, chunk({}, 'stop'), '[DONE]', '[DONE]', chunk({ content: 'x' }))).toBe(
      withClientModel(first),
    )
    expect(pipe.end()).toBe(`${withClientModel(chunk({}, 'stop'))}data: [DONE]\n\n`)
  })

  test('a stream that ends before every choice has finished is a cut stream', () => {
    const pipe = createPipe()
    pushAll(
      pipe,
      first,
      JSON.stringify({ ...envelope, choices: [{ index: 1, delta: { content: 'B' } }] }),
      chunk({}, 'stop'),
    )
    expect(pipe.end()).toBe('')
    expect(pipe.state.fault).toMatchObject({ code: 'upstream_failed', message: "the vendor's stream was cut" })
  })

  test('an error frame ends the output without [DONE], and its secrets are redacted', () => {
    const pipe = createPipe({ redact: text => text.replaceAll('hunter2', '***') })
    pushAll(pipe, first, chunk({ content: 'A' }, 'stop'))
    expect(pipe.push({ event: 'error', data: '{"error":{"message":"hunter2 failed","status_code":503}}' })).toBe('')
    expect(pushAll(pipe, chunk({ content: 'B' }), '[DONE]') + pipe.end()).toBe('')
    expect(pipe.state.fault?.status).toBe(503)
    expect(pipe.fail(pipe.state.fault!)).toBe(
      'data: {"error":{"message":"*** failed","status_code":503,"type":"server_error","param":null,"code":null}}\n\n',
    )
    expect(pipe.fail(new GatewayError('upstream_timeout', 'silent'))).toContain('"code":"upstream_timeout"')
  })

  test.each([
    ['{"error":"gone"}', 502],
    ['{"error":{"message":"m","code":503}}', 503],
    ['{"error":{"message":"m","code":"429"}}', 429],
    ['{"error":{"message":"m","type":"rate_limit_error"}}', 429],
    ['[{"error":{"message":"m","code":404}}]', 404],
    ['{"object":"error","message":"m","code":40303}', 502],
    ['{"base_resp":{"status_code":1002,"status_msg":"m"},"choices":null}', 502],
    ['{"choices":[{"index":0,"delta":{},"error":{"message":"m","code":502}}]}', 502],
    ['{"error_code":18,"error_msg":"m"}', 502],
  ])('%s is recognised as an error', (data, status) => {
    const pipe = createPipe()
    expect(pushAll(pipe, data)).toBe('')
    expect(pipe.state.fault?.status).toBe(status)
  })

  test.each([
    '{"error":null,"choices":[]}',
    '{"error":{},"choices":[]}',
    '{"code":0,"message":"Success","choices":[]}',
    '{"base_resp":{"status_code":0},"choices":[]}',
  ])('%s is not an error', data => {
    const pipe = createPipe()
    pushAll(pipe, data)
    expect(pipe.state.fault).toBeUndefined()
  })
})

describe('a non-streaming answer', () => {
  const passMessage = (text: string, change: Partial<Exchange> = {}) =>
    passthrough.passMessage(text, exchangeFor(change))
  const validAnswer = `{"id":"c","object":"chat.completion","created":1,"model":"theirs","choices":[{"index":0,"message":{"role":"assistant","content":"A","n":12345678901234567890},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`

  test('a correct answer passes unchanged except for its model and the whitespace before it', () => {
    const { text, ...seen } = passMessage(` \n\n${validAnswer}`)
    expect(text).toBe(validAnswer.replace('"theirs"', JSON.stringify(model)))
    expect(seen).toEqual({ usage: { input: 1, output: 2 }, model: 'theirs' })
  })

  test.each(messages.map(({ name, body }) => [name, body] as const))(
    'the passed answer is valid: %s',
    (_name, body) => {
      readMessage(passMessage(JSON.stringify(body)).text, model)
    },
  )

  test.each([
    [
      'content as a list',
      {
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'Hm' }] },
          { type: 'text', text: 'A' },
        ],
      },
      { content: 'A', reasoning_content: 'Hm' },
    ],
    ['content as an object', { content: { a: 1 } }, { content: '{"a":1}' }],
    ['no content', {}, { content: null }],
    [
      'no role, thoughts under the short name',
      { content: 'A', reasoning: 'Hm' },
      { role: 'assistant', reasoning_content: 'Hm' },
    ],
    ['junk of calls', { content: 'A', tool_calls: [], function_call: null }, { content: 'A' }],
  ])('the message is normalized: %s', (_name, message, expectedMessage) => {
    const { choices } = JSON.parse(
      passMessage(JSON.stringify({ choices: [{ message, finish_reason: 'eos' }], created: '17' })).text,
    )
    expect(choices[0]).toMatchObject({ index: 0, finish_reason: 'stop', message: expectedMessage })
    expect(choices[0].message.tool_calls).toBeUndefined()
  })

  test('calls without a type, an id or arguments get them, and an empty call is dropped', () => {
    const given = [
      { function: { name: 'f', arguments: { a: 1 } } },
      { id: '', type: 'function', function: { name: 'g', arguments: '' } },
      {},
    ]
    const { choices } = JSON.parse(
      passMessage(JSON.stringify({ choices: [{ message: { tool_calls: given }, finish_reason: 'stop' }] })).text,
    )
    const [one, two] = choices[0].message.tool_calls
    expect([choices[0].finish_reason, choices[0].message.tool_calls.length]).toEqual(['tool_calls', 2])
    expect([one.function.arguments, two.function.arguments, one.type]).toEqual(['{"a":1}', '{}', 'function'])
    expect(one.id).toStartWith('call_')
    expect(one.id).not.toBe(two.id)
    expect(two.id.length).toBeLessThanOrEqual(40)
  })

  test.each([
    ['', 'the vendor answered with nothing'],
    ['  \n', 'the vendor answered with nothing'],
    ['<html><body>hunter2</body></html>', 'the vendor answered with HTML'],
    ['Service is down', 'the vendor answered with text'],
    ['data: {"choices":[]}\n\n', 'the vendor answered with an event stream'],
    ['{"ok":true}', 'the vendor answered with JSON that is no answer'],
    ['{"choices":[]}', 'the vendor answered without choices'],
  ])('%j is refused, because it is not an answer', (text, message) => {
    try {
      passMessage(text, { redact: one => one.replaceAll('hunter2', '***') })
    } catch (thrown) {
      const error = thrown as GatewayError
      expect([error.code, error.message]).toEqual(['upstream_failed', message])
      expect(error.detail.cause ?? '').not.toContain('hunter2')
      expect((error.detail.cause ?? '').length).toBeLessThanOrEqual(200)
      return
    }
    throw new Error('was accepted')
  })

  test('an error in a response with status 200 is thrown with the status the error names', () => {
    expect(() => passMessage('{"error":{"message":"filtered","code":400}}')).toThrow(
      expect.objectContaining({ status: 400, message: 'filtered' }),
    )
    expect(() => passMessage('{"error":"gone"}')).toThrow(expect.objectContaining({ status: 502, message: 'gone' }))
  })
})

describe('a vendor that streams when it should not, or does not stream when it should', () => {
  test('a stream in place of a non-streaming answer is collected into one answer', () => {
    const text = toText(streams.find(({ quirk }) => quirk === 'a call in pieces')!)
    const { body, model: vendorModel } = collectStream(chat, chat, framesOf(text), exchangeFor())
    expect(readMessage(body, model).choices[0]).toMatchObject({
      calls: [{ name: 'weather', args: '{"city":"Bern"}' }],
      finish: 'tool_calls',
    })
    expect(vendorModel).toBe('vendor-model')
    expect(() => collectStream(chat, chat, [{ data: first }], exchangeFor())).toThrow('cut')
  })

  test('a non-streaming answer in place of a stream is rendered as a stream', () => {
    const text = JSON.stringify(messages.find(({ name }) => name.startsWith('thoughts'))!.body)
    const { choices, usage: counted } = readStream(streamMessage(chat, chat, text, exchangeFor()).body, model)
    expect(choices[0]).toMatchObject({ text: 'Let me see', reasoning: 'Hm', finish: 'tool_calls' })
    expect(choices[0]!.calls).toEqual([
      { name: 'weather', args: '{"city":"Bern"}' },
      { name: 'now', args: '{}' },
    ])
    expect(counted).toMatchObject({ prompt_tokens: 5, completion_tokens: 7 })
    expect(streamMessage(chat, chat, text, exchangeFor({ usageRequested: false })).body).not.toContain('usage')
  })

  test.each(messages.map(({ name, body }) => [name, body] as const))(
    'the stream, the translated answer and the passed answer have the same content: %s',
    (_name, body) => {
      const answer = readStream(streamMessage(chat, chat, JSON.stringify(body), exchangeFor()).body, model)
      const translatedAnswer = readMessage(
        translateMessage(chat, chat, JSON.stringify(body), exchangeFor()).body,
        model,
      )
      const passedAnswer = readMessage(passthrough.passMessage(JSON.stringify(body), exchangeFor()).text, model)
      const contentOf = ({ choices }: typeof answer) =>
        choices.map(({ text, reasoning, refusal, calls, finish }) => ({ text, reasoning, refusal, calls, finish }))
      expect(contentOf(answer)).toEqual(contentOf(passedAnswer))
      expect(contentOf(translatedAnswer)).toEqual(contentOf(passedAnswer))
    },
  )

  test('a body that is neither an answer nor a stream is refused', () => {
    for (const text of ['', '<html>', 'no']) {
      expect(() => streamMessage(chat, chat, text, exchangeFor())).toThrow('the vendor answered with')
      expect(() => translateMessage(chat, chat, text, exchangeFor())).toThrow('the vendor answered with')
    }
  })
})

test('readRequest returns the model, stream and whether usage is requested', () => {
  expect(passthrough.readRequest({ model: 'm', stream: true, stream_options: { include_usage: true } })).toEqual({
    model: 'm',
    stream: true,
    usageRequested: true,
  })
  expect(passthrough.readRequest({ model: null, stream: null, stream_options: null })).toEqual({
    stream: false,
    usageRequested: false,
  })
})
