/** Valid requests and answers of the protocols without scripts in test/matrix, to be mutated. */
import type { JsonObject } from '../../src/base/json/json.ts'

/** Client protocol → its requests. */
export const requestSamples: Record<string, JsonObject[]> = {
  embeddings: [
    { model: 'm', input: ['a', 'b'], dimensions: 2, encoding_format: 'base64', user: 'u', task_type: 'query' },
    { model: 'm', input: 'a' },
  ],
  'gemini/embedContent': [
    {
      content: { parts: [{ text: 'a' }] },
      task_type: 'CLUSTERING',
      embedContentConfig: { title: 'x', autoTruncate: true },
    },
  ],
  'gemini/batchEmbedContents': [
    {
      requests: [
        { model: 'models/m', content: { parts: [{ text: 'a' }] }, outputDimensionality: 3 },
        { content: 'b', outputDimensionality: 3 },
      ],
    },
    { requests: [{ content: 'a' }] },
  ],
  rerank: [{ model: 'm', query: 'q', documents: ['a', { text: 'b' }], top_n: 2, return_documents: true }],
  completions: [
    { model: 'm', prompt: ['one', 'two'], max_tokens: 5, stop: ['x'], temperature: 0.5, seed: 1 },
    { model: 'm', prompt: 'one', stream: true, stream_options: { include_usage: true }, echo: true, user: 'u' },
    { model: 'm', prompt: [['one'], ['two']], suffix: 's', logprobs: 2, best_of: 1, logit_bias: { 5: 1 } },
  ],
  deepl: [
    { text: ['one', '', 'three %s'], target_lang: 'DE', source_lang: 'en', context: 'c', formality: 'more' },
    { text: 'one', target_lang: 'EN-US', stream: true, model: 'm' },
  ],
  deeplx: [
    { text: 'one', target_lang: 'DE', source_lang: 'auto' },
    { text: ['one'], target_lang: 'ZH', stream: true, model: 'm' },
  ],
}

export const firstVector = [0.5, -0.25]
export const secondVector = [1, 2]
export const base64 = (...floats: number[]) => Buffer.from(new Float32Array(floats).buffer).toString('base64')
const ranked = [
  { index: 1, relevance_score: 0.9, document: { text: 'b' } },
  { index: 0, relevance_score: 0.5 },
]

/**
 * Vendor protocol → its answer: two vectors, with the second text's first where the answer has indices; or two
 * documents.
 */
export const responseSamples: Record<string, JsonObject> = {
  embeddings: {
    object: 'list',
    model: 'theirs-1',
    data: [
      { object: 'embedding', index: 1, embedding: base64(...secondVector) },
      { object: 'embedding', index: 0, embedding: firstVector },
    ],
    usage: { prompt_tokens: 7, total_tokens: 7 },
  },
  'gemini/batchEmbedContents': {
    embeddings: [{ values: firstVector }, { values: secondVector }],
    usageMetadata: { promptTokenCount: 7 },
  },
  'gemini/embedContent': { embedding: { values: firstVector }, usageMetadata: { promptTokenCount: 3 } },
  'vertex/predict': {
    predictions: [
      { embeddings: { values: firstVector, statistics: { token_count: 3, truncated: false } } },
      { embeddings: { values: secondVector, statistics: { token_count: 4, truncated: false } } },
    ],
  },
  'vertex/embedContent': { embedding: { values: firstVector }, usageMetadata: { promptTokenCount: 3 } },
  'ollama/embed': { model: 'theirs', embeddings: [firstVector, secondVector], prompt_eval_count: 7 },
  'dashscope/embeddings': {
    output: {
      embeddings: [
        { text_index: 1, embedding: secondVector },
        { text_index: 0, embedding: firstVector },
      ],
    },
    usage: { total_tokens: 7 },
    request_id: 'r',
  },
  'cohere/embed': {
    id: 'c',
    texts: ['a', 'b'],
    embeddings: { float: [firstVector, secondVector] },
    meta: { billed_units: { input_tokens: 7 } },
  },
  rerank: { id: 'x', model: 'm', results: ranked, usage: { prompt_tokens: 3, total_tokens: 3 } },
  'cohere/rerank': {
    id: 'x',
    results: ranked,
    meta: { billed_units: { search_units: 1 }, tokens: { input_tokens: 2 } },
  },
  'dashscope/rerank': { output: { results: ranked }, usage: { total_tokens: 2 }, request_id: 'x' },
}

/** Count protocol → the vendor's answer. */
export const countSamples: Record<string, JsonObject> = {
  'anthropic/count_tokens': { input_tokens: 7, context_management: { original_input_tokens: 9 } },
  'gemini/countTokens': { totalTokens: 7, promptTokensDetails: [{ modality: 'TEXT', tokenCount: 7 }] },
}
