/**
 * Embeddings and reranking: requests of every client for every vendor, answers of every vendor for every client, and
 * recordings.
 */
import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson } from '../../src/base/json/json.ts'
import { clientProtocolOf, unaryEgressOf, unaryTaskOf } from '../../src/protocols/registry.ts'
import { translateUnaryRequest, translateUnaryResponse } from '../../src/protocols/shared/unary.ts'
import { exchangeFor } from '../contracts/protocol.ts'
import { base64, firstVector, responseSamples, secondVector } from '../fuzz/samples.ts'
import { type Recording, recordedTest, recordings } from '../support/recordings.ts'

const client = (id: string) => {
  const protocol = clientProtocolOf(id)
  if (protocol.kind !== 'unary') throw new Error(`${id} is not unary`)
  return protocol
}
const vendor = (id: string) => unaryEgressOf(id)!

const translateRequest = (from: string, to: string, body: JsonObject) => {
  const losses: string[] = []
  const sent = translateUnaryRequest(client(from), vendor(to), body, 'theirs', path => losses.push(path))
  return { sent, losses }
}

const responseOf = (from: string, to: string, body: JsonObject, answer: Json) => {
  const { body: text, usage } = translateUnaryResponse(
    client(from),
    vendor(to),
    JSON.stringify(answer),
    exchangeFor({ clientRequest: body }),
  )
  return { body: JSON.parse(text) as JsonObject, usage }
}

const thrownBy = (act: () => unknown): GatewayError => {
  try {
    act()
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown
    throw thrown
  }
  throw new Error('nothing was thrown')
}

/** Vendors that answer with two vectors. */
const batchVendors = [
  'embeddings',
  'gemini/batchEmbedContents',
  'vertex/predict',
  'ollama/embed',
  'dashscope/embeddings',
  'cohere/embed',
]

