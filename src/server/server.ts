/**
 * The HTTP server: finds the protocol of a path. Everything that happens to a request afterwards is in
 * gateway/handle.ts.
 */
import type { Server } from 'bun'
import { Elysia } from 'elysia'
import { asGatewayError, GatewayError } from '../base/errors.ts'
import type { Json } from '../base/json/json.ts'
import { pathAndQueryOf } from '../downstream/json-body.ts'
import { commonHeaders, noSniff, responseHeaders } from '../downstream/response-headers.ts'
import { handleRequest, type Operation } from '../gateway/handle.ts'
import { identifyCaller } from '../gateway/identify-caller.ts'
import type { Runtime } from '../gateway/runtime.ts'
import { protocols } from '../protocols/registry.ts'
import type { Caller } from '../routing/router.ts'
import { refuseRequest } from './admit-request.ts'
import { errorResponse } from './error-response.ts'
import { findGeminiModel, findModel, isAnthropicClient, listGeminiModels, listModels } from './list-models.ts'
import type { DocumentationPages } from './openapi.ts'
import { configuredOperation, geminiOperation, operations } from './routes.ts'
import { ServerConnection } from './server-connection.ts'
import { answerStoredResponse, matchStoredResponse } from './stored-responses.ts'

/**
 * The current runtime, whether the process is shutting down, and the seconds that a connection may be idle or that a
 * request may take to arrive.
 */
export type ServerState = { readonly runtime: Runtime; readonly draining: boolean; readonly idleTimeout: number }

/**
 * Bytes. The gateway counts bodies itself so that a client that sends too much gets a clear error; Bun would answer
 * with an empty one and close the connection.
 */
const unlimitedBody = Number.MAX_SAFE_INTEGER

/** Creates the server for whatever runtime is current. The caller calls `listen`. */
export const createServer = (state: ServerState) =>
  new Elysia({ serve: { maxRequestBodySize: unlimitedBody, development: false }, normalize: false })
    .onRequest(({ request, server }) => refuseRequest(request, server, state.runtime))
    .onError(({ error, code, request }) =>
      code === 'NOT_FOUND' ? refusePath(request, state) : errorResponse(request, asGatewayError(error)),
    )
    .use(documentationRoutes)
    .get(
      '/livez',
      () => Response.json({ status: 'ok' }, { headers: noSniff }),
      documented('Health', 'Is the process alive'),
    )
    .get(
      '/healthz',
      () => Response.json({ status: 'ok' }, { headers: noSniff }),
      documented('Health', 'Is the process alive'),
    )
    .get(
      '/readyz',
      () => readiness(state),
      documented('Health', 'Does the process take requests: 503 while it shuts down'),
    )
    .get(
      '/v1/models',
      ({ request, server }) => answerLocally(request, server, state, modelList),
      documented('Models', 'The models this key may use'),
    )
    .use(operationRoutes(state))
    .options('/*', ({ request }) => preflight(request), undocumented)
    .all('/*', ({ request, server }) => dispatch(request, server, state), rawUndocumented)

const undocumented = { detail: { hide: true } }
/** The handler gets the exact bytes. openapi.ts describes their content. */
const rawBody = { parse: 'none' as const }
const rawUndocumented = { ...rawBody, ...undocumented }
const documented = (tag: string, summary: string) => ({ detail: { tags: [tag], summary } })

/** Declares the paths of all operations, so that the OpenAPI document lists them. Short paths of chats are left out. */
const operationRoutes = (state: ServerState) => {
  const app = new Elysia()
  for (const [path, protocol] of operations)
    if (protocol.kind !== 'chat' || path.startsWith('/v1/'))
      app.post(path, ({ request, server }) => serveOperation(request, server, state), rawBody)
  return app
}

/**
 * The pages under /docs, built on the first request for one. Most processes never serve them, and startup is faster.
 */
