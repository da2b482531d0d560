/** Embedding protocols of single vendors, used only to call them. */
import { countOf, isObject, type Json } from '../../base/json/json.ts'
import { faultFrom, isErrorBody, parseError } from '../shared/vendor-error.ts'
import {
  type EmbeddingEgress,
  type EmbeddingTask,
  memberOf,
  noteUnsupported,
  parseVectors,
  sortByField,
  usageFor,
} from './neutral.ts'

/** https://docs.ollama.com/api/embed (2026-11): takes any number of texts and returns vectors in their order. */
export const ollamaEmbed: EmbeddingEgress = {
  id: 'ollama/embed',
  kind: 'unary',
  task: 'embedding',
  renderRequest(request, loss) {
    noteUnsupported(request, ['titles', 'user', 'task'], loss)
    const { model, texts, dimensions, truncate } = request
    return {
      model,
      input: texts,
      ...(dimensions !== undefined && { dimensions }),
      ...(truncate !== undefined && { truncate }),
    }
  },
  parseMessage(body, request, exchange) {
    if (isErrorBody(body)) throw faultFrom(body, exchange)
    const vectors = parseVectors(request, body.embeddings, item => item)
    return { vectors, usage: usageFor(request, countOf(body.prompt_eval_count)) }
  },
  parseError,
}

/** DashScope distinguishes only the search query and the document to search. */
const textTypes: Partial<Record<EmbeddingTask, string>> = {
  query: 'query',
  question: 'query',
  code: 'query',
  document: 'document',
}

/**
 * https://help.aliyun.com/en/model-studio/text-embedding-synchronous-api (2026-11): 25 texts per request for v1 and v2,
 * 10 for later versions.
 */
export const dashscopeEmbeddings: EmbeddingEgress = {
  id: 'dashscope/embeddings',
  kind: 'unary',
  task: 'embedding',
  maxTexts: model => (/^text-embedding-v[12]$/.test(model) ? 25 : 10),
  renderRequest(request, loss) {
    noteUnsupported(request, ['titles', 'user', 'truncate'], loss)
    const { model, texts, dimensions, task } = request
    const type = task && textTypes[task]
    if (task && !type) loss('task', 'the target distinguishes only queries and documents')
    const parameters = {
      ...(dimensions !== undefined && { dimension: dimensions }),
      ...(type !== undefined && { text_type: type }),
    }
    return { model, input: { texts }, ...(Object.keys(parameters).length > 0 && { parameters }) }
  },
  parseMessage(body, request, exchange) {
    if (isErrorBody(body)) throw faultFrom(body, exchange)
    const list = sortByField(memberOf(body.output, 'embeddings'), 'text_index')
    const vectors = parseVectors(request, list, item => memberOf(item, 'embedding'))
    return { vectors, usage: usageFor(request, countOf(memberOf(body.usage, 'total_tokens'))) }
  },
  parseError,
}

const inputTypes: Partial<Record<EmbeddingTask, string>> = {
  query: 'search_query',
  question: 'search_query',
  code: 'search_query',
  verification: 'search_query',
  document: 'search_document',
  classification: 'classification',
  clustering: 'clustering',
}

/** If types are requested, Cohere returns one list per type, else a single list. */
const floatsOf = (embeddings: Json | undefined): Json | undefined =>
  isObject(embeddings) ? embeddings.float : embeddings

/** https://docs.cohere.com/reference/embed (v2, 2026-11): 96 texts per request; `input_type` is required from v3 on. */
export const cohereEmbed: EmbeddingEgress = {
  id: 'cohere/embed',
  kind: 'unary',
  task: 'embedding',
  maxTexts: () => 96,
  renderRequest(request, loss) {
    noteUnsupported(request, ['titles', 'user'], loss)
    const { model, texts, dimensions, task, truncate } = request
    const type = task && inputTypes[task]
    if (task && !type) loss('task', 'the target does not support this input_type')
    return {
      model,
      texts,
      input_type: type ?? 'search_document',
      embedding_types: ['float'],
      ...(dimensions !== undefined && { output_dimension: dimensions }),
      ...(truncate !== undefined && { truncate: truncate ? 'END' : 'NONE' }),
    }
  },
  parseMessage(body, request, exchange) {
    if (isErrorBody(body)) throw faultFrom(body, exchange)
    const vectors = parseVectors(request, floatsOf(body.embeddings), item => item)
    const billed = memberOf(memberOf(body.meta, 'billed_units'), 'input_tokens')
    return { vectors, usage: usageFor(request, countOf(billed)) }
  },
  parseError,
}
