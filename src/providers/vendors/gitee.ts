import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * The current host is from moark.com/docs/products/apis (2026-09); ai.gitee.com is its older name. Model names are from
 * the public list of 28 September 2026, which no longer has DeepSeek-R1. Paths are those that its users list (2026-11).
 * The models that a token may use are shown in its workspace.
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
