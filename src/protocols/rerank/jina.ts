/**
 * Reranking as defined by Jina and adopted by most servers, both halves; passed through between a client and a vendor
 * that both use it. https://api.jina.ai/redoc (2026-11)
 */
import { GatewayError } from '../../base/errors.ts'
import { countOf, isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import { parseUsage } from '../openai-chat/usage.ts'
import { openaiPass } from '../openai-pass/index.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import { countList } from '../shared/item-counts.ts'
import { requestReader } from '../shared/request-reader.ts'
import type { UnaryProtocol } from '../shared/unary.ts'
import { faultFrom, isErrorBody } from '../shared/vendor-error.ts'
import { parseRanking, type RerankRequest, type RerankResponse } from './neutral.ts'

const passthroughProtocol = openaiPass('rerank')

const knownFields: ReadonlySet<string> = new Set([
  'model',
  'query',
  'documents',
  'top_n',
  'return_documents',
  'max_tokens_per_doc',
  'stream',
])

const invalidField = (param: string, what: string): GatewayError =>
  new GatewayError('invalid_request', `${param} ${what}`, { param })

const textIn = (value: Json | undefined, path: string): string => {
  const text = isObject(value) ? value.text : value
  if (typeof text === 'string') return text
  throw invalidField(path, 'must be a text, or an object with one in `text`')
}

const parseRequest = (body: JsonObject, loss: NoteLoss): RerankRequest => {
  const {
    model,
    query,
    documents,
    top_n: topN,
    return_documents: returnDocuments,
    max_tokens_per_doc: maxTokensPerDocument,
  } = body
  if (!Array.isArray(documents) || documents.length === 0)
    throw invalidField('documents', 'must be a list of documents')
  if (topN != null && countOf(topN) === undefined) throw invalidField('top_n', 'must be a whole number from 0')
  for (const key in body) if (!knownFields.has(key) && body[key] != null) loss(key, 'the target does not support it')
  return {
    model: textOf(model) ?? '',
    query: textIn(query, 'query'),
    documents: documents.map((document, index) => textIn(document, `documents[${index}]`)),
    returnDocuments: returnDocuments === true,
    ...(typeof topN === 'number' && { topN }),
    ...(typeof maxTokensPerDocument === 'number' && { maxTokensPerDocument }),
  }
}

const renderRequest = (
  { model, query, documents, topN, returnDocuments, maxTokensPerDocument }: RerankRequest,
  loss: NoteLoss,
): JsonObject => {
  if (maxTokensPerDocument !== undefined) loss('max_tokens_per_doc', 'the target does not support it')
  return { model, query, documents, return_documents: returnDocuments, ...(topN !== undefined && { top_n: topN }) }
}

const renderMessage = (
  { id, results, usage, searchUnits }: RerankResponse,
  request: RerankRequest,
  exchange: Exchange,
): Json => ({
  id: id === undefined ? exchange.id : exchange.redact(id),
  model: exchange.model,
  results: results.map(({ index, score }) => ({
    index,
    relevance_score: score,
    ...(request.returnDocuments && { document: { text: request.documents[index]! } }),
  })),
  ...(usage && { usage: { prompt_tokens: usage.input, total_tokens: usage.input + usage.output } }),
  ...(searchUnits !== undefined && { meta: { billed_units: { search_units: searchUnits } } }),
})

const reader = requestReader({
  prompt: { text: ['query', 'documents'] },
  opening: body => ({ texts: [body.query] }),
  conversationNames: ['prompt_cache_key', 'user'],
  items: { inputs: countList('documents') },
})

export const rerank: UnaryProtocol<RerankRequest, RerankResponse> = {
  ...passthroughProtocol,
  idPrefix: 'rerank-',
  passthrough: {
    ...passthroughProtocol.passthrough,
    readRequest: body => ({ ...passthroughProtocol.passthrough.readRequest(body), stream: false }),
  },
  kind: 'unary',
  task: 'rerank',
  reader,
  parseRequest,
  renderRequest,
  parseMessage(body, request, exchange) {
    if (isErrorBody(body)) throw faultFrom(body, exchange)
    const id = textOf(body.id)
    const usage = parseUsage(body.usage)
    return { ...(id && { id }), results: parseRanking(body.results ?? body.data, request), ...(usage && { usage }) }
  },
  renderMessage,
}
