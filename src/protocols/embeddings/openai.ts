/** OpenAI's embeddings, both halves; between a client and a vendor that speak it, it passes. https://platform.openai.com/docs/api-reference/embeddings */
import { countOf, isObject, type Json, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'
import { parseUsage } from '../openai-chat/usage.ts'
import { openaiPass } from '../openai-pass/index.ts'
import type { Batch, NoteLoss } from '../protocol.ts'
import type { UnaryProtocol } from '../shared/unary.ts'
import { faultFrom, isErrorBody } from '../shared/vendor-error.ts'
import {
  base64Of,
  type EmbeddingRequest,
  type EmbeddingResponse,
  inOrder,
  lose,
  memberOf,
  taskOf,
  usageFor,
  vectorIn,
  vectorsFor,
  wrong,
} from './neutral.ts'
import { inPlace } from './sort-by-index.ts'

const passing = openaiPass('embeddings')

/** Other vendors' words for what OpenAI has none for; clients of compatible servers send them. */
const taskFields = ['input_type', 'task', 'task_type', 'text_type'] as const
const known: ReadonlySet<string> = new Set([
  'model',
  'input',
  'dimensions',
  'encoding_format',
  'user',
  'stream',
  ...taskFields,
])

/** @throws GatewayError `invalid_request` where it holds tokens: their numbers mean something to one tokenizer alone */
const textsIn = (input: Json | undefined): string[] => {
  if (typeof input === 'string') return [input]
  if (!Array.isArray(input) || input.length === 0) throw wrong('input', 'must be a text or a list of texts')
  return input.map((item, index) => {
    if (typeof item === 'string') return item
    const what = typeof item === 'number' || Array.isArray(item) ? 'tokens: the target takes texts only' : 'no text'
    throw wrong(typeof item === 'number' ? 'input' : `input[${index}]`, `is ${what}`)
  })
}

const parseRequest = (body: JsonObject, loss: NoteLoss): EmbeddingRequest => {
  const { model, input, dimensions, encoding_format: encoding, user } = body
  if (encoding != null && encoding !== 'float' && encoding !== 'base64')
    throw wrong('encoding_format', 'must be float or base64')
  const size = dimensions == null ? undefined : countOf(dimensions)
  if (dimensions != null && !size) throw wrong('dimensions', 'must be a whole number from 1')
  const field = taskFields.find(name => body[name] != null)
  const task = field && taskOf(body[field], field, loss)
  for (const key in body) if (!known.has(key) && body[key] != null) loss(key, 'the target does not know it')
  return {
    model: textOf(model) ?? '',
    texts: textsIn(input),
    encoding: encoding === 'base64' ? encoding : 'float',
    ...(size !== undefined && { dimensions: size }),
    ...(typeof user === 'string' && { user }),
    ...(task && { task }),
  }
}

const renderRequest = (ask: EmbeddingRequest, loss: NoteLoss): JsonObject => {
  const { model, texts, dimensions, user } = ask
  lose(ask, ['titles', 'task', 'truncate'], loss)
  return { model, input: texts, ...(dimensions !== undefined && { dimensions }), ...(user !== undefined && { user }) }
}

const renderMessage = (
  { vectors, usage }: EmbeddingResponse,
  ask: EmbeddingRequest,
  { model }: { model: string },
): Json => {
  const { input } = usage ?? usageFor(ask, undefined)
  const data = vectors.map((vector, index) => ({
    object: 'embedding',
    index,
    embedding: ask.encoding === 'base64' ? base64Of(vector) : vector,
  }))
  return { object: 'list', data, model, usage: { prompt_tokens: input, total_tokens: input } }
}

/** Parts of at most so many inputs; tokens of one text are one input. */
const split = (body: JsonObject, most: number): JsonObject[] | undefined => {
  const { input } = body
  if (!Array.isArray(input) || input.length <= most || typeof input[0] === 'number') return undefined
  return Array.from({ length: Math.ceil(input.length / most) }, (_, part) => ({
    ...body,
    input: input.slice(part * most, (part + 1) * most),
  }))
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

/** What a vector looks like in the text of an answer: base64, numbers. */
const forms: Record<string, string> = { base64: '"', float: '[' }

/**
 * OpenAI's own clients ask for base64 unasked and read nothing else; many servers overlook it and answer with numbers. The other way round
 * base64 becomes numbers. What is as it should be, or is no vector, is not touched.
 */
const asAsked = (text: string, encoding: Json | undefined): string => {
  const wanted = typeof encoding === 'string' ? forms[encoding] : undefined
  const given = wanted && /"embedding"\s*:\s*(["[])/.exec(text.slice(0, 65_536))?.[1]
  if (!given || given === wanted) return text
  const body = parseJson(text)
  if (!isObject(body) || !Array.isArray(body.data)) return text
  const vectors = body.data.map(item => vectorIn(memberOf(item, 'embedding')))
  if (vectors.includes(undefined)) return text
  const told = vectors.map(vector => (encoding === 'base64' ? base64Of(vector!) : vector!))
  const data = body.data.map((item, index) => ({ ...(item as JsonObject), embedding: told[index]! }))
  return JSON.stringify({ ...body, data })
}

const several: Batch = { split, join, frames: () => [] }

export const embeddings: UnaryProtocol<EmbeddingRequest, EmbeddingResponse> = {
  ...passing,
  passthrough: {
    ...passing.passthrough,
    readRequest: body => ({ ...passing.passthrough.readRequest(body), stream: false }),
    passMessage: (text, exchange) =>
      passing.passthrough.passMessage(asAsked(inPlace(text), exchange.clientRequest?.encoding_format), exchange),
  },
  kind: 'embedding',
  parseRequest,
  renderRequest,
  parseMessage(body, ask, exchange) {
    if (isErrorBody(body)) throw faultFrom(body, exchange)
    const vectors = vectorsFor(ask, inOrder(body.data, 'index'), item => (isObject(item) ? item.embedding : item))
    return { vectors, usage: usageFor(ask, parseUsage(body.usage)?.input) }
  },
  renderMessage,
  batch: several,
}
