/**
 * Runs the official `openai` SDK against the gateway: over the built-in mock, and over a scripted vendor where the
 * vendor's request matters. The SDK itself accumulates, parses and throws; these tests never read the wire.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import OpenAI, { type APIError, AzureOpenAI, type ClientOptions, toFile } from 'openai'
import { makeParseableResponseFormat } from 'openai/lib/parser'
import type { ChatCompletionChunk } from 'openai/resources/chat/completions'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import {
  chatBody,
  chatChunks,
  disconnectAfter,
  refuse,
  replyChat,
  replyJson,
  replySse,
  stallAfter,
} from '../support/upstream-scripts.ts'
import { resultWithin } from '../support/wait-until.ts'

const modelWithSlashes = 'maker/family/model-1'
let upstream: Upstream
let gateway: Gateway
let client: OpenAI

const clientFor = (options: ClientOptions = {}): OpenAI =>
  new OpenAI({ apiKey: 'client-key', baseURL: `${gateway.url}/v1`, maxRetries: 0, fetch: directFetch, ...options })

/** The SDK must not use a proxy from the environment. */
const directFetch: NonNullable<ClientOptions['fetch']> = (url, init) =>
  fetch(url as string, { ...init, proxy: false } as unknown as RequestInit)

beforeAll(async () => {
  upstream = await scriptedUpstream(replyChat())
  const vendor = { enabled: true, server_url: `${upstream.url}/v1`, credentials: { api_key: 'vendor-key' } }
  gateway = await startGateway({
    api_key: 'client-key',
    api_keys: [{ api_key: 'scoped-key', supported_models: { all: ['mock-json'] } }],
    max_body: '256KB',
    services: {
      mock: [{ enabled: true }],
      openai: [
        {
          ...vendor,
          models: ['scripted', modelWithSlashes],
          model_map: { scripted: 'the-vendors-name' },
          embedding_models: ['vectors'],
        },
        { ...vendor, models: ['once-a-minute'], limit: { rpm: 1, timeout: 1 } },
      ],
    },
  })
  client = clientFor()
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

/** Sets what the vendor answers from now on. Returns a function that gives the last request the vendor received. */
const answerWith = (script: Script): (() => ReceivedRequest) => {
  const before = upstream.requests.length
  upstream.setScript(script)
  return () => {
    expect(upstream.requests.length).toBeGreaterThan(before)
    return upstream.requests.at(-1)!
  }
}

const hi = [{ role: 'user' as const, content: 'Hi' }]
const userMessages = (content: string) => [{ role: 'user' as const, content }]
const toolNamed = (name: string) => ({
  type: 'function' as const,
  function: {
    name,
    description: `Tells the ${name}`,
    parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } },
  },
})
const collectAll = async <Item>(items: AsyncIterable<Item>): Promise<Item[]> => {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}
const contentOf = (chunks: ChatCompletionChunk[], index = 0): string =>
  chunks
    .flatMap(({ choices }) => choices)
    .filter(choice => choice.index === index)
    .map(({ delta }) => delta.content ?? '')
    .join('')
const rejectionOf = async (promise: PromiseLike<unknown>): Promise<APIError> => {
  try {
    await promise
  } catch (error) {
    return error as APIError
  }
  throw new Error('nothing was thrown')
}

