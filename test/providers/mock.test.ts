import { describe, expect, test } from 'bun:test'
import OpenAI from 'openai'
import type { JsonObject } from '../../src/base/json/json.ts'
import { sampleOf } from '../../src/providers/mock/sample.ts'
import { cutAtStop, hash, tokensOf, truncate } from '../../src/providers/mock/text.ts'
import { urlOf } from '../../src/providers/resolve-url.ts'
import mock from '../../src/providers/vendors/mock.ts'
import { entryOf, targetOf } from '../contracts/provider.ts'

const entry = entryOf('mock', { models: ['mock', 'mock-*'] })

/** Asks the mock without a network: the Response is created in this process. */
const ask = (model: string, body: JsonObject, path = 'openai-chat', signal = new AbortController().signal) => {
  const target = targetOf(entry, model)
  const text = JSON.stringify({ model: 'whatever the client said', ...body })
  const headers = new Headers({ 'content-type': 'application/json' })
  return mock.transport!({ url: urlOf(target, path), headers, body: text }, target, signal)
}

const user = (content: unknown) => ({ messages: [{ role: 'user', content }] }) as JsonObject

type Call = { index: number; id: string; function: { name: string; arguments: string } }
type MockMessage = { content?: string; reasoning_content?: string; tool_calls?: Call[] }
type Logprobs = { content: { token: string; top_logprobs: unknown[] }[] }
type Choice = {
  index: number
  text: string
  message: MockMessage
  delta: MockMessage
  finish_reason: string | null
  logprobs: Logprobs | null
}
type Usage = {
  completion_tokens: number
  total_tokens: number
  completion_tokens_details: { reasoning_tokens: number }
}
type ModerationResult = { index: number; flagged: boolean; categories: Record<string, boolean> }
/** The parts of a response or a frame that the tests look at, for any endpoint. */
type Answer = {
  id: string
  choices: Choice[]
  usage: Usage
  data: { embedding: number[]; b64_json: string }[]
  results: ModerationResult[]
}

const askJson = async (model: string, body: JsonObject, path?: string): Promise<Answer> =>
  (await ask(model, body, path)).json() as Promise<Answer>

/** The frames of a stream, without `[DONE]`. */
const framesOf = (text: string): Answer[] =>
  text
    .split('\n\n')
    .filter(Boolean)
    .map(frame => frame.replace(/^data: /, ''))
    .filter(data => data !== '[DONE]')
    .map(data => JSON.parse(data))

const streamText = async (model: string, body: JsonObject, path?: string): Promise<string> =>
  (await ask(model, { ...body, stream: true }, path)).text()

const streamFrames = async (model: string, body: JsonObject, path?: string): Promise<Answer[]> =>
  framesOf(await streamText(model, body, path))

const weather = {
  type: 'function' as const,
  function: {
    name: 'weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer' } },
      required: ['city'],
    },
  },
}
const time = { type: 'function' as const, function: { name: 'time' } }

