/**
 * The request of Chat Completions as a schema. The gateway validates requests with it and shows it in its OpenAPI
 * document. Unknown fields are kept, nearly every optional field may be null, and vendor-specific forms of a part or a
 * tool are accepted. https://platform.openai.com/docs/api-reference/chat/create
 */
import { type TSchema, Type } from '@sinclair/typebox'
import { isObject } from '../../base/json/json.ts'
import type { Ingress } from '../protocol.ts'
import type { VolatileFields } from '../shared/frame-template/pattern.ts'
import { countInside, countList } from '../shared/item-counts.ts'
import { requestReader } from '../shared/request-reader.ts'
import { createChecker } from '../shared/validate.ts'

const nullable = <T extends TSchema>(schema: T, description?: string) =>
  Type.Optional(Type.Union([schema, Type.Null()], description === undefined ? {} : { description }))

const withName = Type.Object({ name: Type.String({ minLength: 1 }) })

const Part = Type.Object(
  {
    type: Type.String({ minLength: 1, description: 'text, image_url, input_audio, file, refusal or a vendor’s own' }),
    text: nullable(Type.String()),
    image_url: nullable(
      Type.Union([Type.String(), Type.Object({ url: Type.String(), detail: nullable(Type.String()) })]),
    ),
    input_audio: nullable(
      Type.Union([Type.String(), Type.Object({ data: Type.String(), format: nullable(Type.String()) })]),
    ),
    file: nullable(Type.Object({})),
    refusal: nullable(Type.String()),
  },
  { expects: 'an object with a `type`' },
)

const Call = Type.Object(
  {
    id: nullable(Type.String()),
    type: nullable(Type.String()),
    function: nullable(Type.Object({ name: Type.String(), arguments: Type.Optional(Type.Unknown()) })),
    custom: nullable(Type.Object({ name: nullable(Type.String()), input: nullable(Type.String()) })),
  },
  { expects: 'a tool call' },
)

const Message = Type.Object(
  {
    role: Type.String({ minLength: 1, expects: 'a role', description: 'system, developer, user, assistant or tool' }),
    content: Type.Optional(
      Type.Union([Type.String(), Type.Array(Part), Type.Null()], {
        expects: 'a string, an array of parts or null',
        description: 'The text, or its parts.',
      }),
    ),
    name: nullable(Type.String()),
    tool_calls: nullable(Type.Array(Call)),
    tool_call_id: nullable(Type.String()),
    refusal: nullable(Type.String()),
    reasoning_content: nullable(Type.String(), 'Thoughts of an earlier answer, for the vendors that want them back.'),
    function_call: nullable(Type.Object({})),
  },
  { expects: 'a message with a `role`' },
)

const Tool = Type.Object(
  { type: Type.String({ minLength: 1 }), function: nullable(withName), custom: nullable(withName) },
  { expects: 'a tool with a `type`' },
)

/** The body of `POST /v1/chat/completions`. */
export const ChatRequest = Type.Object(
  {
    model: nullable(Type.String(), 'The model, or `random`; absent: `default_model` of the configuration.'),
    messages: Type.Array(Message, { minItems: 1, expects: 'a list of at least one message' }),
    stream: nullable(Type.Boolean(), 'Answer as server-sent events.'),
    stream_options: nullable(Type.Object({ include_usage: nullable(Type.Boolean()) })),
    temperature: nullable(Type.Number()),
    top_p: nullable(Type.Number()),
    n: nullable(Type.Integer({ minimum: 1 })),
    seed: nullable(Type.Number()),
    stop: Type.Optional(
      Type.Union([Type.String(), Type.Array(Type.String()), Type.Null()], {
        expects: 'a string, an array of strings or null',
      }),
    ),
    max_tokens: nullable(Type.Integer(), 'Most tokens of the answer.'),
    max_completion_tokens: nullable(Type.Integer(), 'Most tokens of the answer, thoughts included.'),
    presence_penalty: nullable(Type.Number()),
    frequency_penalty: nullable(Type.Number()),
    logit_bias: nullable(Type.Object({})),
    logprobs: nullable(Type.Boolean()),
    top_logprobs: nullable(Type.Integer()),
    user: nullable(Type.String()),
    tools: nullable(Type.Array(Tool)),
    tool_choice: Type.Optional(
      Type.Union([Type.String(), Type.Object({}), Type.Null()], { expects: 'a word, an object or null' }),
    ),
    parallel_tool_calls: nullable(Type.Boolean()),
    response_format: nullable(Type.Object({ type: Type.String() })),
    reasoning_effort: nullable(Type.String()),
    functions: nullable(Type.Array(withName)),
    function_call: Type.Optional(Type.Union([Type.String(), Type.Object({}), Type.Null()])),
  },
  { description: 'A request of Chat Completions. Fields not named here go to the vendor as they are.' },
)