describe('text', () => {
  test('a non-streamed answer carries its text, usage and request id', async () => {
    const answer = await client.chat.completions.create({ model: 'mock', messages: userMessages('Good morning') })
    expect(answer).toMatchObject({ object: 'chat.completion', model: 'mock' })
    expect(answer.choices[0]).toMatchObject({ index: 0, finish_reason: 'stop' })
    expect(answer.choices[0]!.message).toMatchObject({ role: 'assistant', content: 'You said: "Good morning".' })
    const { prompt_tokens: input, completion_tokens: output, total_tokens: total } = answer.usage!
    expect(input).toBeGreaterThan(0)
    expect(output).toBeGreaterThan(0)
    expect(total).toBe(input + output)
    expect(answer._request_id).toStartWith('req_')
  })

  test('a stream without include_usage has no chunk without choices', async () => {
    const stream = await client.chat.completions.create({
      model: 'mock',
      messages: userMessages('Good morning'),
      stream: true,
    })
    const chunks = await collectAll(stream)
    expect(contentOf(chunks)).toBe('You said: "Good morning".')
    expect(chunks.length).toBeGreaterThan(3)
    expect(chunks.every(({ choices, model }) => choices.length === 1 && model === 'mock')).toBe(true)
    expect(chunks.map(({ choices }) => choices[0]!.finish_reason).filter(Boolean)).toEqual(['stop'])
  })

  test('a stream with include_usage ends in a usage chunk, and no other chunk has usage', async () => {
    const whole = await client.chat.completions.create({ model: 'mock', messages: hi })
    const stream = await client.chat.completions.create({
      model: 'mock',
      messages: hi,
      stream: true,
      stream_options: { include_usage: true },
    })
    const chunks = await collectAll(stream)
    expect(chunks.at(-1)!.choices).toEqual([])
    expect(chunks.at(-1)!.usage).toEqual(whole.usage!)
    expect(chunks.slice(0, -1).filter(({ usage }) => usage)).toEqual([])
  })

  test("the SDK's stream helper emits content events and accumulates the final completion", async () => {
    const received: string[] = []
    const stream = client.chat.completions.stream({
      model: 'mock',
      messages: userMessages('one two three'),
      stream_options: { include_usage: true },
    })
    stream.on('content', delta => received.push(delta))
    const final = await stream.finalChatCompletion()
    expect(received.join('')).toBe('You said: "one two three".')
    expect(final.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: received.join('') } })
    expect((await stream.totalUsage()).total_tokens).toBe(final.usage!.total_tokens)
    expect(await stream.finalContent()).toBe(received.join(''))
  })

  test('n choices arrive both streamed and non-streamed', async () => {
    const answer = await client.chat.completions.create({ model: 'mock', messages: hi, n: 3 })
    expect(answer.choices.map(({ index }) => index)).toEqual([0, 1, 2])
    const texts = answer.choices.map(({ message }) => message.content)
    expect(new Set(texts).size).toBe(3)
    const final = await client.chat.completions.stream({ model: 'mock', messages: hi, n: 3 }).finalChatCompletion()
    expect(final.choices.map(({ message }) => message.content)).toEqual(texts)
  })

  test('a stop sequence and a token limit end the answer', async () => {
    const stopped = await client.chat.completions.create({
      model: 'mock',
      messages: userMessages('a END b'),
      stop: ['END'],
    })
    expect(stopped.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'You said: "a ' } })
    for (const limit of [{ max_tokens: 2 }, { max_completion_tokens: 2 }]) {
      const cut = await client.chat.completions.create({ model: 'mock', messages: hi, ...limit })
      expect(cut.choices[0]!.finish_reason).toBe('length')
      expect(cut.usage!.completion_tokens).toBe(2)
    }
    const chunks = await collectAll(
      await client.chat.completions.create({ model: 'mock', messages: hi, max_tokens: 1, stream: true }),
    )
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('length')
  })

  test('logprobs arrive both streamed and non-streamed', async () => {
    const request = { model: 'mock', messages: hi, logprobs: true, top_logprobs: 2 }
    const answer = await client.chat.completions.create(request)
    const tokens = answer.choices[0]!.logprobs!.content!
    expect(tokens.map(({ token }) => token).join('')).toBe(answer.choices[0]!.message.content!)
    expect(tokens[0]!.top_logprobs).toHaveLength(2)
    const final = await client.chat.completions.stream(request).finalChatCompletion()
    expect(final.choices[0]!.logprobs!.content).toEqual(tokens)
  })

  test('the answer carries the model name the client used; the vendor gets its own', async () => {
    const lastRequest = answerWith(replyChat())
    const answer = await client.chat.completions.create({ model: 'scripted', messages: hi })
    expect(answer.model).toBe('scripted')
    expect(lastRequest().json()).toMatchObject({ model: 'the-vendors-name' })
    const chunks = await collectAll(
      await client.chat.completions.create({ model: 'scripted', messages: hi, stream: true }),
    )
    expect(new Set(chunks.map(({ model }) => model))).toEqual(new Set(['scripted']))
    expect(lastRequest().json()).toMatchObject({ model: 'the-vendors-name', stream_options: { include_usage: true } })
    expect(chunks.every(({ usage }) => !usage)).toBe(true)
  })

  test('the model random chooses among the models that the key may use', async () => {
    const scoped = clientFor({ apiKey: 'scoped-key' })
    const answer = await scoped.chat.completions.create({ model: 'random', messages: hi })
    expect(answer.model).toBe('random')
    expect(JSON.parse(answer.choices[0]!.message.content!)).toEqual({ said: 'Hi' })
  })
})