describe('chat completions', () => {
  test('the reply quotes the last user text with its usage, and is always the same', async () => {
    const body = {
      messages: [
        { role: 'user', content: 'first' },
        { role: 'assistant', content: 'You said' },
        { role: 'user', content: 'Hello there' },
      ],
    }
    const response = await askJson('mock', body)
    expect(response).toMatchObject({
      object: 'chat.completion',
      model: 'mock',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'You said: "Hello there".' },
          finish_reason: 'stop',
          logprobs: null,
        },
      ],
      usage: { prompt_tokens: 8, completion_tokens: 4, total_tokens: 12 },
    })
    expect(await askJson('mock', body)).toEqual(response)
    expect((await ask('mock', body)).headers.get('content-type')).toBe('application/json')
  })

  test('the reply counts the media of the message', async () => {
    const image = { type: 'image_url', image_url: { url: 'https://h/a.png' } }
    const contentFor = async (...parts: object[]) => (await askJson('mock', user(parts))).choices[0]!.message.content
    expect(await contentFor({ type: 'text', text: 'look' }, image)).toBe('You said: "look". You sent 1 image.')
    expect(await contentFor(image, image, { type: 'file', file: {} })).toBe('You sent 2 images and 1 file.')
    expect(await contentFor()).toBe('You said nothing.')
  })

  test('a stream has the same text in OpenAI’s frames', async () => {
    const text = await streamText('mock', user('Hello there'))
    expect(text.split('data: [DONE]')).toEqual([expect.any(String), '\n\n'])
    const chunks = framesOf(text)
    expect(new Set(chunks.map(chunk => chunk.id)).size).toBe(1)
    expect(chunks[0]!.choices[0]!.delta).toMatchObject({ role: 'assistant', content: '' } as object)
    expect(chunks.map(chunk => chunk.choices[0]!.delta.content ?? '').join('')).toBe('You said: "Hello there".')
    expect(chunks.map(chunk => chunk.choices[0]!.finish_reason).filter(Boolean)).toEqual(['stop'])
    expect(chunks.some(chunk => 'usage' in chunk)).toBe(false)
  })

  test('a stream has usage only on request: null in every chunk and the numbers in a chunk of their own', async () => {
    const chunks = await streamFrames('mock', { ...user('hi'), stream_options: { include_usage: true } })
    expect(chunks.length).toBeGreaterThan(2)
    expect(chunks.slice(0, -1).every(chunk => chunk.usage === null)).toBe(true)
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 },
    })
  })

  test('n, max_tokens and stop are respected', async () => {
    const multiple = await askJson('mock', { ...user('hi'), n: 3 })
    expect(multiple.choices.map(choice => choice.message.content!)).toEqual([
      'You said: "hi".',
      'You said: "hi". (2)',
      'You said: "hi". (3)',
    ])
    const short = await askJson('mock', { ...user('one two three'), max_tokens: 3 })
    expect(short.choices[0]).toMatchObject({ message: { content: 'You said: "one ' }, finish_reason: 'length' })
    expect(short.usage.completion_tokens).toBe(3)
    expect((await askJson('mock', { ...user('a b'), max_completion_tokens: 2 })).choices[0]!.finish_reason).toBe(
      'length',
    )
    expect((await askJson('mock', { ...user('one two'), stop: 'two' })).choices[0]!.message.content).toBe(
      'You said: "one ',
    )
    expect((await askJson('mock', { ...user('one two'), stop: ['two', 'one'] })).choices[0]).toMatchObject({
      message: { content: 'You said: "' },
      finish_reason: 'stop',
    })
    const frames = await streamFrames('mock', { ...user('hi'), n: 2 })
    expect(frames.filter(chunk => chunk.choices[0]!.finish_reason === 'stop')).toHaveLength(2)
  })

  test('logprobs are returned on request', async () => {
    const { choices } = await askJson('mock', { ...user('hi'), logprobs: true, top_logprobs: 2 })
    const { content } = choices[0]!.logprobs!
    expect(content!.map(one => one.token).join('')).toBe(choices[0]!.message.content!)
    expect(content![0]).toMatchObject({ token: 'You ', logprob: -0.1, bytes: [89, 111, 117, 32] })
    expect(content![0]!.top_logprobs).toHaveLength(2)
    const frames = await streamFrames('mock', { ...user('hi'), logprobs: true })
    const tokens = frames.flatMap(chunk => chunk.choices[0]!.logprobs?.content ?? [])
    expect(tokens.map(one => one.token).join('')).toBe('You said: "hi".')
  })

  test('an invalid request gets 400 in OpenAI’s format', async () => {
    for (const [body, param] of [
      [{}, 'messages'],
      [{ messages: [] }, 'messages'],
      [{ ...user('hi'), n: 0 }, 'n'],
      [{ ...user('hi'), n: 'two' }, 'n'],
    ] as [JsonObject, string][]) {
      const refused = await ask('mock', body)
      expect(refused.status).toBe(400)
      expect(await refused.json()).toMatchObject({ error: { type: 'invalid_request_error', param } })
    }
  })
})

