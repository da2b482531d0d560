/** Every task of an embedding as clients name it and as each vendor is told, and every loss of a Gemini request. */
import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/base/json/json.ts'
import { clientProtocolOf, unaryEgressOf } from '../../src/protocols/registry.ts'
import { translateUnaryRequest } from '../../src/protocols/shared/unary.ts'

const translate = (from: string, to: string, body: JsonObject): { sent: JsonObject; losses: string[] } => {
  const client = clientProtocolOf(from)
  if (client.kind !== 'unary') throw new Error(`${from} is not unary`)
  const losses: string[] = []
  const sent = translateUnaryRequest(client, unaryEgressOf(to)!, body, 'theirs', path => losses.push(path))
  return { sent: sent as JsonObject, losses }
}

const geminiTaskOf = (body: JsonObject) =>
  translate('embeddings', 'vertex/embedContent', { model: 'mine', input: 'words', ...body }).sent['embedContentConfig']

describe('a task is named', () => {
  // Gemini's `task_type`, Cohere's `input_type`, Jina's `task`, DashScope's `text_type`, Voyage's `input_type`.
  const names = [
    ['query', 'RETRIEVAL_QUERY'],
    ['search_query', 'RETRIEVAL_QUERY'],
    ['retrieval_query', 'RETRIEVAL_QUERY'],
    ['RETRIEVAL_QUERY', 'RETRIEVAL_QUERY'],
    ['retrieval.query', 'RETRIEVAL_QUERY'],
    ['document', 'RETRIEVAL_DOCUMENT'],
    ['passage', 'RETRIEVAL_DOCUMENT'],
    ['search_document', 'RETRIEVAL_DOCUMENT'],
    ['retrieval_document', 'RETRIEVAL_DOCUMENT'],
    ['retrieval.passage', 'RETRIEVAL_DOCUMENT'],
    ['semantic_similarity', 'SEMANTIC_SIMILARITY'],
    ['text-matching', 'SEMANTIC_SIMILARITY'],
    ['classification', 'CLASSIFICATION'],
    ['clustering', 'CLUSTERING'],
    ['separation', 'CLUSTERING'],
    ['question_answering', 'QUESTION_ANSWERING'],
    ['fact_verification', 'FACT_VERIFICATION'],
    ['code_retrieval_query', 'CODE_RETRIEVAL_QUERY'],
    ['code.query', 'CODE_RETRIEVAL_QUERY'],
  ] as const
  test.each(names)('%s: Gemini and Vertex call it %s', (name, taskType) => {
    expect(geminiTaskOf({ task: name })).toEqual({ taskType })
    const { sent } = translate('embeddings', 'gemini/embedContent', { model: 'm', input: 'words', task: name })
    expect(sent['taskType']).toBe(taskType)
    const { sent: instances } = translate('embeddings', 'vertex/predict', { model: 'm', input: 'words', task: name })
    expect(instances['instances']).toEqual([{ content: 'words', task_type: taskType }])
  })

  test.each(['input_type', 'task', 'task_type', 'text_type'])('in the field %s', field =>
    expect(geminiTaskOf({ [field]: 'query' })).toEqual({ taskType: 'RETRIEVAL_QUERY' }),
  )
  test('in the first of several fields that is not null', () => {
    expect(geminiTaskOf({ input_type: null, task: 'document', text_type: 'query' })).toEqual({
      taskType: 'RETRIEVAL_DOCUMENT',
    })
  })

  test.each(['invented', 'constructor', '__proto__', 7, ''])('%p: it is unknown, and a loss', name => {
    const { sent, losses } = translate('embeddings', 'vertex/embedContent', { model: 'm', input: 'x', task_type: name })
    expect([sent['embedContentConfig'], losses]).toEqual([undefined, ['task_type']])
  })
  test.each(['TASK_TYPE_UNSPECIFIED', null])('%p: it is none', name => {
    const { sent, losses } = translate('embeddings', 'vertex/embedContent', { model: 'm', input: 'x', task: name })
    expect([sent['embedContentConfig'], losses]).toEqual([undefined, []])
  })
})

describe('a task is told', () => {
  // docs.cohere.com/reference/embed and help.aliyun.com, text-embedding-synchronous-api.
  test.each([
    ['query', 'search_query', 'query'],
    ['question_answering', 'search_query', 'query'],
    ['code.query', 'search_query', 'query'],
    ['fact_verification', 'search_query', undefined],
    ['document', 'search_document', 'document'],
    ['classification', 'classification', undefined],
    ['clustering', 'clustering', undefined],
    ['text-matching', undefined, undefined],
  ] as const)('%s: to Cohere as %p, to DashScope as %p, else it is a loss', (task, inputType, textType) => {
    const cohere = translate('embeddings', 'cohere/embed', { model: 'm', input: 'x', task })
    expect([cohere.sent['input_type'], cohere.losses]).toEqual([
      inputType ?? 'search_document',
      inputType ? [] : ['task'],
    ])
    const dashscope = translate('embeddings', 'dashscope/embeddings', { model: 'm', input: 'x', task })
    expect([dashscope.sent['parameters'], dashscope.losses]).toEqual([
      textType && { text_type: textType },
      textType ? [] : ['task'],
    ])
  })
  test.each(['embeddings', 'ollama/embed'])('to %s never: it is a loss', vendor => {
    const body = { content: { parts: [{ text: 'x' }] }, taskType: 'CLUSTERING' }
    expect(translate('gemini/embedContent', vendor, body).losses).toEqual(['task'])
  })
})