describe('tools', () => {
  const one = [toolNamed('weather')]
  const two = [toolNamed('weather'), toolNamed('time')]

  test('a single call arrives in a non-streamed answer', async () => {
    const answer = await client.chat.completions.create({ model: 'mock-tools', messages: hi, tools: one })
    const [choice] = answer.choices
    expect(choice).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } })
    const [call] = choice!.message.tool_calls!
    expect(call).toMatchObject({ type: 'function', function: { name: 'weather' } })
    expect(JSON.parse((call as { function: { arguments: string } }).function.arguments)).toEqual({
      city: 'city',
      days: 1,
    })
  })

  test('parallel calls are the same streamed and non-streamed', async () => {
    const request = { model: 'mock-tools', messages: hi, tools: two }
    const answer = await client.chat.completions.create(request)
    const calls = answer.choices[0]!.message.tool_calls!
    expect(calls).toHaveLength(2)
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2)
    const stream = client.chat.completions.stream(request)
    const deltas: string[] = []
    const done: string[] = []
    stream.on('tool_calls.function.arguments.delta', ({ index, arguments_delta: delta }) =>
      deltas.push(`${index}${delta}`),
    )
    stream.on('tool_calls.function.arguments.done', ({ name }) => done.push(name))
    const final = await stream.finalChatCompletion()
    expect(final.choices[0]!.finish_reason).toBe('tool_calls')
    expect(final.choices[0]!.message.tool_calls).toMatchObject(
      calls.map(({ id, type, ...call }) => ({ id, type, function: (call as { function: object }).function })) as never,
    )
    expect(done).toEqual(['weather', 'time'])
    expect(deltas.length).toBeGreaterThan(2)
  })

  test('parallel_tool_calls: false is honoured', async () => {
    const answer = await client.chat.completions.create({
      model: 'mock-tools',
      messages: hi,
      tools: two,
      parallel_tool_calls: false,
    })
    expect(answer.choices[0]!.message.tool_calls).toHaveLength(1)
  })

  test('a named tool choice makes a plain model call that tool', async () => {
    const answer = await client.chat.completions.create({
      model: 'mock',
      messages: hi,
      tools: two,
      tool_choice: { type: 'function', function: { name: 'time' } },
    })
    expect(answer.choices[0]!.message.tool_calls).toMatchObject([{ function: { name: 'time' } }])
  })

  for (const stream of [false, true])
    test(`runTools calls the local functions and returns their results to the model, ${stream ? 'streamed' : 'non-streamed'}`, async () => {
      const received: unknown[] = []
      const weather = {
        ...one[0]!,
        function: {
          ...one[0]!.function,
          parse: JSON.parse,
          function: (given: { city: string }) => {
            received.push(given)
            return `sunny in ${given.city}`
          },
        },
      }
      const request = { model: 'mock-tools', messages: hi, tools: [weather] }
      const runner = stream
        ? client.chat.completions.runTools({ ...request, stream: true })
        : client.chat.completions.runTools({ ...request })
      expect(await runner.finalContent()).toContain('sunny in city')
      expect(received).toEqual([{ city: 'city', days: 1 }])
      expect(runner.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant'])
    })

  test("a careless vendor's tool call stream is normalized for the SDK", async () => {
    const careless = (delta: object, finish: string | null = null) => ({
      choices: [{ delta, finish_reason: finish }],
    })
    const call = (id: string, name: string | null, args: string) => ({ id, function: { name, arguments: args } })
    answerWith(
      replySse([
        careless({ tool_calls: [call('call_a', 'weather', '')] }),
        careless({ tool_calls: [call('', null, '{"city":')] }),
        careless({ tool_calls: [call('', null, '"Bern"}')] }),
        careless({ tool_calls: [call('call_b', 'time', '')] }),
        careless({}, 'stop'),
      ]),
    )
    const final = await client.chat.completions
      .stream({ model: 'scripted', messages: hi, tools: two })
      .finalChatCompletion()
    expect(final.choices[0]).toMatchObject({ index: 0, finish_reason: 'tool_calls' })
    expect(final.choices[0]!.message.tool_calls).toMatchObject([
      { id: 'call_a', type: 'function', function: { name: 'weather', arguments: '{"city":"Bern"}' } },
      { id: 'call_b', type: 'function', function: { name: 'time', arguments: '{}' } },
    ])
  })
})

