/** Gemini's embedContent and batchEmbedContents, both halves. https://ai.google.dev/api/embeddings (2026-11) */
import { countOf, isObject, type Json, type JsonObject, parseJson, scanTopLevel } from '../../base/json/json.ts'
import { faultFrom, isErrorBody, parseError, renderError } from '../gemini/error.ts'
import { renderStreamError } from '../gemini/passthrough.ts'
import { camelBody, listOf } from '../gemini/syntax/casing.ts'
import type { Batch, Exchange, NoteLoss, Passthrough } from '../protocol.ts'
import { countList } from '../shared/item-counts.ts'
import { requestReader } from '../shared/request-reader.ts'
import { rejectStream, type UnaryProtocol } from '../shared/unary.ts'
import { notAnAnswer } from '../shared/vendor-error.ts'
import {
  type EmbeddingRequest,
  type EmbeddingResponse,
  type EmbeddingTask,
  invalidField,
  memberOf,
  noteUnsupported,
  parseVectors,
  taskOf,
  usageFor,
} from './neutral.ts'

/** https://ai.google.dev/gemini-api/docs/embeddings#supported-task-types */
export const taskTypes: Record<EmbeddingTask, string> = {
  query: 'RETRIEVAL_QUERY',
  document: 'RETRIEVAL_DOCUMENT',
  similarity: 'SEMANTIC_SIMILARITY',
  classification: 'CLASSIFICATION',
  clustering: 'CLUSTERING',
  question: 'QUESTION_ANSWERING',
  verification: 'FACT_VERIFICATION',
  code: 'CODE_RETRIEVAL_QUERY',
}

/**
 * "BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch" (github.com/geldata/gel issue 9032).
 */
const maxTexts = 100

const knownFields: ReadonlySet<string> = new Set([
  'model',
  'content',
  'taskType',
  'title',
  'outputDimensionality',
  'autoTruncate',
])

/** Settings stand beside the content or in `embedContentConfig`. */
const withConfig = (request: JsonObject): JsonObject =>
  isObject(request.embedContentConfig) ? { ...request, ...request.embedContentConfig } : request

const textIn = (content: Json | undefined, path: string): string => {
  if (typeof content === 'string') return content
  const parts = listOf(memberOf(content, 'parts'))
  if (parts.length === 0) throw invalidField(`${path}.parts`, 'is missing')
  const texts = parts.map(({ text }, index) => {
    if (typeof text === 'string') return text
    throw invalidField(`${path}.parts[${index}]`, 'is no text: the target takes texts only')
  })
  return texts.join('\n')
}

/** @throws GatewayError `invalid_request` if the requests of a batch have different values */
const sharedValue = <Value>(values: readonly Value[], path: string): Value | undefined => {
  const [first] = values
  const other = values.findIndex(value => value !== first)
  if (other > 0) throw invalidField(`requests[${other}].${path}`, 'must be the same in all requests for this target')
  return first
}

const toEmbeddingRequest = (
  requests: readonly JsonObject[],
  pathOf: (index: number) => string,
  loss: NoteLoss,
): EmbeddingRequest => {
  const all = requests.map(withConfig)
  for (const [index, request] of all.entries())
    for (const key in request)
      if (!knownFields.has(key) && key !== 'embedContentConfig')
        loss(`${pathOf(index)}${key}`, 'the target does not support it')
  const dimensions = countOf(
    sharedValue(
      all.map(one => one.outputDimensionality),
      'outputDimensionality',
    ),
  )
  const task = taskOf(
    sharedValue(
      all.map(one => one.taskType),
      'taskType',
    ),
    'taskType',
    loss,
  )
  const truncate = sharedValue(
    all.map(one => one.autoTruncate),
    'autoTruncate',
  )
  const titles = all.map(({ title }) => (typeof title === 'string' ? title : ''))
  return {
    model: '',
    texts: all.map(({ content }, index) => textIn(content, `${pathOf(index)}content`)),
    encoding: 'float',
    ...(dimensions && { dimensions }),
    ...(task && { task }),
    ...(typeof truncate === 'boolean' && { truncate }),
    ...(titles.some(title => title !== '') && { titles }),
  }
}

const renderEmbedRequest = (
  { model, titles, dimensions, task }: EmbeddingRequest,
  text: string,
  index: number,
): JsonObject => ({
  model: `models/${model}`,
  content: { parts: [{ text }] },
  ...(task && { taskType: taskTypes[task] }),
  ...(titles?.[index] && { title: titles[index] }),
  ...(dimensions !== undefined && { outputDimensionality: dimensions }),
})

const usageIn = (body: JsonObject, request: EmbeddingRequest) =>
  usageFor(request, countOf(memberOf(body.usageMetadata, 'promptTokenCount')))

/** Usage as a Gemini client receives it. An estimate is not reported. */
const renderUsageMetadata = ({ usage }: EmbeddingResponse): JsonObject =>
  usage && !usage.estimated ? { usageMetadata: { promptTokenCount: usage.input } } : {}

/** The URL names the model, and so may each request of a batch: the names must match. */
const withModel = (request: Json, model: string): Json =>
  isObject(request) && request.model !== undefined ? { ...request, model: `models/${model}` } : request

const createPassthrough = (rename: (body: JsonObject, model: string) => JsonObject): Passthrough => ({
  readRequest: () => ({ stream: false, usageRequested: false }),
  writeRequest: (text, body, { model }) => (text.includes('"model"') ? JSON.stringify(rename(body, model)) : text),
  pipeStream: rejectStream,
  passMessage: (text, exchange) => passMessage(text, exchange),
})

