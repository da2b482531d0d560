/** Reranking as Jina has it and most servers after it, both halves; between two that speak it, it passes. https://api.jina.ai/redoc (2026-11) */
import { GatewayError } from '../../base/errors.ts'
import { countOf, isObject, type Json, type JsonObject, textOf } from '../../base/json/json.ts'
import { parseUsage } from '../openai-chat/usage.ts'
import { openaiPass } from '../openai-pass/index.ts'
import type { Exchange, NoteLoss } from '../protocol.ts'
import type { UnaryProtocol } from '../shared/unary.ts'
import { faultFrom, isErrorBody } from '../shared/vendor-error.ts'
import { type RerankRequest, type RerankResponse, rankedIn } from './neutral.ts'

const passing = openaiPass('rerank')

const known: ReadonlySet<string> = new Set([
  'model',
  'query',
  'documents',
  'top_n',
  'return_documents',
  'max_tokens_per_doc',
  'stream',
])

const wrong = (param: string, what: string): GatewayError =>
  new GatewayError('invalid_request', `${param} ${what}`, { param })

const textIn = (value: Json | undefined, path: string): string => {
  const text = isObject(value) ? value.text : value
  if (typeof text === 'string') return text
  throw wrong(path, 'must be a text, or an object with one in `text`')
}

const parseRequest = (body: JsonObject, loss: NoteLoss): RerankRequest => {
  const { model, query, documents, top_n: top, return_documents: returns, max_tokens_per_doc: perDocument } = body
  if (!Array.isArray(documents) || documents.length === 0) throw wrong('documents', 'must be a list of documents')
  if (top != null && countOf(top) === undefined) throw wrong('top_n', 'must be a whole number from 0')
  for (const key in body) if (!known.has(key) && body[key] != null) loss(key, 'the target does not know it')
  return {
    model: textOf(model) ?? '',
    query: textIn(query, 'query'),
    documents: documents.map((document, index) => textIn(document, `documents[${index}]`)),
    returns: returns === true,
    ...(typeof top === 'number' && { top }),
    ...(typeof perDocument === 'number' && { perDocument }),
  }
}

const renderRequest = (
  { model, query, documents, top, returns, perDocument }: RerankRequest,
  loss: NoteLoss,
): JsonObject => {
  if (perDocument !== undefined) loss('max_tokens_per_doc', 'the target does not know it')
  return { model, query, documents, return_documents: returns, ...(top !== undefined && { top_n: top }) }
}

const renderMessage = (
  { id, results, usage, units }: RerankResponse,
  ask: RerankRequest,
  exchange: Exchange,
): Json => ({
  id: id ?? exchange.id,
  model: exchange.model,
  results: results.map(({ index, score }) => ({
    index,
    relevance_score: score,
    ...(ask.returns && { document: { text: ask.documents[index]! } }),
  })),
  ...(usage && { usage: { prompt_tokens: usage.input, total_tokens: usage.input + usage.output } }),
  ...(units !== undefined && { meta: { billed_units: { search_units: units } } }),
})

export const rerank: UnaryProtocol<RerankRequest, RerankResponse> = {
  ...passing,
  idPrefix: 'rerank-',
  passthrough: {
    ...passing.passthrough,
    readRequest: body => ({ ...passing.passthrough.readRequest(body), stream: false }),
  },
  kind: 'rerank',
  parseRequest,
  renderRequest,
  parseMessage(body, ask, exchange) {
    if (isErrorBody(body)) throw faultFrom(body, exchange)
    const id = textOf(body.id)
    const usage = parseUsage(body.usage)
    return { ...(id && { id }), results: rankedIn(body.results ?? body.data, ask), ...(usage && { usage }) }
  },
  renderMessage,
}