describe('message content', () => {
  test('images by data and by URL reach the vendor unchanged', async () => {
    const messages = [
      {
        role: 'user' as const,
        content: [
          { type: 'text' as const, text: 'What is this?' },
          {
            type: 'image_url' as const,
            image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' as const },
          },
          { type: 'image_url' as const, image_url: { url: 'https://pictures.example/a%20b.png?x=1&y=2' } },
        ],
      },
    ]
    const lastRequest = answerWith(replyChat())
    await client.chat.completions.create({ model: 'scripted', messages })
    expect((lastRequest().json() as { messages: unknown }).messages).toEqual(messages)
    const mock = await client.chat.completions.create({ model: 'mock', messages })
    expect(mock.choices[0]!.message.content).toContain('You sent 2 images.')
  })

  test('audio and files reach the vendor unchanged', async () => {
    const messages = [
      {
        role: 'user' as const,
        content: [
          { type: 'input_audio' as const, input_audio: { data: 'UklGRg==', format: 'wav' as const } },
          { type: 'file' as const, file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
        ],
      },
    ]
    const lastRequest = answerWith(replyChat())
    await client.chat.completions.create({ model: 'scripted', messages })
    expect((lastRequest().json() as { messages: unknown }).messages).toEqual(messages)
  })

  test('reasoning arrives both streamed and non-streamed', async () => {
    const answer = await client.chat.completions.create({ model: 'mock-reasoning', messages: hi })
    const thoughts = (answer.choices[0]!.message as { reasoning_content?: string }).reasoning_content
    expect(thoughts).toContain('The user said "Hi"')
    expect(answer.usage!.completion_tokens_details!.reasoning_tokens).toBeGreaterThan(0)
    const stream = await client.chat.completions.create({ model: 'mock-reasoning', messages: hi, stream: true })
    const chunks = await collectAll(stream)
    const reasoning = chunks.map(
      ({ choices }) => (choices[0]!.delta as { reasoning_content?: string }).reasoning_content,
    )
    expect(reasoning.join('')).toBe(thoughts!)
    expect(contentOf(chunks)).toBe(answer.choices[0]!.message.content!)
  })

  test("reasoning under a vendor's other field name becomes reasoning_content", async () => {
    const delta = (given: object, finish: string | null = null) => ({
      id: 'c',
      choices: [{ index: 0, delta: given, finish_reason: finish }],
    })
    answerWith(
      replySse([delta({ role: 'assistant', reasoning: 'Hm.' }), delta({ content: 'Yes.' }), delta({}, 'stop')]),
    )
    const chunks = await collectAll(
      await client.chat.completions.create({ model: 'scripted', messages: hi, stream: true }),
    )
    const reasoning = chunks.map(
      ({ choices }) => (choices[0]!.delta as { reasoning_content?: string }).reasoning_content,
    )
    expect(reasoning.join('')).toBe('Hm.')
    expect(contentOf(chunks)).toBe('Yes.')
  })

  test('structured output is parsed both streamed and non-streamed', async () => {
    const schema = {
      type: 'object',
      properties: {
        name: { type: 'string' },
        age: { type: 'integer', minimum: 7 },
        tags: { type: 'array', items: { enum: ['a'] } },
      },
      required: ['name', 'age', 'tags'],
      additionalProperties: false,
    }
    const request = {
      model: 'mock',
      messages: hi,
      response_format: { type: 'json_schema' as const, json_schema: { name: 'person', strict: true, schema } },
    }
    const expected: unknown = { name: 'name', age: 7, tags: ['a'] }
    const answer = await client.chat.completions.parse(request)
    expect<unknown>(answer.choices[0]!.message.parsed).toEqual(expected)
    const format = makeParseableResponseFormat(request.response_format, text => JSON.parse(text) as unknown)
    const final = await client.chat.completions.stream({ ...request, response_format: format }).finalChatCompletion()
    expect(final.choices[0]!.message.parsed).toEqual(expected)
    const lastRequest = answerWith(replyChat(chatChunks(), chatBody('{}')))
    await client.chat.completions.create({ ...request, model: 'scripted' })
    expect((lastRequest().json() as typeof request).response_format).toEqual(request.response_format)
  })

  test('a refusal arrives in the message', async () => {
    const refusal = { role: 'assistant', content: null, refusal: 'I will not.' }
    answerWith(replyJson({ ...chatBody(), choices: [{ index: 0, message: refusal, finish_reason: 'stop' }] }))
    const answer = await client.chat.completions.create({ model: 'scripted', messages: hi })
    expect(answer.choices[0]!.message).toMatchObject({ content: null, refusal: 'I will not.' })
  })
})

describe('error classes of the SDK', () => {
  const ask = (model: string, more: object = {}, from = client) =>
    rejectionOf(from.chat.completions.create({ model, messages: hi, ...more }))

  const errorClasses = [
    [400, OpenAI.BadRequestError],
    [404, OpenAI.NotFoundError],
    [409, OpenAI.ConflictError],
    [422, OpenAI.UnprocessableEntityError],
    [429, OpenAI.RateLimitError],
    [500, OpenAI.InternalServerError],
    [503, OpenAI.InternalServerError],
  ] as const
  for (const [status, errorClass] of errorClasses)
    test(`a ${status} of the vendor is its own SDK error class, streamed and non-streamed`, async () => {
      for (const more of [{}, { stream: true }]) {
        const error = await ask(`mock-error-${status}`, more)
        expect(error).toBeInstanceOf(errorClass)
        expect(error.status).toBe(status)
        expect(error.message).toContain(`the mock was asked to fail with ${status}`)
        expect(error.type).toBeString()
        expect(error.requestID).toStartWith('req_')
      }
    })

  for (const status of [401, 402, 403])
    test(`a ${status} of the vendor concerns the gateway’s credentials and becomes a 502`, async () => {
      answerWith(refuse(status))
      const error = await ask('scripted')
      expect(error).toBeInstanceOf(OpenAI.InternalServerError)
      expect([error.status, error.code]).toEqual([502, 'upstream_credentials'])
    })

  test('an invalid body is a 400 with the path of the fault', async () => {
    const error = await ask('mock', { messages: [{ role: 'user', content: 5 }] })
    expect(error).toBeInstanceOf(OpenAI.BadRequestError)
    expect([error.type, error.param]).toEqual(['invalid_request_error', 'messages[0].content'])
  })

  test('an unknown key is a 401', async () => {
    const error = await ask('mock', {}, clientFor({ apiKey: 'another-key' }))
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError)
    expect([error.status, error.code]).toEqual([401, 'invalid_api_key'])
    expect(await rejectionOf(clientFor({ apiKey: 'another-key' }).models.list())).toBeInstanceOf(
      OpenAI.AuthenticationError,
    )
  })

  test('a model outside the scope of the key is a 403', async () => {
    const scoped = clientFor({ apiKey: 'scoped-key' })
    const error = await ask('mock', {}, scoped)
    expect(error).toBeInstanceOf(OpenAI.PermissionDeniedError)
    expect(error.status).toBe(403)
    expect((await scoped.chat.completions.create({ model: 'mock-json', messages: hi })).model).toBe('mock-json')
    expect((await collectAll(scoped.models.list())).map(({ id }) => id)).toEqual(['mock-json', 'random'])
  })

  test('an unknown model is a 404', async () => {
    const error = await ask('no-such-model')
    expect(error).toBeInstanceOf(OpenAI.NotFoundError)
    expect([error.status, error.code]).toEqual([404, 'model_not_found'])
    expect(error.message).toContain('no-such-model')
  })

  test('a body above max_body is a 413', async () => {
    const error = await ask('mock', { messages: userMessages('x'.repeat(300_000)) })
    expect(error).toBeInstanceOf(OpenAI.APIError)
    expect([error.status, error.code]).toEqual([413, 'request_too_large'])
  })

  test("a vendor's 429 keeps its Retry-After", async () => {
    answerWith(refuse(429, undefined, { 'retry-after': '7' }))
    const error = await ask('scripted')
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(error.headers!.get('retry-after')).toBe('7')
  })

  test('a limit of the gateway is a 429 with its name and Retry-After', async () => {
    answerWith(replyChat())
    await client.chat.completions.create({ model: 'once-a-minute', messages: hi })
    const error = await ask('once-a-minute')
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(error.code).toBe('rate_limit_exceeded')
    expect(error.message).toContain('rpm')
    const wait = Number(error.headers!.get('retry-after'))
    expect(wait).toBeGreaterThan(50)
    expect(wait).toBeLessThanOrEqual(60)
  })

  test("the SDK's own retry gets the answer that follows a failure", async () => {
    let count = 0
    const script: Script = (answer, request) => (count++ === 0 ? refuse(503) : replyChat())(answer, request)
    answerWith(script)
    const answer = await clientFor({ maxRetries: 1 }).chat.completions.create({ model: 'scripted', messages: hi })
    expect(answer.choices[0]!.message.content).toBe('Hello there.')
    expect(count).toBe(2)
  })

  test('a stream that breaks off throws while it is read', async () => {
    answerWith(disconnectAfter(3))
    const chunks: ChatCompletionChunk[] = []
    const stream = await client.chat.completions.create({ model: 'scripted', messages: hi, stream: true })
    const error = await rejectionOf(
      (async () => {
        for await (const chunk of stream) chunks.push(chunk)
      })(),
    )
    expect(error).toBeInstanceOf(OpenAI.APIError)
    expect(error.code).toBe('upstream_failed')
    expect(contentOf(chunks)).toBe('Hello there')
    answerWith(disconnectAfter(3))
    const helper = client.chat.completions.stream({ model: 'scripted', messages: hi })
    expect(await rejectionOf(helper.finalChatCompletion())).toBeInstanceOf(OpenAI.OpenAIError)
  })
})

