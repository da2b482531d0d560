import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/** There are two platforms with separate keys: api.siliconflow.cn and api.siliconflow.com. */
export default provider({
  id: 'siliconflow',
  title: 'SiliconFlow',
  docs: 'https://docs.siliconflow.cn',
  checked: '2026-11',
  base: 'https://api.siliconflow.cn/v1',
  hosts: ['api.siliconflow.com'],
  paths: openaiPaths(
    'completions',
    'embeddings',
    'images/generations',
    'audio/speech',
    'audio/transcriptions',
    'rerank',
  ),
  sign: bearer,
  credentials: ['api_key'],
  /** docs.siliconflow.cn/cn/faqs/error-code */
  failureCodes: {
    20012: 'model_gone',
    30001: 'balance',
    30003: 'model_gone',
    50505: 'overload',
    50603: 'overload',
  },
})
