import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * github.com/PPIO/ppio-skills, LLM guide (2026-03). The path of embeddings is that of its sister platform Novita. Older
 * configurations use api.ppinfra.com/v3/openai.
 */
export default provider({
  id: 'ppio',
  title: 'PPIO',
  docs: 'https://ppio.com/docs',
  checked: '2026-11',
  base: 'https://api.ppio.com/openai/v1',
  hosts: ['api.ppinfra.com'],
  paths: openaiPaths('completions', 'embeddings'),
  sign: bearer,
  credentials: ['api_key'],
  models: ['deepseek/deepseek-v4-flash', 'zai-org/glm-4.7-flash'],
})