describe('Gemini’s embedContent', () => {
  const content = { parts: [{ text: 'words' }] }
  const known = {
    taskType: 'CLUSTERING',
    title: 'heading',
    outputDimensionality: 8,
    autoTruncate: false,
  }
  test('keeps every setting, beside the content or in its configuration, in camelCase or in snake_case', () => {
    const settings = { taskType: 'CLUSTERING', title: 'heading', outputDimensionality: 8, autoTruncate: false }
    for (const body of [
      { model: 'models/m', content, ...known },
      { content, embedContentConfig: known },
      { content, task_type: 'CLUSTERING', title: 'heading', output_dimensionality: 8, auto_truncate: false },
    ] as JsonObject[])
      expect(translate('gemini/embedContent', 'vertex/embedContent', body)).toEqual({
        sent: { content: { role: 'user', ...content }, embedContentConfig: settings },
        losses: [],
      })
  })

  test('reports each field that is unknown as a loss, with the place of its request in a batch', () => {
    const more = { invented: 1, requestType: 'x' }
    expect(translate('gemini/embedContent', 'vertex/embedContent', { content, ...more }).losses).toEqual([
      'invented',
      'requestType',
    ])
    expect(
      translate('gemini/embedContent', 'vertex/embedContent', { content, embedContentConfig: more }).losses,
    ).toEqual(['invented', 'requestType'])
    const requests = [{ content }, { content, invented: 1 }]
    expect(translate('gemini/batchEmbedContents', 'vertex/predict', { requests }).losses).toEqual([
      'requests[1].invented',
    ])
  })

  // The documentation of each vendor, as cited in src/protocols/embeddings.
  test.each([
    ['gemini/embedContent', ['truncate']],
    ['gemini/batchEmbedContents', ['truncate']],
    ['vertex/predict', []],
    ['vertex/embedContent', []],
    ['embeddings', ['titles', 'task', 'truncate']],
    ['ollama/embed', ['titles', 'task']],
    ['dashscope/embeddings', ['titles', 'truncate', 'task']],
    ['cohere/embed', ['titles']],
  ] as const)('to %s loses %j', (vendor, lost) =>
    expect(translate('gemini/embedContent', vendor, { content, ...known }).losses).toEqual([...lost]),
  )
  test.each([
    ['gemini/embedContent', ['user']],
    ['vertex/predict', ['user']],
    ['vertex/embedContent', ['user']],
    ['embeddings', []],
    ['ollama/embed', ['user']],
    ['dashscope/embeddings', ['user']],
    ['cohere/embed', ['user']],
  ] as const)('’s counterpart of OpenAI, to %s, loses %j', (vendor, lost) =>
    expect(translate('embeddings', vendor, { model: 'm', input: 'x', user: 'ann' }).losses).toEqual([...lost]),
  )
  test.each([
    [true, 'END'],
    [false, 'NONE'],
  ])('autoTruncate %p is told to Cohere as %s, and to Ollama as it is', (autoTruncate, word) => {
    expect(translate('gemini/embedContent', 'cohere/embed', { content, autoTruncate }).sent['truncate']).toBe(word)
    expect(translate('gemini/embedContent', 'ollama/embed', { content, autoTruncate }).sent['truncate']).toBe(
      autoTruncate,
    )
  })
})

describe('as many texts in one request as the vendor takes', () => {
  test.each([
    ['dashscope/embeddings', 'text-embedding-v1', 25],
    ['dashscope/embeddings', 'text-embedding-v2', 25],
    ['dashscope/embeddings', 'text-embedding-v3', 10],
    ['dashscope/embeddings', 'text-embedding-v12', 10],
    ['cohere/embed', 'embed-v4.0', 96],
    ['gemini/embedContent', 'any', 1],
    ['gemini/batchEmbedContents', 'any', 100],
    ['vertex/predict', 'gemini-embedding-001', 1],
    ['vertex/predict', 'text-embedding-005', 250],
    ['vertex/embedContent', 'any', 1],
  ])('%s, %s: %d', (vendor, model, count) => expect(unaryEgressOf(vendor)!.maxTexts?.(model)).toBe(count))
})
