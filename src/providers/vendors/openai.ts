import { isResponsesOnly } from '../../catalog/openai-responses.ts'
import type { Entry, Target } from '../entry.ts'
import { provider, type Wire } from '../provider.ts'
import { trimForOpenAi, trimResponses } from '../quirks.ts'
import { openaiPaths, parseServerUrl } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/** Prefixes of model names in lower case, and the vendor of these models: one of our providers, or a base URL. */
export const modelPrefixes: { prefix: string; provider?: string; base: string }[] = [
  { prefix: 'glm-', provider: 'zhipu', base: 'https://open.bigmodel.cn/api/paas/v4' },
  { prefix: 'deepseek-', provider: 'deepseek', base: 'https://api.deepseek.com' },
  { prefix: 'yi-', provider: 'lingyiwanwu', base: 'https://api.lingyiwanwu.com/v1' },
]

const base = 'https://api.openai.com/v1'

const foreignBase = (model: string): string | undefined => {
  const name = model.toLowerCase()
  return modelPrefixes.find(({ prefix }) => name.startsWith(prefix))?.base
}

/** Without a `server_url` the base URL depends on the model. */
const baseByModel = ({ model }: Target): string => foreignBase(model) ?? base

const commonPaths = openaiPaths(
  'completions',
  'embeddings',
  'images/generations',
  'images/edits',
  'images/variations',
  'audio/speech',
  'audio/transcriptions',
  'audio/translations',
  'moderations',
)

/** The paths of OpenAI's own service. */
const openaiServicePaths = { ...commonPaths, ...openaiPaths('openai-responses', 'responses/compact') }
const responsesProtocols = ['openai-responses', 'responses/compact']
const responsesPaths = { 'openai-responses': '/responses', 'responses/compact': '/responses/compact' }

/** Some models are only available in Responses. Models of other vendors are not known to support Responses at all. */
const protocolsFor = (model: string): readonly string[] | undefined => {
  if (foreignBase(model) !== undefined) return Object.keys(commonPaths)
  return isResponsesOnly(model) ? responsesProtocols : undefined
}

const isResponsesUrl = ({ serverUrl }: Entry): boolean =>
  serverUrl !== undefined && parseServerUrl(serverUrl).endpoint === '/responses'

/** OpenAI has one host per region: eu.api.openai.com. */
const isOpenAiHost = ({ serverUrl }: Entry): boolean =>
  serverUrl !== undefined && /(?:^|\.)api\.openai\.com$/.test(parseServerUrl(serverUrl).hostname)

const declaresResponses = (entry: Entry): boolean =>
  entry.supportedProtocols?.some(name => /^(?:openai-)?responses$/.test(name)) ?? false

/**
 * `max_tokens` is deprecated, and reasoning models refuse it (platform.openai.com/docs/api-reference/chat/create,
 * 2026-11).
 */
const trimTranslated: Wire['trimTranslated'] = {
  'openai-chat': (body, noteLoss, { model }) => {
    if (foreignBase(model) === undefined) trimForOpenAi(body, noteLoss, true)
  },
  'openai-responses': trimResponses,
}

/** OpenAI itself, and any server with a compatible API. Many such servers support rerank; OpenAI does not. */
export default provider({
  id: 'openai',
  title: 'OpenAI and compatible servers',
  docs: 'https://platform.openai.com/docs/api-reference',
  checked: '2026-11',
  quirks: [
    'fields from other protocols that OpenAI itself refuses (`top_k`, `cache_control`, `reasoning_content`) are removed',
    'OpenAI itself gets the output limit as `max_completion_tokens`',
    'files from other protocols get a name',
    'for OpenAI itself, a `user` longer than 64 characters is replaced by its SHA-256',
  ],
  base,
  hosts: ['*'],
  paths: { ...commonPaths, ...openaiPaths('rerank') },
  sign: bearer,
  credentials: ['api_key'],
  keyless: true,
  variants: [
    {
      when: entry => entry.serverUrl === undefined,
      base: baseByModel,
      paths: openaiServicePaths,
      protocolsFor,
      trimTranslated: trimTranslated,
    },
    // A URL that names the endpoint belongs to a server that supports only Responses.
    { when: isResponsesUrl, paths: responsesPaths },
    { when: isOpenAiHost, paths: openaiServicePaths, protocolsFor, trimTranslated: trimTranslated },
    { when: declaresResponses, paths: { ...openaiServicePaths, ...openaiPaths('rerank') }, protocolsFor },
  ],
})