describe('cancellation', () => {
  test('an aborted stream closes the connection to the vendor', async () => {
    const lastRequest = answerWith(stallAfter(3))
    const controller = new AbortController()
    const stream = await client.chat.completions.create(
      { model: 'scripted', messages: hi, stream: true },
      { signal: controller.signal },
    )
    for await (const chunk of stream) {
      if (chunk.choices[0]!.delta.content === ' there') controller.abort()
    }
    expect(await resultWithin(lastRequest().aborted, 1000)).toBeNumber()
  })

  test('breaking out of the loop, or aborting before the answer, closes the connection to the vendor', async () => {
    const lastRequest = answerWith(stallAfter(3))
    const stream = await client.chat.completions.create({ model: 'scripted', messages: hi, stream: true })
    for await (const chunk of stream) if (chunk.choices[0]!.delta.content) break
    expect(await resultWithin(lastRequest().aborted, 1000)).toBeNumber()

    const waiting = Promise.withResolvers<void>()
    const silent = answerWith(answer => {
      waiting.resolve()
      return answer.stall()
    })
    const controller = new AbortController()
    const answer = client.chat.completions.create({ model: 'scripted', messages: hi }, { signal: controller.signal })
    const failed = rejectionOf(answer)
    await waiting.promise
    controller.abort()
    expect(await failed).toBeInstanceOf(OpenAI.APIUserAbortError)
    expect(await resultWithin(silent().aborted, 1000)).toBeNumber()
  })
})

