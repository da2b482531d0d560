/** The endpoints other than chat. Each returns a small valid response that is always the same. */
import { isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import { choicesIn, type MockEndpoint } from './chat.ts'
import { created, MockError, sendBytes, sendJson } from './respond.ts'
import { hash, hexHash, tokensOf } from './text.ts'

const defaultDimensions = 256
const maxDimensions = 4_096

/** A vector of length 1, derived only from the text. */
const vectorOf = (text: string, dimensions: number): Float32Array => {
  const seed = hexHash(text)
  const vector = Float32Array.from({ length: dimensions }, (_, at) => hash(`${seed}${at}`) / 0xffffffff - 0.5)
  const length = Math.hypot(...vector) || 1
  return vector.map(number => number / length)
}

/** Little-endian float32, as OpenAI encodes embeddings. */
const base64Of = (vector: Float32Array): string => {
  const view = new DataView(new ArrayBuffer(vector.length * 4))
  for (const [at, number] of vector.entries()) view.setFloat32(at * 4, number, true)
  return btoa(String.fromCharCode(...new Uint8Array(view.buffer)))
}

/** An input may be a text, an array of tokens, or a list of either. */
const inputsIn = ({ input }: JsonObject): string[] => {
  const list = Array.isArray(input) && typeof input[0] !== 'number' ? input : [input]
  const texts = list.map(item => (Array.isArray(item) ? JSON.stringify(item) : String(item ?? '')))
  if (texts.length === 0 || texts.includes(''))
    throw new MockError(400, 'input must be a text or a list of texts, none empty', 'input')
  return texts
}

const dimensionsIn = ({ dimensions }: JsonObject): number => {
  if (dimensions == null) return defaultDimensions
  if (typeof dimensions === 'number' && Number.isInteger(dimensions) && dimensions >= 1 && dimensions <= maxDimensions)
    return dimensions
  throw new MockError(400, `dimensions must be a whole number from 1 to ${maxDimensions}`, 'dimensions')
}

const tokensIn = (texts: string[]): number => texts.reduce((sum, text) => sum + tokensOf(text).length, 0)

const embeddings: MockEndpoint = (body, model, behaviour, signal) => {
  const texts = inputsIn(body)
  const dimensions = dimensionsIn(body)
  const encode = (vector: Float32Array): Json => (body['encoding_format'] === 'base64' ? base64Of(vector) : [...vector])
  const data = texts.map((text, index) => ({
    object: 'embedding',
    index,
    embedding: encode(vectorOf(text, dimensions)),
  }))
  const total = tokensIn(texts)
  return sendJson(
    { object: 'list', data, model, usage: { prompt_tokens: total, total_tokens: total } },
    behaviour,
    signal,
  )
}

const sampleRate = 8_000

/** A quarter of a second of a quiet 440 Hz tone: RIFF, PCM, one channel of 16 bits. */
const toneWav = (): Uint8Array => {
  const samples = sampleRate / 4
  const view = new DataView(new ArrayBuffer(44 + samples * 2))
  const writeText = (at: number, text: string) => {
    for (let index = 0; index < text.length; index++) view.setUint8(at + index, text.charCodeAt(index))
  }
  writeText(0, 'RIFF')
  view.setUint32(4, 36 + samples * 2, true)
  writeText(8, 'WAVEfmt ')
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, 1, true)
  view.setUint32(24, sampleRate, true)
  view.setUint32(28, sampleRate * 2, true)
  view.setUint16(32, 2, true)
  view.setUint16(34, 16, true)
  writeText(36, 'data')
  view.setUint32(40, samples * 2, true)
  for (let at = 0; at < samples; at++)
    view.setInt16(44 + at * 2, Math.sin((2 * Math.PI * 440 * at) / sampleRate) * 3_000, true)
  return new Uint8Array(view.buffer)
}

const speech: MockEndpoint = (body, _model, behaviour, signal) => {
  if (typeof body['input'] !== 'string') throw new MockError(400, 'input must be a text', 'input')
  return sendBytes(toneWav(), 'audio/wav', behaviour, signal)
}

/** The recording is not read. It arrives as a multipart form that the gateway streams through. */
const transcription: MockEndpoint = (_body, _model, behaviour, signal) =>
  sendJson({ text: 'This is what the mock heard.', usage: { type: 'duration', seconds: 1 } }, behaviour, signal)

/** One white pixel. */
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR42mP4DwQACfsD/Wj6HMwAAAAASUVORK5CYII='

const images: MockEndpoint = (body, _model, behaviour, signal) => {
  const data = Array.from({ length: choicesIn(body) }, () => ({ b64_json: pixel }))
  return sendJson({ created, data, output_format: 'png' }, behaviour, signal)
}

const categories = ['harassment', 'hate', 'illicit', 'self-harm', 'sexual', 'violence']

/** Flags a category if the text contains its name. */
const moderate = (text: string): JsonObject => {
  const found = categories.map((name): [string, boolean] => [name, text.toLowerCase().includes(name)])
  return {
    flagged: found.some(([, flagged]) => flagged),
    categories: Object.fromEntries(found),
    category_scores: Object.fromEntries(found.map(([name, flagged]) => [name, flagged ? 0.99 : 0.01])),
  }
}

const moderations: MockEndpoint = (body, model, behaviour, signal) => {
  const inputs = Array.isArray(body['input']) ? body['input'] : [body['input'] ?? '']
  const texts = inputs.map(item => (isObject(item) ? String(item['text'] ?? '') : String(item)))
  return sendJson({ id: `modr-mock${hexHash(texts.join())}`, model, results: texts.map(moderate) }, behaviour, signal)
}

const wordsOf = (text: string): Set<string> => new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])

/** The share of the query's words that a document contains. */
const relevance = (query: Set<string>, document: string): number => {
  const words = wordsOf(document)
  return query.size === 0 ? 0 : [...query].filter(word => words.has(word)).length / query.size
}

const rerank: MockEndpoint = (body, model, behaviour, signal) => {
  if (!Array.isArray(body['documents'])) throw new MockError(400, 'documents must be a list', 'documents')
  const texts = body['documents'].map(item => (isObject(item) ? String(item['text'] ?? '') : String(item)))
  const query = wordsOf(String(body['query'] ?? ''))
  const scored = texts.map((text, index) => ({ index, relevance_score: relevance(query, text), document: { text } }))
  const ranked = scored.sort(
    (item, second) => second.relevance_score - item.relevance_score || item.index - second.index,
  )
  const kept = ranked.slice(0, typeof body['top_n'] === 'number' ? body['top_n'] : undefined)
  const results = kept.map(({ document, ...rest }) =>
    body['return_documents'] === true ? { ...rest, document } : rest,
  )
  const total = tokensIn([String(body['query'] ?? ''), ...texts])
  return sendJson(
    { id: `rerank-mock${hexHash(texts.join())}`, model, results, usage: { total_tokens: total } },
    behaviour,
    signal,
  )
}

/** Path below `/v1/` → its handler. `acceptsForm` marks endpoints whose body may be a form, which is not read. */
export const endpoints: Record<string, { handle: MockEndpoint; acceptsForm?: true }> = {
  embeddings: { handle: embeddings },
  moderations: { handle: moderations },
  rerank: { handle: rerank },
  'audio/speech': { handle: speech },
  'audio/transcriptions': { handle: transcription, acceptsForm: true },
  'audio/translations': { handle: transcription, acceptsForm: true },
  'images/generations': { handle: images },
  'images/edits': { handle: images, acceptsForm: true },
  'images/variations': { handle: images, acceptsForm: true },
}