/** Reads the members by their spans; the vectors are not parsed. */
const passMessage = (text: string, exchange: Exchange): ReturnType<Passthrough['passMessage']> => {
  const members = scanTopLevel(text)?.members
  const member = (key: string): Json | undefined => {
    const span = members?.get(key)
    return span && parseJson(text.slice(span.start, span.end))
  }
  const error = member('error')
  if (isObject(error)) throw faultFrom({ error }, exchange)
  if (!members?.get('embedding') && !members?.get('embeddings')) throw notAnAnswer(text, exchange)
  const input = countOf(memberOf(member('usageMetadata'), 'promptTokenCount'))
  return { text, ...(input !== undefined && { usage: { input, output: 0 } }) }
}

const requestsIn = (body: JsonObject): Json[] => (Array.isArray(body.requests) ? body.requests : [])

/** A text may stand in `content`, and several in `requests`. */
const reader = requestReader({
  prompt: {
    text: ['content', 'requests'],
    mediaFields: ['inlineData', 'inline_data', 'fileData', 'file_data'],
    ignored: ['role'],
  },
  opening: body => ({ texts: [body.content], turns: requestsIn(body) }),
  contentOf: ({ text, parts, content }) => text ?? parts ?? content,
  items: { inputs: countList('requests') },
})

/** See `ClientHalf.scopedFields`. */
const scopedFields: ReadonlySet<string> = new Set([
  ...knownFields,
  ...['requests', 'task_type', 'output_dimensionality', 'auto_truncate'],
])

const sharedMembers = {
  kind: 'unary',
  task: 'embedding',
  idPrefix: '',
  parseError,
  renderError,
  renderStreamError,
  reader,
  scopedFields,
} as const

const checkContent = (request: Json | undefined, path: string): void => {
  if (!isObject(request)) throw invalidField(path, 'must be an object')
  if (request.content == null) throw invalidField(`${path === '' ? '' : `${path}.`}content`, 'is missing')
}

export const embedContent: UnaryProtocol<EmbeddingRequest, EmbeddingResponse> = {
  ...sharedMembers,
  id: 'gemini/embedContent',
  checkRequest: body => checkContent(body, ''),
  passthrough: createPassthrough((body, model) => withModel(body, model) as JsonObject),
  maxTexts: () => 1,
  parseRequest: (body, loss) => toEmbeddingRequest([camelBody(body)], () => '', loss),
  renderRequest: (request, loss) => {
    noteUnsupported(request, ['user', 'truncate'], loss)
    return renderEmbedRequest(request, request.texts[0]!, 0)
  },
  parseMessage(body, request, exchange) {
    if (isErrorBody(body)) throw faultFrom(body, exchange)
    const vectors = parseVectors(request, [body.embedding ?? null], item => memberOf(item, 'values'))
    return { vectors, usage: usageIn(body, request) }
  },
  renderMessage: answer => ({ embedding: { values: answer.vectors[0]! }, ...renderUsageMetadata(answer) }),
}

/** Splits a batch for targets that take fewer requests at once. */
const batch: Batch = {
  split(body, maxTexts) {
    const requests = requestsIn(body)
    if (requests.length <= maxTexts) return undefined
    return {
      count: Math.ceil(requests.length / maxTexts),
      bodyAt: index => ({ ...body, requests: requests.slice(index * maxTexts, (index + 1) * maxTexts) }),
    }
  },
  join(answers) {
    const counts = answers.map(({ usageMetadata }) => countOf(memberOf(usageMetadata, 'promptTokenCount')))
    const areAllCounted = counts.every(count => count !== undefined)
    return {
      embeddings: answers.flatMap(({ embeddings }) => (Array.isArray(embeddings) ? embeddings : [])),
      ...(areAllCounted && { usageMetadata: { promptTokenCount: counts.reduce((sum, count) => sum + count, 0) } }),
    }
  },
  frames: () => [],
}

export const batchEmbedContents: UnaryProtocol<EmbeddingRequest, EmbeddingResponse> = {
  ...sharedMembers,
  id: 'gemini/batchEmbedContents',
  checkRequest(body) {
    if (requestsIn(body).length === 0) throw invalidField('requests', 'must be a list of at least one request')
    for (const [index, request] of requestsIn(body).entries()) checkContent(request, `requests[${index}]`)
  },
  passthrough: createPassthrough((body, model) => ({
    ...body,
    requests: requestsIn(body).map(request => withModel(request, model)),
  })),
  maxTexts: () => maxTexts,
  parseRequest: (body, loss) =>
    toEmbeddingRequest(listOf(camelBody(body).requests), index => `requests[${index}].`, loss),
  renderRequest(request, loss) {
    noteUnsupported(request, ['user', 'truncate'], loss)
    return { requests: request.texts.map((text, index) => renderEmbedRequest(request, text, index)) }
  },
  parseMessage(body, request, exchange) {
    if (isErrorBody(body)) throw faultFrom(body, exchange)
    return {
      vectors: parseVectors(request, body.embeddings, item => memberOf(item, 'values')),
      usage: usageIn(body, request),
    }
  },
  renderMessage: answer => ({ embeddings: answer.vectors.map(values => ({ values })), ...renderUsageMetadata(answer) }),
  batch: batch,
}
