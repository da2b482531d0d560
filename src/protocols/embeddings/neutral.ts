/** The neutral request and answer of embeddings. */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import { lookUp } from '../../base/look-up.ts'
import type { Usage } from '../../ir/chat.ts'
import type { NoteLoss } from '../protocol.ts'
import type { UnaryEgress } from '../shared/unary.ts'

/** What the vectors are for. */
export type EmbeddingTask =
  | 'query'
  | 'document'
  | 'similarity'
  | 'classification'
  | 'clustering'
  | 'question'
  | 'verification'
  | 'code'

export type EmbeddingRequest = {
  model: string
  texts: string[]
  /** A title for each text, '' for none. */
  titles?: string[]
  dimensions?: number
  encoding: 'float' | 'base64'
  user?: string
  task?: EmbeddingTask
  /** False: a text that is too long is an error. */
  truncate?: boolean
}

/** Vectors in the order of the texts. */
export type EmbeddingResponse = { vectors: number[][]; usage?: Usage }

export type EmbeddingEgress = UnaryEgress<EmbeddingRequest, EmbeddingResponse>

/**
 * Names of tasks as vendors and their clients write them: Gemini's `task_type`, Cohere's `input_type`, Jina's `task`,
 * DashScope's `text_type`.
 */
const taskByName: Record<string, EmbeddingTask> = {
  query: 'query',
  search_query: 'query',
  retrieval_query: 'query',
  'retrieval.query': 'query',
  document: 'document',
  passage: 'document',
  search_document: 'document',
  retrieval_document: 'document',
  'retrieval.passage': 'document',
  semantic_similarity: 'similarity',
  'text-matching': 'similarity',
  classification: 'classification',
  clustering: 'clustering',
  separation: 'clustering',
  question_answering: 'question',
  fact_verification: 'verification',
  code_retrieval_query: 'code',
  'code.query': 'code',
}

export const taskOf = (name: Json | undefined, path: string, loss: NoteLoss): EmbeddingTask | undefined => {
  if (name === undefined || name === null || name === 'TASK_TYPE_UNSPECIFIED') return undefined
  const task = typeof name === 'string' ? lookUp(taskByName, name.toLowerCase()) : undefined
  if (task === undefined) loss(path, 'there is no task with this name')
  return task
}

export const invalidField = (param: string, what: string): GatewayError =>
  new GatewayError('invalid_request', `${param} ${what}`, { param })

/** Notes a loss for each field that the vendor does not support. */
export const noteUnsupported = (
  request: EmbeddingRequest,
  fields: readonly (keyof EmbeddingRequest)[],
  loss: NoteLoss,
): void => {
  for (const field of fields) if (request[field] !== undefined) loss(field, 'the target does not support it')
}

/** Parses a vector: a list of numbers, or base64 of little-endian 32-bit floats. Undefined if it is neither. */
export const parseVector = (value: Json | undefined): number[] | undefined => {
  if (typeof value === 'string') return decodeFloats(value)
  const isVector = Array.isArray(value) && value.length > 0 && value.every(number => typeof number === 'number')
  return isVector ? (value as number[]) : undefined
}

/** @throws GatewayError `upstream_failed` if the value is not a vector */
const requireVector = (value: Json | undefined): number[] => {
  const vector = parseVector(value)
  if (vector) return vector
  throw new GatewayError('upstream_failed', 'the vendor answered with something that is no vector')
}

/** Undefined if the bytes are not floats: some vendors return one-byte integers. */
const decodeFloats = (base64: string): number[] | undefined => {
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length === 0 || bytes.length % 4 !== 0) return undefined
  const floats = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4))
  return floats.every(Number.isFinite) ? floats : undefined
}

export const encodeFloats = (vector: readonly number[]): string => {
  const bytes = Buffer.alloc(vector.length * 4)
  for (const [index, number] of vector.entries()) bytes.writeFloatLE(number, index * 4)
  return bytes.toString('base64')
}

/**
 * One vector for each text, in order.
 * @throws GatewayError `upstream_failed` if there are more or fewer
 */
export const parseVectors = (
  { texts }: EmbeddingRequest,
  list: Json | undefined,
  member: (item: Json) => Json | undefined,
) => {
  const found = Array.isArray(list) ? list : []
  if (found.length !== texts.length)
    throw new GatewayError('upstream_failed', `the vendor gave ${found.length} vectors for ${texts.length} texts`)
  return found.map(item => requireVector(member(item)))
}

/** Sorts the items by the field `key`, which holds the index of their text. Unchanged if an item has none. */
export const sortByField = (list: Json | undefined, key: string): Json | undefined => {
  if (!Array.isArray(list)) return list
  const indexOf = (item: Json): number => (isObject(item) && typeof item[key] === 'number' ? item[key] : Number.NaN)
  return list.some(item => Number.isNaN(indexOf(item)))
    ? list
    : list.toSorted((left, right) => indexOf(left) - indexOf(right))
}

/** Token usage: as reported by the vendor, or else estimated as a quarter of the bytes. */
export const usageFor = ({ texts }: EmbeddingRequest, reported: number | undefined): Usage => {
  if (reported !== undefined) return { input: reported, output: 0 }
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  return { input: Math.ceil(bytes / 4), output: 0, estimated: true }
}

export const memberOf = (value: Json | undefined, key: string): Json | undefined =>
  isObject(value) ? (value as JsonObject)[key] : undefined
