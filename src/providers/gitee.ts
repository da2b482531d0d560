import { spoken } from './place.ts'
import { provider } from './provider.ts'
import { bearer } from './sign/bearer.ts'

/** ai.gitee.com/docs/products/apis. Paths as its users list them (2026-11); which models a token may ask is said in its workplace. */
export default provider({
  id: 'gitee',
  title: 'Gitee AI (Moark)',
  docs: 'https://ai.gitee.com/docs/products/apis',
  checked: '2026-11',
  base: 'https://ai.gitee.com/v1',
  speaks: spoken('embeddings', 'images/generations', 'audio/speech', 'audio/transcriptions', 'rerank'),
  sign: bearer,
  credentials: ['api_key'],
  models: ['DeepSeek-R1'],
})
