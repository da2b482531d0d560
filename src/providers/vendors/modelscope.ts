import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * The served models change every week, so an entry names them as on the model's page (`Qwen/…`). Free: 2,000 calls per
 * day.
 */
export default provider({
  id: 'modelscope',
  title: 'ModelScope',
  docs: 'https://modelscope.cn/docs/model-service/API-Inference/intro',
  checked: '2026-11',
  base: 'https://api-inference.modelscope.cn/v1',
  paths: openaiPaths(),
  sign: bearer,
  credentials: ['api_key'],
  /** modelscope.cn/docs/model-service/API-Inference/limits, 2026-08 */
  dailyReset: '00:00 Asia/Shanghai',
  /** modelscope.cn/docs/model-service/API-Inference/limits */
  failureCodes: {
    QuotaLimitExceed: { reason: 'day', period: 'day', wholeAccount: true },
  },
})
