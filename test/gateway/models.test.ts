/**
 * Which model goes to which target, as the vendor and the client see it: redirects, `random`, priorities, strategies,
 * credentials, URLs.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { openStream, sendRequest } from '../support/client.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type ReceivedRequest, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { replyChat, replyJson } from '../support/upstream-scripts.ts'

let upstream: Upstream
const gateways: Gateway[] = []
const start = async (config: object): Promise<Gateway> => {
  const gateway = await startGateway(config)
  gateways.push(gateway)
  return gateway
}

beforeAll(async () => {
  upstream = await scriptedUpstream(replyChat())
})
afterAll(async () => {
  await Promise.all(gateways.map(gateway => gateway.stop()))
  await upstream.close()
})

const entry = (more: object) => ({
  enabled: true,
  server_url: `${upstream.url}/v1`,
  credentials: { api_key: 'k' },
  ...more,
})
/** Sends one request and returns the client's answer and what the vendor received, if anything. */
const exchange = async (
  gateway: Gateway,
  body: object,
  options: { path?: string; headers?: Record<string, string> } = {},
) => {
  const before = upstream.requests.length
  const response = await sendRequest(gateway, body, options)
  const answer = (await response.json()) as { model: string; error: { code: string; message: string } }
  return { status: response.status, answer, received: upstream.requests[before] as ReceivedRequest }
}
const modelOf = (received: ReceivedRequest) => (received.json() as { model: string }).model
const keyOf = (received: ReceivedRequest) => received.headers['authorization']
const listModels = async (gateway: Gateway, headers: Record<string, string> = {}) => {
  const response = await fetch(`${gateway.url}/v1/models`, { headers, proxy: false } as RequestInit)
  const { object, data } = (await response.json()) as { object: string; data: { id: string; object: string }[] }
  expect([response.status, object]).toEqual([200, 'list'])
  return data.map(({ id }) => id)
}

describe('the list of models', () => {
  test('the list of models is empty, with status 200, when no entry is enabled', async () => {
    const gateway = await start({ services: {} })
    expect(await listModels(gateway)).toEqual([])
    const { status, answer } = await exchange(gateway, { model: 'random' })
    expect([status, answer.error.code]).toEqual([404, 'model_not_found'])
  })

  test('the list of models is sorted, has aliases but no wildcards or embedding models, ends with `random`, and each model can be looked up', async () => {
    const gateway = await start({
      model_redirect: { 'global-alias': 'zeta' },
      services: {
        openai: [
          entry({
            models: ['zeta', 'org/alpha', 'open-*'],
            embedding_models: ['emb'],
            model_redirect: { short: 'zeta' },
          }),
          entry({ models: ['beta', 'zeta'] }),
          { ...entry({ models: ['off'] }), enabled: false },
        ],
      },
    })
    const models = await listModels(gateway)
    expect(models.at(-1)).toBe('random')
    const namedModels = models.slice(0, -1)
    expect(namedModels).toEqual(namedModels.toSorted())
    expect(new Set(namedModels)).toEqual(new Set(namedModels))
    for (const model of ['beta', 'org/alpha', 'short', 'zeta']) expect(namedModels).toContain(model)
    for (const model of ['off', 'open-*', 'emb']) expect(namedModels).not.toContain(model)
    for (const id of [...models, 'open-anything', 'emb', 'global-alias'])
      for (const path of new Set([id, encodeURIComponent(id)])) {
        const response = await fetch(`${gateway.url}/v1/models/${path}`, { proxy: false } as RequestInit)
        expect(await response.json()).toMatchObject({
          id,
          object: 'model',
          created: expect.any(Number),
          owned_by: expect.any(String),
        })
      }
    for (const id of ['off', 'nobody', 'org', 'ALPHA']) {
      const response = await fetch(`${gateway.url}/v1/models/${id}`, { proxy: false } as RequestInit)
      expect([id, response.status, await response.json()]).toMatchObject([
        id,
        404,
        { error: { code: 'model_not_found', type: 'invalid_request_error' } },
      ])
    }
  })
})

