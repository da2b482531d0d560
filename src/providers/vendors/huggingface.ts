import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * A router to many inference providers. `:fireworks-ai` after the model's name selects one, as does `server_url
 * https://router.huggingface.co/<provider>/v1` (recorded). The `error` of a refusal may be a list of strings
 * (recorded).
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
