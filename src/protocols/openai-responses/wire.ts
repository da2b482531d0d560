/**
 * The request of Responses as a schema. The gateway validates requests with it and shows it in its OpenAPI document.
 * Unknown fields and items are accepted, and nearly every optional field may be null.
 * https://platform.openai.com/docs/api-reference/responses/create
 */
import { type TSchema, Type } from '@sinclair/typebox'
import { countInside, countList } from '../shared/item-counts.ts'
import { requestReader } from '../shared/request-reader.ts'
import { createChecker } from '../shared/validate.ts'

const nullable = <T extends TSchema>(schema: T, description?: string) =>
  Type.Optional(Type.Union([schema, Type.Null()], description === undefined ? {} : { description }))

const Part = Type.Object(
  {
    type: Type.String({ minLength: 1, description: 'input_text, input_image, input_file, output_text, refusal …' }),
    text: nullable(Type.String()),
    image_url: nullable(Type.String()),
    file_id: nullable(Type.String()),
    file_data: nullable(Type.String()),
    file_url: nullable(Type.String()),
  },
  { expects: 'an object with a `type`' },
)

const content = Type.Union([Type.String(), Type.Array(Part), Type.Null()], {
  expects: 'a string, an array of parts or null',
})

const Item = Type.Object(
  {
    type: nullable(
      Type.String(),
      'message (which may be left out), function_call, function_call_output, reasoning or another of OpenAI’s',
    ),
    role: nullable(Type.String({ minLength: 1 }), 'user, assistant, system or developer'),
    content: Type.Optional(content),
    call_id: nullable(Type.String()),
    name: nullable(Type.String()),
    arguments: nullable(Type.Union([Type.String(), Type.Object({})])),
    input: Type.Optional(Type.Unknown()),
    output: Type.Optional(Type.Unknown()),
    encrypted_content: nullable(Type.String()),
  },
  { expects: 'an item with a `role` or a `type`' },
)

const Tool = Type.Object(
  { type: Type.String({ minLength: 1 }), name: nullable(Type.String()) },
  { expects: 'a tool with a `type`' },
)

/** The body of `POST /v1/responses`. */
export const ResponsesRequest = Type.Object(
  {
    model: nullable(Type.String(), 'The model, or `random`; absent: `default_model` of the configuration.'),
    input: Type.Optional(
      Type.Union([Type.String(), Type.Array(Item), Type.Null()], {
        expects: 'a string or a list of items',
        description: 'What is said to the model: a text, or the items of the conversation.',
      }),
    ),
    instructions: nullable(Type.String(), 'What stands before the conversation.'),
    stream: nullable(Type.Boolean(), 'Answer as server-sent events.'),
    max_output_tokens: nullable(Type.Integer(), 'Most tokens of the answer, thoughts included.'),
    temperature: nullable(Type.Number()),
    top_p: nullable(Type.Number()),
    tools: nullable(Type.Array(Tool)),
    tool_choice: Type.Optional(
      Type.Union([Type.String(), Type.Object({}), Type.Null()], { expects: 'a word, an object or null' }),
    ),
    parallel_tool_calls: nullable(Type.Boolean()),
    reasoning: nullable(Type.Object({ effort: nullable(Type.String()), summary: nullable(Type.String()) })),
    text: nullable(Type.Object({ format: nullable(Type.Object({ type: Type.String() })) })),
    include: nullable(Type.Array(Type.String())),
    store: nullable(Type.Boolean()),
    previous_response_id: nullable(Type.String()),
    metadata: nullable(Type.Object({})),
    truncation: nullable(Type.String()),
    user: nullable(Type.String()),
  },
  { description: 'A request of Responses. Fields not named here go to the vendor as they are.' },
)

export const checkRequest = createChecker(ResponsesRequest)

/**
 * See `ClientHalf.scopedFields`. Left out are `conversation` and `prompt`: the vendor stores them for all callers of one
 * account. The gateway knows whose `previous_response_id` is.
 */
export const scopedFields: ReadonlySet<string> = new Set([
  ...Object.keys(ResponsesRequest.properties),
  ...['background', 'context_management', 'max_tool_calls', 'prompt_cache_key', 'prompt_cache_retention'],
  ...['safety_identifier', 'service_tier', 'stream_options', 'top_logprobs', 'thinking', 'enable_thinking', 'caching'],
  ...['presence_penalty', 'frequency_penalty', 'top_k', 'min_p', 'seed', 'stop', 'client_metadata', 'expire_at'],
])

export const reader = requestReader({
  prompt: {
    text: ['instructions', 'input'],
    json: ['tools'],
    mediaTypes: ['input_image', 'input_file', 'input_audio'],
    mediaFields: ['image_url'],
    ignored: ['type', 'role', 'id', 'call_id', 'encrypted_content'],
  },
  answerLimits: body => [body.max_output_tokens],
  opening: body => ({ texts: [body.instructions], turns: body.input }),
  contentOf: ({ text, content, image_url: image }) => image ?? text ?? content,
  conversationNames: ['prompt_cache_key', 'user'],
  offersTools: body => Array.isArray(body.tools),
  items: {
    messages: countList('input'),
    tools: countList('tools'),
    calls: countInside(['input'], ({ type }) => (type === 'function_call' || type === 'custom_tool_call' ? 1 : 0)),
  },
})
