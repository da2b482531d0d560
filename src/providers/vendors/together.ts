import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * docs.together.ai/docs/inference/openai-compatibility. The older host api.together.xyz also works. gpt-oss-20b was
 * removed from the serverless models on 2026-09-15 (github.com/mozilla-ai/any-llm pull 1407).
 */
export default provider({
  id: 'together',
  title: 'Together AI',
  docs: 'https://docs.together.ai/docs/inference/openai-compatibility',
  checked: '2026-11',
  base: 'https://api.together.ai/v1',
  hosts: ['api.together.xyz'],
  paths: openaiPaths(
    'completions',
    'embeddings',
    'images/generations',
    'audio/speech',
    'audio/transcriptions',
    'audio/translations',
    'rerank',
  ),
  sign: bearer,
  credentials: ['api_key'],
  models: ['openai/gpt-oss-120b'],
})
