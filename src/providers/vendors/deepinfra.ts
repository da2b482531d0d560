import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * The base path is `/v1/openai` (deepinfra.com/docs/openai_api). Paths of images and audio are those that other clients
 * use (2026-11). Model names are from the public list of 2026-09.
 */
export default provider({
  id: 'deepinfra',
  title: 'DeepInfra',
  docs: 'https://deepinfra.com/docs/openai_api',
  checked: '2026-11',
  base: 'https://api.deepinfra.com/v1/openai',
  paths: openaiPaths('completions', 'embeddings', 'images/generations', 'audio/speech', 'audio/transcriptions'),
  sign: bearer,
  credentials: ['api_key'],
  models: ['deepseek-ai/DeepSeek-V4-Flash-0731', 'openai/gpt-oss-120b'],
})
