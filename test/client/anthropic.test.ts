/**
 * Runs the official `@anthropic-ai/sdk` against the gateway. One scripted vendor speaks Messages (passthrough), the
 * other Chat Completions (translated). The SDK itself accumulates, parses and throws; these tests never read the wire.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import Anthropic, { type APIError, type ClientOptions } from '@anthropic-ai/sdk'
import type { JsonObject } from '../../src/base/json/json.ts'
import { messages as bodies, streams, toText } from '../fixtures/anthropic.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import {
  chatBody,
  chatChunks,
  disconnectAfter,
  inSequence,
  refuse,
  replyChat,
  replyJson,
  replySse,
} from '../support/upstream-scripts.ts'

let claude: Upstream
let chatVendor: Upstream
let gateway: Gateway
let client: Anthropic

/** The SDK must not use a proxy from the environment. */
const directFetch = ((url: string, init: object) =>
  fetch(url, { ...init, proxy: false } as unknown as RequestInit)) as NonNullable<ClientOptions['fetch']>
const clientFor = (options: ClientOptions = {}): Anthropic =>
  new Anthropic({ apiKey: 'client-key', baseURL: gateway.url, maxRetries: 0, fetch: directFetch, ...options })

beforeAll(async () => {
  claude = await scriptedUpstream(replyJson(bodies[0]!.body))
  chatVendor = await scriptedUpstream(replyChat())
  const key = { api_key: 'vendor-key' }
  gateway = await startGateway({
    api_key: 'client-key',
    services: {
      claude: [
        {
          enabled: true,
          server_url: `${claude.url}/v1`,
          credentials: key,
          models: ['passed'],
          model_map: { passed: 'claude-opus-5-5' },
        },
        {
          enabled: true,
          server_url: `${claude.url}/v1`,
          credentials: { api_key: 'sk-ant-oat-1' },
          models: ['subscribed'],
        },
      ],
      openai: [{ enabled: true, server_url: `${chatVendor.url}/v1`, credentials: key, models: ['translated'] }],
    },
  })
  client = clientFor()
})
afterAll(async () => {
  await gateway.stop()
  await claude.close()
  await chatVendor.close()
})

/** Sets what the vendor answers from now on. Returns a function that gives the last request the vendor received. */
const answerWith = (upstream: Upstream, script: Script): (() => ReceivedRequest) => {
  upstream.setScript(script)
  return () => upstream.requests.at(-1)!
}
const recordedStream = (quirk: string): Script => {
  const text = toText(streams.find(one => one.quirk === quirk)!)
  return replySse([text], { done: false })
}
const hi = [{ role: 'user' as const, content: 'Hi' }]
const requestFor = (model: string, more: object = {}) => ({ model, max_tokens: 1024, messages: hi, ...more })
const weather = {
  name: 'weather',
  description: 'Tells it',
  input_schema: { type: 'object' as const, properties: { city: { type: 'string' } } },
}
const call = (args: string, id = 'call_1') => ({ id, type: 'function', function: { name: 'weather', arguments: args } })
const chunk = (delta: object, finish: string | null = null) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1_750_000_000,
  model: 'scripted',
  choices: [{ index: 0, delta, finish_reason: finish }],
})
const rejectionOf = async (promise: PromiseLike<unknown>): Promise<APIError> => {
  try {
    await promise
  } catch (error) {
    return error as APIError
  }
  throw new Error('nothing was thrown')
}

