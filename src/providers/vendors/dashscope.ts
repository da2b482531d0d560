import { type Entry, servesOnlyKinds } from '../entry.ts'
import { provider } from '../provider.ts'
import { clamp, developerToSystem } from '../quirks.ts'
import { parseServerUrl } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

const isNativeUrl = ({ serverUrl }: Entry): boolean =>
  serverUrl !== undefined && parseServerUrl(serverUrl).path.startsWith('/api/v1')

const nativeEmbeddings = '/api/v1/services/embeddings/text-embedding/text-embedding'
const nativeRerank = '/api/v1/services/rerank/text-rerank/text-rerank'

/**
 * OpenAI compatible mode: temperature 0 to below 2, top_p above 0 to 1 (help.aliyun.com, "OpenAI compatible"). Rerank
 * is under `/compatible-api`, except for the models gte-rerank-…, which only the native API has
 * (help.aliyun.com/en/model-studio/text-rerank-api). The role `developer` gets 400 (github.com/proma-ai/Proma issue
 * 1496).
 */
export default provider({
  id: 'dashscope',
  title: 'Alibaba Cloud Model Studio (DashScope)',
  docs: 'https://help.aliyun.com/zh/model-studio/',
  checked: '2026-11',
  quirks: [
    'models `gte-rerank-…` use the native endpoint',
    'the role `developer` is sent as `system`',
    '`temperature` is limited to 0 to 1.99',
    '`top_p` is limited to 0.01 to 1',
  ],
  base: 'https://dashscope.aliyuncs.com',
  hosts: ['dashscope-intl.aliyuncs.com', 'dashscope-us.aliyuncs.com', '*.maas.aliyuncs.com'],
  paths: {
    'openai-chat': '/compatible-mode/v1/chat/completions',
    anthropic: '/apps/anthropic/v1/messages',
    completions: '/compatible-mode/v1/completions',
    embeddings: '/compatible-mode/v1/embeddings',
    rerank: '/compatible-api/v1/reranks',
    'dashscope/rerank': nativeRerank,
  },
  protocolsFor: model => (model.startsWith('gte-rerank') ? ['dashscope/rerank'] : undefined),
  /** help.aliyun.com/en/model-studio/text-embedding-synchronous-api */
  maxTexts: { embeddings: model => (/^text-embedding-v[12]$/.test(model) ? 25 : 10) },
  sign: bearer,
  credentials: ['api_key'],
  /** help.aliyun.com/zh/model-studio/error-code */
  failureCodes: {
    'AllocationQuota.FreeTierOnly': { reason: 'day', period: 'ever' },
    'Throttling.RateQuota': { reason: 'minute', period: 'minute' },
    'Throttling.AllocationQuota': { reason: 'minute', period: 'minute' },
    'Throttling.BurstRate': { reason: 'minute', period: 'second' },
    Throttling: 'minute',
    LimitRequests: { reason: 'minute', period: 'minute' },
    LimitTokens: { reason: 'minute', period: 'minute' },
    CommodityNotPurchased: 'balance',
    PrepaidBillOverdue: 'balance',
    PostpaidBillOverdue: 'balance',
    ModelNotFound: 'model_gone',
    'Model.AccessDenied': 'model_gone',
  },
  patchRequest: {
    'openai-chat': (body, noteLoss) => {
      developerToSystem(body)
      clamp(body, 'temperature', [0, 1.99], noteLoss)
      clamp(body, 'top_p', [0.01, 1], noteLoss)
    },
  },
  variants: [
    {
      when: entry => isNativeUrl(entry) && servesOnlyKinds(entry, ['embedding', 'rerank']),
      base: ({ entry }) => parseServerUrl(entry.serverUrl!).origin,
      paths: { 'dashscope/embeddings': nativeEmbeddings, 'dashscope/rerank': nativeRerank },
      protocolsFor: () => undefined,
    },
    {
      when: isNativeUrl,
      unsupported:
        'the native DashScope API is not supported yet; remove server_url, or set server_url https://dashscope.aliyuncs.com/compatible-mode/v1',
    },
  ],
})