describe('model names', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await start({
      model_redirect: { 'gpt-4o': 'm', hop: 'hop2', hop2: 'm', any: 'random' },
      services: {
        openai: [
          entry({
            models: ['m', 'direct', 'hop3', 'open-*', 'open-special'],
            embedding_models: ['emb'],
            model_redirect: { alias: 'm', 'open-alias': 'open-x' },
            model_map: { m: 'vendor-m', 'open-x': 'vendor-x', 'vendor-m': 'never' },
          }),
        ],
      },
    })
  })

  for (const [model, vendorModel] of [
    ['m', 'vendor-m'],
    ['direct', 'direct'],
    ['gpt-4o', 'vendor-m'],
    ['alias', 'vendor-m'],
    ['open-thing', 'open-thing'],
    ['open-special', 'open-special'],
    ['open-alias', 'vendor-x'],
  ] as const)
    test(`a model called ${model} is ${vendorModel} for the vendor and ${model} for the client, streamed or not`, async () => {
      const { answer, received } = await exchange(gateway, { model })
      expect([answer.model, modelOf(received)]).toEqual([model, vendorModel])
      const before = upstream.requests.length
      const streamed = await openStream(gateway, { model })
      await streamed.ended
      const models = streamed
        .data()
        .filter(text => text !== '[DONE]')
        .map(text => JSON.parse(text).model)
      expect([new Set(models), modelOf(upstream.requests[before]!)]).toEqual([new Set<string>([model]), vendorModel])
    })

  test('a model is redirected only once: a name that needs a second hop is unknown', async () => {
    const { status, answer } = await exchange(gateway, { model: 'hop' })
    expect([status, answer.error.code]).toEqual([404, 'model_not_found'])
  })

  test('a model that is redirected to `random` is any chat model, and the answer has the requested name', async () => {
    const seen = new Set<string>()
    for (let index = 0; index < 60; index++) {
      const { answer, received } = await exchange(gateway, { model: 'any' })
      expect(answer.model).toBe('any')
      seen.add(modelOf(received))
    }
    expect(seen).toEqual(new Set(['vendor-m', 'direct', 'hop3', 'open-special', 'vendor-x']))
  })

  test('a model that no entry offers is 404 model_not_found', async () => {
    const { status, answer, received } = await exchange(gateway, { model: 'gpt-5' })
    expect([status, answer.error.code, received]).toEqual([404, 'model_not_found', undefined] as never)
    expect(answer.error.message).toContain('`gpt-5`')
  })

  test('a model for embeddings cannot be used for chat', async () => {
    expect((await exchange(gateway, { model: 'emb' })).status).toBe(400)
    upstream.setScript(replyJson({ object: 'list', data: [], model: 'emb' }))
    expect(
      (await exchange(gateway, { model: 'emb', messages: undefined, input: 'x' }, { path: '/v1/embeddings' })).status,
    ).toBe(200)
    upstream.setScript(replyChat())
  })
})

describe('the redirect `all`', () => {
  test('the redirect `all` takes every chat request, whatever model it names, and ignores embeddings', async () => {
    const gateway = await start({
      model_redirect: { all: 'm', other: 'never' },
      services: { openai: [entry({ models: ['m', 'x'], embedding_models: ['emb'] })] },
    })
    for (const model of ['x', 'unknown', 'other', 'm', 'random']) {
      const { answer, received } = await exchange(gateway, { model })
      expect([answer.model, modelOf(received)]).toEqual([model, 'm'])
    }
    upstream.setScript(replyJson({ object: 'list', data: [], model: 'emb' }))
    const { received } = await exchange(
      gateway,
      { model: 'emb', messages: undefined, input: 'x' },
      { path: '/v1/embeddings' },
    )
    expect(modelOf(received)).toBe('emb')
    upstream.setScript(replyChat())
  })
})

describe('`random`', () => {
  test('`random` picks evenly among the chat models, never wildcards or models for embeddings, images or audio', async () => {
    const gateway = await start({
      services: {
        openai: [
          entry({ models: ['a', 'b'], embedding_models: ['emb'] }),
          entry({
            models: ['c', 'd', 'open-*', 'dall-e-3', 'whisper-1', 'tts-1', 'text-embedding-3-small', 'bge-reranker'],
          }),
        ],
      },
    })
    const counts: Record<string, number> = {}
    const before = upstream.requests.length
    await Promise.all(Array.from({ length: 200 }, () => exchange(gateway, { model: 'random' })))
    for (const received of upstream.requests.slice(before))
      counts[modelOf(received)] = (counts[modelOf(received)] ?? 0) + 1
    expect(Object.keys(counts).toSorted()).toEqual(['a', 'b', 'c', 'd'])
    // With 200 fair draws among four, fewer than 20 for one of them happen less than once in ten million runs.
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(20)
    expect((await exchange(gateway, { model: 'random' })).answer.model).toBe('random')
  })
})

/** Entries for one model, named A, B … Each asks its vendor for the model of that letter. */
const letteredEntries = (model: string, letters: Record<string, object>) =>
  Object.entries(letters).map(([letter, more]) =>
    entry({ id: `${model}-${letter}`, models: [model], model_map: { [model]: letter }, ...more }),
  )
const letterSequence = async (gateway: Gateway, model: string, count: number, body: object = {}) => {
  const seen: string[] = []
  for (let index = 0; index < count; index++) seen.push(modelOf((await exchange(gateway, { model, ...body })).received))
  return seen.join('')
}
const keySequence = async (gateway: Gateway, model: string, count: number) => {
  const seen: (string | undefined)[] = []
  for (let index = 0; index < count; index++) seen.push(keyOf((await exchange(gateway, { model })).received))
  return seen
}

