import { lookUp } from '../../base/look-up.ts'
import { passthroughPaths } from '../../protocols/registry.ts'
import type { Target } from '../entry.ts'
import { type Behaviour, parseBehaviour } from '../mock/behaviour.ts'
import { chat, completions, type MockEndpoint } from '../mock/chat.ts'
import { errorResponse, MockError, readBody, wait } from '../mock/respond.ts'
import { endpoints } from '../mock/routes.ts'
import { provider, type UpstreamRequest } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'

const base = 'https://mock.invalid/v1'

const endpointsByPath: Record<string, { handle: MockEndpoint; acceptsForm?: true }> = {
  'chat/completions': { handle: chat },
  completions: { handle: completions },
  ...endpoints,
}

const isForm = ({ headers, body }: UpstreamRequest): boolean =>
  body === undefined || /^multipart\//i.test(headers.get('content-type') ?? '')

const respond = (request: UpstreamRequest, model: string, behaviour: Behaviour, signal: AbortSignal): Response => {
  const path = request.url.slice(base.length + 1)
  const endpoint = lookUp(endpointsByPath, path)
  if (!endpoint) throw new MockError(404, `the mock has no ${path}`)
  const body = endpoint.acceptsForm && isForm(request) ? {} : readBody(request.body)
  const { error } = behaviour
  if (error === undefined) return endpoint.handle(body, model, behaviour, signal)
  if (error < 400 || error > 599)
    throw new MockError(400, `mock-error takes a status from 400 to 599, not ${error}`, 'model')
  throw new MockError(error, `the mock was asked to fail with ${error}`)
}

const transport = async (request: UpstreamRequest, { model }: Target, signal: AbortSignal): Promise<Response> => {
  const behaviour = parseBehaviour(model)
  signal.throwIfAborted()
  if (behaviour.delay > 0) await wait(signal, behaviour.delay)
  try {
    return respond(request, model, behaviour, signal)
  } catch (error) {
    if (error instanceof MockError) return errorResponse(error)
    throw error
  }
}

/**
 * A vendor inside the process: no key, no network, always the same response. The model's name selects its behaviour:
 * `mock` (quotes the last user text), `mock-tools` (calls the first tools, then quotes their results),
 * `mock-reasoning`, `mock-json`, `mock-embedding`, `mock-error-<status>`, `mock-delay-<ms>` (before the headers),
 * `mock-pace-<ms>` (before each frame), `mock-cut-<frames>` (ends the stream there), `mock-silent` (headers, then
 * nothing). They can be combined: `mock-tools-pace-20`.
 */
export default provider({
  id: 'mock',
  title: 'Built-in mock',
  docs: 'https://platform.openai.com/docs/api-reference',
  checked: '2026-11',
  base,
  paths: openaiPaths(...passthroughPaths),
  sign: async () => {},
  credentials: [],
  models: ['mock', 'mock-tools', 'mock-reasoning', 'mock-json', 'mock-*'],
  embeddingModels: ['mock-embedding'],
  transport,
})
