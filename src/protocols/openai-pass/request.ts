/**
 * Request checks of the passthrough paths. These paths share the envelope and the errors of Chat Completions and differ
 * in their required fields.
 */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json/json.ts'
import { lookUp } from '../../base/look-up.ts'
import { type RequestReader, requestReader } from '../shared/request-reader.ts'

/** Path → its required fields. Uploads are forms and are not checked here. */
const requiredFields: Record<string, readonly string[]> = {
  completions: ['prompt'],
  embeddings: ['input'],
  'images/generations': ['prompt'],
  'audio/speech': ['input'],
  moderations: ['input'],
  rerank: ['query', 'documents'],
}

/** @throws GatewayError `invalid_request` naming the field */
export const createRequestCheck =
  (path: string) =>
  (body: JsonObject): void => {
    const { model, stream } = body
    if (model !== undefined && model !== null && typeof model !== 'string')
      throw invalidField('model', 'must be a string')
    if (stream !== undefined && stream !== null && typeof stream !== 'boolean')
      throw invalidField('stream', 'must be true or false')
    for (const field of lookUp(requiredFields, path) ?? [])
      if (body[field] === undefined || body[field] === null) throw invalidField(field, 'is missing')
  }

/** The fields that wires in use have for what a model reads. A path that only a configuration names may have any. */
const usualReader = requestReader({
  prompt: {
    text: [
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
    ],
    json: ['tools', 'functions', 'response_format'],
    mediaTypes: [
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
    ],
    mediaFields: [
      'image_url',
      'input_audio',
      'audio_url',
      'video_url',
      'inline_data',
      'inlineData',
      'file_data',
      'fileData',
    ],
    ignored: [
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
    ],
  },
  answerLimits: body => [body.max_completion_tokens, body.max_tokens, body.max_output_tokens],
  opening: body => ({
    texts: [body.system, body.instructions, body.systemInstruction, body.prompt, body.query, body.content],
    turns: body.messages ?? body.input ?? body.contents,
  }),
  contentOf: ({ text, content, parts, image_url: image, source }) =>
    (isObject(image) ? image.url : image) ??
    (isObject(source) ? (source.data ?? source.url) : undefined) ??
    text ??
    content ??
    parts,
  conversationNames: ['prompt_cache_key', 'user'],
  offersTools: body => Array.isArray(body.tools),
})

/** Moderation and speech have an `input` too, but generate no text. */
const generatesText = ({ messages, contents, prompt, input, instructions }: JsonObject): boolean =>
  [messages, contents, prompt, instructions].some(field => field !== undefined) ||
  (Array.isArray(input) && input.some(item => isObject(item) && ('role' in item || item.type === 'message')))

/** Reads a request of any path, by the fields it has. */
export const reader: RequestReader = {
  ...usualReader,
  maxAnswerTokens: body => usualReader.maxAnswerTokens(body) ?? (generatesText(body) ? undefined : 0),
}

const invalidField = (param: string, what: string): GatewayError =>
  new GatewayError('invalid_request', `${param} ${what}`, { param })
