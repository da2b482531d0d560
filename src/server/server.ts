/** Which path is which protocol. Everything that happens to a request is in gateway.ts. */
import type { Server } from 'bun'
import { Elysia } from 'elysia'
import { presentedKeys } from '../auth/keys.ts'
import { asGatewayError, GatewayError } from '../base/errors.ts'
import type { Json } from '../base/json/json.ts'
import { addressOf } from '../downstream/json-body.ts'
import { crossOrigin, responseHeaders } from '../downstream/response-headers.ts'
import { type Connection, handleRequest, type Operation } from '../gateway/handle.ts'
import type { Runtime } from '../gateway/runtime.ts'
import { protocols } from '../protocols/registry.ts'
import type { Caller } from '../routing/router.ts'
import { asksAnthropic, findGeminiModel, findModel, listGeminiModels, listModels } from './list-models.ts'
import type { Pages } from './openapi.ts'
import { configuredAt, generationIn, operations } from './routes.ts'
import { answerStored, storedAsked } from './stored-responses.ts'

/** The runtime in force, and whether the process is on its way out. */
export type Life = { readonly runtime: Runtime; readonly draining: boolean }

/** Bytes: bodies are counted by us, so that who sends too much gets a clear error; Bun would hang up with an empty one. */
const beyondAnyBody = Number.MAX_SAFE_INTEGER

/** The routes of the gateway around whatever runtime is in force. `listen` is the caller's. */
export const createServer = (life: Life) =>
  new Elysia({ serve: { maxRequestBodySize: beyondAnyBody, development: false }, normalize: false })
    .onRequest(({ request }) => refuseTwoHosts(request))
    .onError(({ error, code, request }) =>
      code === 'NOT_FOUND' ? refuseAddress(request, life) : explain(asGatewayError(error)),
    )
    .use(documentation)
    .get('/livez', () => Response.json({ status: 'ok' }), told('Health', 'Is the process alive'))
    .get('/healthz', () => Response.json({ status: 'ok' }), told('Health', 'Is the process alive'))
    .get('/readyz', () => readiness(life), told('Health', 'Does the process take requests: 503 while it shuts down'))
    .get(
      '/v1/models',
      ({ request, server }) => answer(request, server, life, list),
      told('Models', 'The models this key may use'),
    )
    .post('/v1/chat/completions', ({ request, server }) => pass(request, server, life), exact)
    .post('/v1/responses', ({ request, server }) => pass(request, server, life), exact)
    .post('/v1/messages', ({ request, server }) => pass(request, server, life), exact)
    .use(plainPaths(life))
    .options('/*', ({ request }) => preflight(request), hidden)
    .all('/*', ({ request, server }) => dispatch(request, server, life), unparsed)

const hidden = { detail: { hide: true } }
/** The handler gets the exact bytes; what they hold is told in documentation.ts. */
const exact = { parse: 'none' as const }
const unparsed = { ...exact, ...hidden }
const told = (tag: string, summary: string) => ({ detail: { tags: [tag], summary } })

/** Every path that only passes, by name, so that the document lists it. */
const plainPaths = (life: Life) => {
  const app = new Elysia()
  for (const [path, protocol] of operations)
    if (!protocols.has(protocol.id)) app.post(path, ({ request, server }) => pass(request, server, life), exact)
  return app
}

/** The pages under /docs, built when somebody first asks for one: most never do, and the program starts sooner. */
const documentation = (app: Elysia) => {
  let pages: Promise<Pages> | undefined
  const read = (name: keyof Pages) => async (): Promise<Response> => {
    pages ??= import('./openapi.ts').then(({ createPages }) => createPages(app.routes))
    return (await pages)[name]()
  }
  return app
    .get('/docs', read('page'), hidden)
    .get('/docs/json', read('document'), hidden)
    .get('/docs/reference.js', read('script'), hidden)
}

