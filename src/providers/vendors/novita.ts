import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * Chat, completions and embeddings as in the vendor's OpenAPI document. A server_url with the older `/v3/openai` is
 * kept. Model names of 2026-09.
 */
export default provider({
  id: 'novita',
  title: 'Novita AI',
  docs: 'https://novita.ai/docs/guides/llm-api',
  checked: '2026-11',
  base: 'https://api.novita.ai/openai/v1',
  paths: openaiPaths('completions', 'embeddings'),
  sign: bearer,
  credentials: ['api_key'],
  models: ['zai-org/glm-5.3-flash', 'deepseek/deepseek-v4-flash'],
})
