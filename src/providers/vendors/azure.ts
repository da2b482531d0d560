import { isResponsesOnly } from '../../catalog/openai-responses.ts'
import type { Entry, Target } from '../entry.ts'
import { provider } from '../provider.ts'
import { trimForOpenAi, trimResponses } from '../quirks.ts'
import { openaiPaths, parseServerUrl, pathSegment } from '../server-url.ts'
import { header } from '../sign/header.ts'

/** The latest dated version that is not a preview, for deployments whose URL names none. */
const defaultVersion = '2024-10-21'
/** The version of the model inference API (`/models`). */
const inferenceVersion = '2024-05-01-preview'

/**
 * The API form that an entry's URL selects. `appendsDeployment`: the model of the request is the name of the
 * deployment. `isV1`: the v1 API, which needs no version.
 */
type UrlForm = { path: string; query: string; appendsDeployment?: true; isV1?: true }

const withVersion = (query: string, version: string): string =>
  /[?&]api-version=/i.test(query) ? query : `${query}${query ? '&' : '?'}api-version=${version}`

/**
 * `…/openai/deployments/<name>` is used as it is. `…/deployments`, or a host alone with an api-version: the request's
 * model is the deployment. `…/models`: the model inference API. A host alone: the v1 API, which needs no version. Any
 * other URL is used as it is (a gateway in front of Azure).
 */
const parseForm = (serverUrl: string): UrlForm => {
  const { origin, path, query, endpoint } = parseServerUrl(serverUrl)
  const baseUrl = `${origin}${path}`
  if (endpoint === '/responses') return { path: baseUrl, query }
  if (/\/deployments\/[^/]+$/.test(path)) return { path: baseUrl, query: withVersion(query, defaultVersion) }
  if (path.endsWith('/deployments'))
    return { path: baseUrl, query: withVersion(query, defaultVersion), appendsDeployment: true }
  if (path.endsWith('/models')) return { path: baseUrl, query: withVersion(query, inferenceVersion) }
  if (path !== '' && path !== '/openai') return { path: baseUrl, query }
  if (!/[?&]api-version=\d/i.test(query)) return { path: `${origin}/openai/v1`, query, isV1: true }
  return { path: `${origin}/openai/deployments`, query, appendsDeployment: true }
}

const forms = new WeakMap<Entry, UrlForm>()

const formOf = (entry: Entry): UrlForm => {
  const cached = forms.get(entry)
  if (cached) return cached
  const parsed = parseForm(entry.serverUrl!)
  forms.set(entry, parsed)
  return parsed
}

const base = ({ entry, model }: Target): string => {
  const { path, query, appendsDeployment } = formOf(entry)
  return `${path}${appendsDeployment ? `/${pathSegment(model)}` : ''}${query}`
}

/**
 * `stream_options` was added in 2024-09-01-preview (learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle).
 */
const predatesStreamUsage = (entry: Entry): boolean => {
  const version = /[?&]api-version=(\d{4}-\d{2})/i.exec(formOf(entry).query)?.[1]
  return version !== undefined && version < '2024-09' && formOf(entry).path.includes('/deployments')
}

const isResponsesUrl = ({ serverUrl }: Entry): boolean =>
  serverUrl !== undefined && parseServerUrl(serverUrl).endpoint === '/responses'

const isV1Entry = (entry: Entry): boolean => formOf(entry).isV1 === true || /\/openai\/v1$/.test(formOf(entry).path)

const paths = [
  'completions',
  'embeddings',
  'images/generations',
  'images/edits',
  'audio/speech',
  'audio/transcriptions',
  'audio/translations',
] as const

/**
 * Deployments whose name contains a model that refuses `max_tokens`
 * (learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning, 2026-11). Other deployments keep it, because older API
 * versions do not know the newer name (github.com/openai/openai-python issue 1724).
 */
const reasoningDeployments = /(?:^|[^a-z\d])(?:o[1-9](?![a-z\d])|gpt-?[5-9])/i

/** The deployment in the URL, otherwise the model's name. */
const deploymentOf = ({ entry, model }: Target): string =>
  /\/deployments\/([^/]+)$/.exec(formOf(entry).path)?.[1] ?? model

/**
 * Two API forms: `/openai/v1/…` and `/openai/deployments/<name>/…?api-version=…`
 * (learn.microsoft.com/azure/ai-foundry/openai/reference).
 */
export default provider({
  id: 'azure',
  title: 'Azure OpenAI',
  docs: 'https://learn.microsoft.com/azure/ai-foundry/openai/reference',
  checked: '2026-11',
  quirks: [
    'with an `api-version` older than 2024-09, usage is not requested in streams',
    'fields from other protocols that Azure refuses (`top_k`, `cache_control`, `reasoning_content`) are removed',
    'for deployments named after o1, o3, o4 or gpt-5, the output limit is sent as `max_completion_tokens`',
    'files from other protocols get a name',
    'a `user` longer than 64 characters is replaced by its SHA-256',
  ],
  base,
  hosts: [
    '*.openai.azure.com',
    '*.cognitiveservices.azure.com',
    '*.services.ai.azure.com',
    '*.openai.azure.us',
    '*.openai.azure.cn',
  ],
  paths: openaiPaths(...paths),
  sign: header('api-key'),
  credentials: ['api_key'],
  trimTranslated: {
    'openai-chat': (body, noteLoss, target) =>
      trimForOpenAi(body, noteLoss, reasoningDeployments.test(deploymentOf(target))),
    'openai-responses': trimResponses,
  },
  variants: [
    {
      when: entry => entry.serverUrl === undefined,
      unsupported:
        'needs a server_url: https://<resource>.openai.azure.com, or https://<resource>.openai.azure.com/openai/deployments/<name>?api-version=<date>',
    },
    { when: predatesStreamUsage, refusesUsage: true },
    // …/openai/responses?api-version=…, the form before v1 (recorded).
    { when: isResponsesUrl, paths: { 'openai-responses': '/responses' } },
    // The model is the name of the deployment (learn.microsoft.com/azure/ai-foundry/openai/how-to/responses, 2026-11).
    {
      when: isV1Entry,
      paths: openaiPaths(...paths, 'openai-responses'),
      protocolsFor: model => (isResponsesOnly(model) ? ['openai-responses'] : undefined),
    },
  ],
})