describe('a vendor that speaks Messages', () => {
  test('a non-streamed request and its answer pass unchanged except for the model', async () => {
    const lastRequest = answerWith(claude, replyJson(bodies[1]!.body))
    const body = requestFor('passed', {
      system: [{ type: 'text', text: 'Be kind.', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      tools: [weather],
    })
    const answer = await client.messages.create(body as never)
    expect(answer).toMatchObject({ ...bodies[1]!.body, model: 'passed' })
    const { headers, path, body: sent } = lastRequest()
    expect(path).toBe('/v1/messages')
    expect(sent).toBe(JSON.stringify({ ...body, model: 'claude-opus-5-5' }))
    expect([headers['x-api-key'], headers['anthropic-version'], headers.authorization]).toEqual([
      'vendor-key',
      '2026-10-21',
      undefined,
    ])
  })

  test('only betas that the gateway knows are forwarded', async () => {
    const lastRequest = answerWith(claude, replyJson(bodies[0]!.body))
    await client.messages.create(requestFor('passed'), { headers: { 'anthropic-beta': 'context-1m-2025-08-07,spy' } })
    expect(lastRequest().headers['anthropic-beta']).toBe('context-1m-2025-08-07')
  })

  test('a subscription token is sent as a bearer token', async () => {
    const lastRequest = answerWith(claude, replyJson(bodies[0]!.body))
    await client.messages.create(requestFor('subscribed'))
    const { headers } = lastRequest()
    expect([headers.authorization, headers['x-api-key']]).toEqual(['Bearer sk-ant-oat-1', undefined])
    expect(headers['anthropic-beta']).toBe('oauth-2025-04-20')
  })

  test('a stream carries thoughts with their signature, text, a call in pieces, and usage', async () => {
    answerWith(claude, recordedStream('a thought, a call in pieces, a ping inside the block'))
    const received: string[] = []
    const stream = client.messages.stream(requestFor('passed'))
    stream.on('inputJson', piece => received.push(piece))
    const final = await stream.finalMessage()
    expect(final).toMatchObject({
      model: 'passed',
      stop_reason: 'tool_use',
      usage: { input_tokens: 9, output_tokens: 7 },
    })
    expect(final.content).toMatchObject([
      { type: 'thinking', thinking: 'Hm.', signature: 'c2ln' },
      { type: 'text', text: 'Let me see.' },
      { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Bern' } },
    ])
    expect(received.join('')).toBe('{"city":"Bern"}')
  })

  test('a stream that lacks message_stop, a block end and usage is completed for the SDK', async () => {
    answerWith(claude, recordedStream('no message_stop, a block left open, calls that end as a turn, no usage'))
    const final = await client.messages.stream(requestFor('passed')).finalMessage()
    expect(final).toMatchObject({ stop_reason: 'tool_use', content: [{ type: 'tool_use', name: 'now', input: {} }] })
  })

  test('a refusal of the vendor keeps its status and body', async () => {
    const error = { type: 'error', error: { type: 'invalid_request_error', message: 'max_tokens: too many' } }
    answerWith(claude, refuse(400, error))
    const refused = await rejectionOf(client.messages.create(requestFor('passed')))
    expect(refused.status).toBe(400)
    expect(refused.error).toEqual(error)
  })

  test('an overload before the stream keeps its status; during the stream it is an error event', async () => {
    answerWith(claude, refuse(529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }))
    expect((await rejectionOf(client.messages.create(requestFor('passed')))).status).toBe(529)
    answerWith(claude, recordedStream('overloaded in the midst'))
    const broken = await rejectionOf(client.messages.stream(requestFor('passed')).finalMessage())
    expect(broken.message).toContain('overloaded_error')
  })
})

describe('a vendor that speaks Chat Completions', () => {
  test('a non-streamed request and its answer are translated', async () => {
    const lastRequest = answerWith(chatVendor, replyJson(chatBody('Good morning')))
    const answer = await client.messages.create(
      requestFor('translated', { system: 'Be kind.', stop_sequences: ['END'] }),
    )
    expect(answer).toMatchObject({
      type: 'message',
      role: 'assistant',
      model: 'translated',
      content: [{ type: 'text', text: 'Good morning' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 5, output_tokens: 3 },
    })
    expect(lastRequest().json()).toMatchObject({
      max_tokens: 1024,
      stop: ['END'],
      messages: [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'Hi' },
      ],
    })
  })

  test('a translated stream carries its text and ends with usage', async () => {
    answerWith(chatVendor, replyChat(chatChunks(['Good', ' morning', ' 世界'])))
    const received: string[] = []
    const stream = client.messages.stream(requestFor('translated'))
    stream.on('text', text => received.push(text))
    const final = await stream.finalMessage()
    expect(received).toEqual(['Good', ' morning', ' 世界'])
    expect(final).toMatchObject({
      model: 'translated',
      stop_reason: 'end_turn',
      usage: { input_tokens: 5, output_tokens: 3 },
    })
    expect(await stream.finalText()).toBe('Good morning 世界')
  })

  test('streamed thoughts and parallel calls keep their order and complete arguments', async () => {
    answerWith(
      chatVendor,
      replySse([
        chunk({ role: 'assistant', reasoning_content: 'Hm.' }),
        chunk({ content: 'Let me see.' }),
        chunk({ tool_calls: [{ index: 0, ...call('') }] }),
        chunk({ tool_calls: [{ index: 1, ...call('{"city":', 'call_2') }] }),
        chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":"Bern"}' } }] }),
        chunk({ tool_calls: [{ index: 1, function: { arguments: '"Basel"}' } }] }),
        chunk({}, 'tool_calls'),
      ]),
    )
    const final = await client.messages.stream(requestFor('translated', { tools: [weather] })).finalMessage()
    expect(final.stop_reason).toBe('tool_use')
    expect(final.content).toMatchObject([
      { type: 'thinking', thinking: 'Hm.' },
      { type: 'text', text: 'Let me see.' },
      { type: 'tool_use', id: 'call_1', input: { city: 'Bern' } },
      { type: 'tool_use', id: 'call_2', input: { city: 'Basel' } },
    ])
  })

  test('the tool runner completes two rounds, and its tool results reach the vendor', async () => {
    const rounds: Script[] = [
      replyJson({
        ...chatBody(),
        choices: [
          {
            index: 0,
            finish_reason: 'tool_calls',
            message: {
              role: 'assistant',
              content: null,
              reasoning_content: 'Hm',
              tool_calls: [call('{"city":"Bern"}')],
            },
          },
        ],
      }),
      replyJson(chatBody('It is sunny.')),
    ]
    const lastRequest = answerWith(chatVendor, inSequence(...(rounds as [Script, Script])))
    const before = chatVendor.requests.length
    const received: unknown[] = []
    const runner = client.beta.messages.toolRunner({
      ...requestFor('translated'),
      tools: [
        {
          ...weather,
          run: (input: unknown) => {
            received.push(input)
            return 'sunny'
          },
          parse: (input: unknown) => input,
        } as never,
      ],
    } as never)
    const final = (await runner.runUntilDone()) as unknown as { content: JsonObject[] }
    expect(final.content).toMatchObject([{ type: 'text', text: 'It is sunny.' }])
    expect(received).toEqual([{ city: 'Bern' }])
    // The SDK asked to continue on the server. The gateway sent the whole conversation again, so the vendor saw two
    // complete requests.
    expect(chatVendor.requests.length - before).toBe(2)
    const { messages } = lastRequest().json() as { messages: JsonObject[] }
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool'])
    expect(messages[1]).toMatchObject({ tool_calls: [call('{"city":"Bern"}')] })
    expect(messages[2]).toMatchObject({ tool_call_id: 'call_1', content: 'sunny' })
  })

  test('images, a forced tool choice, thinking and the user id are translated', async () => {
    const lastRequest = answerWith(chatVendor, replyJson(chatBody()))
    const picture = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } }
    await client.messages.create(
      requestFor('translated', {
        messages: [{ role: 'user', content: [picture, { type: 'text', text: 'What?' }] }],
        tools: [weather],
        tool_choice: { type: 'tool', name: 'weather', disable_parallel_tool_use: true },
        thinking: { type: 'enabled', budget_tokens: 1024 },
        metadata: { user_id: 'u-1' },
      }) as never,
    )
    expect(lastRequest().json()).toMatchObject({
      messages: [
        {
          role: 'user',
          content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }, { type: 'text' }],
        },
      ],
      tool_choice: { type: 'function', function: { name: 'weather' } },
      parallel_tool_calls: false,
      reasoning_effort: 'low',
      user: 'u-1',
    })
  })

  test('a refusal of the vendor becomes a Messages error and keeps its status and Retry-After', async () => {
    answerWith(
      chatVendor,
      refuse(
        429,
        { error: { message: 'Slow down', type: 'requests', code: 'rate_limit_exceeded' } },
        { 'retry-after': '7' },
      ),
    )
    const refused = await rejectionOf(client.messages.create(requestFor('translated')))
    expect(refused).toMatchObject({ status: 429, type: 'rate_limit_error' })
    expect(refused.headers?.get('retry-after')).toBe('7')
  })

  test('a stream that is cut throws in the SDK and never ends normally', async () => {
    answerWith(chatVendor, disconnectAfter(2))
    const broken = await rejectionOf(client.messages.stream(requestFor('translated')).finalMessage())
    expect(broken.message).toContain('api_error')
  })
})

describe('errors and keys of the gateway', () => {
  test('an unknown key is a 401, an unknown model a 404, an invalid body a 400', async () => {
    const unauthorized = await rejectionOf(clientFor({ apiKey: 'wrong' }).messages.create(requestFor('passed')))
    expect(unauthorized).toMatchObject({ status: 401, type: 'authentication_error' })
    const unknown = await rejectionOf(client.messages.create(requestFor('nobody')))
    expect(unknown).toMatchObject({ status: 404, type: 'not_found_error' })
    const wrong = await rejectionOf(client.messages.create({ ...requestFor('passed'), messages: 'Hi' } as never))
    expect(wrong).toMatchObject({ status: 400, type: 'invalid_request_error' })
    expect(wrong.message).toContain('messages must be')
  })

  test('a bearer token and a base URL that ends in /v1 are accepted', async () => {
    answerWith(chatVendor, replyJson(chatBody('Hi')))
    const other = clientFor({ apiKey: null, authToken: 'client-key', baseURL: `${gateway.url}/v1` })
    expect((await other.messages.create(requestFor('translated'))).content).toMatchObject([{ text: 'Hi' }])
  })
})
