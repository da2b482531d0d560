/**
 * Replays every recorded stream of the four protocols through the running gateway to each vendor's own SDK. The SDK
 * must read what the vendor sent. A stream that failed must fail in the SDK too.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'
import * as anthropicFixtures from '../fixtures/anthropic.ts'
import * as geminiFixtures from '../fixtures/gemini.ts'
import * as chatFixtures from '../fixtures/openai-chat.ts'
import * as responsesFixtures from '../fixtures/openai-responses.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type Recording, recordedTest, recordings } from '../support/recordings.ts'
import { type ReadPart, readers } from '../validators/readings.ts'

/** Protocol → the API its recordings are filed under. */
const apis = {
  'openai-chat': 'chat-completions',
  anthropic: 'anthropic-messages',
  'openai-responses': 'responses',
  gemini: 'gemini-generate',
} as const
type Protocol = keyof typeof apis

type Stream = Pick<Recording, 'file' | 'text'>
/** `parts`: what the vendor said, read without the code of the gateway; undefined if the stream failed. */
type RecordedCase = { recording: Stream; protocol: Protocol; model: string; parts: ReadPart[] | undefined }

const caseOf = (protocol: Protocol, recording: Stream, model: string): RecordedCase => ({
  recording,
  protocol,
  model,
  parts: readers[protocol](recording.text),
})

const recordedCases: RecordedCase[] = Object.entries(apis).flatMap(([protocol, api]) =>
  recordings(api)
    .filter(({ method, status, isEventStream }) => method === 'POST' && (status ?? 200) === 200 && isEventStream)
    .map((recording, index) => caseOf(protocol as Protocol, recording, `${protocol}-${index}`)),
)

/** Our own streams without quirks, so that the same rules hold where there are no recordings. */
const strictFixtures: Record<Protocol, Stream[]> = {
  'openai-chat': chatFixtures.streams.slice(0, 2).map(one => ({ file: one.quirk, text: chatFixtures.toText(one) })),
  anthropic: anthropicFixtures.streams
    .slice(0, 2)
    .map(one => ({ file: one.quirk, text: anthropicFixtures.toText(one) })),
  'openai-responses': responsesFixtures.streams.map(one => ({ file: one.name, text: one.text })),
  gemini: geminiFixtures.streams.slice(0, 3).map(one => ({ file: one.quirk, text: geminiFixtures.toText(one) })),
}
const fixtureCases: RecordedCase[] = Object.entries(strictFixtures).flatMap(([protocol, streams]) =>
  streams.map((stream, index) => caseOf(protocol as Protocol, stream, `${protocol}-fixture-${index}`)),
)
const byModel = new Map([...recordedCases, ...fixtureCases].map(recordedCase => [recordedCase.model, recordedCase]))

type AnswerContent = { text: string; calls: { name: string; args: unknown }[] }

const parseArgs = (args: string): unknown => {
  try {
    return JSON.parse(args || '{}')
  } catch {
    return args
  }
}
/**
 * What each SDK can make of a message. An SDK without custom tools gets their text as `{ input }`. No SDK makes an
 * object of truncated arguments.
 */
const expectedContent = (client: Protocol, protocol: Protocol, parts: readonly ReadPart[]): AnswerContent => ({
  text: parts
    .map(part =>
      part.type === 'text' || (part.type === 'refusal' && !isRefusalOutsideContent(client, protocol)) ? part.text : '',
    )
    .join(''),
  calls: parts.flatMap(part => {
    if (part.type !== 'call') return []
    const args = parseArgs(part.args)
    if (!clientsWithObjectArgs.has(client)) return [{ name: part.name, args }]
    if (part.custom) return [{ name: part.name, args: { input: part.args } }]
    if (typeof args === 'object') return [{ name: part.name, args }]
    return client === 'gemini' ? [] : [{ name: part.name, args: {} }]
  }),
})
const clientsWithObjectArgs: ReadonlySet<Protocol> = new Set<Protocol>(['anthropic', 'gemini'])
/** Anthropic explains a refusal beside the content. */
const isRefusalOutsideContent = (client: Protocol, protocol: Protocol): boolean =>
  client === 'anthropic' && protocol === 'anthropic'

/** The only events of OpenAI's newest tools that its SDK does not know. */
const unknownEvents = ['response.apply_patch_call_operation_diff.delta', 'response.shell_call_command.added']

/**
 * What an SDK itself does not support: custom tools in a stream of Chat Completions, OpenAI's newest tools, and calls
 * that Gemini sends in pieces.
 */
const isUnsupportedBySdk = (
  client: Protocol,
  { parts, protocol, recording }: RecordedCase,
  failed: string | undefined,
): boolean =>
  (client === 'openai-chat' && parts!.some(part => part.type === 'call' && part.custom)) ||
  (client === 'gemini' && protocol === 'gemini' && recording.text.includes('partialArgs')) ||
  (client === 'openai-responses' &&
    protocol === 'openai-responses' &&
    unknownEvents.some(type => failed?.startsWith(`Unhandled response stream event: {"type":"${type}"`)))

type Fetch = NonNullable<ConstructorParameters<typeof OpenAI>[0]>['fetch']
const directFetch = ((url: string, init: RequestInit) => fetch(url, { ...init, proxy: false })) as unknown as Fetch
const question = 'What do you say?'

let vendor: ReturnType<typeof Bun.serve>
let gateway: Gateway
let clients: Record<Protocol, (model: string) => Promise<AnswerContent>>

