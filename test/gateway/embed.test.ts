/**
 * Embeddings and reranking through the whole gateway: the vendors' own SDKs are the clients, and each vendor is asked
 * in its own format.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { GoogleGenAI } from '@google/genai'
import OpenAI, { APIError } from 'openai'
import { isObject, type JsonObject } from '../../src/base/json/json.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { refuse, replyJson } from '../support/upstream-scripts.ts'

/** A vector that identifies its text: the length, and half the code of the first letter. */
const vectorOf = (text: string): number[] => [text.length, text.charCodeAt(0) / 2]

const textsIn = (body: JsonObject): string[] => {
  const { input, texts, instances, requests, content } = body
  const list = texts ?? instances ?? requests ?? (isObject(input) ? input.texts : input) ?? content
  return (Array.isArray(list) ? list : [list]).map(
    item => (/"(?:text|content)":"([^"]*)"/.exec(JSON.stringify(item)) ?? ['', String(item)])[1]!,
  )
}

const tokenCount = (texts: readonly string[]): number => texts.join('').length

/** The answers of all vendors, by the path of the request. */
const vendorAnswers: [RegExp, (texts: string[], body: JsonObject) => object][] = [
  [
    /:batchEmbedContents$/,
    texts => ({
      embeddings: texts.map(text => ({ values: vectorOf(text) })),
      usageMetadata: { promptTokenCount: tokenCount(texts) },
    }),
  ],
  [/:embedContent$/, ([text]) => ({ embedding: { values: vectorOf(text!) } })],
  [
    /:predict$/,
    texts => ({
      predictions: texts.map(text => ({
        embeddings: { values: vectorOf(text), statistics: { token_count: text.length } },
      })),
    }),
  ],
  [/\/api\/embed$/, texts => ({ embeddings: texts.map(vectorOf), prompt_eval_count: tokenCount(texts) })],
  [
    /\/text-embedding$/,
    texts => ({
      output: { embeddings: texts.map((text, index) => ({ text_index: index, embedding: vectorOf(text) })).reverse() },
      usage: { total_tokens: tokenCount(texts) },
    }),
  ],
  [
    /\/v2\/embed$/,
    texts => ({
      embeddings: { float: texts.map(vectorOf) },
      meta: { billed_units: { input_tokens: tokenCount(texts) } },
    }),
  ],
  [
    /\/embeddings$/,
    texts => ({
      object: 'list',
      data: texts.map((text, index) => ({ object: 'embedding', index, embedding: vectorOf(text) })),
      model: 'v',
      usage: { prompt_tokens: tokenCount(texts), total_tokens: tokenCount(texts) },
    }),
  ],
  [
    /\/v2\/rerank$/,
    () => ({
      id: 'cohere-1',
      results: [{ index: 1, relevance_score: 0.9 }],
      meta: { billed_units: { search_units: 1 } },
    }),
  ],
  [
    /\/text-rerank$/,
    () => ({
      output: { results: [{ index: 1, relevance_score: 0.9 }] },
      usage: { total_tokens: 9 },
      request_id: 'dash-1',
    }),
  ],
  [/\/rerank$/, () => ({ model: 'v', results: [{ index: 1, relevance_score: 0.9 }], usage: { total_tokens: 9 } })],
]

const embeddingScript: Script = (answer, request) => {
  const body = request.json() as JsonObject
  const vendor = vendorAnswers.find(([path]) => path.test(request.path))
  return replyJson(
    vendor ? vendor[1](textsIn(body), body) : { error: { message: `no such path ${request.path}` } },
    vendor ? 200 : 404,
  )(answer, request)
}

let upstream: Upstream
let gateway: Gateway
let openai: OpenAI
let google: GoogleGenAI

const fetchWithoutProxy = ((url: string, init: RequestInit) =>
  fetch(url, { ...init, proxy: false })) as unknown as typeof fetch

