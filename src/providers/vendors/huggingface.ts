import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * The router to many houses: `:fireworks-ai` after a model's name picks one, `server_url https://router.huggingface.co/<house>/v1` too
 * (recorded). A refusal's error may be a list of words (recorded).
 */
export default provider({
  id: 'huggingface',
  title: 'Hugging Face Inference Providers',
  docs: 'https://huggingface.co/docs/inference-providers',
  checked: '2026-11',
  base: 'https://router.huggingface.co/v1',
  paths: openaiPaths(),
  sign: bearer,
  credentials: ['api_key'],
  models: ['deepseek-ai/DeepSeek-V4-Flash-0731', 'openai/gpt-oss-120b'],
})