/** Of two Hosts a proxy in front may have heeded the other one. Bun joins them; a comma stands in no name. */
const refuseTwoHosts = (request: Request): Response | undefined =>
  request.headers.get('host')?.includes(',')
    ? explain(new GatewayError('invalid_request', 'the request names more than one host'), { connection: 'close' })
    : undefined

/** What has no route of its own, here and not in Elysia, which takes a part of the path for the host where that is short (`http://ai/v1/…`). */
const dispatch = (request: Request, server: Server<unknown> | null, life: Life): Response | Promise<Response> => {
  const asked = storedAsked(request.method, addressOf(request).path)
  if (asked) return answerStored(request, asked, new ServerConnection(request, server), life.runtime)
  const { path } = addressOf(request)
  if (request.method !== 'GET' && request.method !== 'HEAD') return pass(request, server, life)
  if (path.startsWith(oneModel)) return answer(request, server, life, find)
  return isGeminiList(path) ? answer(request, server, life, findGemini) : pass(request, server, life)
}

const oneModel = '/v1/models/'
const geminiModels = '/v1beta/models'
const isGeminiList = (path: string): boolean => path === geminiModels || path.startsWith(`${geminiModels}/`)

const pass = (request: Request, server: Server<unknown> | null, life: Life): Response | Promise<Response> => {
  const { path, query } = addressOf(request)
  const operation = operationOf(path, query) ?? configuredAt(tidy(path), life.runtime.settings, query)
  if (operation === undefined || request.method !== 'POST') return refuseAddress(request, life)
  if (life.draining)
    return explain(new GatewayError('unavailable', 'the gateway is shutting down'), { connection: 'close' })
  if (operation.model !== undefined) operation.model = decode(operation.model)
  return handleRequest(request, operation, new ServerConnection(request, server), life.runtime)
}

/** The connection Bun's server took a request by. */
class ServerConnection implements Connection {
  constructor(
    private readonly request: Request,
    private readonly server: Server<unknown> | null,
  ) {}

  wait(): void {
    this.server?.timeout(this.request, 0)
  }

  hangUp(): void {
    this.server?.timeout(this.request, 1)
  }

  address(): string | undefined {
    return this.server?.requestIP(this.request)?.address
  }
}

/** Whatever stands before these was some client's idea of a base URL. */
const suffixes: readonly (readonly [suffix: string, protocol: string])[] = [
  ['/chat/completions', 'openai-chat'],
  ['/responses', 'openai-responses'],
  ['/v1/messages', 'anthropic'],
]
const deployments = '/openai/deployments/'

/** Doubled slashes and one at the end come from base URLs that were joined carelessly. */
const tidy = (path: string): string => path.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')

/** By name, then by suffix: whatever stands before `/chat/completions` was some client's idea of a base URL. */
const operationOf = (path: string, query: string): Operation | undefined => {
  const named = operations.get(path)
  if (named) return { protocol: named, query }
  const tidied = tidy(path)
  const generation = generationIn(tidied, query)
  if (generation) return generation
  if (tidied.startsWith(deployments)) return deploymentOf(tidied.slice(deployments.length), query)
  const spoken = tidied === '/v1' ? 'openai-chat' : suffixes.find(([suffix]) => tidied.endsWith(suffix))?.[1]
  const protocol = spoken === undefined ? operations.get(tidied) : protocols.get(spoken)
  return protocol && { protocol, query }
}

/** Azure's addresses name the model: `<model>/chat/completions`; the model, still as the address has it, may hold slashes. */
const deploymentOf = (rest: string, query: string): Operation | undefined => {
  for (const [path, protocol] of operations) {
    const suffix = path.slice('/v1'.length)
    if (!path.startsWith('/v1/') || !rest.endsWith(suffix) || rest.length === suffix.length) continue
    return { protocol, query, model: rest.slice(0, -suffix.length) }
  }
  return undefined
}

