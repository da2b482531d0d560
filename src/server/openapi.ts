/** The pages under /docs and the OpenAPI document. This module is loaded when one of them is first requested. */
import { swagger } from '@elysiajs/swagger'
import { type TSchema, Type } from '@sinclair/typebox'
import { Elysia, type InternalRoute } from 'elysia'
import scalar from '../../node_modules/@scalar/api-reference/dist/browser/standalone.js' with { type: 'file' }
import { version } from '../base/version.ts'
import { MessagesRequest } from '../protocols/anthropic/wire.ts'
import type { Verb } from '../protocols/gemini/syntax/model-path.ts'
import { GenerateRequest } from '../protocols/gemini/wire.ts'
import { ChatRequest } from '../protocols/openai-chat/wire.ts'
import { ResponsesRequest } from '../protocols/openai-responses/wire.ts'
import { type ProtocolWithPath, protocols } from '../protocols/registry.ts'
import { operations } from './routes.ts'

/** How the document describes a request. Further fields of a vendor are passed through. */
type OperationDoc = { summary: string; contentType?: string; schema: TSchema }

const model = Type.Optional(Type.String({ description: 'Absent: `default_model` of the configuration.' }))
const input = Type.Union([Type.String(), Type.Array(Type.Unknown())])
const prompt = Type.Union([Type.String(), Type.Array(Type.Unknown())])
const file = Type.String({ format: 'binary' })
const form = 'multipart/form-data'

/** The methods of Gemini's API in the document; counting is left out. */
type DocumentedVerb = Exclude<Verb, 'countTokens'>

/** Every protocol with a path of its own is documented here; the path itself is the server's. */
const operationDocs: Readonly<Record<ProtocolWithPath, OperationDoc>> = {
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
    contentType: form,
    schema: Type.Object({ model, image: file, prompt: Type.String() }),
  },
  'images/variations': { summary: 'Vary images', contentType: form, schema: Type.Object({ model, image: file }) },
  'audio/speech': {
    summary: 'Text to speech',
    schema: Type.Object({ model, input: Type.String(), voice: Type.Optional(Type.String()) }),
  },
  'audio/transcriptions': { summary: 'Speech to text', contentType: form, schema: Type.Object({ model, file }) },
  'audio/translations': { summary: 'Speech to English text', contentType: form, schema: Type.Object({ model, file }) },
}

const modelInPath = { name: 'model', in: 'path', required: true, schema: { type: 'string' } }

const content = Type.Union([Type.String(), Type.Object({ parts: Type.Array(Type.Unknown()) })])
const EmbedRequest = Type.Object({ content })
const EmbedBatch = Type.Object({ requests: Type.Array(EmbedRequest) })

const geminiDocs: Readonly<Record<DocumentedVerb, OperationDoc & { tag: string; parameters?: object[] }>> = {
  generateContent: { summary: 'Gemini', tag: 'Chat', schema: GenerateRequest },
  streamGenerateContent: {
    summary: 'Gemini, streamed: as events with `alt=sse`, else as a JSON list',
    tag: 'Chat',
    schema: GenerateRequest,
    parameters: [{ name: 'alt', in: 'query', schema: { type: 'string', enum: ['sse'] } }],
  },
  embedContent: { summary: 'Gemini, embed a text', tag: 'Passed as they are', schema: EmbedRequest },
  batchEmbedContents: { summary: 'Gemini, embed several texts', tag: 'Passed as they are', schema: EmbedBatch },
}

/**
 * Paths that cannot be declared as routes, added for the document: the method after the colon applies to the model
 * before it.
 */
const geminiPaths: Readonly<Record<string, object>> = {
  '/v1beta/models': {
    get: { tags: ['Models'], summary: 'The models this key may use, as Gemini lists them', responses: {} },
  },
  ...Object.fromEntries(
    Object.entries(geminiDocs).map(([verb, { summary, tag, schema, parameters = [] }]) => [
      `/v1beta/models/{model}:${verb}`,
      {
        post: {
          tags: [tag],
          summary,
          parameters: [modelInPath, ...parameters],
          requestBody: { required: true, content: { 'application/json': { schema } } },
          responses: {},
        },
      },
    ]),
  ),
}

/** Keeps the page from contacting any other host or offering anything that would. */
const offlineConfig = {
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
}

type Document = NonNullable<NonNullable<Parameters<typeof swagger>[0]>['documentation']>

const swaggerPlugin = swagger({
  path: '/docs',
  scalarCDN: '/docs/reference.js',
  scalarConfig: offlineConfig,
  documentation: {
    info: { title: 'simple-one-api', version, description: 'Every large model behind one address.' },
    tags: ['Chat', 'Models', 'Passed as they are', 'Health'].map(name => ({ name })),
    paths: geminiPaths as NonNullable<Document['paths']>,
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
    security: [{ key: [] }],
  },
})

/** The HTML page, the OpenAPI document it shows, and its script. */
export type DocumentationPages = Readonly<Record<'page' | 'document' | 'script', () => Response>>

/** Builds the pages from the server's routes. */
export const createPages = async (routes: readonly InternalRoute[]): Promise<DocumentationPages> => {
  const documentApp = new Elysia().use(swaggerPlugin)
  for (const { method, path, hooks } of routes) {
    if (hooks.detail?.hide) continue
    const operation = method === 'POST' ? operations.get(path) : undefined
    documentApp.route(method, path, '', operation ? operationDetail(operation.id) : { detail: hooks.detail })
  }
  const fetchPage = (path: string) => documentApp.handle(new Request(`http://localhost${path}`))
  const [page, document] = await Promise.all([fetchPage('/docs'), fetchPage('/docs/json')])
  return {
    page: () => page.clone(),
    document: () => document.clone(),
    script: () => new Response(Bun.file(scalar), { headers: { 'content-type': 'text/javascript' } }),
  }
}

const docById: ReadonlyMap<string, OperationDoc> = new Map(Object.entries(operationDocs))

const operationDetail = (id: string) => {
  const { summary, contentType = 'application/json', schema } = docById.get(id) ?? { summary: id, schema: {} }
  return {
    detail: {
      tags: [protocols.has(id) ? 'Chat' : 'Passed as they are'],
      summary,
      requestBody: { required: true, content: { [contentType]: { schema } } },
    },
  }
}
