/**
 * Embeddings of Vertex AI, used only to call it. `:predict` takes texts for the models text-embedding-… and
 * gemini-embedding-001, `:embedContent` one content for newer models.
 * docs.cloud.google.com/gemini-enterprise-agent-platform/models/embeddings/get-text-embeddings (2026-11)
 */
import { countOf, type Json, type JsonObject } from '../../base/json/json.ts'
import { faultFrom, isErrorBody, parseError } from '../gemini/error.ts'
import type { NoteLoss } from '../protocol.ts'
import { taskTypes } from './gemini.ts'
import {
  type EmbeddingEgress,
  type EmbeddingRequest,
  memberOf,
  noteUnsupported,
  parseVectors,
  usageFor,
} from './neutral.ts'

const renderInstance = ({ task, titles }: EmbeddingRequest, content: string, index: number): JsonObject => ({
  content,
  ...(task && { task_type: taskTypes[task] }),
  ...(titles?.[index] && { title: titles[index] }),
})

const settings = ({ dimensions, truncate }: EmbeddingRequest): JsonObject => ({
  ...(dimensions !== undefined && { outputDimensionality: dimensions }),
  ...(truncate !== undefined && { autoTruncate: truncate }),
})

const sumTokens = (predictions: Json | undefined): number | undefined => {
  const counts = (Array.isArray(predictions) ? predictions : []).map(one =>
    countOf(memberOf(memberOf(memberOf(one, 'embeddings'), 'statistics'), 'token_count')),
  )
  return counts.every(count => count !== undefined) ? counts.reduce((sum, count) => sum + count, 0) : undefined
}

export const vertexPredict: EmbeddingEgress = {
  id: 'vertex/predict',
  kind: 'unary',
  task: 'embedding',
  /** gemini-embedding-001 takes one text per request, the others 250. */
  maxTexts: model => (model.startsWith('gemini-') ? 1 : 250),
  renderRequest(request: EmbeddingRequest, loss: NoteLoss) {
    noteUnsupported(request, ['user'], loss)
    const parameters = settings(request)
    return {
      instances: request.texts.map((text, index) => renderInstance(request, text, index)),
      ...(Object.keys(parameters).length > 0 && { parameters }),
    }
  },
  parseMessage(body, request, exchange) {
    if (isErrorBody(body)) throw faultFrom(body, exchange)
    const vectors = parseVectors(request, body.predictions, one => memberOf(memberOf(one, 'embeddings'), 'values'))
    return { vectors, usage: usageFor(request, sumTokens(body.predictions)) }
  },
  parseError,
}

export const vertexEmbedContent: EmbeddingEgress = {
  id: 'vertex/embedContent',
  kind: 'unary',
  task: 'embedding',
  maxTexts: () => 1,
  renderRequest(request, loss) {
    noteUnsupported(request, ['user'], loss)
    const { task, titles, texts } = request
    const embedContentConfig = {
      ...(task && { taskType: taskTypes[task] }),
      ...(titles?.[0] && { title: titles[0] }),
      ...settings(request),
    }
    const content = { role: 'user', parts: [{ text: texts[0]! }] }
    return { content, ...(Object.keys(embedContentConfig).length > 0 && { embedContentConfig }) }
  },
  parseMessage(body, request, exchange) {
    if (isErrorBody(body)) throw faultFrom(body, exchange)
    const vectors = parseVectors(request, [body.embedding ?? null], item => memberOf(item, 'values'))
    return { vectors, usage: usageFor(request, countOf(memberOf(body.usageMetadata, 'promptTokenCount'))) }
  },
  parseError,
}