describe('embeddings', () => {
  const rich = {
    model: 'mine',
    input: ['a', 'b'],
    dimensions: 2,
    input_type: 'query',
    user: 'u',
    encoding_format: 'float',
  }

  test('an embedding request is rendered in the format of each vendor', () => {
    const { sent, losses } = translateRequest('embeddings', 'gemini/batchEmbedContents', rich)
    const request = (text: string) => ({
      model: 'models/theirs',
      content: { parts: [{ text }] },
      taskType: 'RETRIEVAL_QUERY',
      outputDimensionality: 2,
    })
    expect(sent).toEqual({ requests: [request('a'), request('b')] })
    expect(losses).toEqual(['user'])
    expect(translateRequest('embeddings', 'vertex/predict', rich).sent).toEqual({
      instances: [
        { content: 'a', task_type: 'RETRIEVAL_QUERY' },
        { content: 'b', task_type: 'RETRIEVAL_QUERY' },
      ],
      parameters: { outputDimensionality: 2 },
    })
    expect(translateRequest('embeddings', 'vertex/embedContent', { ...rich, input: 'a' }).sent).toEqual({
      content: { role: 'user', parts: [{ text: 'a' }] },
      embedContentConfig: { taskType: 'RETRIEVAL_QUERY', outputDimensionality: 2 },
    })
    expect(translateRequest('embeddings', 'ollama/embed', rich)).toEqual({
      sent: { model: 'theirs', input: ['a', 'b'], dimensions: 2 },
      losses: ['user', 'task'],
    })
    expect(translateRequest('embeddings', 'dashscope/embeddings', rich).sent).toEqual({
      model: 'theirs',
      input: { texts: ['a', 'b'] },
      parameters: { dimension: 2, text_type: 'query' },
    })
    expect(translateRequest('embeddings', 'cohere/embed', rich).sent).toEqual({
      model: 'theirs',
      texts: ['a', 'b'],
      input_type: 'search_query',
      embedding_types: ['float'],
      output_dimension: 2,
    })
  })

  test('nothing is sent that the client did not ask for', () => {
    const plain = { model: 'mine', input: 'a' }
    expect(translateRequest('embeddings', 'dashscope/embeddings', plain)).toEqual({
      sent: { model: 'theirs', input: { texts: ['a'] } },
      losses: [],
    })
    expect(translateRequest('embeddings', 'vertex/predict', plain).sent).toEqual({ instances: [{ content: 'a' }] })
    expect(translateRequest('gemini/embedContent', 'embeddings', { content: { parts: [{ text: 'a' }] } })).toEqual({
      sent: { model: 'theirs', input: ['a'] },
      losses: [],
    })
  })

  test('a Gemini batch keeps its titles where the vendor has them; what cannot be expressed is a loss or is refused', () => {
    const request = (text: string, more: JsonObject = {}) => ({ content: { parts: [{ text }] }, ...more })
    const requests = [
      request('a', { title: 'A', task_type: 'RETRIEVAL_DOCUMENT', output_dimensionality: 8 }),
      request('b', { taskType: 'RETRIEVAL_DOCUMENT', outputDimensionality: 8 }),
    ]
    expect(translateRequest('gemini/batchEmbedContents', 'vertex/predict', { requests })).toEqual({
      sent: {
        instances: [
          { content: 'a', task_type: 'RETRIEVAL_DOCUMENT', title: 'A' },
          { content: 'b', task_type: 'RETRIEVAL_DOCUMENT' },
        ],
        parameters: { outputDimensionality: 8 },
      },
      losses: [],
    })
    expect(translateRequest('gemini/batchEmbedContents', 'embeddings', { requests })).toEqual({
      sent: { model: 'theirs', input: ['a', 'b'], dimensions: 8 },
      losses: ['titles', 'task'],
    })
    const mixed = { requests: [request('a', { outputDimensionality: 8 }), request('b')] }
    expect(thrownBy(() => translateRequest('gemini/batchEmbedContents', 'embeddings', mixed))).toMatchObject({
      code: 'invalid_request',
      detail: { param: 'requests[1].outputDimensionality' },
    })
    const picture = { content: { parts: [{ text: 'a' }, { inlineData: { mimeType: 'image/png', data: 'AA' } }] } }
    expect(thrownBy(() => translateRequest('gemini/embedContent', 'embeddings', picture)).detail.param).toBe(
      'content.parts[1]',
    )
  })

  test('tokens and inputs that are not text are refused with the name of the field', () => {
    const param = (body: JsonObject) =>
      thrownBy(() => translateRequest('embeddings', 'ollama/embed', { model: 'm', ...body })).detail.param
    expect(param({ input: [1, 2] })).toBe('input')
    expect(param({ input: ['a', [1, 2]] })).toBe('input[1]')
    expect(param({ input: [] })).toBe('input')
    expect(param({ input: 'a', dimensions: 0 })).toBe('dimensions')
    expect(param({ input: 'a', encoding_format: 'int8' })).toBe('encoding_format')
  })

  for (const to of batchVendors)
    test(`${to} answers every client, in order, as numbers and as base64`, () => {
      const answer = responseSamples[to]!
      const input = ['a', 'b']
      const floats = responseOf('embeddings', to, { model: 'mine', input }, answer)
      expect(floats).toEqual({
        body: {
          object: 'list',
          data: [
            { object: 'embedding', index: 0, embedding: firstVector },
            { object: 'embedding', index: 1, embedding: secondVector },
          ],
          model: 'the-clients-model',
          usage: { prompt_tokens: 7, total_tokens: 7 },
        },
        usage: { input: 7, output: 0 },
      })
      const packed = responseOf('embeddings', to, { model: 'mine', input, encoding_format: 'base64' }, answer)
      expect((packed.body.data as JsonObject[]).map(({ embedding }) => embedding)).toEqual([
        base64(...firstVector),
        base64(...secondVector),
      ])
      const requests = input.map(text => ({ content: { parts: [{ text }] } }))
      expect(responseOf('gemini/batchEmbedContents', to, { requests }, answer).body).toEqual({
        embeddings: [{ values: firstVector }, { values: secondVector }],
        usageMetadata: { promptTokenCount: 7 },
      })
      const short = thrownBy(() => responseOf('embeddings', to, { model: 'mine', input: 'a' }, answer))
      expect([short.code, short.message]).toEqual(['upstream_failed', 'the vendor gave 2 vectors for 1 texts'])
    })

  test('token counts that the vendor did not report are estimated, and omitted where they are optional', () => {
    const answer = { embedding: { values: firstVector } }
    const response = responseOf('embeddings', 'gemini/embedContent', { input: 'eight by' }, answer)
    expect(response.usage).toEqual({ input: 2, output: 0, estimated: true })
    expect(response.body.usage).toEqual({ prompt_tokens: 2, total_tokens: 2 })
    const body = { content: { parts: [{ text: 'eight by' }] } }
    expect(responseOf('gemini/embedContent', 'vertex/embedContent', body, answer).body).toEqual(answer)
  })

  test('the answers to the parts of a batch become one answer', () => {
    const { split, join } = client('embeddings').batch!
    const parts = split({ model: 'm', input: ['a', 'b', 'c'], user: 'u' }, 2)!
    expect([parts.count, parts.bodyAt(0), parts.bodyAt(1)]).toEqual([
      2,
      { model: 'm', input: ['a', 'b'], user: 'u' },
      { model: 'm', input: ['c'], user: 'u' },
    ])
    expect(split({ input: [1, 2, 3] }, 2)).toBeUndefined()
    expect(split({ input: ['a', 'b'] }, 2)).toBeUndefined()
    const part = (count: number) => ({
      object: 'list',
      model: 'm',
      data: Array.from({ length: count }, (_, index) => ({ object: 'embedding', index, embedding: [count] })),
      usage: { prompt_tokens: count, total_tokens: count },
    })
    expect(join([part(2), part(1)])).toMatchObject({
      data: [{ index: 0 }, { index: 1 }, { index: 2, embedding: [1] }],
      usage: { prompt_tokens: 3, total_tokens: 3 },
    })
  })

  test('passed vectors are sorted into the order of the texts, each as it was written', () => {
    const pass = (data: string) =>
      client('embeddings').passthrough.passMessage(
        `{"data":${data},"model":"the-clients-model"}`,
        exchangeFor({ clientRequest: {} }),
      ).text
    const item = (index: Json, vector: string) => `{"embedding": ${vector},"index" : ${JSON.stringify(index)} }`
    const [a, b, c] = [item(0, '[1.0,-0, 1e-7]'), item(1, '"AACAPwAAAEA="'), item(2, '[{"index":9}]')] as const
    const responseOf = (data: string) => `{"data":${data},"model":"the-clients-model"}`
    expect(pass(`[${c} ,\n${a}, ${b}]`)).toBe(responseOf(`[${a} ,\n${b}, ${c}]`))
    for (const as of [
      `[ ${a},${b} ]`,
      '[]',
      `[${item(0, '[1]')},${item(0, '[2]')}]`,
      `[${item(1, '[1]')},${item(0, '[2]')},${item(1, '[3]')}]`,
      `[${item(1, '[1]')},${item(0, '[2]')},{"embedding":[3]}]`,
      `[${item(1, '[1]')},${item(0, '[2]')},${item('x', '[3]')}]`,
      '{"a":{"index":1},"b":{"index":0}}',
    ])
      expect(pass(as)).toBe(responseOf(as))
  })

  test('a body that is not an answer is an upstream error', () => {
    const faults: [string, Json][] = [
      ['ollama/embed', { embeddings: [['x']] }],
      ['ollama/embed', { embeddings: [[]] }],
      ['embeddings', { data: [{ embedding: null }] }],
      ['cohere/embed', { embeddings: { int8: [[1]] } }],
      ['vertex/predict', []],
      ['dashscope/embeddings', { code: 'InvalidApiKey', message: 'no' }],
    ]
    for (const [to, answer] of faults)
      expect(thrownBy(() => responseOf('embeddings', to, { input: 'a' }, answer)).code).toMatch(/^upstream_/)
  })
})

