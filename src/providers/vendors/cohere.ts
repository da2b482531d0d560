import type { Target } from '../entry.ts'
import { provider } from '../provider.ts'
import { parseServerUrl } from '../server-url.ts'
import { bearer } from '../sign/bearer.ts'

/** A `server_url` may end in the host, a version or the compatibility path. All of them denote the same server. */
const base = ({ entry }: Target): string => {
  const { origin, path, query } = parseServerUrl(entry.serverUrl ?? 'https://api.cohere.com')
  return origin + path.replace(/\/(?:compatibility\/v1|v[12])(?:\/.*)?$/, '') + query
}

/**
 * Chat uses OpenAI's protocol (docs.cohere.com/docs/compatibility-api). Embeddings and reranking use Cohere's own
 * (docs.cohere.com/reference/embed, …/rerank).
 */
export default provider({
  id: 'cohere',
  title: 'Cohere',
  docs: 'https://docs.cohere.com/docs/compatibility-api',
  checked: '2026-11',
  base,
  hosts: ['api.cohere.com', 'api.cohere.ai'],
  paths: {
    'openai-chat': '/compatibility/v1/chat/completions',
    'cohere/embed': '/v2/embed',
    'cohere/rerank': '/v2/rerank',
  },
  sign: bearer,
  credentials: ['api_key'],
  models: ['command-a-03-2025', 'rerank-v3.5'],
  embeddingModels: ['embed-v4.0'],
})
