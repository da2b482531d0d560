import type { JsonObject } from '../../base/json/json.ts'
import { provider } from '../provider.ts'
import { bearer } from '../sign/bearer.ts'

/** OpenAI's `encoding_format` has the name `embedding_type` here. */
const renameEncodingFormat = (body: JsonObject): void => {
  const { encoding_format: encoding } = body
  delete body['encoding_format']
  if (encoding != null) body['embedding_type'] ??= encoding
}

/** api.jina.ai/redoc: embeddings after OpenAI's, reranking that others follow; no chats here. */
export default provider({
  id: 'jina',
  title: 'Jina AI',
  docs: 'https://api.jina.ai/redoc',
  checked: '2026-11',
  quirks: ['`encoding_format` is `embedding_type`'],
  base: 'https://api.jina.ai/v1',
  paths: { embeddings: '/embeddings', rerank: '/rerank' },
  sign: bearer,
  credentials: ['api_key'],
  models: ['jina-reranker-v2-base-multilingual'],
  embeddingModels: ['jina-embeddings-v3'],
  patchRequest: { embeddings: renameEncodingFormat },
})
