import { isResponsesOnly } from '../../catalog/openai-responses.ts'
import type { Entry, Target } from '../entry.ts'
import { provider, type Wire } from '../provider.ts'
import { trimForOpenAi, trimResponses } from '../quirks.ts'
import { openaiPaths, parseServerUrl } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/** Beginnings of a model's name in lower case, and whose model that is: a provider of ours, or an address. */
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

/** An entry without a `server_url` goes where its model lives. */
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

/** What is asked of OpenAI itself. */
const openaiServicePaths = { ...commonPaths, ...openaiPaths('openai-responses', 'responses/compact') }
const responsesProtocols = ['openai-responses', 'responses/compact']
const responsesPaths = { 'openai-responses': '/responses', 'responses/compact': '/responses/compact' }

/** Some models answer in Responses alone; of those that live elsewhere nobody says that they do. */
const protocolsFor = (model: string): readonly string[] | undefined =>
  foreignBase(model) !== undefined ? Object.keys(commonPaths) : isResponsesOnly(model) ? responsesProtocols : undefined

const isResponsesUrl = ({ serverUrl }: Entry): boolean =>
  serverUrl !== undefined && parseServerUrl(serverUrl).endpoint === '/responses'

/** OpenAI's hosts are one a region: eu.api.openai.com. */
const isOpenAiHost = ({ serverUrl }: Entry): boolean =>
  serverUrl !== undefined && /(?:^|\.)api\.openai\.com$/.test(parseServerUrl(serverUrl).hostname)

const declaresResponses = (entry: Entry): boolean =>
  entry.supportedProtocols?.some(name => /^(?:openai-)?responses$/.test(name)) ?? false

/** `max_tokens` is deprecated, and refused by the models that think (platform.openai.com/docs/api-reference/chat/create, 2026-11). */
const trimTranslated: Wire['trimTranslated'] = {
  'openai-chat': (body, noteLoss, { model }) => {
    if (foreignBase(model) === undefined) trimForOpenAi(body, noteLoss, true)
  },
  'openai-responses': trimResponses,
}

/** OpenAI itself, and whatever follows it at an address of its own. Many such servers rerank; OpenAI does not. */
export default provider({
  id: 'openai',
  title: 'OpenAI and compatible servers',
  docs: 'https://platform.openai.com/docs/api-reference',
  checked: '2026-11',
  quirks: [
    'what another protocol says and OpenAI itself refuses (`top_k`, `cache_control`, `reasoning_content`) is left out; its limit is `max_completion_tokens`',
    'a file of another protocol gets a name; a `user` longer than 64 characters goes to OpenAI itself as its SHA-256',
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
    // An address that names the endpoint is that of a server which speaks Responses and nothing else.
    { when: isResponsesUrl, paths: responsesPaths },
    { when: isOpenAiHost, paths: openaiServicePaths, protocolsFor, trimTranslated: trimTranslated },
    { when: declaresResponses, paths: { ...openaiServicePaths, ...openaiPaths('rerank') }, protocolsFor },
  ],
})
