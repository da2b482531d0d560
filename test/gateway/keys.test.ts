/** Which keys are accepted and which models each key may use, on every path. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { sendRequest } from '../support/client.ts'
import { type Gateway, startGateway, waitForLogLine } from '../support/gateway-process.ts'
import { scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { replyChat, replyJson } from '../support/upstream-scripts.ts'

let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(replyChat())
  const entry = { enabled: true, server_url: `${upstream.url}/v1`, credentials: { api_key: 'vendor-key' } }
  gateway = await startGateway({
    api_key: 'master-key',
    trusted_proxies: ['127.0.0.1'],
    api_keys: [
      { api_key: 'exact-key', name: 'Exact', supported_models: { any: ['a'], other: ['emb'] } },
      { api_key: 'prefix-key', supported_models: { any: ['qwen-*'] } },
      { api_key: 'star-key', supported_models: { any: ['*'] } },
      { api_key: 'random-key', supported_models: { any: ['random'] } },
      { api_key: 'free-key' },
      { api_key: 'none-key', supported_models: { any: [] } },
      { api_key: 'master-key', supported_models: { any: ['a'] } },
    ],
    model_redirect: { alias: 'b' },
    services: {
      openai: [{ ...entry, models: ['a', 'b', 'qwen-max', 'qwen-turbo', 'wild-*'], embedding_models: ['emb', 'emb2'] }],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
const listModels = async (key: string) => {
  const response = await fetch(`${gateway.url}/v1/models`, { headers: bearer(key), proxy: false } as RequestInit)
  return ((await response.json()) as { data: { id: string }[] }).data.map(({ id }) => id)
}
const statusFor = async (key: string, body: object, path = '/v1/chat/completions') => {
  const response = await sendRequest(gateway, body, { path, headers: bearer(key) })
  await response.text()
  return response.status
}

describe('client keys', () => {
  const body = { model: 'a' }
  const keyLocations: [string, Record<string, string>, string?][] = [
    ['Authorization: Bearer', bearer('master-key')],
    ['authorization: bearer, in lower case,', { authorization: 'bearer master-key' }],
    ['x-api-key', { 'x-api-key': 'master-key' }],
    ['x-goog-api-key', { 'x-goog-api-key': 'master-key' }],
    ['api-key', { 'api-key': 'master-key' }],
    ['?key=', {}, '?key=master-key'],
    ['the second header beside a wrong one', { authorization: 'Bearer sk-dummy', 'x-api-key': 'master-key' }],
  ]
  for (const [name, headers, query = ''] of keyLocations)
    test(`a client key sent as ${name} is accepted on every path and is not passed to the vendor`, async () => {
      const before = upstream.requests.length
      const answer = await sendRequest(gateway, body, { headers, path: `/v1/chat/completions${query}` })
      expect(answer.status).toBe(200)
      const models = await fetch(`${gateway.url}/v1/models${query}`, { headers, proxy: false } as RequestInit)
      expect(models.status).toBe(200)
      const received = upstream.requests[before]!
      expect(received.headers['authorization']).toBe('Bearer vendor-key')
      expect(JSON.stringify([received.headerFields, received.path, received.body])).not.toContain('master-key')
    })

  const wrong: [string, Record<string, string>][] = [
    ['no key', {}],
    ['a wrong key', bearer('master-keY')],
    ['half of a key', bearer('master')],
    ['a key and one more character', bearer('master-key2')],
    ['an empty key', bearer('')],
    ['a key without its scheme', { authorization: 'master-key' }],
    ['a key under another scheme', { authorization: `Basic ${btoa('master-key:')}` }],
    ["the vendor's key", bearer('vendor-key')],
    ['a key in a cookie', { cookie: 'key=master-key' }],
  ]
  for (const [index, [name, wrongKey]] of wrong.entries())
    test(`a request with ${name} gets 401 on every path and reaches no vendor`, async () => {
      const before = upstream.requests.length
      // Each client has an address of its own: one that sends many wrong keys gets 429.
      const headers = { ...wrongKey, 'x-forwarded-for': `198.51.100.${index}` }
      const responses = await Promise.all([
        sendRequest(gateway, body, { headers }),
        sendRequest(gateway, body, { headers, path: '/openai/deployments/a/chat/completions' }),
        sendRequest(gateway, { model: 'emb', input: 'x' }, { headers, path: '/v1/embeddings' }),
        sendRequest(
          gateway,
          { model: 'a' },
          {
            headers: { ...headers, 'content-type': 'multipart/form-data; boundary=x' },
            path: '/v1/audio/transcriptions',
          },
        ),
        fetch(`${gateway.url}/v1/models`, { headers, proxy: false } as RequestInit),
        fetch(`${gateway.url}/v1/models/a`, { headers, proxy: false } as RequestInit),
      ])
      expect(responses.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 401])
      for (const answer of responses) {
        const { error } = (await answer.json()) as { error: { type: string; message: string } }
        expect(error.type).toBe('invalid_request_error')
        expect(error.message).not.toContain('master')
      }
      expect(upstream.requests.length).toBe(before)
    })

  test('a client key is not needed for the health checks and the documentation', async () => {
    for (const path of ['/healthz', '/livez', '/readyz', '/docs', '/docs/json'])
      expect((await fetch(`${gateway.url}${path}`, { proxy: false } as RequestInit)).status).toBe(200)
  })

  test('a client key that is wrong is logged with the address of the client and without the key', async () => {
    const answer = await fetch(`${gateway.url}/v1/models`, {
      headers: bearer('canary-wrong'),
      proxy: false,
    } as RequestInit)
    const id = answer.headers.get('x-request-id')!
    const line = await waitForLogLine(gateway, id)
    expect(line).toMatchObject({
      status: 401,
      address: expect.stringContaining('127.0.0.1'),
      error: { code: 'unauthorized' },
    })
    expect(gateway.stdout() + gateway.stderr()).not.toContain('canary-wrong')
  })
})

describe('scopes', () => {
  const allModels = ['a', 'b', 'emb', 'emb2', 'qwen-max', 'qwen-turbo']
  const cases: [key: string, models: string[]][] = [
    ['master-key', allModels],
    ['star-key', allModels],
    ['free-key', allModels],
    ['exact-key', ['a', 'emb']],
    ['prefix-key', ['qwen-max', 'qwen-turbo']],
    ['none-key', []],
  ]
  for (const [key, models] of cases)
    test(`the scopes of ${key} hold for chats, deployments, embeddings, single models and the list of models`, async () => {
      const listed = await listModels(key)
      const isShown = (model: string) => !model.startsWith('emb')
      expect(listed.filter(model => model !== 'random')).toEqual(models.filter(isShown))
      for (const model of allModels) {
        const expectedStatus = models.includes(model) ? 200 : 403
        const single = await fetch(`${gateway.url}/v1/models/${model}`, {
          headers: bearer(key),
          proxy: false,
        } as RequestInit)
        expect([model, single.status]).toEqual([model, expectedStatus])
        if (model.startsWith('emb')) {
          upstream.setScript(replyJson({ object: 'list', data: [], model }))
          expect([model, await statusFor(key, { model, messages: undefined, input: 'x' }, '/v1/embeddings')]).toEqual([
            model,
            expectedStatus,
          ])
          continue
        }
        upstream.setScript(replyChat())
        expect([model, await statusFor(key, { model })]).toEqual([model, expectedStatus])
        expect([model, await statusFor(key, { model, stream: true })]).toEqual([model, expectedStatus])
        expect([model, await statusFor(key, {}, `/openai/deployments/${model}/chat/completions`)]).toEqual([
          model,
          expectedStatus,
        ])
      }
    })

  test('a model outside the scopes is a 403, whether or not it exists', async () => {
    expect([
      await statusFor('exact-key', { model: 'b' }),
      await statusFor('exact-key', { model: 'not-there' }),
    ]).toEqual([403, 403])
    expect(await statusFor('master-key', { model: 'not-there' })).toBe(404)
  })

  test('the scopes hold for `random`, which picks only models inside them', async () => {
    upstream.setScript(replyChat())
    const before = upstream.requests.length
    for (let round = 0; round < 20; round++) expect(await statusFor('prefix-key', { model: 'random' })).toBe(200)
    const models = upstream.requests.slice(before).map(received => (received.json() as { model: string }).model)
    expect(new Set(models)).toEqual(new Set(['qwen-max', 'qwen-turbo']))
    expect(await statusFor('none-key', { model: 'random' })).toBe(403)
    expect([await listModels('none-key'), (await listModels('prefix-key')).at(-1)]).toEqual([[], 'random'])
  })

  test('the scopes that name only `random` allow only `random`', async () => {
    expect(await listModels('random-key')).toEqual(['random'])
    expect([await statusFor('random-key', { model: 'random' }), await statusFor('random-key', { model: 'a' })]).toEqual(
      [200, 403],
    )
  })

  test('the scopes hold for uploads and passthrough endpoints', async () => {
    upstream.setScript(replyJson({ text: 'x' }))
    const before = upstream.requests.length
    for (const [model, expectedStatus] of [
      ['a', 200],
      ['b', 403],
    ] as const) {
      const form = new FormData()
      form.append('model', model)
      form.append('file', new File(['x'], 'a.wav'))
      const response = await fetch(`${gateway.url}/v1/audio/transcriptions`, {
        method: 'POST',
        body: form,
        headers: bearer('exact-key'),
        proxy: false,
      } as RequestInit)
      expect([model, response.status]).toEqual([model, expectedStatus])
    }
    for (const [path, body] of [
      ['completions', { prompt: 'x' }],
      ['images/generations', { prompt: 'x' }],
      ['moderations', { input: 'x' }],
      ['rerank', { query: 'x', documents: [] }],
      ['audio/speech', { input: 'x' }],
    ] as const)
      expect([path, await statusFor('exact-key', { model: 'b', ...body }, `/v1/${path}`)]).toEqual([path, 403])
    expect(upstream.requests.length).toBe(before + 1)
  })

  test('the scopes are checked against the model name that the client sends, so an alias is a different name', async () => {
    upstream.setScript(replyChat())
    expect(await statusFor('free-key', { model: 'alias' })).toBe(200)
    expect(await statusFor('exact-key', { model: 'alias' })).toBe(403)
  })
})

test('the log names the owner of a key, never the key', async () => {
  upstream.setScript(replyChat())
  const answer = await sendRequest(gateway, { model: 'a' }, { headers: bearer('exact-key') })
  const id = answer.headers.get('x-request-id')!
  const line = await waitForLogLine(gateway, id)
  expect(line['caller']).toBe('Exact')
  for (const key of ['exact-key', 'master-key', 'prefix-key', 'vendor-key'])
    expect(gateway.stdout() + gateway.stderr()).not.toContain(key)
})
