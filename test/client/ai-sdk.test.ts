/**
 * Runs the AI SDK against the gateway. In each conversation the model thinks, calls a tool and answers. Every client
 * protocol meets every vendor protocol, streamed and non-streamed. The SDK carries the history from turn to turn. The
 * vendor is a script that speaks its own protocol.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { APICallError, generateText, jsonSchema, type LanguageModel, stepCountIs, streamText, tool } from 'ai'
import type { JsonObject } from '../../src/base/json/json.ts'
import { providers } from '../../src/providers/index.ts'
import { vendorSides } from '../matrix/pair.ts'
import type { ScriptedAnswer, Vendor } from '../matrix/scripted-vendor.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'

/** The service type and base path that configure a vendor of each protocol, and the paths its requests arrive at. */
const services: Record<string, { type: string; basePath: string; path: RegExp }> = {
  'openai-chat': { type: 'openai', basePath: '/v1', path: /\/chat\/completions$/ },
  'openai-responses': { type: 'openai', basePath: '/v1/responses', path: /\/responses$/ },
  anthropic: { type: 'claude', basePath: '/v1', path: /\/messages$/ },
  gemini: { type: 'gemini', basePath: '/v1', path: /:(streamG|g)enerateContent/ },
}
const vendors = vendorSides.map(({ vendor }) => vendor).filter(({ id }) => providers.has(services[id]?.type ?? ''))
/** The SDK's OpenAI provider requests reasoning only for model names it knows. */
const modelOf = (id: string) => `gpt-5-${id}`

/** The model's turns. The first two call the tool. */
const answers: ScriptedAnswer[] = [
  {
    parts: [
      { type: 'thought', text: 'I must look.', seal: 'dGhvdWdodC0x' },
      { type: 'call', id: 'call_bern', name: 'weather', args: '{"city":"Bern"}', seal: 'Y2FsbC0x' },
      { type: 'call', id: 'call_basel', name: 'weather', args: '{"city":"Basel"}' },
    ],
    finish: 'calls',
    usage: { input: 20, output: 9, cacheRead: 5, reasoning: 3 },
  },
  {
    parts: [
      { type: 'thought', text: 'Once more.', seal: 'dGhvdWdodC0y' },
      { type: 'call', id: 'call_chur', name: 'weather', args: '{"city":"Chur"}', seal: 'Y2FsbC0y' },
    ],
    finish: 'calls',
    usage: { input: 40, output: 9, reasoning: 3 },
  },
  {
    parts: [
      { type: 'thought', text: 'That is all.', seal: 'dGhvdWdodC0z' },
      { type: 'text', text: 'Sunny everywhere.' },
    ],
    finish: 'stop',
    usage: { input: 60, output: 4 },
  },
]

let upstream: Upstream
let gateway: Gateway

