import { isObject, type JsonObject } from '../../base/json/json.ts'
import { hasCredential } from '../entry.ts'
import { provider } from '../provider.ts'
import { developerToSystem } from '../quirks.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

const tokenFields = ['prompt_tokens', 'completion_tokens', 'total_tokens'] as const

/**
 * Sums up the usage of a bot, which lists every model it used in `bot_usage` (from the vendor's documentation of
 * 2025-07).
 */
const liftBotUsage = (body: JsonObject): void => {
  const { bot_usage: botUsage } = body
  if (isObject(body['usage']) || !isObject(botUsage) || !Array.isArray(botUsage['model_usage'])) return
  const usages = botUsage['model_usage'].filter(isObject)
  if (usages.length === 0) return
  const sum = (name: string) => usages.reduce((total, usage) => total + (Number(usage[name]) || 0), 0)
  body['usage'] = Object.fromEntries(tokenFields.map(name => [name, sum(name)]))
}

/**
 * Models are endpoints (`ep-…`) or names with a date (volcengine.com/docs/82379). The models here are the recommended
 * ones of its list (1330310, 2026-08). `max_tokens` together with `max_completion_tokens` gets 400
 * (github.com/HKUDS/nanobot issue 2548, 2026-03). Bots have a path of their own and use the same key.
 */
export default provider({
  id: 'huoshan',
  title: 'Volcengine Ark (Doubao)',
  docs: 'https://www.volcengine.com/docs/82379',
  checked: '2026-11',
  quirks: [
    'models `bot-…` use `/bots/chat/completions`, and their usage is converted to standard usage',
    'if both are set, `max_completion_tokens` is sent instead of `max_tokens`',
    'the role `developer` is sent as `system`',
  ],
  base: 'https://ark.cn-beijing.volces.com/api/v3',
  paths: {
    ...openaiPaths('embeddings', 'images/generations'),
    'openai-chat': ({ model, entry }) =>
      model.startsWith('bot-') && !entry.serverUrl?.includes('/bots') ? '/bots/chat/completions' : '/chat/completions',
  },
  sign: bearer,
  credentials: ['api_key'],
  /** www.volcengine.com/docs/82379/1299023 */
  failureCodes: {
    SetLimitExceeded: { reason: 'day', period: 'ever' },
    QuotaExceeded: { reason: 'day', period: 'ever' },
    AccountOverdueError: 'balance',
    ModelNotOpen: 'model_gone',
    'InvalidEndpointOrModel.NotFound': 'model_gone',
    'InvalidEndpointOrModel.ModelIDAccessDisabled': 'model_gone',
    ModelLoadingError: 'overload',
    ServerOverloaded: 'overload',
    RequestBurstTooFast: { reason: 'minute', period: 'second' },
  },
  models: ['doubao-seed-2-1-pro-260628', 'doubao-seed-2-1-turbo-260628'],
  patchRequest: {
    'openai-chat': body => {
      developerToSystem(body)
      if (body['max_completion_tokens'] != null) delete body['max_tokens']
    },
  },
  patchResponse: { 'openai-chat': liftBotUsage },
  variants: [
    {
      when: entry => !hasCredential(entry, 'api_key') && hasCredential(entry, 'access_key', 'secret_key'),
      unsupported:
        'access_key and secret_key are not supported yet; use an API key of the Ark console as api_key (server_url can stay)',
    },
  ],
})