describe('tools', () => {
  test('the first tool is called with arguments that fit its schema', async () => {
    const response = await askJson('mock-tools', { ...user('hi'), tools: [weather] })
    const [call] = response.choices[0]!.message.tool_calls!
    expect(response.choices[0]).toMatchObject({ message: { content: null }, finish_reason: 'tool_calls' })
    expect(call).toMatchObject({ type: 'function', function: { name: 'weather' } })
    expect(JSON.parse(call!.function.arguments)).toEqual({ city: 'city', days: 1 })
    expect(call!.id).toMatch(/^call_[0-9a-f]{8}$/)
  })

  test('two tools are called in parallel, unless parallel calls are off or one tool is named', async () => {
    const names = async (change: JsonObject, model = 'mock-tools') =>
      (
        (await askJson(model, { ...user('hi'), tools: [weather, time], ...change })).choices[0]!.message.tool_calls ??
        []
      ).map(call => call.function.name)
    expect(await names({})).toEqual(['weather', 'time'])
    expect(await names({ parallel_tool_calls: false })).toEqual(['weather'])
    expect(await names({ tool_choice: { type: 'function', function: { name: 'time' } } })).toEqual(['time'])
    expect(await names({ tool_choice: 'none' })).toEqual([])
    expect(await names({}, 'mock')).toEqual([])
    expect(await names({ tool_choice: 'required' }, 'mock')).toEqual(['weather'])
  })

  test('a streamed tool call has its id and name first and its arguments in several deltas', async () => {
    const frames = await streamFrames('mock-tools', { ...user('hi'), tools: [weather, time] })
    const deltas = frames.flatMap(frame => frame.choices[0]!.delta.tool_calls ?? [])
    const firstDeltas = deltas.filter(delta => delta.id)
    expect(firstDeltas.map(delta => [delta.index, delta.function.name])).toEqual([
      [0, 'weather'],
      [1, 'time'],
    ])
    const args = (index: number) =>
      deltas
        .filter(one => one.index === index)
        .map(one => one.function.arguments)
        .join('')
    expect(JSON.parse(args(0))).toEqual({ city: 'city', days: 1 })
    expect(JSON.parse(args(1))).toEqual({})
    expect(frames.at(-1)!.choices[0]!.finish_reason).toBe('tool_calls')
  })

  test('tool results are quoted, and a new user message causes a new call', async () => {
    const turns = [
      { role: 'user', content: 'weather?' },
      { role: 'assistant', content: null, tool_calls: [] },
      { role: 'tool', tool_call_id: 'c', content: 'sunny' },
    ]
    const response = await askJson('mock-tools', { messages: turns, tools: [weather] })
    expect(response.choices[0]).toMatchObject({
      message: { content: 'The tool answered: sunny' },
      finish_reason: 'stop',
    })
    const again = await askJson('mock-tools', {
      messages: [...turns, { role: 'user', content: 'and now?' }],
      tools: [weather],
    })
    expect(again.choices[0]!.finish_reason).toBe('tool_calls')
  })
})