describe('the other endpoints', () => {
  test('embeddings arrive as base64 by default, as floats on request, and one for each input', async () => {
    const plain = await client.embeddings.create({
      model: 'mock-embedding',
      input: ['one', 'two'],
      encoding_format: 'float',
    })
    const packed = await client.embeddings.create({ model: 'mock-embedding', input: ['one', 'two'] })
    expect(plain.data.map(({ index }) => index)).toEqual([0, 1])
    expect(plain.model).toBe('mock-embedding')
    expect(plain.usage.total_tokens).toBeGreaterThan(0)
    expect(packed.data[1]!.embedding).toHaveLength(plain.data[1]!.embedding.length)
    for (const [at, number] of packed.data[1]!.embedding.entries())
      expect(number).toBeCloseTo(plain.data[1]!.embedding[at]!, 6)
    const short = await client.embeddings.create({ model: 'mock-embedding', input: 'one', dimensions: 8 })
    expect(short.data[0]!.embedding).toHaveLength(8)
  })

  test('embeddings of a vendor pass with the client’s model name', async () => {
    const data = [{ object: 'embedding', index: 0, embedding: [0.25, -0.5] }]
    const lastRequest = answerWith(
      replyJson({ object: 'list', data, model: 'theirs', usage: { prompt_tokens: 1, total_tokens: 1 } }),
    )
    const answer = await client.embeddings.create({
      model: 'vectors',
      input: 'one',
      encoding_format: 'float',
      user: 'u',
    })
    expect(answer).toMatchObject({ model: 'vectors', data: [{ embedding: [0.25, -0.5] }] })
    expect(lastRequest().path).toBe('/v1/embeddings')
    expect(lastRequest().json()).toEqual({ model: 'vectors', input: 'one', encoding_format: 'float', user: 'u' })
  })

  const audio = Uint8Array.from({ length: 40_000 }, (_, at) => (at * 7) % 256)

  test('an uploaded file reaches the vendor complete, with the vendor’s model name', async () => {
    const lastRequest = answerWith(replyJson({ text: 'Heard.' }))
    const answer = await client.audio.transcriptions.create({
      file: await toFile(audio, 'a b.wav', { type: 'audio/wav' }),
      model: 'scripted',
      language: 'de',
      timestamp_granularities: ['word', 'segment'],
    })
    expect(answer.text).toBe('Heard.')
    expect(lastRequest().path).toBe('/v1/audio/transcriptions')
    expect(lastRequest().bytes.includes(Buffer.from(audio))).toBe(true)
    const form = await new Response(new Uint8Array(lastRequest().bytes), {
      headers: { 'content-type': lastRequest().headers['content-type']! },
    }).formData()
    expect(form.get('model')).toBe('the-vendors-name')
    expect(form.get('language')).toBe('de')
    expect(form.getAll('timestamp_granularities[]')).toEqual(['word', 'segment'])
    expect((form.get('file') as unknown as File).name).toBe('a b.wav')
  })

  test('transcriptions of the mock, as text, and streamed reach the SDK', async () => {
    const file = await toFile(audio, 'a.wav')
    expect((await client.audio.transcriptions.create({ file, model: 'mock' })).text).toContain('heard')
    answerWith(async answer => {
      answer.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' })
      await answer.write('Just words.\n')
      answer.end()
    })
    const text = await client.audio.transcriptions.create({ file, model: 'scripted', response_format: 'text' })
    expect<unknown>(text).toBe('Just words.\n')
    const events = [
      { type: 'transcript.text.delta', delta: 'Two ' },
      { type: 'transcript.text.delta', delta: 'words' },
      { type: 'transcript.text.done', text: 'Two words' },
    ]
    answerWith(replySse(events))
    const stream = await client.audio.transcriptions.create({ file, model: 'scripted', stream: true })
    expect<unknown>(await collectAll(stream)).toEqual(events)
  })

  test('a translation of audio answers with text', async () => {
    const answer = await client.audio.translations.create({ file: await toFile(audio, 'a.wav'), model: 'mock' })
    expect(answer.text).toContain('heard')
  })

  test('speech arrives as bytes', async () => {
    const answer = await client.audio.speech.create({ model: 'mock', voice: 'alloy', input: 'Hello' })
    expect(answer.headers.get('content-type')).toStartWith('audio/')
    expect(Buffer.from(await answer.arrayBuffer()).toString('latin1', 0, 4)).toBe('RIFF')
    const lastRequest = answerWith(async response => {
      response.writeHead(200, { 'content-type': 'audio/mpeg' })
      await response.write(audio)
      response.end()
    })
    const theirs = await client.audio.speech.create({ model: 'scripted', voice: 'alloy', input: 'Hello' })
    expect(Buffer.from(await theirs.arrayBuffer()).equals(Buffer.from(audio))).toBe(true)
    expect(lastRequest().json()).toMatchObject({ model: 'the-vendors-name', voice: 'alloy' })
  })

  test('images are generated, and edited from uploads', async () => {
    const made = await client.images.generate({ model: 'mock', prompt: 'a tree', n: 2 })
    expect(made.data).toHaveLength(2)
    expect(Buffer.from(made.data![0]!.b64_json!, 'base64').toString('latin1', 1, 4)).toBe('PNG')
    const lastRequest = answerWith(replyJson({ created: 1, data: [{ url: 'https://pictures.example/1.png' }] }))
    const edited = await client.images.edit({
      model: 'scripted',
      prompt: 'greener',
      image: [await toFile(audio, 'one.png', { type: 'image/png' }), await toFile(audio.slice(9), 'two.png')],
    })
    expect(edited.data).toEqual([{ url: 'https://pictures.example/1.png' }])
    const form = await new Response(new Uint8Array(lastRequest().bytes), {
      headers: { 'content-type': lastRequest().headers['content-type']! },
    }).formData()
    expect(form.get('model')).toBe('the-vendors-name')
    expect(form.get('prompt')).toBe('greener')
    const images = form.getAll('image[]') as unknown as File[]
    expect(images.map(({ name, size }) => [name, size])).toEqual([
      ['one.png', audio.length],
      ['two.png', audio.length - 9],
    ])
    expect(Buffer.from(await images[0]!.bytes()).equals(Buffer.from(audio))).toBe(true)
  })

  test('moderations flag each input', async () => {
    const { results } = await client.moderations.create({ model: 'mock', input: ['some violence', 'a flower'] })
    expect(results.map(({ flagged }) => flagged)).toEqual([true, false])
  })

  test('completions of a prompt arrive both streamed and non-streamed', async () => {
    const request = { model: 'mock', prompt: 'Once' }
    const answer = await client.completions.create(request)
    expect(answer).toMatchObject({ object: 'text_completion', model: 'mock' })
    expect(answer.choices[0]).toMatchObject({ text: 'You said: "Once".', finish_reason: 'stop' })
    const chunks = await collectAll(await client.completions.create({ ...request, stream: true }))
    expect(chunks.map(({ choices }) => choices[0]!.text).join('')).toBe('You said: "Once".')
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('stop')
  })

  test('models are listed and retrieved, with and without slashes; an unknown one is a 404', async () => {
    const models = await collectAll(client.models.list())
    const ids = models.map(({ id }) => id)
    expect(ids).toEqual(expect.arrayContaining(['mock', 'scripted', modelWithSlashes]))
    expect(ids.some(id => id.includes('*'))).toBe(false)
    expect(models.every(({ object, owned_by: owner }) => object === 'model' && typeof owner === 'string')).toBe(true)
    expect((await client.models.retrieve('mock')).id).toBe('mock')
    expect((await client.models.retrieve(modelWithSlashes)).id).toBe(modelWithSlashes)
    expect(await rejectionOf(client.models.retrieve('none/such'))).toBeInstanceOf(OpenAI.NotFoundError)
  })

  test('an unknown path is a 404', async () => {
    expect(await rejectionOf(client.post('/no/such/address', { body: {} }))).toBeInstanceOf(OpenAI.NotFoundError)
  })
})