describe('reranking', () => {
  const body = { model: 'mine', query: 'q', documents: ['a', { text: 'b' }, 'c'], top_n: 2, return_documents: true }
  const results = [
    { index: 2, relevance_score: 0.9 },
    { index: 0, relevance_score: 0.5 },
  ]

  test('a rerank request is rendered in the format of each vendor', () => {
    const documents = ['a', 'b', 'c']
    expect(translateRequest('rerank', 'cohere/rerank', { ...body, max_tokens_per_doc: 9 })).toEqual({
      sent: { model: 'theirs', query: 'q', documents, top_n: 2, max_tokens_per_doc: 9 },
      losses: [],
    })
    expect(translateRequest('rerank', 'dashscope/rerank', { ...body, rank_fields: ['x'] })).toEqual({
      sent: { model: 'theirs', input: { query: 'q', documents }, parameters: { return_documents: false, top_n: 2 } },
      losses: ['rank_fields'],
    })
  })

  test('each vendor answers with the documents that were asked for', () => {
    const ranked = [
      { index: 2, relevance_score: 0.9, document: { text: 'c' } },
      { index: 0, relevance_score: 0.5, document: { text: 'a' } },
    ]
    expect(
      responseOf('rerank', 'cohere/rerank', body, { id: 'x', results, meta: { billed_units: { search_units: 1 } } }),
    ).toEqual({
      body: { id: 'x', model: 'the-clients-model', results: ranked, meta: { billed_units: { search_units: 1 } } },
      usage: undefined,
    })
    const metered = { results, meta: { tokens: { input_tokens: 7, output_tokens: 0 } } }
    expect(responseOf('rerank', 'cohere/rerank', body, metered).usage).toEqual({ input: 7, output: 0 })
    const answer = { output: { results }, usage: { total_tokens: 12 }, request_id: 'y' }
    expect(responseOf('rerank', 'dashscope/rerank', body, answer)).toEqual({
      body: { id: 'y', model: 'the-clients-model', results: ranked, usage: { prompt_tokens: 12, total_tokens: 12 } },
      usage: { input: 12, output: 0 },
    })
    const bare = responseOf('rerank', 'dashscope/rerank', { ...body, return_documents: false, top_n: 0 }, answer)
    expect(bare.body.results).toEqual([])
  })

  test('invalid documents are refused, invalid rankings are upstream errors', () => {
    expect(
      thrownBy(() => translateRequest('rerank', 'cohere/rerank', { ...body, documents: ['a', 1] })).detail.param,
    ).toBe('documents[1]')
    expect(thrownBy(() => translateRequest('rerank', 'cohere/rerank', { ...body, documents: 'a' })).detail.param).toBe(
      'documents',
    )
    for (const wrong of [{}, { results: [{ index: 9, relevance_score: 1 }] }, { results: [1] }])
      expect(thrownBy(() => responseOf('rerank', 'cohere/rerank', body, wrong)).code).toBe('upstream_failed')
  })
})

