import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * Reasoning is returned by default (openrouter.ai/docs, "reasoning tokens"), so `include_reasoning` of older
 * configurations has no effect.
 */
export default provider({
  id: 'openrouter',
  title: 'OpenRouter',
  docs: 'https://openrouter.ai/docs',
  checked: '2026-11',
  base: 'https://openrouter.ai/api/v1',
  paths: openaiPaths('completions', 'embeddings', 'audio/speech', 'audio/transcriptions', 'rerank'),
  sign: bearer,
  credentials: ['api_key'],
  /** openrouter.ai/docs/api-reference/limits, 2026-10 */
  dailyReset: '00:00 UTC',
})
