/** How many tokens a request will use, guessed before anyone has counted them. */
import { isObject, type Json, type JsonObject } from '../base/json/json.ts'

/** Tokens an image, a recording or a document is taken for. */
const perMedium = 1000
/** Tokens of an answer whose length the request leaves open. */
const perAnswer = 500

/** Top-level fields that a model reads. */
const readFields = [
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
/** Top-level fields a model reads as JSON. */
const schemaFields = ['tools', 'functions', 'response_format'] as const

/** Parts that are a medium, by their `type` or by the field that holds it. */
const mediumTypes = new Set([
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
const mediumFields = new Set([
  'image_url',
  'input_audio',
  'audio_url',
  'video_url',
  'inline_data',
  'inlineData',
  'file_data',
  'fileData',
])

/** Fields that name things, or that only a vendor can read. */
const unread = new Set([
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

/** `quarters` are bytes of which four make a token. */
type Count = { quarters: number; tokens: number }

/** Kana, Han, Hangul and full-width forms, by UTF-16 unit. */
const isCjk = (unit: number): boolean =>
  (unit >= 0x3000 && unit <= 0x9fff) ||
  (unit >= 0xac00 && unit <= 0xd7a3) ||
  (unit >= 0xf900 && unit <= 0xfaff) ||
  (unit >= 0xff00 && unit <= 0xffef)

/** The first half of a Han character beyond the basic plane (U+20000 to U+323AF). */
const isRareHan = (unit: number): boolean => unit >= 0xd840 && unit <= 0xd888

const countText = (text: string, count: Count): void => {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) count.quarters++
    else if (isCjk(unit)) count.tokens++
    else if (isRareHan(unit)) {
      count.tokens++
      at++
    } else count.quarters += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 2 : 3
  }
}

const isDataUrl = (text: string): boolean => text.startsWith('data:') && text.slice(0, 200).includes(';base64,')

const isMedium = (part: JsonObject): boolean =>
  (typeof part.type === 'string' && mediumTypes.has(part.type)) || Object.keys(part).some(key => mediumFields.has(key))

/** A number is a token already: prompts and inputs may be lists of token numbers. */
const countValue = (value: Json | undefined, count: Count): void => {
  if (typeof value === 'string') {
    if (isDataUrl(value)) count.tokens += perMedium
    else countText(value, count)
  } else if (typeof value === 'number') count.tokens++
  else if (Array.isArray(value)) for (const item of value) countValue(item, count)
  else if (isObject(value)) countObject(value, count)
}

const countObject = (value: JsonObject, count: Count): void => {
  if (isMedium(value)) {
    count.tokens += perMedium
    return
  }
  for (const key in value) if (!unread.has(key)) countValue(value[key], count)
}

/** Embeddings, moderations and speech have an `input` too, but write no text. */
const writesAnswer = ({ messages, contents, prompt, input, instructions }: JsonObject): boolean =>
  [messages, contents, prompt, instructions].some(field => field !== undefined) ||
  (Array.isArray(input) && input.some(item => isObject(item) && ('role' in item || item.type === 'message')))

const answerTokens = (body: JsonObject): number => {
  const generation = body.generationConfig ?? body.generation_config
  const { maxOutputTokens, max_output_tokens: ofGemini } = isObject(generation) ? generation : {}
  const asked = [body.max_completion_tokens, body.max_tokens, body.max_output_tokens, maxOutputTokens, ofGemini].find(
    limit => typeof limit === 'number',
  )
  return asked ?? (writesAnswer(body) ? perAnswer : 0)
}

/**
 * Tokens a request of any protocol will use: a quarter of its text's bytes, one for each CJK character, 1,000 for each image, recording
 * or document (base64 is never text), its tools as JSON; plus `max_completion_tokens`, `max_tokens`, whatever the protocol calls it, or, where a text is written, 500.
 */
export const estimateTokens = (body: JsonObject): number => estimatePrompt(body) + Math.max(0, answerTokens(body))

/** The same without the answer. */
export const estimatePrompt = (body: JsonObject): number => {
  const count: Count = { quarters: 0, tokens: 0 }
  for (const field of readFields) countValue(body[field], count)
  for (const field of schemaFields) if (body[field] !== undefined) countText(JSON.stringify(body[field]), count)
  return Math.ceil(count.quarters / 4) + count.tokens
}
