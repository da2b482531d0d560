/**
 * OpenAI's embeddings, both halves; passed through between a client and a vendor that both use it.
 * https://platform.openai.com/docs/api-reference/embeddings
 */
import { countOf, isObject, type Json, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'
import { parseUsage } from '../openai-chat/usage.ts'
import { openaiPass } from '../openai-pass/index.ts'
import type { Batch, BatchParts, NoteLoss } from '../protocol.ts'
import { countTexts } from '../shared/item-counts.ts'
import { requestReader } from '../shared/request-reader.ts'
import type { UnaryProtocol } from '../shared/unary.ts'
import { faultFrom, isErrorBody } from '../shared/vendor-error.ts'
import {
  type EmbeddingRequest,
  type EmbeddingResponse,
  encodeFloats,
  invalidField,
  memberOf,
  noteUnsupported,
  parseVector,
  parseVectors,
  sortByField,
  taskOf,
  usageFor,
} from './neutral.ts'
import { sortByIndex } from './sort-by-index.ts'

const passthroughProtocol = openaiPass('embeddings')

/** Fields of other vendors for the task, which OpenAI's API lacks. Clients of compatible servers send them. */
const taskFields = ['input_type', 'task', 'task_type', 'text_type'] as const
const knownFields: ReadonlySet<string> = new Set([
  'model',
  'input',
  'dimensions',
  'encoding_format',
  'user',
  'stream',
  ...taskFields,
])

/** @throws GatewayError `invalid_request` if the input holds tokens: token numbers are valid for one tokenizer only */
const textsIn = (input: Json | undefined): string[] => {
  if (typeof input === 'string') return [input]
  if (!Array.isArray(input) || input.length === 0) throw invalidField('input', 'must be a text or a list of texts')
  return input.map((item, index) => {
    if (typeof item === 'string') return item
    const what = typeof item === 'number' || Array.isArray(item) ? 'tokens: the target takes texts only' : 'no text'
    throw invalidField(typeof item === 'number' ? 'input' : `input[${index}]`, `is ${what}`)
  })
}

const sizeOf = (dimensions: Json | undefined): number | undefined => {
  if (dimensions == null) return undefined
  const size = countOf(dimensions)
  if (!size) throw invalidField('dimensions', 'must be a whole number from 1')
  return size
}

const parseRequest = (body: JsonObject, loss: NoteLoss): EmbeddingRequest => {
  const { model, input, dimensions, encoding_format: encoding, user } = body
  if (encoding != null && encoding !== 'float' && encoding !== 'base64')
    throw invalidField('encoding_format', 'must be float or base64')
  const size = sizeOf(dimensions)
  const field = taskFields.find(name => body[name] != null)
  const task = field && taskOf(body[field], field, loss)
  for (const key in body) if (!knownFields.has(key) && body[key] != null) loss(key, 'the target does not support it')
  return {
    model: textOf(model) ?? '',
    texts: textsIn(input),
    encoding: encoding === 'base64' ? encoding : 'float',
    ...(size !== undefined && { dimensions: size }),
    ...(typeof user === 'string' && { user }),
    ...(task && { task }),
  }
}

const renderRequest = (request: EmbeddingRequest, loss: NoteLoss): JsonObject => {
  const { model, texts, dimensions, user } = request
  noteUnsupported(request, ['titles', 'task', 'truncate'], loss)
  return { model, input: texts, ...(dimensions !== undefined && { dimensions }), ...(user !== undefined && { user }) }
}

const renderMessage = (
  { vectors, usage }: EmbeddingResponse,
  request: EmbeddingRequest,
  { model }: { model: string },
): Json => {
  const { input } = usage ?? usageFor(request, undefined)
  const data = vectors.map((vector, index) => ({
    object: 'embedding',
    index,
    embedding: request.encoding === 'base64' ? encodeFloats(vector) : vector,
  }))
  return { object: 'list', data, model, usage: { prompt_tokens: input, total_tokens: input } }
}

/** Splits a request into parts of at most `maxTexts` inputs. The tokens of one text are one input. */
const split = (body: JsonObject, maxTexts: number): BatchParts | undefined => {
  const { input } = body
  if (!Array.isArray(input) || input.length <= maxTexts || typeof input[0] === 'number') return undefined
  return {
    count: Math.ceil(input.length / maxTexts),
    bodyAt: index => ({ ...body, input: input.slice(index * maxTexts, (index + 1) * maxTexts) }),
  }
}

const join = (answers: JsonObject[]): JsonObject => {
  const data = answers.flatMap(answer => (Array.isArray(answer.data) ? answer.data : []))
  const sum = (key: string) => answers.reduce((total, { usage }) => total + (countOf(memberOf(usage, key)) ?? 0), 0)
  return {
    ...answers[0],
    data: data.map((item, index) => ({ ...(item as JsonObject), index })),
    usage: { prompt_tokens: sum('prompt_tokens'), total_tokens: sum('total_tokens') },
  }
}

/** The first character of a vector in the text of an answer, by encoding. */
const openingCharacters: Record<string, string> = { base64: '"', float: '[' }

/**
 * OpenAI's own clients ask for base64 by default and can read nothing else, but many servers ignore that and answer
 * with numbers. This function converts the vectors to the encoding requested, in either direction. An answer that is
 * already right, or that holds something other than vectors, is unchanged.
 */
const reencodeVectors = (text: string, encoding: Json | undefined): string => {
  const wanted = typeof encoding === 'string' ? openingCharacters[encoding] : undefined
  const given = wanted && /"embedding"\s*:\s*(["[])/.exec(text.slice(0, 65_536))?.[1]
  if (!given || given === wanted) return text
  const body = parseJson(text)
  if (!isObject(body) || !Array.isArray(body.data)) return text
  const vectors = body.data.map(item => parseVector(memberOf(item, 'embedding')))
  if (vectors.includes(undefined)) return text
  const reencoded = vectors.map(vector => (encoding === 'base64' ? encodeFloats(vector!) : vector!))
  const data = body.data.map((item, index) => ({ ...(item as JsonObject), embedding: reencoded[index]! }))
  return JSON.stringify({ ...body, data })
}

const reader = requestReader({
  prompt: { text: ['input'] },
  opening: body => ({ turns: body.input }),
  conversationNames: ['prompt_cache_key', 'user'],
  items: { inputs: countTexts('input') },
})

const batch: Batch = { split, join, frames: () => [] }

export const embeddings: UnaryProtocol<EmbeddingRequest, EmbeddingResponse> = {
  ...passthroughProtocol,
  passthrough: {
    ...passthroughProtocol.passthrough,
    readRequest: body => ({ ...passthroughProtocol.passthrough.readRequest(body), stream: false }),
    passMessage: (text, exchange) =>
      passthroughProtocol.passthrough.passMessage(
        reencodeVectors(sortByIndex(text), exchange.clientRequest?.encoding_format),
        exchange,
      ),
  },
  kind: 'unary',
  task: 'embedding',
  reader,
  parseRequest,
  renderRequest,
  parseMessage(body, request, exchange) {
    if (isErrorBody(body)) throw faultFrom(body, exchange)
    const vectors = parseVectors(request, sortByField(body.data, 'index'), item =>
      isObject(item) ? item.embedding : item,
    )
    return { vectors, usage: usageFor(request, parseUsage(body.usage)?.input) }
  },
  renderMessage,
  batch: batch,
}