beforeAll(async () => {
  upstream = await scriptedUpstream(embeddingScript)
  const entry = (...models: string[]) => ({
    enabled: true,
    embedding_models: models,
    credentials: { api_key: 'vendor-key' },
  })
  gateway = await startGateway({
    api_key: 'client-key',
    api_keys: [{ api_key: 'scoped', supported_models: { all: ['openai-embed'] } }],
    services: {
      openai: [{ ...entry('openai-embed'), server_url: `${upstream.url}/v1` }],
      gemini: [
        { ...entry('gemini-embedding-001'), server_url: `${upstream.url}/v1beta`, embedding_limit: { rpm: 60 } },
      ],
      vertexai: [{ ...entry('text-embedding-005', 'gemini-embedding-2'), server_url: `${upstream.url}/v1` }],
      ollama: [{ ...entry('nomic-embed-text'), server_url: `${upstream.url}/api` }],
      dashscope: [
        { ...entry('compatible'), server_url: `${upstream.url}/v1` },
        { ...entry('text-embedding-v4'), server_url: `${upstream.url}/api/v1` },
        {
          enabled: true,
          models: ['gte-rerank-v2'],
          credentials: { api_key: 'vendor-key' },
          server_url: `${upstream.url}/api/v1`,
        },
      ],
      cohere: [
        { ...entry('embed-v4.0'), models: ['rerank-v3.5'], server_url: upstream.url },
        { ...entry('once'), server_url: upstream.url, embedding_limit: { rpm: 1, timeout: 0.05 } },
      ],
      qianfan: [{ ...entry('bge-large-zh'), server_url: `${upstream.url}/v2` }],
      jina: [
        {
          ...entry('jina-embeddings-v3'),
          models: ['jina-reranker'],
          server_url: `${upstream.url}/v1`,
          speaks: ['rerank'],
        },
      ],
    },
  })
  openai = new OpenAI({ apiKey: 'client-key', baseURL: `${gateway.url}/v1`, maxRetries: 0, fetch: fetchWithoutProxy })
  google = new GoogleGenAI({ apiKey: 'client-key', httpOptions: { baseUrl: gateway.url, fetch: fetchWithoutProxy } })
})
afterAll(async () => {
  await gateway?.stop()
  await upstream.close()
})
beforeEach(() => {
  upstream.setScript(embeddingScript)
  upstream.requests.length = 0
})

const post = async (path: string, body: object, headers: Record<string, string> = {}) => {
  const answer = await fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer client-key', ...headers },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, text, body: JSON.parse(text) as JsonObject }
}

const lastRequest = () => upstream.requests.at(-1)!

const models = {
  'openai-embed': '/v1/embeddings',
  'gemini-embedding-001': '/v1beta/models/gemini-embedding-001:batchEmbedContents',
  'text-embedding-005': '/v1/publishers/google/models/text-embedding-005:predict',
  'gemini-embedding-2': '/v1/publishers/google/models/gemini-embedding-2:embedContent',
  'nomic-embed-text': '/api/embed',
  'text-embedding-v4': '/api/v1/services/embeddings/text-embedding/text-embedding',
  'embed-v4.0': '/v2/embed',
  'jina-embeddings-v3': '/v1/embeddings',
  'bge-large-zh': '/v2/embeddings',
}

describe.each(Object.entries(models))('the embedding model %s', (model, path) => {
  test('an embedding request of the openai SDK is answered in order, with base64 that the SDK decodes', async () => {
    const {
      data,
      usage,
      model: answeredModel,
    } = await openai.embeddings.create({ model, input: ['one', 'three', 'x'] })
    expect(data.map(({ index, embedding }) => [index, [...embedding]])).toEqual([
      [0, vectorOf('one')],
      [1, vectorOf('three')],
      [2, vectorOf('x')],
    ])
    expect(usage.total_tokens).toBeGreaterThan(0)
    expect(answeredModel).toBe(model)
    expect(lastRequest().path).toBe(path)
    expect(lastRequest().body).not.toContain('client-key')
  })

  test('an embedding request of the @google/genai SDK is answered', async () => {
    // For this model the SDK sends several texts as parts of one content.
    const contents = model === 'gemini-embedding-2' ? ['one'] : ['one', 'three']
    const { embeddings } = await google.models.embedContent({ model, contents })
    expect(embeddings?.map(({ values }) => values)).toEqual(contents.map(vectorOf))
  })

  test('an embedContent request is answered', async () => {
    const { status, body } = await post(`/v1/models/${model}:embedContent`, { content: { parts: [{ text: 'one' }] } })
    expect([status, body.embedding]).toEqual([200, { values: vectorOf('one') }])
  })

  test("a refusal is reported in the shape of the client's protocol", async () => {
    upstream.setScript(refuse(422, { message: 'too many dimensions' }))
    const thrown = await openai.embeddings.create({ model, input: 'one' }).catch(error => error as APIError)
    expect(thrown).toBeInstanceOf(APIError)
    expect(thrown).toMatchObject({ status: 422, message: expect.stringContaining('too many dimensions') })
    const refused = await post(`/v1beta/models/${model}:embedContent`, { content: { parts: [{ text: 'one' }] } })
    expect([refused.status, refused.body.error]).toEqual([
      422,
      expect.objectContaining({ code: 422, message: 'too many dimensions' }),
    ])
  })
})

