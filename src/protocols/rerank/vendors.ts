/** Rerank protocols of single vendors, used only to call them. */
import { countOf, isObject, type Json, textOf } from '../../base/json/json.ts'
import { parseUsage } from '../openai-chat/usage.ts'
import { faultFrom, isErrorBody, parseError } from '../shared/vendor-error.ts'
import { parseRanking, type RerankEgress } from './neutral.ts'

const memberOf = (value: Json | undefined, key: string): Json | undefined => (isObject(value) ? value[key] : undefined)

/**
 * https://docs.cohere.com/reference/rerank (v2, 2026-11): documents are texts and are not returned; Cohere charges by
 * the search.
 */
export const cohereRerank: RerankEgress = {
  id: 'cohere/rerank',
  kind: 'unary',
  task: 'rerank',
  renderRequest: ({ model, query, documents, topN, maxTokensPerDocument }) => ({
    model,
    query,
    documents,
    // Cohere requires 1 or more. Surplus results are cut from the answer.
    ...(topN !== undefined && { top_n: Math.max(1, topN) }),
    ...(maxTokensPerDocument !== undefined && { max_tokens_per_doc: maxTokensPerDocument }),
  }),
  parseMessage(body, request, exchange) {
    if (isErrorBody(body)) throw faultFrom(body, exchange)
    const id = textOf(body.id)
    const usage = parseUsage(memberOf(body.meta, 'tokens'))
    const searchUnits = countOf(memberOf(memberOf(body.meta, 'billed_units'), 'search_units'))
    return {
      ...(id && { id }),
      results: parseRanking(body.results, request),
      ...(usage && { usage }),
      ...(searchUnits !== undefined && { searchUnits }),
    }
  },
  parseError,
}

/**
 * https://help.aliyun.com/en/model-studio/text-rerank-api (2026-11), the endpoint of gte-rerank. The gateway adds the
 * documents to the answer itself.
 */
export const dashscopeRerank: RerankEgress = {
  id: 'dashscope/rerank',
  kind: 'unary',
  task: 'rerank',
  renderRequest({ model, query, documents, topN, maxTokensPerDocument }, loss) {
    if (maxTokensPerDocument !== undefined) loss('max_tokens_per_doc', 'the target does not support it')
    return {
      model,
      input: { query, documents },
      parameters: { return_documents: false, ...(topN !== undefined && { top_n: Math.max(1, topN) }) },
    }
  },
  parseMessage(body, request, exchange) {
    if (isErrorBody(body)) throw faultFrom(body, exchange)
    const id = textOf(body.request_id)
    const usage = parseUsage(body.usage)
    return {
      ...(id && { id }),
      results: parseRanking(memberOf(body.output, 'results'), request),
      ...(usage && { usage }),
    }
  },
  parseError,
}
