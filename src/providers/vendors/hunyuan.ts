import { hasCredential } from '../entry.ts'
import { provider } from '../provider.ts'
import { developerToSystem } from '../quirks.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * TokenHub, with API keys of its own (cloud.tencent.com/document/product/1823/130078 and 130051, 2026-08). The previous
 * platform, api.hunyuan.cloud.tencent.com, was to close on 30 September 2026, and its hunyuan-… models on 22 June
 * (document 1729/131925). Its keys do not work here. The path of embeddings could not be confirmed in 2026-11. Every
 * chunk of the previous platform has a `note` that states that it must be kept, so it is passed on.
 */
export default provider({
  id: 'hunyuan',
  title: 'Tencent Hunyuan',
  docs: 'https://cloud.tencent.com/document/product/1823/130078',
  checked: '2026-11',
  quirks: ['the role `developer` is sent as `system`'],
  base: 'https://tokenhub.tencentmaas.com/v1',
  hosts: ['tokenhub-intl.tencentcloudmaas.com', 'tokenhub-intl.tencentmaas.com', 'api.hunyuan.cloud.tencent.com'],
  paths: openaiPaths('embeddings'),
  sign: bearer,
  credentials: ['api_key'],
  /** cloud.tencent.com/document/product/1729/101843 */
  failureCodes: {
    'FailedOperation.FreeResourcePackExhausted': { reason: 'day', period: 'ever' },
    'FailedOperation.ResourcePackExhausted': 'balance',
    'ResourceInsufficient.ChargeResourceExhausted': 'balance',
    'FailedOperation.ServiceStop': 'balance',
    'FailedOperation.ServiceNotActivated': 'model_gone',
    LimitExceeded: 'minute',
    RequestLimitExceeded: 'minute',
    'FailedOperation.EngineServerLimitExceeded': 'overload',
    'OperationDenied.TextIllegalDetected': 'moderation',
  },
  models: ['hy3'],
  patchRequest: { 'openai-chat': developerToSystem },
  variants: [
    {
      when: entry => !hasCredential(entry, 'api_key') && hasCredential(entry, 'secret_id', 'secret_key'),
      unsupported:
        'secret_id and secret_key (TC3) are not supported yet; use an API key of TokenHub as api_key, without server_url',
    },
  ],
})
