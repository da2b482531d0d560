import { hasCredential } from '../entry.ts'
import { provider } from '../provider.ts'
import { developerToSystem } from '../quirks.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * API version 2 (cloud.baidu.com/doc/WENXINWORKSHOP/s/2m3fihw8s, 2025-03): an API key `bce-v3/…` from the security page
 * of the console, and model names in lower case (`ernie-speed-8k`). The first two models are from the list of 2026-06
 * (cloud.baidu.com/doc/qianfan/s/rmh4stp0j). Whether Speed, Lite and Tiny are still served could not be confirmed in
 * 2026-11. Dated versions and yi_34b_chat were removed. The paths of embeddings, images and rerank could not be
 * confirmed again in 2026-11. An application's key with a secret_key belongs to version 1.
 */
export default provider({
  id: 'qianfan',
  title: 'Baidu Qianfan (ERNIE)',
  docs: 'https://cloud.baidu.com/doc/qianfan-api/s/3m7of64lb',
  checked: '2026-11',
  quirks: [
    'embeddings are requested as numbers',
    'names `ERNIE-…` are sent in lower case',
    'the role `developer` is sent as `system`',
  ],
  base: 'https://qianfan.baidubce.com/v2',
  paths: openaiPaths('embeddings', 'images/generations', 'rerank'),
  sign: bearer,
  credentials: ['api_key'],
  /** cloud.baidu.com/doc/qianfan-api, error codes */
  failureCodes: {
    17: { reason: 'day', period: 'day' },
    18: { reason: 'minute', period: 'second' },
    19: { reason: 'day', period: 'ever' },
    110: 'key',
    111: 'key',
    336501: { reason: 'minute', period: 'minute' },
    336502: { reason: 'minute', period: 'minute' },
    336503: { reason: 'day', period: 'day' },
    336100: 'overload',
    336103: 'context',
    336104: 'moderation',
    rpm_rate_limit_exceeded: { reason: 'minute', period: 'minute' },
    tpm_rate_limit_exceeded: { reason: 'minute', period: 'minute' },
  },
  models: ['ernie-5.1', 'ernie-4.5-turbo-128k', 'ERNIE-Speed-8K', 'ERNIE-Speed-128K', 'ERNIE-Lite-8K', 'ERNIE-Tiny-8K'],
  /** cloud.baidu.com/doc/qianfan-api/s/Fm7u3ropn, which also states that vectors are always numbers. */
  maxTexts: { embeddings: model => (model === 'tao-8k' ? 1 : 16) },
  patchRequest: {
    embeddings: body => {
      if (body['encoding_format'] != null) body['encoding_format'] = 'float'
    },
    'openai-chat': body => {
      developerToSystem(body)
      const { model } = body
      if (typeof model === 'string' && /^ernie-/i.test(model)) body['model'] = model.toLowerCase()
    },
  },
  variants: [
    {
      when: entry => hasCredential(entry, 'secret_key', 'address'),
      unsupported:
        'api_key with secret_key (version 1) is not supported yet; use an API key of version 2 (bce-v3/…, console of Baidu Cloud, "API Key") as the only credential, api_key, without server_url',
    },
  ],
})