/** Answers as the vendor whose protocol the request is in, with the turn that the history has reached. */
const answerTurn: Script = async (answer, request) => {
  const vendor = vendors.find(({ id }) => services[id]!.path.test(request.path.split('?')[0]!))
  if (!vendor) throw new Error(`nobody speaks at ${request.path}`)
  const turn = turnOf(request)
  const scripted = answers[turn]!
  // A vendor never uses an item id twice, and stores an answer unless the request says `store: false`.
  const stored = (request.json() as JsonObject).store !== false
  const withUniqueIds = (text: string) =>
    text.replaceAll(/"(rs|fc|msg)_/g, `"$1_${turn}`).replaceAll('"store":false', `"store":${stored}`)
  const isStream = /stream=?true|alt=sse|:stream/.test(request.path) || (request.json() as JsonObject).stream === true
  if (!isStream) {
    const text = withUniqueIds(JSON.stringify(vendor.renderMessage(scripted)))
    answer.writeHead(200, { 'content-type': 'application/json' }, { length: Buffer.byteLength(text) })
    await answer.write(text)
    return answer.end()
  }
  answer.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const { event, data } of vendor.renderStream(scripted))
    await answer.write(`${event === undefined ? '' : `event: ${event}\n`}data: ${withUniqueIds(data)}\n\n`)
  answer.end()
}
const turnOf = ({ body }: ReceivedRequest): number =>
  body.includes('It is Chur.') ? 2 : body.includes('It is Bern.') ? 1 : 0

beforeAll(async () => {
  upstream = await scriptedUpstream(answerTurn)
  const entries = vendors.map(({ id }) => {
    const { type, basePath } = services[id]!
    const connection = {
      enabled: true,
      server_url: `${upstream.url}${basePath}`,
      credentials: { api_key: 'vendor-key' },
    }
    return { type, entry: { ...connection, models: [modelOf(id)] } }
  })
  const types = [...new Set(entries.map(({ type }) => type))]
  gateway = await startGateway({
    api_key: 'client-key',
    services: Object.fromEntries(
      types.map(type => [type, entries.filter(one => one.type === type).map(({ entry }) => entry)]),
    ),
  })
})
afterAll(async () => {
  await gateway?.stop()
  await upstream.close()
})

/** The SDK must not use a proxy from the environment. */
const directFetch = ((url: string, init: RequestInit) =>
  fetch(url, { ...init, proxy: false })) as unknown as typeof fetch

const settings = (path: string) => ({ apiKey: 'client-key', baseURL: `${gateway.url}${path}`, fetch: directFetch })

/**
 * The SDK's own providers, one for each client protocol. `showsThoughts`: whether the provider exposes reasoning at
 * all.
 */
const clients: Record<string, { model: (name: string) => LanguageModel; options: JsonObject; showsThoughts: boolean }> =
  {
    'openai-chat': { model: name => createOpenAI(settings('/v1')).chat(name), options: {}, showsThoughts: false },
    'openai-responses': {
      model: name => createOpenAI(settings('/v1')).responses(name),
      options: { openai: { store: false, include: ['reasoning.encrypted_content'], reasoningSummary: 'auto' } },
      showsThoughts: true,
    },
    /** By default the SDK refers to earlier items by their ids alone. */
    'openai-responses, stored': {
      model: name => createOpenAI(settings('/v1')).responses(name),
      options: { openai: { reasoningSummary: 'auto' } },
      showsThoughts: true,
    },
    anthropic: {
      model: name => createAnthropic(settings('/v1'))(name),
      options: { anthropic: { thinking: { type: 'enabled', budgetTokens: 2000 } } },
      showsThoughts: true,
    },
    gemini: {
      model: name => createGoogleGenerativeAI(settings('/v1beta'))(name),
      options: { google: { thinkingConfig: { includeThoughts: true, thinkingBudget: 2000 } } },
      showsThoughts: true,
    },
  }
const clientIds = Object.keys(clients).filter(id => vendors.some(vendor => vendor.id === id.split(',')[0]))

const weather = tool({
  description: 'The weather of a place',
  inputSchema: jsonSchema<{ city: string }>({
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  }),
  execute: async ({ city }) => `It is ${city}.`,
})

const rows = clientIds.flatMap(client => vendors.map(vendor => [client, vendor.id, vendor] as const))

const callOptions = (client: string, vendor: Vendor) => ({
  model: clients[client]!.model(modelOf(vendor.id)),
  providerOptions: clients[client]!.options as Record<string, JsonObject & Record<string, never>>,
  prompt: 'The weather of Bern, Basel and Chur?',
  tools: { weather },
  stopWhen: stepCountIs(4),
  maxRetries: 0,
})

type Step = {
  text: string
  reasoningText: string | undefined
  finishReason: string
  toolCalls: { toolCallId: string; toolName: string; input: unknown }[]
  usage: { inputTokens: number | undefined; outputTokens: number | undefined }
}

/** Asserts the result that every pair of client and vendor must reach. */
const checkConversation = (
  client: string,
  vendor: Vendor,
  steps: readonly Step[],
  requests: readonly ReceivedRequest[],
): void => {
  expect(requests.map(({ path }) => services[vendor.id]!.path.test(path))).toEqual([true, true, true])
  expect(steps.map(({ toolCalls }) => toolCalls.map(({ toolCallId, input }) => [toolCallId, input]))).toEqual([
    [
      ['call_bern', { city: 'Bern' }],
      ['call_basel', { city: 'Basel' }],
    ],
    [['call_chur', { city: 'Chur' }]],
    [],
  ])
  expect(steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'tool-calls', 'stop'])
  expect(steps.at(-1)!.text).toBe('Sunny everywhere.')
  expect(steps.map(({ usage }) => [usage.inputTokens, usage.outputTokens])).toEqual([
    [20, 9],
    [40, 9],
    [60, 4],
  ])
  if (clients[client]!.showsThoughts)
    expect(steps.map(({ reasoningText }) => reasoningText ?? '')).toEqual([
      'I must look.',
      'Once more.',
      'That is all.',
    ])
  const seals = answers.slice(0, 2).flatMap(vendor.sealsOf)
  if (client === 'openai-responses, stored' && vendor.id === 'openai-responses')
    expect(referencedItems(requests[2]!)).toEqual(['rs_00', 'rs_10'])
  else if (client !== vendor.id || client !== 'openai-chat')
    expect(vendor.sealsIn(requests[2]!.json() as JsonObject)).toEqual(seals)
}

/** The ids of items that a request references instead of repeating them. */
const referencedItems = (request: ReceivedRequest) =>
  (request.json() as { input: JsonObject[] }).input
    .filter(({ type }) => type === 'item_reference')
    .map(({ id }) => String(id))

/** The result of `run`, and the requests that the vendor received meanwhile. */
const recordRequests = async <Result>(
  run: () => Promise<Result>,
): Promise<{ result: Result; requests: ReceivedRequest[] }> => {
  const before = upstream.requests.length
  const result = await run()
  return { result, requests: upstream.requests.slice(before) }
}

describe('a conversation with thoughts and tools', () => {
  test.each(rows)(
    '%s → %s: a non-streamed conversation keeps its calls, thoughts, usage and seals',
    async (client, _, vendor) => {
      const { result, requests } = await recordRequests(() => generateText(callOptions(client, vendor)))
      checkConversation(client, vendor, result.steps, requests)
    },
  )

  test.each(rows)(
    '%s → %s: a streamed conversation keeps its calls, thoughts, usage and seals',
    async (client, _, vendor) => {
      const { result, requests } = await recordRequests(async () => {
        const failures: unknown[] = []
        const stream = streamText({ ...callOptions(client, vendor), onError: ({ error }) => void failures.push(error) })
        await stream.consumeStream()
        expect(failures).toEqual([])
        return stream.steps
      })
      checkConversation(client, vendor, result, requests)
    },
  )

  test.each(rows)('%s → %s: a follow-up question carries the whole history', async (client, _, vendor) => {
    const { prompt, ...rest } = callOptions(client, vendor)
    const question = { role: 'user' as const, content: prompt }
    const { response } = await generateText({ ...rest, messages: [question] })
    const messages = [question, ...response.messages, { role: 'user' as const, content: 'Thanks.' }]
    const { requests } = await recordRequests(() => generateText({ ...rest, messages }))
    const isReferenced = client === 'openai-responses, stored' && vendor.id === 'openai-responses'
    expect(requests).toHaveLength(1)
    expect(isReferenced ? referencedItems(requests[0]!) : requests[0]!.body).toContain(
      isReferenced ? 'msg_21' : 'Sunny everywhere.',
    )
  })

  test.each(rows)(
    '%s → %s: a rate limit of the vendor reaches the SDK as a 429 with the vendor’s message',
    async (client, _, vendor) => {
      upstream.setScript(async (answer, request) => {
        await request.json()
        const { status, headers, body } = vendor.rateLimited
        const text = JSON.stringify(body)
        answer.writeHead(
          status,
          { 'content-type': 'application/json', ...headers },
          { length: Buffer.byteLength(text) },
        )
        await answer.write(text)
        answer.end()
      })
      try {
        const failed = await generateText(callOptions(client, vendor)).catch((error: unknown) => error)
        expect(APICallError.isInstance(failed)).toBe(true)
        expect(failed).toMatchObject({ statusCode: 429 })
        expect((failed as Error).message).toContain('Too many requests.')
      } finally {
        upstream.setScript(answerTurn)
      }
    },
  )
})