test('vectors in another encoding than requested are converted', async () => {
  const embeddingWith = async (encoding: object) => {
    const { body } = await post('/v1/embeddings', { model: 'openai-embed', input: 'one', ...encoding })
    return (body.data as JsonObject[])[0]!.embedding
  }
  const base64 = Buffer.from(new Float32Array(vectorOf('one')).buffer).toString('base64')
  expect(await embeddingWith({ encoding_format: 'base64' })).toBe(base64)
  expect(await embeddingWith({ encoding_format: 'float' })).toEqual(vectorOf('one'))
  upstream.setScript(
    replyJson({ object: 'list', data: [{ object: 'embedding', index: 0, embedding: base64 }], model: 'v' }),
  )
  expect(await embeddingWith({})).toBe(base64)
  expect(await embeddingWith({ encoding_format: 'float' })).toEqual(vectorOf('one'))
  expect(await embeddingWith({ encoding_format: 'base64' })).toBe(base64)
})

test('between client and vendor of the same protocol the body passes byte for byte', async () => {
  const body = { model: 'openai-embed', input: [[1, 2]], encoding_format: 'float', anything: { else: 1.0 } }
  await post('/v1/embeddings', body)
  expect(lastRequest().body).toBe(JSON.stringify(body))
  const batch = { requests: [{ model: 'models/gemini-embedding-001', content: { parts: [{ text: 'one' }] }, more: 1 }] }
  const { body: answerBody } = await post('/v1beta/models/gemini-embedding-001:batchEmbedContents', batch)
  expect(lastRequest().json()).toEqual(batch)
  expect(answerBody).toEqual({ embeddings: [{ values: vectorOf('one') }], usageMetadata: { promptTokenCount: 3 } })
})

test('more texts than a vendor accepts are sent in batches and merged into one answer', async () => {
  const input = Array.from({ length: 23 }, (_, index) => `${'t'.repeat(index + 1)}`)
  const { body } = await post('/v1/embeddings', { model: 'text-embedding-v4', input })
  expect(upstream.requests.map(request => textsIn(request.json() as JsonObject).length).sort()).toEqual([10, 10, 3])
  const data = body.data as JsonObject[]
  expect(data.map(({ index, embedding }) => [index, embedding])).toEqual(
    input.map((text, index) => [index, vectorOf(text)]),
  )
  expect((body.usage as JsonObject).prompt_tokens).toBe(tokenCount(input))
  upstream.requests.length = 0
  const many = Array.from({ length: 101 }, (_, index) => `n${index}`)
  const all = await post('/v1/embeddings', { model: 'gemini-embedding-001', input: many })
  expect(upstream.requests.length).toBe(2)
  expect((all.body.data as JsonObject[]).length).toBe(101)
})

test('a request that passes through is split into batches too where the vendor documents a limit', async () => {
  const input = Array.from({ length: 11 }, (_, index) => `n${index}`)
  const { body } = await post('/v1/embeddings', { model: 'compatible', input, encoding_format: 'float' })
  expect(upstream.requests.map(({ path }) => path)).toEqual(['/v1/embeddings', '/v1/embeddings'])
  const data = body.data as JsonObject[]
  expect(data.map(({ index, embedding }) => [index, embedding])).toEqual(input.map((text, at) => [at, vectorOf(text)]))
  expect(body.model).toBe('compatible')
})

test('vectors in any order are sorted by their index, in a single answer and in batches', async () => {
  upstream.setScript((answer, request) => {
    const texts = textsIn(request.json() as JsonObject)
    const data = texts.map((text, index) => ({ index, object: 'embedding', embedding: vectorOf(text) })).reverse()
    return replyJson({ object: 'list', data, model: 'v', usage: { prompt_tokens: 1, total_tokens: 1 } })(
      answer,
      request,
    )
  })
  for (const [model, count] of [
    ['openai-embed', 3],
    ['compatible', 23],
  ] as const) {
    const input = Array.from({ length: count }, (_, index) => `${'t'.repeat(index + 1)}`)
    const { body } = await post('/v1/embeddings', { model, input, encoding_format: 'float' })
    expect((body.data as JsonObject[]).map(({ index, embedding }) => [index, embedding])).toEqual(
      input.map((text, index) => [index, vectorOf(text)]),
    )
  }
})

