import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * Audio and images are on other hosts. In 2024 `stream_options` got 400 (github.com/FlowiseAI/Flowise issue 2866). If
 * that happens again, the request is repeated without it.
 */
export default provider({
  id: 'fireworks',
  title: 'Fireworks AI',
  docs: 'https://docs.fireworks.ai',
  checked: '2026-11',
  base: 'https://api.fireworks.ai/inference/v1',
  paths: openaiPaths('completions', 'embeddings', 'rerank'),
  sign: bearer,
  credentials: ['api_key'],
  models: ['accounts/fireworks/models/kimi-k3', 'accounts/fireworks/models/gpt-oss-120b'],
})