describe('reasoning and JSON', () => {
  test('reasoning comes before the text', async () => {
    const response = await askJson('mock-reasoning', user('hi'))
    expect(response.choices[0]!.message.reasoning_content).toContain('The user said "hi"')
    expect(response.usage.completion_tokens_details.reasoning_tokens).toBeGreaterThan(3)
    const deltas = (await streamFrames('mock-reasoning', user('hi')))
      .slice(1, -1)
      .map(frame => Object.keys(frame.choices[0]!.delta)[0])
    expect(deltas.lastIndexOf('reasoning_content')).toBeLessThan(deltas.indexOf('content'))
  })

  test('a reply fits the requested JSON schema', async () => {
    const schema = {
      type: 'object',
      properties: {
        name: { type: 'string' },
        tags: { type: 'array', items: { enum: ['a', 'b'] } },
        at: { type: 'string', format: 'date' },
      },
      required: ['name', 'tags', 'at'],
      additionalProperties: false,
    }
    const format = { type: 'json_schema', json_schema: { name: 'thing', strict: true, schema } }
    const response = await askJson('mock-json', { ...user('hi'), response_format: format })
    expect(JSON.parse(response.choices[0]!.message.content!)).toEqual({ name: 'name', tags: ['a'], at: '2025-01-01' })
    expect(JSON.parse((await askJson('mock-json', user('hi'))).choices[0]!.message.content!)).toEqual({ said: 'hi' })
    const any = await askJson('mock', { ...user('hi'), response_format: { type: 'json_object' } })
    expect(JSON.parse(any.choices[0]!.message.content!)).toEqual({ said: 'hi' })
  })

  test('sampleOf returns a value that fits the schema', () => {
    expect(sampleOf({ type: ['null', 'integer'], minimum: 3 })).toBe(3)
    expect(sampleOf({ anyOf: [{ type: 'string' }, { type: 'null' }] })).toBe('text')
    expect(
      sampleOf({ allOf: [{ properties: { a: { const: 1 } } }, { properties: { b: { type: 'boolean' } } }] }),
    ).toEqual({ a: 1, b: true })
    expect(sampleOf({ $ref: '#/$defs/x', $defs: { x: { type: 'number', exclusiveMinimum: 0 } } })).toBe(0.5)
    expect(sampleOf({ type: 'number', maximum: 1 })).toBe(0.5)
    expect(sampleOf({ type: 'integer', minimum: 10, multipleOf: 4 })).toBe(12)
    expect(sampleOf({ type: 'string', minLength: 6, maxLength: 8 })).toBe('textxx')
    expect(sampleOf({ type: 'array', items: { type: 'null' }, minItems: 2 })).toEqual([null, null])
    expect(sampleOf(true)).toBe(null)
  })

  test('sampleOf terminates for a recursive schema', () => {
    const node = {
      type: 'object',
      properties: { left: { $ref: '#' }, right: { $ref: '#' }, more: { type: 'array', items: { $ref: '#' } } },
    }
    expect(JSON.stringify(sampleOf({ ...node, required: ['left', 'right', 'more'] })).length).toBeLessThan(1_000_000)
    const nested = {
      type: 'object',
      required: ['in'],
      properties: { in: { anyOf: [{ $ref: '#' }, { type: 'array' }] } },
    }
    expect(JSON.stringify(sampleOf(nested))).toMatch(/^(?:\{"in":){8}\{\}\}{8}$/)
    const ending = { ...nested, properties: { in: { anyOf: [{ $ref: '#' }, { type: 'boolean' }] } } }
    expect(JSON.stringify(sampleOf(ending))).toMatch(/^(?:\{"in":)+(?:true|false)\}+$/)
    expect(sampleOf({ $ref: '#' })).toBe(null)
    expect(sampleOf({ $ref: '#/a', a: { $ref: '#/b' }, b: { $ref: '#/a' } })).toBe(null)
  })
})

