import type { JsonObject } from '../../base/json/json.ts'
import { modelKindOf } from '../../catalog/model-kinds.ts'
import type { ProtocolId } from '../../ir/chat.ts'
import { geminiCount, omitOutputFields } from '../../protocols/count-tokens.ts'
import { camelBody } from '../../protocols/gemini/syntax/casing.ts'
import type { NoteLoss } from '../../protocols/protocol.ts'
import { hasCredential, type Target } from '../entry.ts'
import { provider, type Sign } from '../provider.ts'
import { parseServerUrl, pathSegment } from '../server-url.ts'
import { google, unknownProject } from '../sign/google.ts'

/** The host of a location: `global`, the multi-regions `us` and `eu`, or a single region. */
const hostOf = (location: string): string => {
  if (location === 'global') return 'aiplatform.googleapis.com'
  return /^(?:us|eu)$/.test(location)
    ? `aiplatform.${location}.rep.googleapis.com`
    : `${location}-aiplatform.googleapis.com`
}

/**
 * An API key alone (express mode) needs no project in the URL. Any other credential has a project, possibly only in its
 * file.
 */
const base = ({ entry, credential: { values } }: Target): string => {
  const { location = 'global', project_id: project, api_key: key } = values
  const server = parseServerUrl(entry.serverUrl ?? `https://${hostOf(location)}`)
  const root = `${server.origin}${server.path || '/v1'}`
  if (key !== undefined && project === undefined) return root + server.query
  return `${root}/projects/${pathSegment(project ?? unknownProject)}/locations/${pathSegment(location)}${server.query}`
}

/** Google's own model names contain no slash. A tuned model is named by the number of its endpoint. */
const geminiPath = (model: string): string =>
  /^\d+$/.test(model) ? `/endpoints/${model}` : `/publishers/google/models/${pathSegment(model)}`

/**
 * The URL names the model, the body the API version
 * (platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai).
 */
const toRawPredict = (): JsonObject => ({ model: undefined, anthropic_version: 'vertex-2023-10-16' })

/**
 * Token counting names the model in the body
 * (docs.cloud.google.com/gemini-enterprise-agent-platform/models/partner-models/claude/count-tokens, 2026-11) and
 * refuses the suffixes `@default` and `@latest` (github.com/BerriAI/litellm/issues/25798).
 */
const toClaudeCountTokens = (_body: JsonObject, _loss: NoteLoss, { model }: Target): JsonObject => ({
  ...omitOutputFields(),
  model: model.replace(/@(?:default|latest)$/, ''),
})

/**
 * countTokens takes the fields of a request directly, and only these
 * (…/reference/rest/v1/projects.locations.publishers.models/countTokens, 2026-11).
 */
const toGeminiCountTokens = (body: JsonObject): JsonObject => {
  const { contents, tools, systemInstruction, generationConfig } = camelBody(geminiCount.unwrapRequest(body))
  const removed = Object.fromEntries(Object.keys(body).map(key => [key, undefined]))
  return { ...removed, contents, tools, systemInstruction, generationConfig }
}

/** Token counting refuses betas that are valid for a message (github.com/anthropics/claude-code/issues/12429). */
const sign: Sign = async (request, target, fetchToken) => {
  if (request.url.includes('/count-tokens:')) request.headers.delete('anthropic-beta')
  return google(request, target, fetchToken)
}

/** Embedding models older than Gemini Embedding 2 use `:predict` (github.com/googleapis/js-genai, 2026-11). */
const protocolsFor = (model: string): ProtocolId[] => {
  if (model.includes('/')) return ['openai-chat']
  if (model.startsWith('claude')) return ['anthropic', 'anthropic/count_tokens']
  if (modelKindOf(model) !== 'embedding') return ['gemini', 'gemini/countTokens']
  return [model.startsWith('gemini-') && model !== 'gemini-embedding-001' ? 'vertex/embedContent' : 'vertex/predict']
}

/**
 * docs.cloud.google.com/gemini-enterprise-agent-platform (Vertex AI until 2026). Gemini uses its own protocol, Claude
 * Anthropic's, and models of other vendors (`publisher/model`) OpenAI's. Claude accepts images only as bytes
 * (platform.claude.com/docs/en/build-with-claude/vision).
 */
export default provider({
  id: 'vertexai',
  title: 'Google Vertex AI',
  docs: 'https://docs.cloud.google.com/gemini-enterprise-agent-platform',
  checked: '2026-11',
  quirks: [
    'the model decides the protocol: `claude-…` uses Messages, `publisher/model` uses Chat Completions, every other name uses Gemini',
    'embedding models use `:predict` or `:embedContent`',
    'requests for Claude have `anthropic_version` in the body, images as bytes, and no `model`',
    'requests to count tokens are sent without the fields that counting ignores (Gemini), and without betas and output settings (Claude)',
  ],
  base,
  paths: {
    gemini: ({ model }, { stream }) =>
      geminiPath(model) + (stream ? ':streamGenerateContent?alt=sse' : ':generateContent'),
    anthropic: ({ model }, { stream }) =>
      `/publishers/anthropic/models/${pathSegment(model)}:${stream ? 'streamRawPredict' : 'rawPredict'}`,
    'openai-chat': '/endpoints/openapi/chat/completions',
    'vertex/predict': ({ model }) => `${geminiPath(model)}:predict`,
    'vertex/embedContent': ({ model }) => `${geminiPath(model)}:embedContent`,
    'gemini/countTokens': ({ model }) => `${geminiPath(model)}:countTokens`,
    'anthropic/count_tokens': '/publishers/anthropic/models/count-tokens:rawPredict',
  },
  protocolsFor,
  requiresInlineMedia: ['anthropic'],
  sign,
  credentials: ['project_id'],
  patchTopLevel: {
    anthropic: toRawPredict,
    'anthropic/count_tokens': toClaudeCountTokens,
    'gemini/countTokens': toGeminiCountTokens,
  },
  variants: [
    { when: entry => hasCredential(entry, 'api_key', 'json_file', 'private_key', 'refresh_token'), credentials: [] },
  ],
})
