/**
 * Request checks of the passthrough paths. These paths share the envelope and the errors of Chat Completions and differ
 * in their required fields.
 */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json/json.ts'
import { lookUp } from '../../base/look-up.ts'
import { countInside, countList, countTexts } from '../shared/item-counts.ts'
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

/** What several of these paths share. */
const sharedFields = [
  ...['model', 'messages', 'user', 'stream', 'response_format', 'metadata', 'service_tier', 'safety_identifier'],
]
const imageFields = [
  ...['prompt', 'image', 'images', 'mask', 'n', 'size', 'quality', 'style', 'background', 'moderation', 'seed'],
  ...['output_format', 'output_compression', 'input_fidelity', 'partial_images', 'negative_prompt', 'image_size'],
  ...['aspect_ratio', 'resolution', 'width', 'height', 'steps', 'num_inference_steps', 'guidance_scale', 'cfg'],
  ...['batch_size', 'prompt_enhancement', 'watermark', 'watermark_enabled', 'sequential_image_generation', 'strength'],
]
const transcriptFields = [
  ...['file', 'language', 'prompt', 'temperature', 'timestamp_granularities', 'include', 'chunking_strategy'],
  ...['known_speaker_names', 'known_speaker_references', 'diarize', 'vad_filter', 'hotwords', 'context'],
]

/** Path → the fields that a key limited to some models may send. A path that only a configuration names has no list. */
const scopedFieldsByPath: Record<string, readonly string[]> = {
  completions: [
    ...['prompt', 'suffix', 'max_tokens', 'temperature', 'top_p', 'n', 'stream_options', 'logprobs', 'echo', 'stop'],
    ...['presence_penalty', 'frequency_penalty', 'best_of', 'logit_bias', 'seed', 'top_k', 'min_p', 'min_tokens'],
    ...['repetition_penalty', 'stop_token_ids', 'ignore_eos', 'max_completion_tokens', 'prompt_cache_key'],
  ],
  embeddings: [
    ...[
      'input',
      'encoding_format',
      'dimensions',
      'output_dimension',
      'output_dtype',
      'input_type',
      'task',
      'task_type',
    ],
    ...['truncate', 'truncation', 'prompt', 'instruction', 'normalized', 'embedding_type', 'late_chunking', 'modality'],
  ],
  rerank: [
    ...['query', 'documents', 'top_n', 'top_k', 'return_documents', 'max_tokens_per_doc', 'max_chunks_per_doc'],
    ...['overlap_tokens', 'instruction', 'instruct', 'truncation', 'return_raw_scores', 'rank_fields'],
  ],
  moderations: ['input'],
  'images/generations': imageFields,
  'images/edits': imageFields,
  'images/variations': imageFields,
  'audio/speech': [
    ...[
      'input',
      'voice',
      'instructions',
      'speed',
      'stream_format',
      'sample_rate',
      'gain',
      'volume',
      'language',
      'seed',
    ],
  ],
  'audio/transcriptions': transcriptFields,
  'audio/translations': transcriptFields,
  'responses/compact': [
    ...['input', 'instructions', 'previous_response_id', 'tools', 'parallel_tool_calls', 'reasoning', 'text'],
    ...['prompt_cache_key', 'prompt_cache_retention', 'store', 'include'],
  ],
}

/** See `ClientHalf.scopedFields`. */
export const scopedFieldsOf = (path: string): ReadonlySet<string> | undefined => {
  const fields = lookUp(scopedFieldsByPath, path)
  return fields && new Set([...sharedFields, ...fields])
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
  items: {
    messages: countList('messages', 'contents'),
    tools: countList('tools', 'functions'),
    calls: countInside(['messages'], ({ tool_calls: calls }) => (Array.isArray(calls) ? calls.length : 0)),
    stop_sequences: countList('stop', 'stop_sequences'),
    inputs: countTexts('input'),
  },
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