describe('failures and delays', () => {
  test('the model’s name selects the status of an error', async () => {
    for (const status of [400, 401, 403, 404, 429, 500, 503, 529]) {
      const failed = await ask(`mock-error-${status}`, { ...user('hi'), stream: true })
      expect(failed.status).toBe(status)
      expect(failed.headers.get('retry-after')).toBe(status === 429 ? '1' : null)
      expect(await failed.json()).toMatchObject({ error: { message: `the mock was asked to fail with ${status}` } })
    }
    expect((await ask('mock-error-200', user('hi'))).status).toBe(400)
    expect((await ask('mock-embedding-error-503', { input: 'x' }, 'embeddings')).status).toBe(503)
  })

  test('a delay applies before the headers of an error', async () => {
    const startedAt = performance.now()
    const failed = await ask('mock-delay-40-error-500', user('hi'))
    expect(failed.status).toBe(500)
    expect(performance.now() - startedAt).toBeGreaterThan(35)
  })

  test('pace delays every frame of a stream', async () => {
    const startedAt = performance.now()
    const response = await ask('mock-tools-pace-10', { ...user('hi'), tools: [time], stream: true })
    const frames = framesOf(await response.text())
    expect(frames).toHaveLength(4)
    expect(performance.now() - startedAt).toBeGreaterThan(45)
    const slowStartedAt = performance.now()
    const slow = await ask('mock-tools-pace-60000', { ...user('hi'), tools: [time], stream: true })
    expect(performance.now() - slowStartedAt).toBeLessThan(1000)
    await slow.body!.cancel()
  })

  test('cut ends a stream after that many frames and truncates a complete body', async () => {
    const text = await streamText('mock-cut-3', user('hi there'))
    expect(framesOf(text)).toHaveLength(3)
    expect(text).not.toContain('[DONE]')
    expect(await streamFrames('mock-cut-0', user('hi'))).toEqual([])
    await expect((await ask('mock-cut-1', user('hi'))).json()).rejects.toThrow()
  })

  const expectAbort = async (model: string, path: 'headers' | 'body', isStream: boolean) => {
    const controller = new AbortController()
    const pending = ask(model, { ...user('hi'), stream: isStream }, 'openai-chat', controller.signal)
    const awaited = path === 'headers' ? pending : (await pending).text()
    const outcome = Promise.resolve(awaited).then(
      () => 'answered',
      (error: Error) => error.message,
    )
    await Bun.sleep(5)
    const startedAt = performance.now()
    controller.abort(new Error('the client left'))
    expect(await outcome).toBe('the client left')
    expect(performance.now() - startedAt).toBeLessThan(1000)
  }

  test('an aborted request ends immediately, during a delay, in silence and between frames', async () => {
    await expectAbort('mock-delay-60000', 'headers', true)
    await expectAbort('mock-silent', 'body', true)
    await expectAbort('mock-silent', 'body', false)
    await expectAbort('mock-pace-60000', 'body', true)
    await expectAbort('mock-cut-2-silent', 'body', true)
    const abortedSignal = AbortSignal.abort(new Error('never here'))
    await expect(ask('mock', user('hi'), 'openai-chat', abortedSignal)).rejects.toThrow('never here')
  })

  test('cancelling the reader stops the stream, and a slow reader delays it', async () => {
    const reader = (await ask('mock-pace-60000', { ...user('hi'), stream: true })).body!.getReader()
    const read = reader.read()
    await reader.cancel('enough')
    expect((await read).done).toBe(true)
    const slow = (await ask('mock', { ...user('hi'), stream: true })).body!.getReader()
    expect(new TextDecoder().decode((await slow.read()).value)).toEndWith('\n\n')
    await slow.cancel()
  })

  test('cut with silent leaves the stream open after that many frames', async () => {
    const controller = new AbortController()
    const response = await ask('mock-cut-2-silent', { ...user('hi'), stream: true }, 'openai-chat', controller.signal)
    const reader = response.body!.getReader()
    for (let frame = 0; frame < 2; frame++) expect((await reader.read()).done).toBe(false)
    const third = await Promise.race([reader.read().then(() => 'more'), Bun.sleep(20).then(() => 'nothing')])
    expect(third).toBe('nothing')
    controller.abort()
  })

  test('unknown words in the model’s name have no effect', async () => {
    for (const model of ['mock-large', 'mock-error', 'mock-pace-fast', 'mock-2026-11-01', 'MOCK'])
      expect((await askJson(model, user('hi'))).choices[0]!.message.content).toBe('You said: "hi".')
  })
})

