/** The lists of models, in the protocol of the client. */

import type { Json } from '../base/json/json.ts'
import { modelKindOf } from '../catalog/model-kinds.ts'
import type { Runtime } from '../gateway/runtime.ts'
import { bareModel } from '../protocols/gemini/syntax/model-path.ts'
import type { Caller } from '../routing/router.ts'

/** The creation time of models is unknown, but SDKs require one. Unix seconds. */
const created = 1704067200
const createdAt = new Date(created * 1000).toISOString().replace('.000', '')

/** Clients of Anthropic's Messages identify themselves by a header. All others get OpenAI's format. */
export const isAnthropicClient = (headers: Headers): boolean => headers.has('anthropic-version')

const openaiModel = (id: string) => ({ id, object: 'model', created, owned_by: 'simple-one-api' })
const anthropicModel = (id: string) => ({ type: 'model', id, display_name: id, created_at: createdAt })

/**
 * Lists the models of a caller in OpenAI's or Anthropic's format:
 * https://platform.openai.com/docs/api-reference/models, https://docs.claude.com/en/api/models-list (2026-11).
 */
export const listModels = (runtime: Runtime, caller: Caller, headers: Headers, query: string): Json => {
  const ids = runtime.router.list(caller).map(({ id }) => id)
  return isAnthropicClient(headers)
    ? anthropicPage(ids, new URLSearchParams(query))
    : { object: 'list', data: ids.map(openaiModel) }
}

/** @throws GatewayError `model_not_found`, `forbidden` */
export const findModel = (runtime: Runtime, caller: Caller, headers: Headers, id: string): Json => {
  const found = runtime.router.find(id, caller).id
  return isAnthropicClient(headers) ? anthropicModel(found) : openaiModel(found)
}

/** Pagination as Anthropic documents it: `limit` (20, at most 1000), `after_id`, `before_id`. */
const anthropicPage = (ids: string[], query: URLSearchParams): Json => {
  const limit = Math.min(Math.max(Number.parseInt(query.get('limit') ?? '20', 10) || 20, 1), 1000)
  const after = ids.indexOf(query.get('after_id') ?? '')
  const before = ids.indexOf(query.get('before_id') ?? '')
  const rest = ids.slice(after + 1, before < 0 ? undefined : before)
  const pageIds = before < 0 ? rest.slice(0, limit) : rest.slice(-limit)
  const edgeIds = { first_id: pageIds[0] ?? null, last_id: pageIds.at(-1) ?? null }
  return { data: pageIds.map(anthropicModel), has_more: pageIds.length < rest.length, ...edgeIds }
}

/**
 * Lists the models in Gemini's format: https://ai.google.dev/api/models (2026-11). `pageSize` (50, at most 1000);
 * `pageToken` is the index at which the next page begins.
 */
export const listGeminiModels = (runtime: Runtime, caller: Caller, query: string): Json => {
  const parameters = new URLSearchParams(query)
  const ids = runtime.router.list(caller).map(({ id }) => id)
  const pageSize = Math.min(Math.max(Number.parseInt(parameters.get('pageSize') ?? '50', 10) || 50, 1), 1000)
  const start = Math.max(Number.parseInt(parameters.get('pageToken') ?? '0', 10) || 0, 0)
  const next = start + pageSize
  return { models: ids.slice(start, next).map(geminiModel), ...(next < ids.length && { nextPageToken: String(next) }) }
}

/**
 * `id` may begin with `models/`.
 * @throws GatewayError `model_not_found`, `forbidden`
 */
export const findGeminiModel = (runtime: Runtime, caller: Caller, id: string): Json =>
  geminiModel(runtime.router.find(bareModel(id), caller).id)

const generationMethods = ['generateContent', 'streamGenerateContent', 'countTokens']
const embeddingMethods = ['embedContent', 'batchEmbedContents']

const geminiModel = (id: string) => ({
  name: `models/${id}`,
  baseModelId: id,
  version: '001',
  displayName: id,
  supportedGenerationMethods: modelKindOf(id) === 'embedding' ? embeddingMethods : generationMethods,
})
