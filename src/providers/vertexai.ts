import { kindOf } from '../catalog/kinds.ts'
import type { ProtocolId } from '../ir/chat.ts'
import type { JsonObject } from '../ir/json.ts'
import { hasCredential, type Target } from './entry.ts'
import { placeOf, stepOf } from './place.ts'
import { provider } from './provider.ts'
import { google, unknownProject } from './sign/google.ts'

/** `global` for all the world, `us` and `eu` for several regions, else one region. */
const hostOf = (location: string): string => {
  if (location === 'global') return 'aiplatform.googleapis.com'
  return /^(?:us|eu)$/.test(location)
    ? `aiplatform.${location}.rep.googleapis.com`
    : `${location}-aiplatform.googleapis.com`
}

/** An API key alone (express mode) needs no project in the address; any other credential has one, though perhaps only its file knows which. */
const base = ({ entry, credential: { values } }: Target): string => {
  const { location = 'global', project_id: project, api_key: key } = values
  const place = placeOf(entry.serverUrl ?? `https://${hostOf(location)}`)
  const root = `${place.origin}${place.path || '/v1'}`
  if (key !== undefined && project === undefined) return root + place.query
  return `${root}/projects/${stepOf(project ?? unknownProject)}/locations/${stepOf(location)}${place.query}`
}

/** Names of Google's own hold no slash; a tuned model is named by the number of its endpoint. */
const geminiPath = (model: string): string =>
  /^\d+$/.test(model) ? `/endpoints/${model}` : `/publishers/google/models/${stepOf(model)}`

/** The address names the model, the body the version (platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai). */
const asVertex = (): JsonObject => ({ model: undefined, anthropic_version: 'vertex-2023-10-16' })

/** Of the models that embed, those of before Gemini Embedding 2 are asked to predict (github.com/googleapis/js-genai, 2026-11). */
const protocolFor = (model: string): ProtocolId => {
  if (model.includes('/')) return 'openai-chat'
  if (model.startsWith('claude')) return 'anthropic'
  if (kindOf(model) !== 'embedding') return 'gemini'
  return model.startsWith('gemini-') && model !== 'gemini-embedding-001' ? 'vertex/embedContent' : 'vertex/predict'
}

/**
 * docs.cloud.google.com/gemini-enterprise-agent-platform (Vertex AI until 2026): Gemini in its own protocol, Claude in Anthropic's, models of
 * others, named `publisher/model`, in OpenAI's. Claude takes images as bytes alone (platform.claude.com/docs/en/build-with-claude/vision).
 */
export default provider({
  id: 'vertexai',
  title: 'Google Vertex AI',
  docs: 'https://docs.cloud.google.com/gemini-enterprise-agent-platform',
  checked: '2026-11',
  quirks: [
    'the protocol is the model’s: `claude-…` is asked by Anthropic’s, `publisher/model` by OpenAI’s, any other by Gemini’s; models that embed are asked by `:predict` or `:embedContent`',
    'Claude gets `anthropic_version` in the body, no `model`, and images as bytes',
  ],
  base,
  speaks: {
    gemini: ({ model }, { stream }) =>
      geminiPath(model) + (stream ? ':streamGenerateContent?alt=sse' : ':generateContent'),
    anthropic: ({ model }, { stream }) =>
      `/publishers/anthropic/models/${stepOf(model)}:${stream ? 'streamRawPredict' : 'rawPredict'}`,
    'openai-chat': '/endpoints/openapi/chat/completions',
    'vertex/predict': ({ model }) => `${geminiPath(model)}:predict`,
    'vertex/embedContent': ({ model }) => `${geminiPath(model)}:embedContent`,
  },
  protocolsFor: model => [protocolFor(model)],
  takesBytes: ['anthropic'],
  sign: google,
  credentials: ['project_id'],
  retouch: { anthropic: asVertex },
  variants: [
    { when: entry => hasCredential(entry, 'api_key', 'json_file', 'private_key', 'refresh_token'), credentials: [] },
  ],
})
