import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * A server on the user's own machine. The key is optional, and it serves the models that are loaded. Responses since
 * 0.3.29 (lmstudio.ai/docs/developer/api-changelog, 2026-11).
 */
export default provider({
  id: 'lmstudio',
  title: 'LM Studio',
  docs: 'https://lmstudio.ai/docs/developer/openai-compat',
  checked: '2026-11',
  base: 'http://localhost:1234/v1',
  hosts: ['*'],
  paths: openaiPaths('completions', 'embeddings', 'openai-responses'),
  sign: bearer,
  credentials: [],
  keyless: true,
})