describe('headers', () => {
  test('the vendor gets its own key and forwarded headers, but no secrets of the client', async () => {
    const lastRequest = answerWith(replyChat())
    await client.chat.completions.create(
      { model: 'scripted', messages: hi },
      { headers: { 'X-Title': 'My app', 'HTTP-Referer': 'https://app.example', Cookie: 'a=b', 'X-Secret': 'mine' } },
    )
    const { headers } = lastRequest()
    expect(headers).toMatchObject({
      authorization: 'Bearer vendor-key',
      'x-title': 'My app',
      'http-referer': 'https://app.example',
      'content-type': 'application/json',
    })
    for (const name of ['cookie', 'x-secret', 'x-stainless-lang', 'openai-organization'])
      expect(headers).not.toHaveProperty(name)
    expect(JSON.stringify(headers)).not.toContain('client-key')
  })

  test("the vendor's rate limit headers are returned, with the gateway's own request id", async () => {
    answerWith(replyJson(chatBody(), 200, { 'x-ratelimit-remaining-requests': '41', 'x-request-id': 'theirs' }))
    const { response, request_id: id } = await client.chat.completions
      .create({ model: 'scripted', messages: hi })
      .withResponse()
    expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('41')
    expect(id).toStartWith('req_')
  })

  test('unknown fields reach the vendor', async () => {
    const lastRequest = answerWith(replyChat())
    const unusualRequest = { model: 'scripted', messages: hi, top_k: 40, vendor: { thinking: [1, null] } }
    await client.chat.completions.create(unusualRequest)
    expect(lastRequest().json()).toEqual({ ...unusualRequest, model: 'the-vendors-name' })
  })
})

