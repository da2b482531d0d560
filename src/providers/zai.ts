import { spoken } from './place.ts'
import { provider } from './provider.ts'
import zhipu from './zhipu.ts'

/** Zhipu's house abroad, with keys of its own; the coding plan has an address of its own: server_url https://api.z.ai/api/coding/paas/v4. */
export default provider({
  ...zhipu,
  id: 'zai',
  title: 'Z.ai',
  docs: 'https://docs.z.ai',
  base: 'https://api.z.ai/api/paas/v4',
  hosts: [],
  speaks: spoken('images/generations', 'audio/transcriptions'),
  models: ['glm-4.7', 'glm-4.7-flash', 'glm-4.5-flash'],
})
