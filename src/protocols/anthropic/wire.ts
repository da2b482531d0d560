/**
 * Schema of a Messages request, used for checking and for the OpenAPI document. Unknown fields and blocks are allowed:
 * the vendor decides about them. https://platform.claude.com/docs/en/api/messages/create
 */
import { type TSchema, Type } from '@sinclair/typebox'
import { isObject } from '../../base/json/json.ts'
import { countInside, countList, countWhere } from '../shared/item-counts.ts'
import { requestReader } from '../shared/request-reader.ts'
import { createChecker } from '../shared/validate.ts'

const nullable = <T extends TSchema>(schema: T, description?: string) =>
  Type.Optional(Type.Union([schema, Type.Null()], description === undefined ? {} : { description }))

const Block = Type.Object(
  {
    type: Type.String({ minLength: 1, description: 'text, image, document, thinking, tool_use, tool_result …' }),
    text: nullable(Type.String()),
    thinking: nullable(Type.String()),
    signature: nullable(Type.String()),
    id: nullable(Type.String()),
    name: nullable(Type.String()),
    tool_use_id: nullable(Type.String()),
    is_error: nullable(Type.Boolean()),
    cache_control: nullable(Type.Object({ type: Type.String() })),
  },
  { expects: 'a block with a `type`' },
)

const content = (description: string) =>
  Type.Union([Type.String(), Type.Array(Block)], { expects: 'a string or an array of blocks', description })

const Message = Type.Object(
  {
    role: Type.String({ minLength: 1, expects: 'a role', description: 'user, assistant or system' }),
    content: content('The text, or its blocks.'),
  },
  { expects: 'a message with a `role`' },
)

const Tool = Type.Object(
  { name: nullable(Type.String()), type: nullable(Type.String()), input_schema: nullable(Type.Object({})) },
  { expects: 'a tool' },
)

/** The body of `POST /v1/messages`. */
export const MessagesRequest = Type.Object(
  {
    model: nullable(Type.String(), 'The model, or `random`; absent: `default_model` of the configuration.'),
    messages: Type.Array(Message, { minItems: 1, expects: 'a list of at least one message' }),
    system: Type.Optional(Type.Union([content('What the model is told first.'), Type.Null()])),
    max_tokens: nullable(Type.Integer({ minimum: 0 }), 'Most tokens of the answer, thoughts included.'),
    stream: nullable(Type.Boolean(), 'Answer as server-sent events.'),
    temperature: nullable(Type.Number()),
    top_p: nullable(Type.Number()),
    top_k: nullable(Type.Number()),
    stop_sequences: nullable(Type.Array(Type.String())),
    tools: nullable(Type.Array(Tool)),
    tool_choice: nullable(Type.Object({ type: Type.String() })),
    thinking: nullable(Type.Object({ type: Type.String() })),
    output_config: nullable(Type.Object({})),
    metadata: nullable(Type.Object({})),
  },
  { description: 'A request of Messages. Fields not named here go to the vendor as they are.' },
)

/**
 * @throws GatewayError `invalid_request`; its `param` is the path of the first error, such as `messages[2].content`.
 */
export const checkRequest = createChecker(MessagesRequest)

/** See `ClientHalf.scopedFields`. Left out are `container` and `thread`: the vendor stores them for the whole account. */
export const scopedFields: ReadonlySet<string> = new Set([
  ...Object.keys(MessagesRequest.properties),
  ...['service_tier', 'mcp_servers', 'context_management', 'output_format', 'cache_control', 'betas', 'inference_geo'],
  ...['speed', 'anthropic_version', 'anthropic_beta', 'reasoning_effort', 'enable_thinking'],
])

/** A cache mark is ignored: it moves as a conversation grows. */
export const reader = requestReader({
  prompt: {
    text: ['system', 'messages'],
    json: ['tools'],
    mediaTypes: ['image', 'document'],
    ignored: ['type', 'role', 'id', 'cache_control', 'signature'],
  },
  answerLimits: body => [body.max_tokens],
  opening: body => ({ texts: [body.system], turns: body.messages }),
  contentOf: ({ text, content, source }) => (isObject(source) ? (source.data ?? source.url) : (text ?? content)),
  offersTools: body => Array.isArray(body.tools),
  items: {
    messages: countList('messages'),
    tools: countList('tools'),
    calls: countInside(['messages'], ({ content }) => countWhere(content, ({ type }) => type === 'tool_use')),
    stop_sequences: countList('stop_sequences'),
  },
})

/** The id of this protocol. */
export const id = 'anthropic'

/** A cache mark as it appears on the wire. */
export type CacheControl = { type: 'ephemeral'; ttl?: '5m' | '1h' }
