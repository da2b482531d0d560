import { hasCredential } from './entry.ts'
import { spoken } from './place.ts'
import { provider } from './provider.ts'
import { developerAsSystem } from './quirks.ts'
import { bearer } from './sign/bearer.ts'

/**
 * cloud.tencent.com/document/product/1729/111007 (2025-07): the compatible address, with an API key of its own console page. That embeddings stand beside
 * chat could not be read again in 2026-11. Every chunk
 * carries a `note` that says of itself that it must be kept, so it is. Newer models (`hy3-…`) are served by TokenHub, with keys of its
 * own (document 1823/132252, 2026-05): server_url https://tokenhub.tencentmaas.com/v1.
 */
export default provider({
  id: 'hunyuan',
  title: 'Tencent Hunyuan',
  docs: 'https://cloud.tencent.com/document/product/1729/111007',
  checked: '2026-11',
  quirks: ['role `developer` is `system`'],
  base: 'https://api.hunyuan.cloud.tencent.com/v1',
  hosts: ['tokenhub.tencentmaas.com', 'tokenhub-intl.tencentmaas.com'],
  speaks: spoken('embeddings'),
  sign: bearer,
  credentials: ['api_key'],
  models: ['hunyuan-lite', 'hunyuan-standard', 'hunyuan-standard-256K', 'hunyuan-pro'],
  adjust: { 'openai-chat': developerAsSystem },
  variants: [
    {
      when: entry => !hasCredential(entry, 'api_key') && hasCredential(entry, 'secret_id', 'secret_key'),
      unbuilt:
        'secret_id and secret_key (TC3) are not spoken yet; write an API key of the Hunyuan console as api_key, server_url may stay out',
    },
  ],
})
