import type { JsonObject } from '../../base/json/json.ts'
import { geminiCount } from '../../protocols/count-tokens.ts'
import type { NoteLoss } from '../../protocols/protocol.ts'
import type { Target } from '../entry.ts'
import { provider } from '../provider.ts'
import { parseServerUrl, pathSegment } from '../server-url.ts'
import { header } from '../sign/header.ts'

const host = 'https://generativelanguage.googleapis.com'

/**
 * A `server_url` may end in the host, the version, `/models` (as in simple-one-api) or a model. The OpenAI-compatible
 * URL denotes the same server.
 */
const base = ({ entry }: Target): string => {
  const { origin, path, query } = parseServerUrl(entry.serverUrl ?? host)
  const root = path.replace(/\/(?:models(?:\/.*)?|openai)$/, '')
  return `${origin}${root === '' ? '/v1beta' : root}${query}`
}

/** Tuned models have a collection of their own. */
const modelPath = (model: string): string => {
  const [, list = 'models', name = model] = /^(models|tunedModels)\/(.+)$/.exec(model) ?? []
  return `/${list}/${pathSegment(name)}`
}

/**
 * countTokens takes `contents` alone, or a complete request in `generateContentRequest` (ai.google.dev/api/tokens,
 * 2026-11). Vertex AI and its clients do not use that field.
 */
const toCountTokens = (body: JsonObject, _loss: NoteLoss, { model }: Target): JsonObject => {
  const { contents: _contents, model: _model, ...otherFields } = body
  if (geminiCount.unwrapRequest(body) !== body || Object.keys(otherFields).length === 0) return {}
  const removed = Object.fromEntries(Object.keys(body).map(key => [key, undefined]))
  return { ...removed, generateContentRequest: { ...body, model: `models/${model}` } }
}

/**
 * The key is sent in a header, so that no URL contains it (ai.google.dev/gemini-api/docs). Models:
 * ai.google.dev/gemini-api/docs/models.
 */
export default provider({
  id: 'gemini',
  title: 'Google Gemini',
  docs: 'https://ai.google.dev/gemini-api/docs',
  checked: '2026-11',
  quirks: ['requests to count tokens with more than `contents` are wrapped in `generateContentRequest`'],
  base,
  hosts: ['generativelanguage.googleapis.com'],
  paths: {
    gemini: ({ model }, { stream }) =>
      modelPath(model) + (stream ? ':streamGenerateContent?alt=sse' : ':generateContent'),
    'gemini/batchEmbedContents': ({ model }) => `${modelPath(model)}:batchEmbedContents`,
    'gemini/embedContent': ({ model }) => `${modelPath(model)}:embedContent`,
    'gemini/countTokens': ({ model }) => `${modelPath(model)}:countTokens`,
  },
  sign: header('x-goog-api-key'),
  patchTopLevel: { 'gemini/countTokens': toCountTokens },
  credentials: ['api_key'],
  /** ai.google.dev/gemini-api/docs/rate-limits, 2026-09 */
  dailyReset: '00:00 America/Los_Angeles',
  models: ['gemini-3.8-flash', 'gemini-3.5-flash-lite', 'gemini-3.1-pro-preview'],
})
