/**
 * Runs the Responses API of the official `openai` SDK against the gateway: over a vendor that speaks Responses
 * (passthrough) and over one that speaks only Chat Completions (translated). Chat Completions runs over the vendor that
 * speaks only Responses as well. The SDK itself accumulates and throws.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import OpenAI, { type APIError, type ClientOptions } from 'openai'
import type { Response, ResponseInputItem } from 'openai/resources/responses/responses'
import type { Json, JsonObject } from '../../src/base/json/json.ts'
import {
  callItem,
  completedEvent,
  messageItem,
  reasoningItem,
  response,
  streamOf,
  toText,
} from '../fixtures/openai-responses.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { disconnectAfter, refuse, replyChat } from '../support/upstream-scripts.ts'

let native: Upstream
let plain: Upstream
let gateway: Gateway
let client: OpenAI

/** The SDK must not use a proxy from the environment. */
const directFetch: NonNullable<ClientOptions['fetch']> = (url, init) =>
  fetch(url as string, { ...init, proxy: false } as unknown as RequestInit)

beforeAll(async () => {
  native = await scriptedUpstream(refuse(500))
  plain = await scriptedUpstream(refuse(500))
  const credentials = { api_key: 'vendor-key' }
  gateway = await startGateway({
    services: {
      openai: [
        {
          enabled: true,
          server_url: `${native.url}/v1/responses`,
          credentials,
          models: ['native'],
          model_map: { native: 'vendor-native' },
        },
        {
          enabled: true,
          server_url: `${plain.url}/v1`,
          credentials,
          models: ['plain'],
          model_map: { plain: 'vendor-plain' },
        },
      ],
    },
  })
  client = new OpenAI({ apiKey: 'any', baseURL: `${gateway.url}/v1`, maxRetries: 0, fetch: directFetch })
})
afterAll(async () => {
  await gateway.stop()
  await native.close()
  await plain.close()
})

const framesOf = (events: readonly JsonObject[]): string[] =>
  toText(events)
    .split('\n\n')
    .filter(frame => frame !== '')
    .map(frame => `${frame}\n\n`)

/**
 * The Responses vendor answers with these items, streamed or not as requested. Returns a function that gives its last
 * request body.
 */
const answerWithItems = (...items: JsonObject[]): (() => JsonObject) => {
  native.setScript(replyChat(framesOf(streamOf(...items)), response('completed', items), { done: false }))
  return lastBodyOf(native)
}

const lastBodyOf = (upstream: Upstream) => (): JsonObject => {
  const last = upstream.requests.at(-1) as ReceivedRequest
  return last.json() as JsonObject
}

type ChatAnswer = { text?: string; thought?: string; calls?: { id: string; name: string; args: string }[] }

/** The Chat Completions vendor gives this answer. Returns a function that gives its last request body. */
const answerWithChat = ({ text, thought, calls = [] }: ChatAnswer): (() => JsonObject) => {
  const envelope = { id: 'chatcmpl-1', created: 1_750_000_000, model: 'vendor-plain' }
  const entries = calls.map(({ id, name, args }, index) => ({
    index,
    id,
    type: 'function',
    function: { name, arguments: args },
  }))
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    ...envelope,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason }],
  })
  const finish = calls.length > 0 ? 'tool_calls' : 'stop'
  const usage = {
    prompt_tokens: 5,
    completion_tokens: 7,
    total_tokens: 12,
    prompt_tokens_details: { cached_tokens: 2 },
  }
  const pieces = [
    ...(thought ? [...thought].map(letter => chunk({ reasoning_content: letter })) : []),
    ...(text ? [...text].map(letter => chunk({ content: letter })) : []),
    ...entries.map(entry => chunk({ tool_calls: [entry] })),
    chunk({}, finish),
    { ...envelope, object: 'chat.completion.chunk', choices: [], usage },
  ]
  const assistantMessage = {
    role: 'assistant',
    content: text ?? null,
    ...(thought && { reasoning_content: thought }),
    ...(entries.length > 0 && { tool_calls: entries.map(({ index: _index, ...entry }) => entry) }),
  }
  plain.setScript(
    replyChat(pieces, {
      ...envelope,
      object: 'chat.completion',
      choices: [{ index: 0, message: assistantMessage, finish_reason: finish }],
      usage,
    }),
  )
  return lastBodyOf(plain)
}