describe('the other endpoints', () => {
  test('completions are returned complete and streamed', async () => {
    const response = await askJson('mock', { prompt: ['a', 'b c'], n: 2, echo: true }, 'completions')
    expect(response).toMatchObject({ object: 'text_completion', usage: { prompt_tokens: 3 } })
    expect(response.choices.map(choice => [choice.index, choice.text])).toEqual([
      [0, 'aYou said: "a".'],
      [1, 'aYou said: "a".'],
      [2, 'b cYou said: "b c".'],
      [3, 'b cYou said: "b c".'],
    ])
    const cut = await askJson('mock', { prompt: 'a b c', max_tokens: 2 }, 'completions')
    expect(cut.choices[0]).toMatchObject({ text: 'You said: ', finish_reason: 'length' })
    const frames = await streamFrames(
      'mock',
      { prompt: [1, 2, 3], stream_options: { include_usage: true } },
      'completions',
    )
    expect(
      frames
        .slice(0, -1)
        .map(frame => frame.choices[0]!.text)
        .join(''),
    ).toBe('You said: "3 tokens".')
    expect(frames.at(-1)!.usage.total_tokens).toBeGreaterThan(0)
  })

  test('embeddings have length 1 and the requested dimensions, depend only on the text, and are numbers or base64', async () => {
    const response = await askJson('mock-embedding', { input: ['a', 'b', 'a'], dimensions: 8 }, 'embeddings')
    const [one = [], other, again] = response.data.map(row => row.embedding)
    expect(one).toHaveLength(8)
    expect(one).toEqual(again!)
    expect(one).not.toEqual(other)
    expect(Math.hypot(...one)).toBeCloseTo(1, 5)
    const base64 = await askJson(
      'mock-embedding',
      { input: 'a', dimensions: 8, encoding_format: 'base64' },
      'embeddings',
    )
    const bytes = Uint8Array.from(atob(String(base64.data[0]!.embedding)), letter => letter.charCodeAt(0))
    expect([...new Float32Array(bytes.buffer)]).toEqual(one)
    expect((await askJson('mock-embedding', { input: [[1, 2], [3]] }, 'embeddings')).data).toHaveLength(2)
    expect((await askJson('mock-embedding', { input: 'a' }, 'embeddings')).data[0]!.embedding).toHaveLength(256)
    for (const body of [{ input: 'a', dimensions: 0 }, { input: '' }, { input: [] }, {}] as JsonObject[])
      expect((await ask('mock-embedding', body, 'embeddings')).status).toBe(400)
  })

  test('speech is a WAV file with a correct header', async () => {
    const response = await ask('mock', { input: 'hello', voice: 'alloy' }, 'audio/speech')
    const bytes = new Uint8Array(await response.arrayBuffer())
    const view = new DataView(bytes.buffer)
    expect(response.headers.get('content-type')).toBe('audio/wav')
    expect(new TextDecoder().decode(bytes.slice(0, 4))).toBe('RIFF')
    expect(view.getUint32(4, true)).toBe(bytes.length - 8)
    expect(view.getUint32(40, true)).toBe(bytes.length - 44)
    expect(bytes.slice(44).some(byte => byte !== 0)).toBe(true)
  })

  test('a form with a recording or an image is answered without being read', async () => {
    const target = targetOf(entry, 'mock')
    const send = (path: string, body: string | undefined, type: string) =>
      mock.transport!(
        { url: urlOf(target, path), headers: new Headers({ 'content-type': type }), body },
        target,
        new AbortController().signal,
      )
    for (const path of ['audio/transcriptions', 'audio/translations'])
      expect(await (await send(path, undefined, 'multipart/form-data; boundary=x')).json()).toMatchObject({
        text: expect.any(String),
      })
    const edited = await send('images/edits', '--x\r\n', 'multipart/form-data; boundary=x')
    expect(((await edited.json()) as Answer).data).toHaveLength(1)
  })

  test('images are PNG files with correct checksums', async () => {
    const { data } = await askJson('mock', { prompt: 'a cat', n: 2 }, 'images/generations')
    expect(data).toHaveLength(2)
    const png = Buffer.from(data[0]!.b64_json, 'base64')
    expect(png.subarray(1, 4).toString()).toBe('PNG')
    for (let at = 8; at < png.length; ) {
      const length = png.readUInt32BE(at)
      expect(png.readUInt32BE(at + 8 + length)).toBe(Bun.hash.crc32(png.subarray(at + 4, at + 8 + length)))
      at += 12 + length
    }
  })

  test('moderations flag the categories that the text names', async () => {
    const { results } = await askJson('mock', { input: ['good day', 'violence'] }, 'moderations')
    expect(results.map(result => result.flagged)).toEqual([false, true])
    expect(results[1]!.categories['violence']).toBe(true)
    const only = await askJson('mock', { input: 'hate' }, 'moderations')
    expect(only.results.map(result => result.flagged)).toEqual([true])
  })

  test('rerank orders documents by the words of the query', async () => {
    const body = {
      query: 'what is ruby',
      documents: ['Paris is a city', 'What is Ruby? A language', 'nothing'],
      return_documents: true,
    }
    const { results } = await askJson('mock', { ...body, top_n: 2 }, 'rerank')
    expect(results.map(result => result.index)).toEqual([1, 0])
    expect(results[0]).toMatchObject({ index: 1, relevance_score: 1, document: { text: 'What is Ruby? A language' } })
    expect((await ask('mock', { query: 'x' }, 'rerank')).status).toBe(400)
  })

  test('an unknown endpoint gets 404, and an invalid body gets 400', async () => {
    const target = targetOf(entry, 'mock')
    const send = (url: string, body: string) =>
      mock.transport!({ url, headers: new Headers(), body }, target, new AbortController().signal)
    expect((await send('https://mock.invalid/v1/videos', '{}')).status).toBe(404)
    for (const body of ['', 'no json', '[]', 'null'])
      expect((await send(urlOf(target, 'openai-chat'), body)).status).toBe(400)
  })
})