test('a unary protocol belongs to exactly one task', () => {
  expect([unaryTaskOf('embeddings'), unaryTaskOf('rerank'), unaryTaskOf('openai-chat')]).toEqual([
    'embedding',
    'rerank',
    undefined,
  ])
})

/** The protocol of a recording, by its URL. */
const protocolByUrl: readonly (readonly [RegExp, string])[] = [
  [/:predict$/, 'vertex/predict'],
  [/:batchEmbedContents/, 'gemini/batchEmbedContents'],
  [/:embedContent/, 'gemini/embedContent'],
  [/cohere\.\w+\/v[12]\/embed$/, 'cohere/embed'],
  [/cohere\.\w+\/v[12]\/rerank$/, 'cohere/rerank'],
  [/\/api\/embed$/, 'ollama/embed'],
  [/\/services\/embeddings\//, 'dashscope/embeddings'],
  [/\/services\/rerank\//, 'dashscope/rerank'],
  [/\/v\d\/embeddings$|\/embeddings\?/, 'embeddings'],
  [/\/rerank$/, 'rerank'],
]

const textsIn = (recorded: Json): string[] | undefined => {
  if (!isObject(recorded)) return undefined
  const { input, texts, instances, requests, content } = recorded
  const list = [input, texts, instances, requests].find(Array.isArray) ?? (isObject(input) ? input.texts : undefined)
  if (Array.isArray(list)) return list.map((_, index) => `text ${index}`)
  return input !== undefined || content !== undefined ? ['text'] : undefined
}

/** Vectors of one-byte integers, which no OpenAI client can read. */
const int8Recording = /int8_embeddings/

/**
 * Translates a recorded answer for an OpenAI client. Undefined if that client could not have sent the recorded request.
 */
const replay = ({ url, request, text }: Recording): JsonObject | GatewayError | undefined => {
  const id = protocolByUrl.find(([where]) => where.test(url))?.[1]
  const answer = parseJson(text)
  if (id === undefined || !isObject(answer)) return undefined
  try {
    if (unaryTaskOf(id) === 'rerank') {
      const { documents } = ((request as JsonObject).input ?? request) as JsonObject
      return responseOf('rerank', id, { query: 'q', documents, return_documents: true }, answer).body
    }
    const input = textsIn(request as Json)
    return input && responseOf('embeddings', id, { input }, answer).body
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown
    throw thrown
  }
}

const all = ['embeddings', 'rerank', 'dashscope-embeddings', 'dashscope-rerank'].flatMap(recordings)
const good = all.filter(({ status, text }) => (status ?? 200) === 200 && text !== '')

describe(`${all.length} recordings of embeddings and reranking`, () => {
  recordedTest(good, 'every successful answer becomes a valid one for the client', () => {
    const read: Record<string, number> = {}
    const unread: string[] = []
    for (const recording of good) {
      const answer = replay(recording)
      if (answer === undefined || int8Recording.test(recording.file)) unread.push(recording.file)
      else if (answer instanceof GatewayError) expect([recording.file, answer.message]).toEqual([recording.file, ''])
      else {
        read[recording.provider] = (read[recording.provider] ?? 0) + 1
        const { data, results, usage } = answer
        if (Array.isArray(data)) {
          const vectors = (data as JsonObject[]).map(({ embedding }) => embedding as number[])
          expect(vectors.length).toBeGreaterThan(0)
          expect(new Set(vectors.map(({ length }) => length)).size).toBe(1)
          expect([recording.file, vectors.flat().find(number => !Number.isFinite(number))]).toEqual([
            recording.file,
            undefined,
          ])
          expect((usage as JsonObject).prompt_tokens).toBeGreaterThanOrEqual(0)
        } else
          for (const result of results as JsonObject[])
            expect(result).toEqual({
              index: expect.any(Number),
              relevance_score: expect.any(Number),
              document: { text: expect.any(String) },
            })
      }
    }
    console.log(`recordings read: ${JSON.stringify(read)}; of other wires: ${unread.length} ${unread.join(' ')}`)
    expect(Object.keys(read).length).toBeGreaterThan(5)
  })

  const refusals = all.filter(({ status }) => (status ?? 200) >= 400)
  recordedTest(refusals, 'every error answer becomes an upstream error with a message', () => {
    for (const { url, status, text, headers } of refusals) {
      const id = protocolByUrl.find(([where]) => where.test(url))?.[1] ?? 'embeddings'
      const error = vendor(id).parseError(status!, new Headers(headers), text, { redact: text => text })
      expect(error.code).toMatch(/^upstream_/)
      expect(error.message).not.toBe('')
    }
  })
})