const tool = {
  type: 'function' as const,
  name: 'weather',
  strict: true,
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
}
const textMessage = (text: string): JsonObject =>
  messageItem([{ type: 'output_text', text, annotations: [], logprobs: [] }])

/** The same request twice: the non-streamed answer, and the one the SDK accumulates from a stream. */
const createAndStream = async (
  body: OpenAI.Responses.ResponseCreateParamsNonStreaming,
): Promise<[Response, Response]> => [
  await client.responses.create(body),
  (await client.responses.stream({ ...body, stream: true }).finalResponse()) as Response,
]

describe('over a vendor that speaks Responses', () => {
  test("thoughts, text and a call pass unchanged, under the client's model name", async () => {
    const lastBody = answerWithItems(reasoningItem, textMessage('Look.'), callItem)
    for (const answer of await createAndStream({ model: 'native', input: 'Hi', tools: [tool], store: false })) {
      expect(answer.model).toBe('native')
      expect(answer.output_text).toBe('Look.')
      expect(answer.output.map(({ type }) => type)).toEqual(['reasoning', 'message', 'function_call'])
      expect(answer.usage?.output_tokens_details.reasoning_tokens).toBe(2)
      expect(lastBody().model).toBe('vendor-native')
    }
  })

  test('a request passes unchanged except for the model', async () => {
    const lastBody = answerWithItems(textMessage('Yes.'))
    await client.responses.create({
      model: 'native',
      input: 'Hi',
      previous_response_id: 'resp_0',
      background: false,
      metadata: { a: 'b' },
    })
    expect(lastBody()).toEqual({
      model: 'vendor-native',
      input: 'Hi',
      previous_response_id: 'resp_0',
      background: false,
      metadata: { a: 'b' },
    })
  })

  test('a stream that is cut is an error and never a completed response', async () => {
    native.setScript(disconnectAfter(6, framesOf(streamOf(textMessage('Hello there.')))))
    const types: string[] = []
    const reading = (async () => {
      for await (const event of await client.responses.create({ model: 'native', input: 'Hi', stream: true }))
        types.push(event.type)
    })()
    await expect(reading).rejects.toThrow(/cut|lost/)
    expect(types).toContain('response.output_text.delta')
    expect(types).not.toContain('response.completed')
  })

  test('a refusal keeps the vendor’s status, param and code', async () => {
    native.setScript(
      refuse(404, {
        error: { message: 'No such file.', type: 'invalid_request_error', param: 'input[0]', code: 'not_found' },
      }),
    )
    const error = (await client.responses
      .create({ model: 'native', input: 'Hi' })
      .catch((thrown: unknown) => thrown)) as APIError
    expect({ status: error.status, param: error.param, code: error.code }).toEqual({
      status: 404,
      param: 'input[0]',
      code: 'not_found',
    })
  })
})