const documentationRoutes = (app: Elysia) => {
  let pages: Promise<DocumentationPages> | undefined
  const servePage = (name: keyof DocumentationPages) => async (): Promise<Response> => {
    pages ??= import('./openapi.ts').then(({ createPages }) => createPages(app.routes))
    const page = (await pages)[name]()
    page.headers.set('x-content-type-options', 'nosniff')
    return page
  }
  return app
    .get('/docs', servePage('page'), undocumented)
    .get('/docs/json', servePage('document'), undocumented)
    .get('/docs/reference.js', servePage('script'), undocumented)
}

/**
 * Dispatches requests without a declared route. Elysia cannot do it: it mistakes a part of the path for the host if the
 * host is short (`http://ai/v1/…`).
 */
const dispatch = async (request: Request, server: Server<unknown> | null, state: ServerState): Promise<Response> => {
  const stored = matchStoredResponse(request.method, pathAndQueryOf(request).path)
  if (stored) return answerStoredResponse(request, stored, connectionOf(request, server, state), state.runtime)
  const { path } = pathAndQueryOf(request)
  if (request.method !== 'GET' && request.method !== 'HEAD') return serveOperation(request, server, state)
  if (path.startsWith(modelPathPrefix)) return answerLocally(request, server, state, modelById)
  return isGeminiModelsPath(path)
    ? answerLocally(request, server, state, geminiModelsBody)
    : serveOperation(request, server, state)
}

const modelPathPrefix = '/v1/models/'
const geminiModelsPath = '/v1beta/models'
const isGeminiModelsPath = (path: string): boolean =>
  path === geminiModelsPath || path.startsWith(`${geminiModelsPath}/`)

const serveOperation = async (
  request: Request,
  server: Server<unknown> | null,
  state: ServerState,
): Promise<Response> => {
  const { path, query } = pathAndQueryOf(request)
  const operation =
    findOperation(path, query) ?? configuredOperation(normalizePath(path), state.runtime.settings, query)
  if (operation === undefined || request.method !== 'POST') return refusePath(request, state)
  if (state.draining)
    return errorResponse(request, new GatewayError('unavailable', 'the gateway is shutting down'), {
      connection: 'close',
    })
  if (operation.model !== undefined) operation.model = decodeModel(operation.model)
  return handleRequest(request, operation, connectionOf(request, server, state), state.runtime)
}

const connectionOf = (
  request: Request,
  server: Server<unknown> | null,
  { runtime, idleTimeout }: Pick<ServerState, 'runtime' | 'idleTimeout'>,
): ServerConnection => new ServerConnection(request, server, runtime, idleTimeout)

/** Paths that are found by suffix: a client's base URL may add anything before them. */
const protocolSuffixes: readonly (readonly [suffix: string, protocol: string])[] = [
  ['/chat/completions', 'openai-chat'],
  ['/responses', 'openai-responses'],
  ['/v1/messages', 'anthropic'],
]
const azurePrefix = '/openai/deployments/'

/** Removes duplicate slashes and a trailing one, which come from carelessly joined base URLs. */
const normalizePath = (path: string): string => path.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')

/** Finds the protocol by path, then by suffix: a client's base URL may add anything before `/chat/completions`. */
const findOperation = (path: string, query: string): Operation | undefined => {
  const exactMatch = operations.get(path)
  if (exactMatch) return { protocol: exactMatch, query }
  const normalized = normalizePath(path)
  const generation = geminiOperation(normalized, query)
  if (generation) return generation
  if (normalized.startsWith(azurePrefix)) return azureOperation(normalized.slice(azurePrefix.length), query)
  const protocolId =
    normalized === '/v1' ? 'openai-chat' : protocolSuffixes.find(([suffix]) => normalized.endsWith(suffix))?.[1]
  const protocol = protocolId === undefined ? operations.get(normalized) : protocols.get(protocolId)
  return protocol && { protocol, query }
}

/** Azure's paths name the model: `<model>/chat/completions`. The model is still URL-encoded and may contain slashes. */
const azureOperation = (rest: string, query: string): Operation | undefined => {
  for (const [path, protocol] of operations) {
    const suffix = path.slice('/v1'.length)
    if (!path.startsWith('/v1/') || !rest.endsWith(suffix) || rest.length === suffix.length) continue
    return { protocol, query, model: rest.slice(0, -suffix.length) }
  }
  return undefined
}

