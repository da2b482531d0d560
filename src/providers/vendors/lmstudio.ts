import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/** A server of the user's own machine; a key is optional, whatever models it has loaded. Responses since 0.3.29 (lmstudio.ai/docs/developer/api-changelog, 2026-11). */
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
