/** The lists of models, in the shape of the protocol that asks. */

import type { Json } from '../base/json/json.ts'
import { kindOf } from '../catalog/model-kinds.ts'
import type { Runtime } from '../gateway/runtime.ts'
import { bareModel } from '../protocols/gemini/syntax/model-path.ts'
import type { Caller } from '../routing/router.ts'

/** Nobody knows when a model came to be; SDKs want a time. */
const created = 1704067200
const createdAt = new Date(created * 1000).toISOString().replace('.000', '')

/** Clients of Anthropic's Messages say so by a header; everybody else gets OpenAI's shape. */
export const asksAnthropic = (headers: Headers): boolean => headers.has('anthropic-version')

const openai = (id: string) => ({ id, object: 'model', created, owned_by: 'simple-one-api' })
const anthropic = (id: string) => ({ type: 'model', id, display_name: id, created_at: createdAt })

/** https://platform.openai.com/docs/api-reference/models, https://docs.claude.com/en/api/models-list (2026-11). */
export const listModels = (runtime: Runtime, caller: Caller, headers: Headers, query: string): Json => {
  const ids = runtime.router.list(caller).map(({ id }) => id)
  return asksAnthropic(headers) ? page(ids, new URLSearchParams(query)) : { object: 'list', data: ids.map(openai) }
}

/** @throws GatewayError `model_not_found`, `forbidden` */
export const findModel = (runtime: Runtime, caller: Caller, headers: Headers, id: string): Json => {
  const found = runtime.router.find(id, caller).id
  return asksAnthropic(headers) ? anthropic(found) : openai(found)
}

/** `limit` (20, at most 1000), `after_id`, `before_id`, as Anthropic pages. */
const page = (ids: string[], query: URLSearchParams): Json => {
  const limit = Math.min(Math.max(Number.parseInt(query.get('limit') ?? '20', 10) || 20, 1), 1000)
  const after = ids.indexOf(query.get('after_id') ?? '')
  const before = ids.indexOf(query.get('before_id') ?? '')
  const rest = ids.slice(after + 1, before < 0 ? undefined : before)
  const shown = before < 0 ? rest.slice(0, limit) : rest.slice(-limit)
  const ends = { first_id: shown[0] ?? null, last_id: shown.at(-1) ?? null }
  return { data: shown.map(anthropic), has_more: shown.length < rest.length, ...ends }
}

/** https://ai.google.dev/api/models (2026-11): `pageSize` (50, at most 1000) and `pageToken`, which says where the next page begins. */
export const listGeminiModels = (runtime: Runtime, caller: Caller, query: string): Json => {
  const asked = new URLSearchParams(query)
  const ids = runtime.router.list(caller).map(({ id }) => id)
  const size = Math.min(Math.max(Number.parseInt(asked.get('pageSize') ?? '50', 10) || 50, 1), 1000)
  const from = Math.max(Number.parseInt(asked.get('pageToken') ?? '0', 10) || 0, 0)
  const next = from + size
  return { models: ids.slice(from, next).map(gemini), ...(next < ids.length && { nextPageToken: String(next) }) }
}

/** `id` may begin with `models/`. @throws GatewayError `model_not_found`, `forbidden` */
export const findGeminiModel = (runtime: Runtime, caller: Caller, id: string): Json =>
  gemini(runtime.router.find(bareModel(id), caller).id)

const generates = ['generateContent', 'streamGenerateContent', 'countTokens']
const embeds = ['embedContent', 'batchEmbedContents']

const gemini = (id: string) => ({
  name: `models/${id}`,
  baseModelId: id,
  version: '001',
  displayName: id,
  supportedGenerationMethods: kindOf(id) === 'embedding' ? embeds : generates,
})
