/** Estimates the tokens of a request before anyone has counted them. */
import { isObject, type Json, type JsonObject } from '../base/json/json.ts'

/** Tokens assumed for an image, a recording or a document. */
const tokensPerMediaPart = 1000
/** Tokens assumed for an answer whose length the request does not limit. */
const defaultAnswerTokens = 500

/** Top-level fields whose text a model reads. */
const textFields = [
  'messages',
  'system',
  'systemInstruction',
  'system_instruction',
  'instructions',
  'input',
  'prompt',
  'contents',
  'content',
  'requests',
  'query',
  'documents',
] as const
/** Top-level fields that a model reads as JSON. */
const jsonFields = ['tools', 'functions', 'response_format'] as const

/** Media parts, by their `type` or by the field that holds the media. */
const mediaPartTypes: ReadonlySet<string> = new Set([
  'image',
  'image_url',
  'input_image',
  'input_audio',
  'audio',
  'audio_url',
  'video',
  'video_url',
  'file',
  'input_file',
  'document',
])
const mediaPartFields: ReadonlySet<string> = new Set([
  'image_url',
  'input_audio',
  'audio_url',
  'video_url',
  'inline_data',
  'inlineData',
  'file_data',
  'fileData',
])

/** Fields that are only names, or that only a vendor can read. */
const ignoredFields: ReadonlySet<string> = new Set([
  'type',
  'role',
  'id',
  'tool_call_id',
  'call_id',
  'cache_control',
  'signature',
  'encrypted_content',
  'thoughtSignature',
  'thought_signature',
  'extra_content',
])

/** `quarterTokens` counts bytes of which four make a token. */
type TokenCount = { quarterTokens: number; tokens: number }

/** Kana, Han, Hangul and full-width forms, by UTF-16 code unit. */
const isCjk = (unit: number): boolean =>
  (unit >= 0x3000 && unit <= 0x9fff) ||
  (unit >= 0xac00 && unit <= 0xd7a3) ||
  (unit >= 0xf900 && unit <= 0xfaff) ||
  (unit >= 0xff00 && unit <= 0xffef)

/** The high surrogate of a Han character beyond the basic plane (U+20000 to U+323AF). */
const isRareHan = (unit: number): boolean => unit >= 0xd840 && unit <= 0xd888

const countText = (text: string, count: TokenCount): void => {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) count.quarterTokens++
    else if (isCjk(unit)) count.tokens++
    else if (isRareHan(unit)) {
      count.tokens++
      at++
    } else count.quarterTokens += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 2 : 3
  }
}

const isDataUrl = (text: string): boolean => text.startsWith('data:') && text.slice(0, 200).includes(';base64,')

const isMediaPart = (part: JsonObject): boolean =>
  (typeof part.type === 'string' && mediaPartTypes.has(part.type)) ||
  Object.keys(part).some(key => mediaPartFields.has(key))

/** A number is one token: prompts and inputs may be lists of token numbers. */
const countValue = (value: Json | undefined, count: TokenCount): void => {
  if (typeof value === 'string') {
    if (isDataUrl(value)) count.tokens += tokensPerMediaPart
    else countText(value, count)
  } else if (typeof value === 'number') count.tokens++
  else if (Array.isArray(value)) for (const item of value) countValue(item, count)
  else if (isObject(value)) countObject(value, count)
}

const countObject = (value: JsonObject, count: TokenCount): void => {
  if (isMediaPart(value)) {
    count.tokens += tokensPerMediaPart
    return
  }
  for (const key in value) if (!ignoredFields.has(key)) countValue(value[key], count)
}

/** Embeddings, moderations and speech have an `input` too, but generate no text. */
const generatesText = ({ messages, contents, prompt, input, instructions }: JsonObject): boolean =>
  [messages, contents, prompt, instructions].some(field => field !== undefined) ||
  (Array.isArray(input) && input.some(item => isObject(item) && ('role' in item || item.type === 'message')))

const maxAnswerTokens = (body: JsonObject): number => {
  const generation = body.generationConfig ?? body.generation_config
  const { maxOutputTokens, max_output_tokens: snakeCaseLimit } = isObject(generation) ? generation : {}
  const requestedLimit = [
    body.max_completion_tokens,
    body.max_tokens,
    body.max_output_tokens,
    maxOutputTokens,
    snakeCaseLimit,
  ].find(limit => typeof limit === 'number')
  return requestedLimit ?? (generatesText(body) ? defaultAnswerTokens : 0)
}

/**
 * Estimates the tokens of a request of any protocol, prompt and answer. Prompt: a quarter of the bytes of its text, one
 * for each CJK character, 1,000 for each image, recording or document (base64 never counts as text), and its tools as
 * JSON. Answer: `max_completion_tokens`, `max_tokens` or the protocol's equivalent; without one 500, if the request
 * generates text.
 */
export const estimateTokens = (body: JsonObject): number =>
  estimatePromptTokens(body) + Math.max(0, maxAnswerTokens(body))

/** Estimates the tokens of the prompt alone. */
export const estimatePromptTokens = (body: JsonObject): number => {
  const count: TokenCount = { quarterTokens: 0, tokens: 0 }
  for (const field of textFields) countValue(body[field], count)
  for (const field of jsonFields) if (body[field] !== undefined) countText(JSON.stringify(body[field]), count)
  return Math.ceil(count.quarterTokens / 4) + count.tokens
}