describe('with `round_robin`', () => {
  const urlForms = [
    ['', '/v1/chat/completions'],
    ['/', '/v1/chat/completions'],
    ['/v1', '/v1/chat/completions'],
    ['/v1/', '/v1/chat/completions'],
    ['/api/v3', '/api/v3/chat/completions'],
    ['/v1/chat/completions', '/v1/chat/completions'],
    ['/chat/completions', '/chat/completions'],
    ['/v1?tenant=a%20b', '/v1/chat/completions?tenant=a%20b'],
    ['/deep/v1/chat/completions?tenant=1', '/deep/v1/chat/completions?tenant=1'],
  ] as const
  let gateway: Gateway
  beforeAll(async () => {
    const azure = (path: string, models: string[]) =>
      entry({ models, server_url: `${upstream.url}${path}`, credentials: { api_key: 'azure-key' } })
    gateway = await start({
      load_balancing: 'round-robin',
      services: {
        openai: [
          ...letteredEntries('weighted', { A: {}, B: { weight: 2 } }),
          ...letteredEntries('ranked', { B: { priority: 1 }, A: { limit: { rpm: 2, timeout: 1 } } }),
          entry({ models: ['several'], credential_list: ['one', 'two', 'three'].map(api_key => ({ api_key })) }),
          entry({
            models: ['dressed'],
            params: { temperature: 0.2, extra_body: { a: 1 } },
            headers: { 'X-Team': 'blue', 'User-Agent': 'ours' },
          }),
          ...urlForms.map(([path], at) => entry({ models: [`form${at}`], server_url: `${upstream.url}${path}` })),
        ],
        azure: [
          azure('?api-version=2024-10-21', ['gpt a']),
          azure('/openai/deployments/mine?api-version=2025-01-01', ['b']),
          azure('', ['c']),
        ],
      },
    })
  })

  test('entries with the weights 1 and 2 are used in the order A B B A B B', async () => {
    expect(await letterSequence(gateway, 'weighted', 6)).toBe('ABBABB')
  })

  test('an entry with a higher priority number is used only when no lower one can admit', async () => {
    expect(await letterSequence(gateway, 'ranked', 4)).toBe('AABB')
  })

  test('credentials take turns', async () => {
    expect(await keySequence(gateway, 'several', 4)).toEqual(['Bearer one', 'Bearer two', 'Bearer three', 'Bearer one'])
  })

  test('`params` replace top-level fields of the client, and `headers` are added', async () => {
    const body = { model: 'dressed', temperature: 1, top_p: 0.5, extra_body: { b: 2 } }
    const { received } = await exchange(gateway, body, { headers: { 'x-team': 'red', cookie: 'a=b' } })
    expect(received.json()).toMatchObject({ temperature: 0.2, top_p: 0.5 })
    expect((received.json() as { extra_body: object }).extra_body).toEqual({ a: 1 })
    const { 'x-team': team, 'user-agent': agent, cookie } = received.headers
    expect([team, agent, cookie]).toEqual(['blue', 'ours', undefined])
  })

  for (const [at, [path, expectedPath]] of urlForms.entries())
    test(`the server_url "${path}" gives requests to ${expectedPath}`, async () => {
      expect((await exchange(gateway, { model: `form${at}` })).received.path).toBe(expectedPath)
    })

  test('a server_url with the full path of Chat Completions is shortened for other endpoints', async () => {
    upstream.setScript(replyJson({ object: 'list', data: [], model: 'x' }))
    const { received } = await exchange(
      gateway,
      { model: 'form8', messages: undefined, input: 'x' },
      { path: '/v1/embeddings' },
    )
    expect(received.path).toBe('/deep/v1/embeddings?tenant=1')
    upstream.setScript(replyChat())
  })

  for (const [model, path] of [
    ['gpt a', '/openai/deployments/gpt%20a/chat/completions?api-version=2024-10-21'],
    ['b', '/openai/deployments/mine/chat/completions?api-version=2025-01-01'],
    ['c', '/openai/v1/chat/completions'],
  ] as const)
    test(`azure gets requests to ${path} with the api-key header`, async () => {
      const { received, answer } = await exchange(gateway, { model })
      const { 'api-key': key, authorization } = received.headers
      expect([received.path, key, authorization, answer.model]).toEqual([path, 'azure-key', undefined, model])
    })
})

