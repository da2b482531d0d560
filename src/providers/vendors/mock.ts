import { passthroughPaths } from '../../protocols/registry.ts'
import type { Target } from '../entry.ts'
import { type Behaviour, behaviourOf } from '../mock/behaviour.ts'
import { chat, completions, type Endpoint } from '../mock/chat.ts'
import { Refusal, readBody, refuse, wait } from '../mock/respond.ts'
import { endpoints } from '../mock/routes.ts'
import { provider, type UpstreamRequest } from '../provider.ts'
import { openaiPaths } from '../server-url.ts'

const base = 'https://mock.invalid/v1'

const answers: Record<string, { answer: Endpoint; form?: true }> = {
  'chat/completions': { answer: chat },
  completions: { answer: completions },
  ...endpoints,
}

const isForm = ({ headers, body }: UpstreamRequest): boolean =>
  body === undefined || /^multipart\//i.test(headers.get('content-type') ?? '')

const answer = (outgoing: UpstreamRequest, model: string, behaviour: Behaviour, signal: AbortSignal): Response => {
  const path = outgoing.url.slice(base.length + 1)
  const endpoint = answers[path]
  if (!endpoint) throw new Refusal(404, `the mock has no ${path}`)
  const body = endpoint.form && isForm(outgoing) ? {} : readBody(outgoing.body)
  const { error } = behaviour
  if (error === undefined) return endpoint.answer(body, model, behaviour, signal)
  if (error < 400 || error > 599)
    throw new Refusal(400, `mock-error takes a status from 400 to 599, not ${error}`, 'model')
  throw new Refusal(error, `the mock was asked to fail with ${error}`)
}

const exchange = async (outgoing: UpstreamRequest, { model }: Target, signal: AbortSignal): Promise<Response> => {
  const behaviour = behaviourOf(model)
  signal.throwIfAborted()
  if (behaviour.delay > 0) await wait(signal, behaviour.delay)
  try {
    return answer(outgoing, model, behaviour, signal)
  } catch (error) {
    if (error instanceof Refusal) return refuse(error)
    throw error
  }
}

/**
 * A vendor inside the process: no key, no network, the same answer every time. The name of a model says what it does:
 * `mock` (quotes the last user text), `mock-tools` (calls the first tools given, then tells what they answered), `mock-reasoning`, `mock-json`,
 * `mock-embedding`, `mock-error-<status>`, `mock-delay-<ms>` (before the headers), `mock-pace-<ms>` (before each frame),
 * `mock-cut-<frames>` (the stream ends there), `mock-silent` (headers, then nothing); together too: `mock-tools-pace-20`.
 */
export default provider({
  id: 'mock',
  title: 'Built-in mock',
  docs: 'https://platform.openai.com/docs/api-reference',
  checked: '2026-11',
  base,
  paths: openaiPaths(...passthroughPaths),
  sign: () => {},
  credentials: [],
  models: ['mock', 'mock-tools', 'mock-reasoning', 'mock-json', 'mock-*'],
  embeddingModels: ['mock-embedding'],
  exchange,
})