describe('over a vendor that speaks Chat Completions', () => {
  test('text and usage are translated', async () => {
    const lastBody = answerWithChat({ text: 'Hello, 世界.' })
    for (const answer of await createAndStream({
      model: 'plain',
      instructions: 'Be brief.',
      input: 'Hi',
      max_output_tokens: 50,
    })) {
      expect(answer).toMatchObject({
        object: 'response',
        status: 'completed',
        model: 'plain',
        output_text: 'Hello, 世界.',
      })
      expect(answer.id).toStartWith('resp_')
      expect(answer.max_output_tokens).toBe(50)
      expect(answer.usage).toMatchObject({
        input_tokens: 5,
        output_tokens: 7,
        total_tokens: 12,
        input_tokens_details: { cached_tokens: 2 },
      })
      expect(lastBody()).toMatchObject({
        model: 'vendor-plain',
        max_tokens: 50,
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Hi' },
        ],
      })
    }
  })

  test('thoughts become a summary, and two parallel calls return with their results', async () => {
    const calls = [
      { id: 'call_a', name: 'weather', args: '{"city":"Bern"}' },
      { id: 'call_b', name: 'weather', args: '{"city":"Basel"}' },
    ]
    for (const streamed of [false, true]) {
      answerWithChat({ thought: 'Two cities.', text: 'I look.', calls })
      const body = { model: 'plain', tools: [tool], input: [{ role: 'user' as const, content: 'Weather?' }] }
      const first = streamed
        ? ((await client.responses.stream({ ...body, stream: true }).finalResponse()) as Response)
        : await client.responses.create(body)
      expect(first.output.map(({ type }) => type)).toEqual(['reasoning', 'message', 'function_call', 'function_call'])
      expect(first.output[0]).toMatchObject({ summary: [{ type: 'summary_text', text: 'Two cities.' }] })
      const results: ResponseInputItem[] = first.output.flatMap(item =>
        item.type === 'function_call' ? [{ type: 'function_call_output', call_id: item.call_id, output: 'Sunny' }] : [],
      )
      const lastBody = answerWithChat({ text: 'Sunny in both.' })
      const input = [...body.input, ...(first.output as ResponseInputItem[]), ...results]
      expect((await client.responses.create({ ...body, input })).output_text).toBe('Sunny in both.')
      const messages = lastBody().messages as JsonObject[]
      expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'tool'])
      expect(messages[1]).toMatchObject({
        content: 'I look.',
        reasoning_content: 'Two cities.',
        tool_calls: calls.map(({ id, name, args }) => ({ id, type: 'function', function: { name, arguments: args } })),
      })
    }
  })

  test('structured output is translated', async () => {
    const lastBody = answerWithChat({ text: '{"city":"Bern"}' })
    const format = { type: 'json_schema' as const, name: 'place', strict: true, schema: tool.parameters }
    const answer = await client.responses.create({ model: 'plain', input: 'Where?', text: { format } })
    expect(answer.text?.format).toMatchObject(format)
    expect(lastBody().response_format).toEqual({
      type: 'json_schema',
      json_schema: { name: 'place', strict: true, schema: tool.parameters },
    })
  })

  test('a custom tool that the vendor calls as a function becomes a custom tool call', async () => {
    const lastBody = answerWithChat({ calls: [{ id: 'call_p', name: 'patch', args: '{"input":"+line\\n"}' }] })
    const history: ResponseInputItem[] = [
      { role: 'user', content: 'Patch' },
      { type: 'custom_tool_call', call_id: 'call_o', name: 'patch', input: '-line' },
      { type: 'custom_tool_call_output', call_id: 'call_o', output: 'Done' },
    ]
    const format = { type: 'grammar' as const, syntax: 'lark' as const, definition: 'start: "a"' }
    for (const answer of await createAndStream({
      model: 'plain',
      input: history,
      tools: [{ type: 'custom', name: 'patch', description: 'Patches.', format }],
    })) {
      expect(answer.output).toMatchObject([
        { type: 'custom_tool_call', call_id: 'call_p', name: 'patch', input: '+line\n' },
      ])
      const { tools, messages } = lastBody() as { tools: JsonObject[]; messages: JsonObject[] }
      expect(tools).toMatchObject([{ type: 'function', function: { name: 'patch' } }])
      expect(JSON.stringify(tools)).toContain('start: ')
      expect(messages[1]!.tool_calls).toEqual([
        { id: 'call_o', type: 'function', function: { name: 'patch', arguments: '{"input":"-line"}' } },
      ])
    }
  })

  test('every event has a name and a consecutive sequence number', async () => {
    answerWithChat({ thought: 'Hm', text: 'Ok', calls: [{ id: 'call_a', name: 'weather', args: '{}' }] })
    const events: { type: string; sequence_number: number }[] = []
    for await (const event of await client.responses.create({
      model: 'plain',
      input: 'Hi',
      stream: true,
      tools: [tool],
    }))
      events.push(event)
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index))
    expect(events.map(({ type }) => type).filter(type => !type.endsWith('.delta'))).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ])
  })

  test('background work and conversations are refused with the param that asked for them', async () => {
    for (const more of [{ background: true }, { conversation: 'conv_1' }]) {
      const pending = client.responses.create({ model: 'plain', input: 'Hi', ...more })
      const error = (await pending.catch((thrown: unknown) => thrown)) as APIError
      expect({ status: error.status, param: error.param }).toEqual({ status: 400, param: Object.keys(more)[0]! })
    }
  })
})