beforeAll(async () => {
  vendor = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const modelInPath = /models\/([^:]+):/.exec(request.url)?.[1]
      const { model } = (await request.json()) as { model?: string }
      const { recording } = byModel.get(modelInPath ?? model ?? '')!
      return new Response(recording.text, { headers: { 'content-type': 'text/event-stream' } })
    },
  })
  const url = `http://127.0.0.1:${vendor.port}`
  const entry = (protocol: Protocol, server_url: string) => ({
    enabled: true,
    models: [`${protocol}-*`],
    server_url,
    credentials: { api_key: 'k' },
  })
  gateway = await startGateway({
    services: {
      openai: [entry('openai-chat', `${url}/v1`), entry('openai-responses', `${url}/v1/responses`)],
      claude: [entry('anthropic', `${url}/v1`)],
      gemini: [entry('gemini', `${url}/v1beta`)],
    },
  })
  clients = clientsOf(gateway.url)
})
afterAll(async () => {
  await gateway.stop()
  await vendor.stop(true)
})

const clientsOf = (url: string): typeof clients => {
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'any', maxRetries: 0, fetch: directFetch })
  const anthropic = new Anthropic({ baseURL: url, apiKey: 'any', maxRetries: 0, fetch: directFetch as never })
  const google = new GoogleGenAI({ apiKey: 'any', httpOptions: { baseUrl: url, fetch: directFetch as never } })
  return {
    async 'openai-chat'(model) {
      const messages = [{ role: 'user' as const, content: question }]
      const { message } = (await openai.chat.completions.stream({ model, messages }).finalChatCompletion()).choices[0]!
      const calls = (message.tool_calls ?? []) as {
        function?: { name: string; arguments: string }
        custom?: { name: string; input: string }
      }[]
      return {
        text: `${message.content ?? ''}${message.refusal ?? ''}`,
        calls: calls.map(({ function: functionCall, custom }) => ({
          name: functionCall?.name ?? custom!.name,
          args: parseArgs(functionCall?.arguments ?? custom!.input),
        })),
      }
    },
    async anthropic(model) {
      const messages = [{ role: 'user' as const, content: question }]
      const { content } = await anthropic.messages.stream({ model, max_tokens: 1000, messages }).finalMessage()
      return {
        text: content.map(block => (block.type === 'text' ? block.text : '')).join(''),
        calls: content.flatMap(block => (block.type === 'tool_use' ? [{ name: block.name, args: block.input }] : [])),
      }
    },
    async 'openai-responses'(model) {
      const { output, status, error } = await openai.responses.stream({ model, input: question }).finalResponse()
      if (status === 'failed') throw new Error(error?.message)
      const contents = output.flatMap(item => (item.type === 'message' ? item.content : []))
      return {
        text: contents.map(part => (part.type === 'output_text' ? part.text : part.refusal)).join(''),
        calls: output.flatMap(item =>
          item.type === 'function_call'
            ? [{ name: item.name, args: parseArgs(item.arguments) }]
            : item.type === 'custom_tool_call'
              ? [{ name: item.name, args: parseArgs(item.input) }]
              : [],
        ),
      }
    },
    async gemini(model) {
      const received: AnswerContent = { text: '', calls: [] }
      for await (const { candidates } of await google.models.generateContentStream({ model, contents: question }))
        for (const { text, thought, functionCall } of candidates?.[0]?.content?.parts ?? []) {
          if (text && !thought) received.text += text
          if (functionCall) received.calls.push({ name: functionCall.name ?? '', args: functionCall.args ?? {} })
        }
      return received
    },
  }
}

/** What an SDK makes of one recording; `failed` if it threw. */
const readWithSdk = (protocol: Protocol, model: string): Promise<AnswerContent | { failed: string }> =>
  clients[protocol](model).catch((error: Error) => ({ failed: error.message.slice(0, 200) }))

/** Runs at most eight at a time. */
const mapConcurrently = async <Result>(
  items: readonly RecordedCase[],
  run: (recordedCase: RecordedCase) => Promise<Result>,
): Promise<Result[]> => {
  const results: Result[] = []
  let next = 0
  const runNext = async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await run(items[index]!)
  }
  await Promise.all(Array.from({ length: 8 }, runNext))
  return results
}

const expectReadsAsSent = async (client: Protocol, sentCases: readonly RecordedCase[]) => {
  const mismatches = await mapConcurrently(sentCases, async sentCase => {
    const { model, parts, recording, protocol } = sentCase
    const { file } = recording
    const received = await readWithSdk(client, model)
    if (parts === undefined) return 'failed' in received ? undefined : { file, received, expected: 'a failure' }
    if (isUnsupportedBySdk(client, sentCase, 'failed' in received ? received.failed : undefined)) return undefined
    const expected = expectedContent(client, protocol, parts)
    return Bun.deepEquals(received, expected) ? undefined : { file, received, expected }
  })
  expect(mismatches.filter(one => one !== undefined)).toEqual([])
}

for (const client of Object.keys(apis) as Protocol[])
  for (const protocol of Object.keys(apis) as Protocol[]) {
    const ofProtocol = recordedCases.filter(recordedCase => recordedCase.protocol === protocol)
    recordedTest(
      ofProtocol,
      `the SDK of ${client} reads ${ofProtocol.length} recorded streams of ${protocol} as the vendor sent them`,
      () => expectReadsAsSent(client, ofProtocol),
      60_000,
    )
    const fixtures = fixtureCases.filter(fixtureCase => fixtureCase.protocol === protocol)
    test(`the SDK of ${client} reads ${fixtures.length} streams of our own in the form of ${protocol} as they were sent`, async () => {
      expect(fixtures.length).toBeGreaterThan(1)
      await expectReadsAsSent(client, fixtures)
    }, 60_000)
  }