describe('tokens and excerpts', () => {
  test('the tokens of a text join to the same text', () => {
    for (const text of ['', ' ', 'a b', '  lead', '你好，世界 ok', '👩‍👩‍👧 done\n\n', 'かな カナ 한국어'])
      expect(tokensOf(text).join('')).toBe(text)
    expect(tokensOf('你好世界')).toHaveLength(4)
  })

  test('a text is truncated between characters', () => {
    expect(truncate('ab👩', 3)).toBe('ab…')
    expect(truncate('abc', 3)).toBe('abc')
    expect(cutAtStop('one two', ['', 'zwei'])).toBe('one two')
    expect(hash('a')).toBe(0xe40c292c)
  })
})

describe('the OpenAI SDK with the mock', () => {
  const client = (model: string) =>
    new OpenAI({
      apiKey: 'none',
      baseURL: 'https://mock.invalid/v1',
      maxRetries: 0,
      fetch: async (url, init) => {
        const request = {
          url: String(url),
          headers: new Headers(init?.headers as Record<string, string>),
          body: init?.body as string,
        }
        return mock.transport!(request, targetOf(entry, model), init?.signal ?? new AbortController().signal)
      },
    })

  test('the SDK reads a stream of tool calls, an embedding and an error', async () => {
    const runner = client('mock-tools').chat.completions.stream({
      model: 'mock-tools',
      messages: [{ role: 'user', content: 'hi' }],
      tools: [weather, time],
    })
    const done = await runner.finalChatCompletion()
    expect(done.choices[0]!.message.tool_calls!.map(call => call.type === 'function' && call.function.name)).toEqual([
      'weather',
      'time',
    ])
    const embedded = await client('mock-embedding').embeddings.create({
      model: 'mock-embedding',
      input: 'a',
      dimensions: 4,
    })
    expect(embedded.data[0]!.embedding).toHaveLength(4)
    const failed = client('mock-error-429').chat.completions.create({
      model: 'x',
      messages: [{ role: 'user', content: 'hi' }],
    })
    await expect(failed.then(() => 'answered')).rejects.toBeInstanceOf(OpenAI.RateLimitError)
  })
})
