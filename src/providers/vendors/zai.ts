import { provider } from '../provider.ts'
import { openaiPaths, withPathPrefix } from '../server-url.ts'
import zhipu from './zhipu.ts'

/**
 * Zhipu's international platform, with separate keys. The coding plan has a URL of its own: server_url
 * https://api.z.ai/api/coding/paas/v4. Model names of 2026-09.
 */
export default provider({
  ...zhipu,
  id: 'zai',
  title: 'Z.ai',
  docs: 'https://docs.z.ai',
  base: 'https://api.z.ai/api',
  hosts: [],
  paths: {
    ...withPathPrefix('/paas/v4', openaiPaths('images/generations', 'audio/transcriptions')),
    anthropic: '/anthropic/v1/messages',
  },
  models: ['glm-5.3', 'glm-5.3-flash', 'glm-4.7-flash'],
})
