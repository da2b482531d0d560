import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/** A server of the user's own. The key is optional, and it serves the models that it was started with. */
export default provider({
  id: 'vllm',
  title: 'vLLM',
  docs: 'https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html',
  checked: '2026-11',
  base: 'http://localhost:8000/v1',
  hosts: ['*'],
  paths: openaiPaths('completions', 'embeddings', 'audio/transcriptions', 'audio/translations', 'rerank'),
  sign: bearer,
  credentials: [],
  keyless: true,
})
