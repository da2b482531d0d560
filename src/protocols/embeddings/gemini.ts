/** Gemini's embedContent and batchEmbedContents, both halves. https://ai.google.dev/api/embeddings (2026-11) */
import { countOf, isObject, type Json, type JsonObject, parseJson, topLevel } from '../../base/json/json.ts'
import { faultFrom, parseError, renderError, tellsFault } from '../gemini/error.ts'
import { renderStreamError } from '../gemini/passthrough.ts'
import { camelBody, listOf } from '../gemini/syntax/casing.ts'
import type { Batch, Exchange, NoteLoss, Passthrough } from '../protocol.ts'
import { neverStreamed, type UnaryProtocol } from '../shared/unary.ts'
import { notAnAnswer } from '../shared/vendor-error.ts'
import {
  type EmbeddingRequest,
  type EmbeddingResponse,
  lose,
  memberOf,
  type Task,
  taskOf,
  usageFor,
  vectorsFor,
  wrong,
} from './neutral.ts'

/** https://ai.google.dev/gemini-api/docs/embeddings#supported-task-types */
export const taskTypes: Record<Task, string> = {
  query: 'RETRIEVAL_QUERY',
  document: 'RETRIEVAL_DOCUMENT',
  similarity: 'SEMANTIC_SIMILARITY',
  classification: 'CLASSIFICATION',
  clustering: 'CLUSTERING',
  question: 'QUESTION_ANSWERING',
  verification: 'FACT_VERIFICATION',
  code: 'CODE_RETRIEVAL_QUERY',
}

/** "BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch" (github.com/geldata/gel issue 9032). */
const most = 100

const fields: ReadonlySet<string> = new Set([
  'model',
  'content',
  'taskType',
  'title',
  'outputDimensionality',
  'autoTruncate',
])

/** Settings stand beside the content, or in `embedContentConfig`. */
const settled = (request: JsonObject): JsonObject =>
  isObject(request.embedContentConfig) ? { ...request, ...request.embedContentConfig } : request

const textIn = (content: Json | undefined, path: string): string => {
  if (typeof content === 'string') return content
  const parts = listOf(memberOf(content, 'parts'))
  if (parts.length === 0) throw wrong(`${path}.parts`, 'is missing')
  const texts = parts.map(({ text }, index) => {
    if (typeof text === 'string') return text
    throw wrong(`${path}.parts[${index}]`, 'is no text: the target takes texts only')
  })
  return texts.join('\n')
}

/** @throws GatewayError `invalid_request` where the requests of a batch want different things of their vectors */
const same = <Value>(values: readonly Value[], path: string): Value | undefined => {
  const [first] = values
  const other = values.findIndex(value => value !== first)
  if (other > 0) throw wrong(`requests[${other}].${path}`, 'must be the same in all requests for this target')
  return first
}

const askOf = (requests: readonly JsonObject[], at: (index: number) => string, loss: NoteLoss): EmbeddingRequest => {
  const all = requests.map(settled)
  for (const [index, request] of all.entries())
    for (const key in request)
      if (!fields.has(key) && key !== 'embedContentConfig') loss(`${at(index)}${key}`, 'the target does not know it')
  const dimensions = countOf(
    same(
      all.map(one => one.outputDimensionality),
      'outputDimensionality',
    ),
  )
  const task = taskOf(
    same(
      all.map(one => one.taskType),
      'taskType',
    ),
    'taskType',
    loss,
  )
  const truncate = same(
    all.map(one => one.autoTruncate),
    'autoTruncate',
  )
  const titles = all.map(({ title }) => (typeof title === 'string' ? title : ''))
  return {
    model: '',
    texts: all.map(({ content }, index) => textIn(content, `${at(index)}content`)),
    encoding: 'float',
    ...(dimensions && { dimensions }),
    ...(task && { task }),
    ...(typeof truncate === 'boolean' && { truncate }),
    ...(titles.some(title => title !== '') && { titles }),
  }
}

const requestOf = ({ model, titles, dimensions, task }: EmbeddingRequest, text: string, index: number): JsonObject => ({
  model: `models/${model}`,
  content: { parts: [{ text }] },
  ...(task && { taskType: taskTypes[task] }),
  ...(titles?.[index] && { title: titles[index] }),
  ...(dimensions !== undefined && { outputDimensionality: dimensions }),
})

const usageIn = (body: JsonObject, ask: EmbeddingRequest) =>
  usageFor(ask, countOf(memberOf(body.usageMetadata, 'promptTokenCount')))