describe('Chat Completions over a vendor that speaks only Responses', () => {
  const body = { model: 'native', messages: [{ role: 'user' as const, content: 'Hi' }] }

  test('text, a call and usage are translated; the vendor stores nothing and returns encrypted reasoning', async () => {
    const lastBody = answerWithItems(reasoningItem, textMessage('Look.'), callItem)
    const answer = await client.chat.completions.create({ ...body, max_completion_tokens: 90, verbosity: 'low' })
    expect(answer.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: 'Look.',
        tool_calls: [{ id: 'call_1', function: { name: 'weather', arguments: '{"city":"Bern"}' } }],
      },
    })
    expect(answer.usage).toMatchObject({ prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 })
    expect(lastBody()).toMatchObject({
      model: 'vendor-native',
      input: [{ role: 'user', content: 'Hi' }],
      store: false,
      include: ['reasoning.encrypted_content'],
      max_output_tokens: 90,
      text: { verbosity: 'low' },
    })
  })

  test('the seal of the thoughts returns to the vendor with the call', async () => {
    for (const streamed of [false, true]) {
      answerWithItems(reasoningItem, callItem)
      const first = streamed
        ? await client.chat.completions.stream({ ...body, stream: true }).finalChatCompletion()
        : await client.chat.completions.create(body)
      const lastBody = answerWithItems(textMessage('Sunny.'))
      const assistantMessage = first.choices[0]!.message
      const toolMessage = { role: 'tool' as const, tool_call_id: 'call_1', content: 'Sunny' }
      const second = await client.chat.completions.create({
        ...body,
        messages: [...body.messages, assistantMessage, toolMessage],
      })
      expect(second.choices[0]!.message.content).toBe('Sunny.')
      const input = lastBody().input as JsonObject[]
      expect(input.map(({ type }) => type as Json)).toEqual([
        'message',
        'reasoning',
        'function_call',
        'function_call_output',
      ])
      expect(input[1]!.encrypted_content).toBe('gAAAAsealed')
    }
  })

  test('the token limit becomes finish_reason length, and a failed response an error', async () => {
    const truncated: Script = replyChat(
      framesOf([
        { type: 'response.created', response: response('in_progress') },
        {
          ...completedEvent([]),
          type: 'response.incomplete',
          response: response('incomplete', [textMessage('Hel')], {
            incomplete_details: { reason: 'max_output_tokens' },
          }),
        },
      ]),
      response('incomplete', [textMessage('Hel')], { incomplete_details: { reason: 'max_output_tokens' } }),
      { done: false },
    )
    native.setScript(truncated)
    expect((await client.chat.completions.create(body)).choices[0]!.finish_reason).toBe('length')
    const streamed = await client.chat.completions.stream({ ...body, stream: true }).finalChatCompletion()
    expect(streamed.choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'Hel' } })
    const failed = response('failed', [], { error: { code: 'rate_limit_exceeded', message: 'Slow down.' } })
    native.setScript(
      replyChat(
        framesOf([
          { type: 'response.created', response: response('in_progress') },
          { type: 'response.failed', response: failed },
        ]),
        failed,
        { done: false },
      ),
    )
    for (const stream of [false, true]) {
      const error = (await client.chat.completions
        .create({ ...body, stream })
        .catch((thrown: unknown) => thrown)) as APIError
      expect(error.status).toBe(429)
    }
  })
})