const list = (request: Request, runtime: Runtime, caller: Caller): Json =>
  listModels(runtime, caller, request.headers, addressOf(request).query)

const find = (request: Request, runtime: Runtime, caller: Caller): Json => {
  const id = decode(addressOf(request).path.slice(oneModel.length))
  return id === '' ? list(request, runtime, caller) : findModel(runtime, caller, request.headers, id)
}

const findGemini = (request: Request, runtime: Runtime, caller: Caller): Json => {
  const { path, query } = addressOf(request)
  const id = decode(path.slice(geminiModels.length + 1))
  return id === '' ? listGeminiModels(runtime, caller, query) : findGeminiModel(runtime, caller, id)
}

/** Answers by itself, without a vendor, whoever shows a valid key. */
const answer = (
  request: Request,
  server: Server<unknown> | null,
  { runtime }: Life,
  tell: (request: Request, runtime: Runtime, caller: Caller) => Json,
): Response => {
  const { path, query } = addressOf(request)
  const record = runtime.records.begin(request.method, shorten(path))
  try {
    const caller = runtime.auth.identify(presentedKeys(request.headers, query))
    record.caller = caller.id
    const body = JSON.stringify(tell(request, runtime, caller))
    record.close()
    return new Response(body, { headers: responseHeaders(record, 'application/json', runtime.redact) })
  } catch (thrown) {
    const error = asGatewayError(thrown)
    if (error.code === 'unauthorized') record.address = new ServerConnection(request, server).address()
    record.close({ error })
    return explain(error, { 'x-request-id': record.id }, spokenTo(request, path))
  }
}

/** The protocol of who asks for models. */
const spokenTo = ({ headers }: Request, path: string): string | undefined => {
  if (isGeminiList(path)) return 'gemini'
  return asksAnthropic(headers) ? 'anthropic' : undefined
}

const readiness = ({ draining }: Life): Response =>
  Response.json({ status: draining ? 'draining' : 'ok' }, { status: draining ? 503 : 200 })

/** A browser asks first: every header it names may be sent, credentials never. */
const preflight = (request: Request): Response =>
  new Response(null, {
    status: 204,
    headers: {
      ...crossOrigin,
      'access-control-allow-methods': 'GET, POST, DELETE, OPTIONS',
      'access-control-allow-headers': request.headers.get('access-control-request-headers') ?? '*',
      'access-control-max-age': '43200',
      vary: 'access-control-request-headers',
    },
  })

/** Faults outside any protocol are told as OpenAI tells them. */
const explain = (error: GatewayError, headers: Record<string, string> = {}, protocol = 'openai-chat'): Response =>
  new Response(JSON.stringify((protocols.get(protocol) ?? protocols.get('openai-chat')!).renderError(error)), {
    status: error.status,
    headers: { 'content-type': 'application/json', ...crossOrigin, ...headers },
  })

/** No such address, or another method than it takes. */
const refuseAddress = (request: Request, { runtime }: Life): Response => {
  const { path, query } = addressOf(request)
  const operation = operationOf(path, query) ?? configuredAt(tidy(path), runtime.settings, query)
  const allow = operation ? 'POST' : readable.test(path) ? 'GET, HEAD' : undefined
  const error = allow
    ? new GatewayError('method_not_allowed', `${shorten(path)} takes ${allow.split(',', 1)}`)
    : new GatewayError('not_found', `unknown address: ${request.method} ${shorten(path)}`)
  const record = runtime.records.begin(request.method, shorten(path))
  record.close({ error })
  return explain(error, { 'x-request-id': record.id, ...(allow && { allow }) })
}

const readable = /^\/(?:v1(?:beta)?\/models(?:\/.*)?|livez|healthz|readyz|docs(?:\/json|\/reference\.js)?)\/?$/
const shorten = (path: string): string => path.slice(0, 200)

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new GatewayError('invalid_request', 'the address is not correctly encoded')
  }
}