export const checkRequest = createChecker(ChatRequest)

/** See `ClientHalf.scopedFields`: the fields of the schema, and settings of one answer that vendors add to the protocol. */
export const scopedFields: ReadonlySet<string> = new Set([
  ...Object.keys(ChatRequest.properties),
  ...['modalities', 'audio', 'prediction', 'metadata', 'store', 'service_tier', 'verbosity', 'web_search_options'],
  ...['prompt_cache_key', 'prompt_cache_retention', 'safety_identifier', 'cache_control', 'request_id', 'user_id'],
  ...['top_k', 'top_a', 'min_p', 'typical_p', 'repetition_penalty', 'length_penalty', 'do_sample', 'best_of'],
  ...['min_tokens', 'ignore_eos', 'stop_token_ids', 'include_stop_str_in_output', 'skip_special_tokens', 'echo'],
  ...['bad_words', 'random_seed', 'safe_prompt', 'prompt_mode', 'mask_sensitive_info', 'num_ctx', 'keep_alive'],
  ...['thinking', 'thinking_budget', 'enable_thinking', 'preserve_thinking', 'chat_template_kwargs', 'reasoning'],
  ...['include_reasoning', 'reasoning_format', 'reasoning_split', 'reasoning_history', 'tool_stream', 'usage'],
  ...['enable_search', 'search_options', 'search_parameters', 'search_mode', 'search_recency_filter', 'web_search'],
  ...['search_domain_filter', 'return_images', 'return_related_questions', 'citation_options', 'documents'],
  ...['guided_json', 'guided_regex', 'guided_choice', 'guided_grammar', 'structured_outputs', 'grammar'],
  ...['transforms', 'vl_high_resolution_images', 'incremental_output', 'translation_options', 'partial_mode'],
])

/** Some parts and fields are of vendors that extend the protocol. */
export const reader = requestReader({
  prompt: {
    text: ['messages'],
    json: ['tools', 'functions', 'response_format'],
    mediaTypes: [
      'image_url',
      'input_audio',
      'audio_url',
      'video_url',
      'file',
      'image',
      'audio',
      'video',
      'document',
      'input_image',
      'input_file',
    ],
    mediaFields: ['image_url', 'input_audio', 'audio_url', 'video_url'],
    ignored: ['type', 'role', 'id', 'tool_call_id', 'cache_control', 'signature', 'thought_signature', 'extra_content'],
  },
  answerLimits: body => [body.max_completion_tokens, body.max_tokens],
  opening: body => ({ turns: body.messages }),
  contentOf: ({ text, content, image_url: image }) => (isObject(image) ? image.url : image) ?? text ?? content,
  conversationNames: ['prompt_cache_key', 'user'],
  offersTools: body => Array.isArray(body.tools),
  items: {
    messages: countList('messages'),
    tools: countList('tools', 'functions'),
    calls: countInside(['messages'], ({ tool_calls: calls }) => (Array.isArray(calls) ? calls.length : 0)),
    stop_sequences: countList('stop'),
  },
})

/** Shared by all of OpenAI's paths. https://platform.openai.com/docs/api-reference/debugging-requests */
export const vendorHeaders = {
  requestHeaders: ['openai-beta'],
  responseHeaders: ['openai-processing-ms', 'retry-after-ms', 'x-ratelimit-*'],
} as const

export const answerCount: Ingress['answerCount'] = ({ n }) =>
  typeof n === 'number' ? { param: 'n', count: n } : undefined

/**
 * OpenAI and Azure pad the chunks of a stream, so that the length of a chunk does not reveal its text:
 * `stream_options.include_obfuscation` in https://platform.openai.com/docs/api-reference/chat/create. In all recorded
 * streams the padding comes after the choices.
 */
export const volatileFields: VolatileFields = { kind: 'string', precededBy: '"obfuscation":"' }
