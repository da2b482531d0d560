import { provider } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/** The URL is the one in configurations of simple-one-api. Nothing newer could be found in 2026-11. */
export default provider({
  id: 'llama_family',
  title: 'Llama Family (AtomEcho)',
  docs: 'https://llama.family',
  checked: '2026-11',
  base: 'https://api.atomecho.cn/v1',
  paths: openaiPaths(),
  sign: bearer,
  credentials: ['api_key'],
})