const modelList = (request: Request, runtime: Runtime, caller: Caller): Json =>
  listModels(runtime, caller, request.headers, pathAndQueryOf(request).query)

const modelById = (request: Request, runtime: Runtime, caller: Caller): Json => {
  const id = decodeModel(pathAndQueryOf(request).path.slice(modelPathPrefix.length))
  return id === '' ? modelList(request, runtime, caller) : findModel(runtime, caller, request.headers, id)
}

const geminiModelsBody = (request: Request, runtime: Runtime, caller: Caller): Json => {
  const { path, query } = pathAndQueryOf(request)
  const id = decodeModel(path.slice(geminiModelsPath.length + 1))
  return id === '' ? listGeminiModels(runtime, caller, query) : findGeminiModel(runtime, caller, id)
}

/** Answers without a vendor. Only a valid key is needed. Never throws. */
const answerLocally = (
  request: Request,
  server: Server<unknown> | null,
  { runtime, idleTimeout }: ServerState,
  bodyFor: (request: Request, runtime: Runtime, caller: Caller) => Json,
): Response => {
  const { path, query } = pathAndQueryOf(request)
  const lifetime = runtime.records.begin(request.method, shortenPath(path))
  try {
    const caller = identifyCaller(
      request,
      query,
      connectionOf(request, server, { runtime, idleTimeout }),
      lifetime,
      runtime,
    )
    const body = JSON.stringify(bodyFor(request, runtime, caller))
    lifetime.close()
    return new Response(body, { headers: responseHeaders({ lifetime, redact: runtime.redact }, 'application/json') })
  } catch (thrown) {
    const error = asGatewayError(thrown)
    lifetime.close({ error })
    return errorResponse(request, error, { 'x-request-id': lifetime.record.id }, modelsProtocolOf(request, path))
  }
}

/** The protocol in which a client asks for models. */
const modelsProtocolOf = ({ headers }: Request, path: string): string | undefined => {
  if (isGeminiModelsPath(path)) return 'gemini'
  return isAnthropicClient(headers) ? 'anthropic' : undefined
}

const readiness = ({ draining }: ServerState): Response =>
  Response.json({ status: draining ? 'draining' : 'ok' }, { status: draining ? 503 : 200, headers: noSniff })

/** Answers a CORS preflight: every header the browser names is allowed, credentials are not. */
const preflight = (request: Request): Response =>
  new Response(null, {
    status: 204,
    headers: {
      ...commonHeaders,
      'access-control-allow-methods': 'GET, POST, DELETE, OPTIONS',
      'access-control-allow-headers': request.headers.get('access-control-request-headers') ?? '*',
      'access-control-max-age': '43200',
      vary: 'access-control-request-headers',
    },
  })

/** Refuses a request for an unknown path, or with a method that the path does not support. */
const refusePath = (request: Request, { runtime }: ServerState): Response => {
  const { path, query } = pathAndQueryOf(request)
  const operation = findOperation(path, query) ?? configuredOperation(normalizePath(path), runtime.settings, query)
  const readMethods = readOnlyPaths.test(path) ? 'GET, HEAD' : undefined
  const allow = operation ? 'POST' : readMethods
  const error = allow
    ? new GatewayError('method_not_allowed', `${shortenPath(path)} takes ${allow.split(',', 1)}`)
    : new GatewayError('not_found', `unknown address: ${request.method} ${shortenPath(path)}`)
  const lifetime = runtime.records.begin(request.method, shortenPath(path))
  lifetime.close({ error })
  return errorResponse(request, error, { 'x-request-id': lifetime.record.id, ...(allow && { allow }) })
}

const readOnlyPaths = /^\/(?:v1(?:beta)?\/models(?:\/.*)?|livez|healthz|readyz|docs(?:\/json|\/reference\.js)?)\/?$/
const shortenPath = (path: string): string => path.slice(0, 200)

const decodeModel = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new GatewayError('invalid_request', 'the address is not correctly encoded')
  }
}
