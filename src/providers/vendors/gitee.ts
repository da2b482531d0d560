import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * moark.com/docs/products/apis (2026-09): the host of today; ai.gitee.com is its older name. Names from its public list of 28 September 2026, on
 * which DeepSeek-R1 no longer stood. Paths as its users list them (2026-11); which models a token may ask is said in its workplace.
 */
export default provider({
  id: 'gitee',
  title: 'Gitee AI (Moark)',
  docs: 'https://moark.com/docs/products/apis',
  checked: '2026-11',
  base: 'https://api.moark.com/v1',
  hosts: ['moark.com', 'ai.gitee.com'],
  paths: openaiPaths('embeddings', 'images/generations', 'audio/speech', 'audio/transcriptions', 'rerank'),
  sign: bearer,
  credentials: ['api_key'],
  models: ['Qwen3-8B', 'GLM-5.3', 'DeepSeek-V4-Pro-0813'],
})
