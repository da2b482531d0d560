/** Every header that is forwarded to a vendor or to a client, and the exact content type of every kind of answer. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type ReceivedRequest, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'

let upstream: Upstream
let gateway: Gateway
let received: ReceivedRequest[] = []
let sentHeaders: Record<string, string> = {}
let status = 200

beforeAll(async () => {
  upstream = await scriptedUpstream(async (answer, request) => {
    received.push(request)
    answer.writeHead(status, { 'content-type': 'application/json', ...sentHeaders })
    const choices = [{ index: 0, message: { role: 'assistant', content: 'words' }, finish_reason: 'stop' }]
    const body =
      status === 200
        ? { id: 'c', object: 'chat.completion', created: 1, model: 'v', choices }
        : { error: { message: 'no' } }
    await answer.write(JSON.stringify(body))
    answer.end()
  })
  gateway = await startGateway({
    services: {
      mock: [{ enabled: true, models: ['mock'] }],
      openai: [
        {
          enabled: true,
          models: ['scripted'],
          server_url: `${upstream.url}/v1`,
          credentials: { api_key: 'canary-key-1' },
        },
      ],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})
beforeEach(() => {
  received = []
  sentHeaders = {}
  status = 200
})

const post = (path: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

const messages = [{ role: 'user', content: 'hi' }]
const contents = [{ role: 'user', parts: [{ text: 'hi' }] }]
const events = 'text/event-stream; charset=utf-8'

describe('the content type of an answer', () => {
  test.each([
    ['/v1/chat/completions', { model: 'mock', messages }, 'application/json'],
    ['/v1/chat/completions', { model: 'mock', messages, stream: true }, events],
    ['/v1/completions', { model: 'mock', prompt: 'hi' }, 'application/json'],
    ['/v1/completions', { model: 'mock', prompt: 'hi', stream: true }, events],
    ['/v1/completions', { model: 'mock', prompt: ['hi', 'ho'], stream: true }, events],
    ['/v1/responses', { model: 'mock', input: 'hi' }, 'application/json'],
    ['/v1/responses', { model: 'mock', input: 'hi', stream: true }, events],
    ['/v1/messages', { model: 'mock', max_tokens: 9, messages }, 'application/json'],
    ['/v1/messages', { model: 'mock', max_tokens: 9, messages, stream: true }, events],
    ['/v1/messages/count_tokens', { model: 'mock', messages }, 'application/json'],
    ['/v1beta/models/mock:generateContent', { contents }, 'application/json'],
    ['/v1beta/models/mock:streamGenerateContent?alt=sse', { contents }, events],
    ['/v1beta/models/mock:streamGenerateContent', { contents }, 'application/json'],
    ['/v1beta/models/mock:countTokens', { contents }, 'application/json'],
    ['/v1/embeddings', { model: 'mock', input: 'hi' }, 'application/json'],
  ])('of %s for %j is %s', async (path, body, type) => {
    const response = await post(path, body)
    const text = await response.text()
    expect([response.status, response.headers.get('content-type')]).toEqual([200, type])
    const isStream = type === events
    expect(response.headers.get('cache-control')).toBe(isStream ? 'no-cache' : null)
    expect(response.headers.get('x-accel-buffering')).toBe(isStream ? 'no' : null)
    expect(text.startsWith(isStream ? 'data:' : '{') || text.startsWith(isStream ? 'event:' : '[')).toBe(true)
  })

  test.each([
    '/v1/chat/completions',
    '/v1/messages',
    '/v1/responses',
    '/v1beta/models/none:generateContent',
    '/nowhere',
  ])('that is an error of %s is application/json', async path => {
    const response = await post(path, { model: 'none', max_tokens: 1, messages, input: 'hi', contents })
    expect([response.status, response.headers.get('content-type')]).toEqual([404, 'application/json'])
    await response.text()
  })
})

describe('the request id', () => {
  test('has the name that each client looks for', async () => {
    const chat = await post('/v1/chat/completions', { model: 'mock', messages })
    expect([chat.headers.get('x-request-id') !== null, chat.headers.get('request-id')]).toEqual([true, null])
    const anthropic = await post('/v1/messages', { model: 'mock', max_tokens: 9, messages })
    expect(anthropic.headers.get('request-id')).toBe(anthropic.headers.get('x-request-id'))
    expect(anthropic.headers.get('request-id')).not.toBeNull()
  })
})

describe('a header of a client', () => {
  const seenBy = async (headers: Record<string, string>, body: object = {}) => {
    const response = await post('/v1/chat/completions', { model: 'scripted', messages, ...body }, headers)
    await response.text()
    return received[0]!.headers
  }

  test.each([
    'accept',
    'openai-beta',
    'idempotency-key',
    'x-client-request-id',
    'traceparent',
    'tracestate',
    'http-referer',
    'x-title',
  ])('%s reaches the vendor', async name => {
    expect((await seenBy({ [name]: 'value-of-it' }))[name]).toBe('value-of-it')
  })

  test.each([
    'cookie',
    'x-api-key',
    'api-key',
    'x-goog-api-key',
    'proxy-authorization',
    'x-forwarded-for',
    'x-real-ip',
    'forwarded',
    'referer',
    'via',
    'x-invented',
    'anthropic-beta',
    'anthropic-version',
    'openai-organization',
    'openai-project',
  ])('%s does not', async name => {
    expect(Object.values(await seenBy({ [name]: 'value-of-it' }))).not.toContain('value-of-it')
  })

  test('the origin of a page that may call the gateway does not reach the vendor', async () => {
    const origin = 'http://localhost:3000'
    expect(Object.values(await seenBy({ origin }))).not.toContain(origin)
  })

  test('authorization and user-agent are replaced by the gateway’s own', async () => {
    const headers = await seenBy({ authorization: 'Bearer the-clients', 'user-agent': 'the-clients/1' })
    expect(headers['authorization']).toBe('Bearer canary-key-1')
    expect(headers['user-agent']).toMatch(/^simple-one-api\//)
    expect([headers['content-type'], headers['content-length']]).toEqual(['application/json', expect.any(String)])
  })

  test('accept and accept-encoding are those of a stream if one is asked for', async () => {
    const headers = await seenBy({ accept: 'application/json' }, { stream: true })
    expect([headers['accept'], headers['accept-encoding']]).toEqual(['text/event-stream', 'identity'])
  })
})

describe('a header of a vendor', () => {
  const seen = async (headers: Record<string, string>, sentStatus = 200) => {
    sentHeaders = headers
    status = sentStatus
    const response = await post('/v1/chat/completions', { model: 'scripted', messages })
    await response.text()
    return response.headers
  }
  const forwarded = {
    'retry-after': '7',
    'retry-after-ms': '7000',
    'openai-processing-ms': '12',
    'content-disposition': 'attachment',
    'x-ratelimit-limit-requests': '100',
    'x-ratelimit-remaining-tokens': '5',
    'anthropic-ratelimit-requests-reset': '2026-01-01T00:00:00Z',
  }
  test.each(Object.entries(forwarded))('%s reaches the client', async (name, value) =>
    expect((await seen({ [name]: value })).get(name)).toBe(value),
  )
  test.each([
    'set-cookie',
    'server',
    'x-request-id',
    'openai-organization',
    'openai-version',
    'x-invented',
    'via',
    'cf-ray',
  ])('%s does not', async name => expect((await seen({ [name]: 'value-of-it' })).get(name)).not.toBe('value-of-it'))
  test('beside a refusal reaches the client too, but for the two that do not describe it', async () => {
    const headers = await seen(forwarded, 422)
    expect(Object.keys(forwarded).filter(name => headers.get(name) !== null)).toEqual([
      'retry-after',
      'retry-after-ms',
      'openai-processing-ms',
      'x-ratelimit-limit-requests',
      'x-ratelimit-remaining-tokens',
      'anthropic-ratelimit-requests-reset',
    ])
    expect(headers.get('content-disposition')).toBeNull()
  })
  test('beside a refusal of our credentials does not reach the client', async () => {
    const headers = await seen(forwarded, 401)
    expect(Object.keys(forwarded).filter(name => headers.get(name) !== null)).toEqual([])
  })
  test('that holds a secret of ours is left out', async () =>
    expect((await seen({ 'x-ratelimit-key': 'of canary-key-1' })).get('x-ratelimit-key')).toBeNull())
})

describe('a redirect of a vendor', () => {
  test.each([300, 301, 302, 303, 304, 307, 308])('%d is not followed: the client gets a 502', async redirect => {
    sentHeaders = { location: `${upstream.url}/elsewhere` }
    status = redirect
    const response = await post('/v1/chat/completions', { model: 'scripted', messages })
    expect(response.status).toBe(502)
    expect(await response.text()).toContain(`the vendor redirects (HTTP ${redirect})`)
    expect(received.map(({ path }) => path)).not.toContain('/elsewhere')
  })
})