/** What a client of Gemini is told; a guess is not. */
const metadata = ({ usage }: EmbeddingResponse): JsonObject =>
  usage && !usage.estimated ? { usageMetadata: { promptTokenCount: usage.input } } : {}

/** The address names the model, and so does each request of a batch: it must be the same. */
const named = (request: Json, model: string): Json =>
  isObject(request) && request.model !== undefined ? { ...request, model: `models/${model}` } : request

const watchOf = (rename: (body: JsonObject, model: string) => JsonObject): Passthrough => ({
  readRequest: () => ({ stream: false, usageRequested: false }),
  writeRequest: (text, body, { model }) => (text.includes('"model"') ? JSON.stringify(rename(body, model)) : text),
  pipeStream: neverStreamed,
  passMessage: (text, exchange) => passMessage(text, exchange),
})

/** Nothing is built from the vectors. */
const passMessage = (text: string, exchange: Exchange): ReturnType<Passthrough['passMessage']> => {
  const members = topLevel(text)?.members
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

const shared = { kind: 'embedding', idPrefix: '', parseError, renderError, renderStreamError } as const

const checkContent = (request: Json | undefined, at: string): void => {
  if (!isObject(request)) throw wrong(at, 'must be an object')
  if (request.content == null) throw wrong(`${at === '' ? '' : `${at}.`}content`, 'is missing')
}

export const embedContent: UnaryProtocol<EmbeddingRequest, EmbeddingResponse> = {
  ...shared,
  id: 'gemini/embedContent',
  checkRequest: body => checkContent(body, ''),
  passthrough: watchOf((body, model) => named(body, model) as JsonObject),
  maxTexts: () => 1,
  parseRequest: (body, loss) => askOf([camelBody(body)], () => '', loss),
  renderRequest: (ask, loss) => {
    lose(ask, ['user', 'truncate'], loss)
    return requestOf(ask, ask.texts[0]!, 0)
  },
  parseMessage(body, ask, exchange) {
    if (tellsFault(body)) throw faultFrom(body, exchange)
    const vectors = vectorsFor(ask, [body.embedding ?? null], item => memberOf(item, 'values'))
    return { vectors, usage: usageIn(body, ask) }
  },
  renderMessage: answer => ({ embedding: { values: answer.vectors[0]! }, ...metadata(answer) }),
}

const requestsIn = (body: JsonObject): Json[] => (Array.isArray(body.requests) ? body.requests : [])

/** The parts of a batch, for targets that take fewer at once. */
const several: Batch = {
  split(body, most) {
    const requests = requestsIn(body)
    if (requests.length <= most) return undefined
    return Array.from({ length: Math.ceil(requests.length / most) }, (_, part) => ({
      ...body,
      requests: requests.slice(part * most, (part + 1) * most),
    }))
  },
  join(answers) {
    const counts = answers.map(({ usageMetadata }) => countOf(memberOf(usageMetadata, 'promptTokenCount')))
    const told = counts.every(count => count !== undefined)
    return {
      embeddings: answers.flatMap(({ embeddings }) => (Array.isArray(embeddings) ? embeddings : [])),
      ...(told && { usageMetadata: { promptTokenCount: counts.reduce((sum, count) => sum + count, 0) } }),
    }
  },
  frames: () => [],
}

export const batchEmbedContents: UnaryProtocol<EmbeddingRequest, EmbeddingResponse> = {
  ...shared,
  id: 'gemini/batchEmbedContents',
  checkRequest(body) {
    if (requestsIn(body).length === 0) throw wrong('requests', 'must be a list of at least one request')
    for (const [index, request] of requestsIn(body).entries()) checkContent(request, `requests[${index}]`)
  },
  passthrough: watchOf((body, model) => ({
    ...body,
    requests: requestsIn(body).map(request => named(request, model)),
  })),
  maxTexts: () => most,
  parseRequest: (body, loss) => askOf(listOf(camelBody(body).requests), index => `requests[${index}].`, loss),
  renderRequest(ask, loss) {
    lose(ask, ['user', 'truncate'], loss)
    return { requests: ask.texts.map((text, index) => requestOf(ask, text, index)) }
  },
  parseMessage(body, ask, exchange) {
    if (tellsFault(body)) throw faultFrom(body, exchange)
    return { vectors: vectorsFor(ask, body.embeddings, item => memberOf(item, 'values')), usage: usageIn(body, ask) }
  },
  renderMessage: answer => ({ embeddings: answer.vectors.map(values => ({ values })), ...metadata(answer) }),
  batch: several,
}
