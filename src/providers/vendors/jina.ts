import type { JsonObject } from '../../base/json/json.ts'
import { provider } from '../provider.ts'
import { bearer } from '../sign/bearer.ts'

/** Renames OpenAI's `encoding_format` to `embedding_type`. */
const renameEncodingFormat = (body: JsonObject): void => {
  const { encoding_format: encoding } = body
  delete body['encoding_format']
  if (encoding != null) body['embedding_type'] ??= encoding
}

/**
 * Embeddings in OpenAI's format, and the rerank format that other vendors adopted (api.jina.ai/redoc). There is no chat
 * API.
 */
export default provider({
  id: 'jina',
  title: 'Jina AI',
  docs: 'https://api.jina.ai/redoc',
  checked: '2026-11',
  quirks: ['`encoding_format` is sent as `embedding_type`'],
  base: 'https://api.jina.ai/v1',
  paths: { embeddings: '/embeddings', rerank: '/rerank' },
  sign: bearer,
  credentials: ['api_key'],
  models: ['jina-reranker-v2-base-multilingual'],
  embeddingModels: ['jina-embeddings-v3'],
  patchRequest: { embeddings: renameEncodingFormat },
})
