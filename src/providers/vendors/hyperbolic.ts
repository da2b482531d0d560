import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/**
 * docs.hyperbolic.ai/inference. Images and audio use a format of their own. The models that are currently served could
 * not be confirmed.
 */
export default provider({
  id: 'hyperbolic',
  title: 'Hyperbolic',
  docs: 'https://docs.hyperbolic.ai/inference/overview',
  checked: '2026-11',
  base: 'https://api.hyperbolic.xyz/v1',
  paths: openaiPaths('completions'),
  sign: bearer,
  credentials: ['api_key'],
})
