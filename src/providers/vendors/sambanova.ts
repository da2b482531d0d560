import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * Chat, embeddings and transcriptions (docs.sambanova.ai). Fields of OpenAI that it does not support are silently
 * ignored.
 */
export default provider({
  id: 'sambanova',
  title: 'SambaNova Cloud',
  docs: 'https://docs.sambanova.ai/docs/en/features/openai-compatibility',
  checked: '2026-11',
  base: 'https://api.sambanova.ai/v1',
  paths: openaiPaths('embeddings', 'audio/transcriptions'),
  sign: bearer,
  credentials: ['api_key'],
  models: ['gpt-oss-120b', 'Meta-Llama-3.3-70B-Instruct', 'DeepSeek-V3.1'],
})