describe('with `first`', () => {
  let gateway: Gateway
  beforeAll(async () => {
    const credential_list = [{ api_key: 'one', limit: { rpm: 1 } }, { api_key: 'two' }]
    gateway = await start({
      load_balancing: 'first',
      services: {
        openai: [...letteredEntries('m', { A: {}, B: {} }), entry({ models: ['several'], credential_list })],
      },
    })
  })

  test('the first entry gets all requests', async () => {
    expect(await letterSequence(gateway, 'm', 4)).toBe('AAAA')
  })

  test('a credential whose own limit is reached is skipped', async () => {
    expect(await keySequence(gateway, 'several', 3)).toEqual(['Bearer one', 'Bearer two', 'Bearer two'])
  })
})

describe('with `hash`', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await start({
      load_balancing: 'hash',
      services: {
        openai: [
          ...letteredEntries('m', { A: {}, B: {}, C: {}, D: {} }),
          entry({ models: ['several'], credential_list: ['one', 'two', 'three'].map(api_key => ({ api_key })) }),
        ],
      },
    })
  })

  test('a user keeps the same credential, and users are spread over several', async () => {
    const users = ['ann', 'bob', 'cy', 'dee', 'eve', 'flo', 'guy', 'hal']
    const round = async () => {
      const seen: (string | undefined)[] = []
      for (const user of users) seen.push(keyOf((await exchange(gateway, { model: 'several', user })).received))
      return seen
    }
    const first = await round()
    expect(new Set(first).size).toBeGreaterThan(1)
    expect([await round(), await round()]).toEqual([first, first])
  })

  test('a conversation keeps its target as it grows, and conversations are spread over several', async () => {
    const lettersSeen = new Set<string>()
    for (let talk = 0; talk < 12; talk++) {
      const opening = [
        { role: 'system', content: 'be kind' },
        { role: 'user', content: `talk ${talk}` },
      ]
      const more = [
        { role: 'assistant', content: 'yes' },
        { role: 'user', content: `more ${talk}` },
      ]
      const firstLetter = await letterSequence(gateway, 'm', 1, { messages: opening })
      expect(await letterSequence(gateway, 'm', 2, { messages: [...opening, ...more] })).toBe(firstLetter + firstLetter)
      lettersSeen.add(firstLetter)
    }
    expect(lettersSeen.size).toBeGreaterThan(1)
  })

  for (const key of ['user', 'prompt_cache_key'])
    test(`requests with the same ${key} keep the same target, whatever their content`, async () => {
      const firstLetter = await letterSequence(gateway, 'm', 1, { [key]: 'someone' })
      for (const content of ['one', 'two', 'three', 'four'])
        expect(await letterSequence(gateway, 'm', 1, { [key]: 'someone', messages: [{ role: 'user', content }] })).toBe(
          firstLetter,
        )
    })
})

describe("the list of models in Anthropic's format", () => {
  const versionHeader = { 'anthropic-version': '2023-06-01' }
  const get = async (gateway: Gateway, path: string, headers: Record<string, string> = versionHeader) => {
    const response = await fetch(`${gateway.url}${path}`, { headers, proxy: false } as RequestInit)
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const idsOf = (body: Record<string, unknown>) => (body['data'] as { id: string }[]).map(({ id }) => id)

  test("the list of models in Anthropic's format is sent to clients with the anthropic-version header, paged in both directions", async () => {
    const gateway = await start({ services: { openai: [entry({ models: ['a', 'b', 'c/d', 'e'] })] } })
    const { body } = await get(gateway, '/v1/models?limit=2')
    expect(body).toMatchObject({ has_more: true, first_id: 'a', last_id: 'b' })
    expect((body['data'] as object[])[0]).toEqual({
      type: 'model',
      id: 'a',
      display_name: 'a',
      created_at: '2024-01-01T00:00:00Z',
    })
    expect(idsOf((await get(gateway, '/v1/models?limit=2&after_id=b')).body)).toEqual(['c/d', 'e'])
    expect(idsOf((await get(gateway, '/v1/models?limit=1&before_id=c/d')).body)).toEqual(['b'])
    expect(idsOf((await get(gateway, '/v1/models')).body)).toEqual(['a', 'b', 'c/d', 'e', 'random'])
    expect((await get(gateway, '/v1/models/c/d')).body).toMatchObject({ type: 'model', id: 'c/d' })
  })

  test("the list of models in Anthropic's format has errors in Anthropic's shape", async () => {
    const gateway = await start({ api_key: 'right', services: { openai: [entry({ models: ['a'] })] } })
    const refused = await get(gateway, '/v1/models', { ...versionHeader, 'x-api-key': 'wrong' })
    expect([refused.status, refused.body['type']]).toEqual([401, 'error'])
    const missing = await get(gateway, '/v1/models/nobody', { ...versionHeader, 'x-api-key': 'right' })
    expect([missing.status, (missing.body['error'] as { type: string }).type]).toEqual([404, 'not_found_error'])
  })
})
