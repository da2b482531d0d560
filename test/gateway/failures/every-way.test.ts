/**
 * A vendor that fails in every way, for every client protocol, streamed or not, with and without another target: what
 * the client sees, what the vendors see, and that everything borrowed is returned.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type FailureWay, failureWays } from '../../support/failure-ways.ts'
import { type Gateway, startGateway } from '../../support/gateway-process.ts'
import { type Script, scriptedUpstream, type Upstream } from '../../support/scripted-upstream.ts'
import { chatBody, chatChunks, replyChat } from '../../support/upstream-scripts.ts'
import { waitUntil } from '../../support/wait-until.ts'

type Client = {
  path: (model: string, stream: boolean) => string
  body: (model: string, stream: boolean) => object
  /** The fields of `error` that the protocol promises. */
  errorFields: readonly string[]
  /** What only a complete stream contains. */
  end: string
}
const question = [{ role: 'user', content: 'Hi' }]
const clients: Record<string, Client> = {
  'openai-chat': {
    path: () => '/v1/chat/completions',
    body: (model, stream) => ({ model, stream, messages: question }),
    errorFields: ['message', 'type', 'code'],
    end: '[DONE]',
  },
  anthropic: {
    path: () => '/v1/messages',
    body: (model, stream) => ({ model, stream, max_tokens: 50, messages: question }),
    errorFields: ['message', 'type'],
    end: 'message_stop',
  },
  'openai-responses': {
    path: () => '/v1/responses',
    body: (model, stream) => ({ model, stream, input: 'Hi' }),
    errorFields: ['message', 'code'],
    end: 'response.completed',
  },
  gemini: {
    path: (model, stream) => `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: () => ({ contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] }),
    errorFields: ['message', 'code', 'status'],
    end: 'finishReason',
  },
}

type Case = { way: FailureWay; client: Client; name: string; stream: boolean; hasOther: boolean; model: string }
const cases: Case[] = failureWays.flatMap((way, row) =>
  Object.entries(clients).flatMap(([name, client]) =>
    [true, false].flatMap(stream =>
      [true, false].map(hasOther => ({
        way,
        client,
        name,
        stream,
        hasOther,
        model: `way-${row}-${name}-${stream ? 'stream' : 'whole'}-${hasOther ? 'two' : 'one'}`,
      })),
    ),
  ),
)
const casesByModel = new Map(cases.map(one => [one.model, one]))

let vendor: Upstream
let gateway: Gateway
/** Models whose vendor does not fail any more. */
const healed = new Set<string>()
/** The ids of all requests that were answered. */
const requestIds: string[] = []
const fine = replyChat(chatChunks(['All is ', 'fine']), chatBody('All is fine'))

const answerByScript: Script = (answer, request) => {
  const { model } = request.json() as { model: string }
  const fails = request.path.startsWith('/failing') && !healed.has(model)
  return (fails ? casesByModel.get(model)!.way.script! : fine)(answer, request)
}

beforeAll(async () => {
  vendor = await scriptedUpstream(answerByScript)
  const entry = (url: string, model: string) => ({
    enabled: true,
    models: [model],
    server_url: url,
    credentials: { api_key: 'sk-canary-failures' },
    limit: { concurrency: 1, timeout: 5 },
  })
  gateway = await startGateway({
    load_balancing: 'first',
    timeouts: { first_byte: 2, idle: 2 },
    retry: { attempts: 2, backoff: 0.02 },
    cooling: false,
    learn: false,
    services: {
      openai: cases.flatMap(({ way, model, hasOther }) => [
        entry(way.script ? `${vendor.url}/failing/v1` : 'http://127.0.0.1:1/v1', model),
        ...(hasOther ? [entry(`${vendor.url}/other/v1`, model)] : []),
      ]),
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await vendor.close()
})

const ask = async ({ client, model, stream }: Case) => {
  const answer = await fetch(gateway.url + client.path(model, stream), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
    body: JSON.stringify(client.body(model, stream)),
    proxy: false,
  } as RequestInit)
  requestIds.push(answer.headers.get('x-request-id')!)
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}

/**
 * The number of calls that the failing vendor and the other one have received for a model. A used connection that was
 * reset is replaced by a new one, which is no new attempt: the calls of such a vendor are not exact.
 */
const expectCalls = ({ model, way }: Case, failing: number, other: number): void => {
  const paths = vendor.requests.filter(one => (one.json() as { model: string }).model === model).map(({ path }) => path)
  const counted = paths.filter(path => path.startsWith('/failing')).length
  expect(paths.length - counted).toBe(other)
  const expected = way.script ? failing : 0
  if (!way.resets) return void expect(counted).toBe(expected)
  expect(counted).toBeGreaterThanOrEqual(expected)
  expect(counted).toBeLessThanOrEqual(2 * expected)
}

const outcomeOf = ({ way: { alone }, stream }: Case) => ('whole' in alone ? alone[stream ? 'stream' : 'whole'] : alone)

const expectAnswer = ({ client, stream }: Case, text: string, word = 'fine') => {
  expect(text).toContain(word)
  if (stream) expect(text).toContain(client.end)
  expect(text).not.toContain('"error":{')
}

/** The error object of a response, or of the last frame of a stream. */
const errorIn = (text: string, inStream: boolean): Record<string, unknown> => {
  const json = inStream
    ? text
        .trimEnd()
        .split('\n')
        .at(-1)!
        .replace(/^data: /, '')
    : text
  const parsed = JSON.parse(json) as { error?: object; response?: { error: object } }
  return (parsed.error ?? parsed.response?.error ?? parsed) as Record<string, unknown>
}

const checkFirst = async (one: Case): Promise<void> => {
  const { way, client, stream, hasOther } = one
  const { status, headers, text } = await ask(one)
  const stays = way.streamStays === true && stream
  if (hasOther && way.movesOn && !stays) {
    expect(status).toBe(200)
    expectAnswer(one, text)
    expectCalls(one, 1, 1)
    expect(headers.get('x-attempts')).toBe('2')
    return
  }
  const outcome = outcomeOf(one)
  const attempts = way.repeats && !stays ? 2 : 1
  expectCalls(one, attempts, 0)
  expect(headers.get('x-attempts')).toBe(String(attempts))
  expect(status).toBe(outcome.inStream ? 200 : outcome.status)
  if (outcome.code === undefined) return expectAnswer(one, text, '')
  const error = errorIn(text, outcome.inStream === true)
  for (const field of client.errorFields) expect(error).toHaveProperty(field)
  expect(text).not.toContain('sk-canary')
  if (outcome.inStream) return expect(text).not.toContain(client.end)
  expect(headers.get('retry-after')).toBe(way.repeats ? String(way.retryAfter ?? 1) : null)
  expect(headers.get('x-should-retry')).toBe(outcome.code === 'upstream_limited' ? null : 'false')
}

/** The only slot of the entry is free again: the next request gets it at once. */
const checkNext = async (one: Case): Promise<void> => {
  healed.add(one.model)
  const { status, headers, text } = await ask(one)
  if (!one.way.script && !one.hasOther) return expect(status).toBe(502)
  expect(status).toBe(200)
  expectAnswer(one, text)
  expect(headers.get('x-attempts')).toBe(one.way.script ? '1' : '2')
}

describe.each(failureWays.map((way, row) => [way.title, row] as const))('a vendor that %s', (_, row) => {
  const rows = cases.filter(({ way }) => way === failureWays[row])
  test.concurrent.each(
    rows.map(
      one =>
        [one.name, one.stream ? 'streamed' : 'whole', one.hasOther ? 'with another target' : 'alone', one] as const,
    ),
  )(
    '%s, %s, %s',
    async (_name, _form, _targets, one) => {
      await checkFirst(one)
      await checkNext(one)
    },
    20_000,
  )
})

test('every request leaves exactly one record', async () => {
  const recordsOf = (id: string) =>
    gateway
      .stdout()
      .split('\n')
      .filter(line => line.includes(`"id":"${id}"`)).length
  await waitUntil(() => requestIds.every(id => gateway.stdout().includes(id)))
  expect(requestIds.length).toBe(cases.length * 2)
  expect(requestIds.filter(id => recordsOf(id) !== 1)).toEqual([])
})
