/** Which address is which protocol, and how each is told in the OpenAPI document. */
import type { TSchema } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import type { Compiled } from './config/compiled.ts'
import type { Operation } from './gateway.ts'
import { MessagesRequest } from './protocols/anthropic/wire.ts'
import { anthropicCount, geminiCount } from './protocols/count.ts'
import { type Manner, translators } from './protocols/deepl/index.ts'
import { namedIn } from './protocols/gemini/address.ts'
import { geminiList } from './protocols/gemini/list.ts'
import { GenerateRequest } from './protocols/gemini/wire.ts'
import { passOnly, protocols } from './protocols/index.ts'
import { ChatRequest } from './protocols/openai-chat/wire.ts'
import { openaiPass } from './protocols/openai-pass/index.ts'
import { ResponsesRequest } from './protocols/openai-responses/wire.ts'
import { isOwnPath } from './protocols/own.ts'
import type { Ingress, PassOnly } from './protocols/protocol.ts'
import { singleClients } from './protocols/singles.ts'
import type { Entry } from './providers/entry.ts'

const chat = protocols.get('openai-chat')!
const responses = protocols.get('openai-responses')!
const messages = protocols.get('anthropic')!

/** Address → protocol. What only passes lives at `/v1/<its id>`. */
export const operations: ReadonlyMap<string, Ingress | PassOnly> = new Map<string, Ingress | PassOnly>([
  ['/v1/chat/completions', chat],
  ['/chat/completions', chat],
  ['/v1/responses', responses],
  ['/responses', responses],
  ['/v1/messages', messages],
  ['/messages', messages],
  ['/v1/messages/count_tokens', anthropicCount],
  ['/messages/count_tokens', anthropicCount],
  ...[...passOnly].map(([id, protocol]): [string, PassOnly] => [`/v1/${id}`, protocol]),
])

/** Addresses of translations, in the manner that is configured: DeepLX's, DeepL's. */
const translations: Readonly<Record<string, string>> = {
  '/translate': 'deeplx',
  '/v1/translate': 'deeplx',
  '/v2/translate': 'deepl',
}

const translationAt = (path: string, manner: Manner | undefined, query: string): Operation | undefined => {
  const protocol = manner && translators(manner).get(translations[path] ?? '')
  return protocol && { protocol, query }
}

/** The paths of each configuration that only its entries know, made when one is first asked for. */
const ownPaths = new WeakMap<readonly Entry[], ReadonlyMap<string, PassOnly>>()

const ownPathsOf = (entries: readonly Entry[]): ReadonlyMap<string, PassOnly> => {
  const known = ownPaths.get(entries)
  if (known) return known
  const names = new Set(entries.flatMap(({ speaks = [] }) => speaks).filter(isOwnPath))
  const paths = new Map([...names].map((name): [string, PassOnly] => [`/v1/${name}`, openaiPass(name)]))
  ownPaths.set(entries, paths)
  return paths
}

/** Addresses that hang on the configuration: translations, and paths that an entry's `speaks` names. */
export const configuredAt = (
  path: string,
  { translation, entries }: Pick<Compiled, 'translation' | 'entries'>,
  query: string,
): Operation | undefined => {
  const translated = translationAt(path, translation, query)
  const protocol = translated ? undefined : ownPathsOf(entries).get(path)
  return protocol ? { protocol, query } : translated
}

/** Addresses of Gemini's API name the model and say whether to stream: as events with `alt=sse`, else as one JSON list. */
export const generationIn = (path: string, query: string): Operation | undefined => {
  const named = namedIn(path, query)
  if (named === undefined) return undefined
  const { model, verb, stream, sse } = named
  const single = singleClients.get(`gemini/${verb}`)
  if (single) return { protocol: single, model, stream, query }
  if (verb === 'countTokens') return { protocol: geminiCount, model, stream, query }
  return { protocol: stream && !sse ? geminiList : protocols.get('gemini')!, model, stream, query }
}

/** What the document says of a request; the vendor's own fields pass beside it. */
export type Told = { summary: string; type?: string; schema: TSchema }

const model = Type.Optional(Type.String({ description: 'Absent: `default_model` of the configuration.' }))
const input = Type.Union([Type.String(), Type.Array(Type.Unknown())])
const prompt = Type.Union([Type.String(), Type.Array(Type.Unknown())])
const file = Type.String({ format: 'binary' })
const form = 'multipart/form-data'

export const schemas: Readonly<Record<string, Told>> = {
  anthropic: { summary: 'Messages', schema: MessagesRequest },
  'anthropic/count_tokens': { summary: 'Count the tokens of a message', schema: MessagesRequest },
  'openai-chat': { summary: 'Chat completions', schema: ChatRequest },
  'openai-responses': { summary: 'Responses', schema: ResponsesRequest },
  completions: { summary: 'Completions of a prompt', schema: Type.Object({ model, prompt }) },
  embeddings: { summary: 'Embeddings', schema: Type.Object({ model, input }) },
  'responses/compact': {
    summary: 'Responses: compact a conversation',
    schema: Type.Object({ model, input: Type.Optional(input) }),
  },
  moderations: { summary: 'Moderations', schema: Type.Object({ model, input }) },
  rerank: {
    summary: 'Rerank documents',
    schema: Type.Object({ model, query: Type.String(), documents: Type.Array(Type.Unknown()) }),
  },
  'images/generations': { summary: 'Generate images', schema: Type.Object({ model, prompt: Type.String() }) },
  'images/edits': {
    summary: 'Edit images',
    type: form,
    schema: Type.Object({ model, image: file, prompt: Type.String() }),
  },
  'images/variations': { summary: 'Vary images', type: form, schema: Type.Object({ model, image: file }) },
  'audio/speech': {
    summary: 'Text to speech',
    schema: Type.Object({ model, input: Type.String(), voice: Type.Optional(Type.String()) }),
  },
  'audio/transcriptions': { summary: 'Speech to text', type: form, schema: Type.Object({ model, file }) },
  'audio/translations': { summary: 'Speech to English text', type: form, schema: Type.Object({ model, file }) },
}

const modelInPath = { name: 'model', in: 'path', required: true, schema: { type: 'string' } }

const content = Type.Union([Type.String(), Type.Object({ parts: Type.Array(Type.Unknown()) })])
const EmbedRequest = Type.Object({ content })
const EmbedBatch = Type.Object({ requests: Type.Array(EmbedRequest) })

const generation = (summary: string, more: object[] = [], schema: TSchema = GenerateRequest, tag = 'Chat'): object => ({
  post: {
    tags: [tag],
    summary,
    parameters: [modelInPath, ...more],
    requestBody: { required: true, content: { 'application/json': { schema } } },
    responses: {},
  },
})

/** Addresses that no route can hold, for the document: what follows the colon is asked of the model before it. */
export const geminiPaths: Readonly<Record<string, object>> = {
  '/v1beta/models': {
    get: { tags: ['Models'], summary: 'The models this key may use, as Gemini lists them', responses: {} },
  },
  '/v1beta/models/{model}:generateContent': generation('Gemini'),
  '/v1beta/models/{model}:streamGenerateContent': generation(
    'Gemini, streamed: as events with `alt=sse`, else as a JSON list',
    [{ name: 'alt', in: 'query', schema: { type: 'string', enum: ['sse'] } }],
  ),
  '/v1beta/models/{model}:embedContent': generation('Gemini, embed a text', [], EmbedRequest, 'Passed as they are'),
  '/v1beta/models/{model}:batchEmbedContents': generation(
    'Gemini, embed several texts',
    [],
    EmbedBatch,
    'Passed as they are',
  ),
}
