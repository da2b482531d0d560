/**
 * Bedrock as a client sees it: Converse and InvokeModel, complete and streamed in AWS's event stream framing, signed
 * or with an API key.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { authorizationOf, signingKey } from '../../src/providers/sign/sigv4.ts'
import { chunkOf, eventOf, exceptionOf } from '../support/aws-event-stream.ts'
import { sendRequest } from '../support/client.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'

const nova = 'us.amazon.nova-2-lite-v1:0'
const claude = 'us.anthropic.claude-haiku-4-5-20251001-v1:0'
const credentials = { access_key: 'AKIDEXAMPLE', secret_key: 'a-secret-of-the-test', session_token: 'lent/for+a=while' }

let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(answer => answer.end())
  const entry = { enabled: true, server_url: upstream.url }
  gateway = await startGateway({
    services: {
      bedrock: [
        { ...entry, models: [nova], credentials: { ...credentials, region: 'eu-west-1' } },
        { ...entry, models: [claude], credentials: { api_key: 'bedrock-api-key-of-the-test' } },
      ],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const exchange = async (path: string, script: Script, body: object, options: RequestInit = {}) => {
  upstream.setScript(script)
  const before = upstream.requests.length
  const response = await sendRequest(gateway, body, { path, ...options })
  const text = await response.text()
  return { status: response.status, text, received: upstream.requests[before] as ReceivedRequest }
}

const replyEventStream =
  (...messages: Uint8Array[]): Script =>
  async answer => {
    answer.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' })
    for (const message of messages) {
      await answer.write(message.subarray(0, 7))
      await answer.write(message.subarray(7))
    }
    answer.end()
  }

const replyJson =
  (body: object, status = 200, headers = {}): Script =>
  async answer => {
    answer.writeHead(status, { 'content-type': 'application/json', ...headers })
    await answer.write(JSON.stringify(body))
    answer.end()
  }

const usage = { inputTokens: 3, outputTokens: 2, totalTokens: 5 }
const completeAnswer = {
  output: { message: { role: 'assistant', content: [{ text: 'Grüße' }] } },
  stopReason: 'end_turn',
  usage,
}
const streamMessages = [
  eventOf('messageStart', { role: 'assistant' }),
  eventOf('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'Grü' } }),
  eventOf('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'ße' } }),
  eventOf('contentBlockStop', { contentBlockIndex: 0 }),
  eventOf('messageStop', { stopReason: 'end_turn' }),
  eventOf('metadata', { usage, metrics: { latencyMs: 1 } }),
]

const dataOf = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter(line => line.startsWith('data: {'))
    .map(line => JSON.parse(line.slice(6)) as Record<string, unknown>)

const contentOf = (text: string): string =>
  dataOf(text)
    .map(({ choices }) => (choices as { delta: { content?: string } }[])[0]?.delta.content ?? '')
    .join('')

describe('Converse', () => {
  test('a complete answer is translated, and the signature of the request covers what was sent', async () => {
    const { status, text, received } = await exchange('/v1/chat/completions', replyJson(completeAnswer), {
      model: nova,
      max_tokens: 9,
    })
    expect(status).toBe(200)
    const { choices, model, usage } = JSON.parse(text)
    expect({ content: choices[0].message.content, model, total: usage.total_tokens }).toEqual({
      content: 'Grüße',
      model: nova,
      total: 5,
    })
    expect(received.path).toBe('/model/us.amazon.nova-2-lite-v1%3A0/converse')
    expect(received.json()).toEqual({
      messages: [{ role: 'user', content: [{ text: 'Hi' }] }],
      inferenceConfig: { maxTokens: 9 },
    })
    const headers = new Headers(Object.entries(received.headers) as [string, string][])
    const day = headers.get('x-amz-date')!.slice(0, 8)
    const scope = { service: 'bedrock', region: 'eu-west-1' }
    expect(headers.get('x-amz-security-token')).toBe(credentials.session_token)
    expect(headers.get('authorization')).toBe(
      authorizationOf(
        { method: 'POST', url: upstream.url + received.path, headers, body: received.body },
        ['host', 'content-type', 'x-amz-date', 'x-amz-security-token'],
        credentials.access_key,
        signingKey(credentials.secret_key, day, scope),
        scope,
      ),
    )
  })

  test('a stream is translated and ends with [DONE]', async () => {
    const { status, text, received } = await exchange('/v1/chat/completions', replyEventStream(...streamMessages), {
      model: nova,
      stream: true,
    })
    expect(received.path).toBe('/model/us.amazon.nova-2-lite-v1%3A0/converse-stream')
    expect({ status, content: contentOf(text), done: text.trimEnd().endsWith('[DONE]') }).toEqual({
      status: 200,
      content: 'Grüße',
      done: true,
    })
  })

  test('a stream in reply to a non-streaming request is collected into a complete answer', async () => {
    const { status, text } = await exchange('/v1/chat/completions', replyEventStream(...streamMessages), {
      model: nova,
    })
    expect({ status, content: JSON.parse(text).choices[0].message.content }).toEqual({ status: 200, content: 'Grüße' })
  })

  test('an exception before any content keeps its status', async () => {
    const script = replyEventStream(
      streamMessages[0]!,
      exceptionOf('validationException', { message: 'no such image' }),
    )
    const { status, text } = await exchange('/v1/chat/completions', script, { model: nova, stream: true })
    expect({ status, ...JSON.parse(text).error }).toMatchObject({
      status: 400,
      message: 'no such image',
      code: 'ValidationException',
    })
  })

  test('an exception after content is an error in the stream, and no [DONE] follows', async () => {
    const script = replyEventStream(
      streamMessages[0]!,
      streamMessages[1]!,
      exceptionOf('throttlingException', { message: 'slow down' }),
    )
    const { status, text } = await exchange('/v1/chat/completions', script, { model: nova, stream: true })
    expect(status).toBe(200)
    expect(text).toContain('Grü')
    expect(dataOf(text).at(-1)).toMatchObject({ error: { message: 'slow down', code: 'ThrottlingException' } })
    expect(text).not.toContain('[DONE]')
  })

  test('a stream that is cut off inside a message ends with an error and without [DONE]', async () => {
    const script = replyEventStream(streamMessages[0]!, streamMessages[1]!, streamMessages[2]!.subarray(0, 40))
    const { text } = await exchange('/v1/chat/completions', script, { model: nova, stream: true })
    expect(text).toContain('Grü')
    expect(text).toContain('it ended inside a message')
    expect(text).not.toContain('[DONE]')
  })

  test('a refusal of our credentials is a 502 that does not show them', async () => {
    const headers = { 'x-amzn-errortype': 'UnrecognizedClientException:http://x/' }
    const script = replyJson({ message: `bad token ${credentials.session_token}` }, 403, headers)
    const { status, text } = await exchange('/v1/chat/completions', script, { model: nova })
    expect(status).toBe(502)
    expect(text).not.toContain('token')
  })
})

describe('InvokeModel', () => {
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-haiku-4-5-20251001',
    content: [{ type: 'text', text: 'Grüße' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 3, output_tokens: 2 },
  }
  const events = [
    chunkOf({ type: 'message_start', message: { ...message, content: [], stop_reason: null } }),
    chunkOf({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    chunkOf({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Grüße' } }),
    chunkOf({ type: 'content_block_stop', index: 0 }),
    chunkOf({
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 2 },
    }),
    chunkOf({ type: 'message_stop', 'amazon-bedrock-invocationMetrics': { inputTokenCount: 3 } }),
  ]
  const requestFields = { model: claude, max_tokens: 9 }
  const betas = { 'anthropic-beta': 'context-1m-2025-08-07,claude-code-20250219,advanced-tool-use-2025-11-20' }

  test("a Messages client gets the model's events, and only the betas known here go into the request body", async () => {
    const options = { headers: betas }
    const { status, text, received } = await exchange(
      '/v1/messages',
      replyEventStream(...events),
      { ...requestFields, stream: true },
      options,
    )
    expect(status).toBe(200)
    expect(dataOf(text).map(({ type }) => type)).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
    expect(text).not.toContain('invocationMetrics')
    expect((dataOf(text)[0]!.message as { model: string }).model).toBe(claude)
    expect(received.path).toBe('/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke-with-response-stream')
    expect(received.json()).toEqual({
      messages: [{ role: 'user', content: 'Hi' }],
      max_tokens: 9,
      anthropic_version: 'bedrock-2023-05-31',
      anthropic_beta: ['context-1m-2025-08-07', 'tool-search-tool-2025-10-19'],
    })
    const headers = new Headers(Object.entries(received.headers) as [string, string][])
    expect(headers.get('authorization')).toBe('Bearer bedrock-api-key-of-the-test')
    expect(headers.has('anthropic-beta')).toBe(false)
    expect(headers.get('accept')).toBe('application/vnd.amazon.eventstream')
  })

  test('a complete answer reaches a Messages client', async () => {
    const { status, text, received } = await exchange('/v1/messages', replyJson(message), requestFields)
    expect({ status, body: JSON.parse(text).content }).toEqual({ status: 200, body: message.content })
    expect(received.path).toEndWith('/invoke')
  })

  test('a stream is translated for a Chat Completions client', async () => {
    const { status, text } = await exchange('/v1/chat/completions', replyEventStream(...events), {
      ...requestFields,
      stream: true,
    })
    expect({ status, content: contentOf(text), done: text.includes('[DONE]') }).toEqual({
      status: 200,
      content: 'Grüße',
      done: true,
    })
  })

  test("an exception after content is an error in the client's protocol", async () => {
    const script = replyEventStream(
      ...events.slice(0, 3),
      exceptionOf('modelStreamErrorException', { message: 'it broke' }),
    )
    const { text } = await exchange('/v1/messages', script, { ...requestFields, stream: true })
    expect(dataOf(text).at(-1)).toMatchObject({ type: 'error', error: { message: 'it broke' } })
    expect(text).not.toContain('message_stop')
  })
})