test('a client of base64 is answered by vendors that only send numbers or use another field name for the encoding', async () => {
  await openai.embeddings.create({ model: 'bge-large-zh', input: 'one' })
  expect(lastRequest().json()).toEqual({ model: 'bge-large-zh', input: 'one', encoding_format: 'float' })
  await openai.embeddings.create({ model: 'jina-embeddings-v3', input: 'one' })
  expect(lastRequest().json()).toEqual({ model: 'jina-embeddings-v3', input: 'one', embedding_type: 'base64' })
})

test('token ids are refused where a vendor accepts only texts, and losses are reported', async () => {
  const refused = await post('/v1/embeddings', { model: 'nomic-embed-text', input: [[1, 2]] })
  expect([refused.status, refused.body.error]).toEqual([400, expect.objectContaining({ param: 'input[0]' })])
  expect(upstream.requests.length).toBe(0)
  const answer = await post(
    '/v1/embeddings',
    { model: 'nomic-embed-text', input: 'one', user: 'u' },
    { 'x-report-losses': '1' },
  )
  expect(answer.headers.get('x-losses')).toContain('user')
})

test("Gemini's model list gives the actions that a model supports", async () => {
  const actionsOf = async (model: string) => (await google.models.get({ model })).supportedActions
  expect(await actionsOf('gemini-embedding-001')).toEqual(['embedContent', 'batchEmbedContents'])
  expect(await actionsOf('rerank-v3.5')).not.toContain('embedContent')
})

test('a form is refused where JSON is expected', async () => {
  const body = new FormData()
  body.append('model', 'nomic-embed-text')
  body.append('input', 'one')
  const headers = { authorization: 'Bearer client-key' }
  const answer = await fetch(`${gateway.url}/v1/embeddings`, { method: 'POST', headers, body })
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('must be JSON')])
  expect(upstream.requests.length).toBe(0)
})

test('too few vectors from a vendor are a 502', async () => {
  upstream.setScript(replyJson({ embeddings: [] }))
  const { status, body } = await post('/v1/embeddings', { model: 'nomic-embed-text', input: 'one' })
  expect([status, body.error]).toEqual([
    502,
    expect.objectContaining({ message: 'the vendor gave 0 vectors for 1 texts' }),
  ])
})

test('limits and scopes hold for embeddings in every protocol', async () => {
  const request = { content: { parts: [{ text: 'one' }] } }
  expect((await post('/v1beta/models/once:embedContent', request)).status).toBe(200)
  const limited = await post('/v1beta/models/once:embedContent', request)
  expect([limited.status, limited.body.error]).toEqual([429, expect.objectContaining({ status: 'RESOURCE_EXHAUSTED' })])
  expect((await post('/v1/embeddings', { model: 'once', input: 'one' })).status).toBe(429)
  const scoped = { authorization: 'Bearer scoped' }
  expect((await post('/v1beta/models/openai-embed:embedContent', request, scoped)).status).toBe(200)
  expect((await post('/v1beta/models/embed-v4.0:embedContent', request, scoped)).status).toBe(403)
})

test.each([
  ['rerank-v3.5', '/v2/rerank', { id: 'cohere-1', meta: { billed_units: { search_units: 1 } } }],
  [
    'gte-rerank-v2',
    '/api/v1/services/rerank/text-rerank/text-rerank',
    { id: 'dash-1', usage: { prompt_tokens: 9, total_tokens: 9 } },
  ],
])('%s reranks documents', async (model, path, more) => {
  const body = { model, query: 'q', documents: ['a', { text: 'b' }], top_n: 1, return_documents: true }
  const { status, body: answerBody } = await post('/v1/rerank', body)
  expect([status, answerBody]).toEqual([
    200,
    { model, results: [{ index: 1, relevance_score: 0.9, document: { text: 'b' } }], ...more },
  ])
  expect(lastRequest().path).toBe(path)
  const wrong = await post('/v1/rerank', { model, query: 'q', documents: [1] })
  expect([wrong.status, wrong.body.error]).toEqual([400, expect.objectContaining({ param: 'documents[0]' })])
})

test('a rerank request passes through where client and vendor use the same format', async () => {
  const body = { model: 'jina-reranker', query: 'q', documents: ['a', 'b'], truncate: true }
  const { body: answerBody } = await post('/v1/rerank', body)
  expect(lastRequest().body).toBe(JSON.stringify(body))
  expect(answerBody).toEqual({
    model: 'jina-reranker',
    results: [{ index: 1, relevance_score: 0.9 }],
    usage: { total_tokens: 9 },
  })
})