describe('the Azure client', () => {
  const azureFor = (options: { apiKey?: string; deployment?: string } = {}) =>
    new AzureOpenAI({
      endpoint: gateway.url,
      apiKey: 'client-key',
      apiVersion: '2024-10-21',
      maxRetries: 0,
      fetch: directFetch,
      ...options,
    })

  test('chat works streamed and non-streamed, by model or by deployment', async () => {
    const answer = await azureFor().chat.completions.create({ model: 'mock', messages: hi })
    expect(answer).toMatchObject({ model: 'mock', choices: [{ message: { content: 'You said: "Hi".' } }] })
    const bound = azureFor({ deployment: 'scripted' })
    const lastRequest = answerWith(replyChat())
    const stream = await bound.chat.completions.create({ model: 'scripted', messages: hi, stream: true })
    expect(contentOf(await collectAll(stream))).toBe('Hello there.')
    expect(lastRequest().json()).toMatchObject({ model: 'the-vendors-name' })
    expect(lastRequest().path).toBe('/v1/chat/completions')
  })

  test('a model with slashes, embeddings, speech, uploads and images work', async () => {
    const azure = azureFor()
    answerWith(replyChat())
    expect((await azure.chat.completions.create({ model: modelWithSlashes, messages: hi })).model).toBe(
      modelWithSlashes,
    )
    const vectors = await azure.embeddings.create({ model: 'mock-embedding', input: 'one', dimensions: 4 })
    expect(vectors.data[0]!.embedding).toHaveLength(4)
    const speech = await azure.audio.speech.create({ model: 'mock', voice: 'alloy', input: 'Hello' })
    expect((await speech.arrayBuffer()).byteLength).toBeGreaterThan(1000)
    const file = await toFile(new Uint8Array(100), 'a.wav')
    expect((await azure.audio.transcriptions.create({ file, model: 'mock' })).text).toContain('heard')
    expect((await azure.images.generate({ model: 'mock', prompt: 'a tree' })).data).toHaveLength(1)
  })

  test('the api-key header is checked', async () => {
    const answer = azureFor({ apiKey: 'wrong-key' }).chat.completions.create({ model: 'mock', messages: hi })
    expect(await rejectionOf(answer)).toBeInstanceOf(OpenAI.AuthenticationError)
  })

  test('an unknown deployment is a 404', async () => {
    const answer = azureFor().chat.completions.create({ model: 'no-such', messages: hi })
    expect(await rejectionOf(answer)).toBeInstanceOf(OpenAI.NotFoundError)
  })
})
