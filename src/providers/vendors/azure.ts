import { isResponsesOnly } from '../../catalog/openai-responses.ts'
import type { Entry, Target } from '../entry.ts'
import { provider } from '../provider.ts'
import { trimForOpenAi, trimResponses } from '../quirks.ts'
import { openaiPaths, parseServerUrl, pathSegment } from '../server-url.ts'
import { header } from '../sign/header.ts'

/** The last dated version that is no preview; for a deployment whose address gives none. */
const defaultVersion = '2024-10-21'
/** The version of the model inference form (`/models`). */
const inferenceVersion = '2024-05-01-preview'

/** What an entry's address says. `deployments`: the model of the request names the deployment; `v1`: the form that needs no version. */
type UrlForm = { path: string; query: string; appendsDeployment?: true; isV1?: true }

const withVersion = (query: string, version: string): string =>
  /[?&]api-version=/i.test(query) ? query : `${query}${query ? '&' : '?'}api-version=${version}`

/**
 * `…/openai/deployments/<name>` as it stands; `…/deployments`, or a bare host with an api-version: the request's model is the deployment;
 * `…/models`: the inference form; a bare host alone: the v1 form, which needs no version; anything else as it stands (a gateway in front).
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

/** `stream_options` came with 2024-09-01-preview (learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle). */
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
 * Models that refuse `max_tokens` (learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning, 2026-11), as far as the name of a deployment
 * tells. Others keep it: older versions of the API do not know the newer name (github.com/openai/openai-python issue 1724).
 */
const reasoningDeployments = /(?:^|[^a-z\d])(?:o[1-9](?![a-z\d])|gpt-?[5-9])/i

/** The name in the address, else the model's. */
const deploymentOf = ({ entry, model }: Target): string =>
  /\/deployments\/([^/]+)$/.exec(formOf(entry).path)?.[1] ?? model

/** learn.microsoft.com/azure/ai-foundry/openai/reference: `/openai/v1/…`, or `/openai/deployments/<name>/…?api-version=…`. */
export default provider({
  id: 'azure',
  title: 'Azure OpenAI',
  docs: 'https://learn.microsoft.com/azure/ai-foundry/openai/reference',
  checked: '2026-11',
  quirks: [
    'usage is not asked for in a stream where the `api-version` is older than 2024-09',
    'what another protocol says and Azure refuses (`top_k`, `cache_control`, `reasoning_content`) is left out; the limit of deployments named after o1, o3, o4 or gpt-5 is `max_completion_tokens`',
    'a file of another protocol gets a name; a `user` longer than 64 characters goes as its SHA-256',
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
    // learn.microsoft.com/azure/ai-foundry/openai/how-to/responses, 2026-11: the model is the deployment's name.
    {
      when: isV1Entry,
      paths: openaiPaths(...paths, 'openai-responses'),
      protocolsFor: model => (isResponsesOnly(model) ? ['openai-responses'] : undefined),
    },
  ],
})
