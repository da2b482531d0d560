/**
 * Replays every recorded stream of the four protocols through the running gateway to each vendor's own SDK. The SDK
 * must read what the vendor sent. A stream that failed must fail in the SDK too.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'
import type { Message } from '../../src/ir/chat.ts'
import { createCollector } from '../../src/ir/collect.ts'
import { protocols } from '../../src/protocols/registry.ts'
import { exchangeFor, framesOf } from '../contracts/protocol.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type Recording, recordings } from '../support/recordings.ts'

/** Protocol → the API its recordings are filed under. */
const apis = {
  'openai-chat': 'chat-completions',
  anthropic: 'anthropic-messages',
  'openai-responses': 'responses',
  gemini: 'gemini-generate',
} as const
type Protocol = keyof typeof apis

type RecordedCase = { recording: Recording; protocol: Protocol; model: string; message: Message | undefined }

/** The vendor's message as the gateway's own decoder reads it; undefined if the stream failed. */
const parseRecording = (protocol: Protocol, { text }: Recording): Message | undefined => {
  const collector = createCollector()
  const parse = protocols.get(protocol)!.parseStream(exchangeFor())(collector.push)
  for (const frame of framesOf(text)) parse(frame)
  parse(undefined)
  try {
    return collector.message()
  } catch {
    return undefined
  }
}

const recordedCases: RecordedCase[] = Object.entries(apis).flatMap(([protocol, api]) =>
  recordings(api)
    .filter(({ method, status, isEventStream }) => method === 'POST' && (status ?? 200) === 200 && isEventStream)
    .map((recording, index) => ({
      recording,
      protocol: protocol as Protocol,
      model: `${protocol}-${index}`,
      message: parseRecording(protocol as Protocol, recording),
    })),
)
const byModel = new Map(recordedCases.map(recordedCase => [recordedCase.model, recordedCase]))

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
const expectedContent = (client: Protocol, protocol: Protocol, { parts }: Message): AnswerContent => ({
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

/**
 * What an SDK itself does not support: custom tools in a stream of Chat Completions, OpenAI's newest tools, and calls
 * that Gemini sends in pieces.
 */
const isUnsupportedBySdk = (
  client: Protocol,
  { message, protocol, recording }: RecordedCase,
  failed: string | undefined,
): boolean =>
  (client === 'openai-chat' && message!.parts.some(part => part.type === 'call' && part.custom)) ||
  (client === 'gemini' && protocol === 'gemini' && recording.text.includes('partialArgs')) ||
  failed?.startsWith('Unhandled response stream event') === true

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

for (const client of Object.keys(apis) as Protocol[])
  for (const protocol of Object.keys(apis) as Protocol[]) {
    const ofProtocol = recordedCases.filter(recordedCase => recordedCase.protocol === protocol)
    test(`the SDK of ${client} reads ${ofProtocol.length} recorded streams of ${protocol} as the vendor sent them`, async () => {
      const mismatches = await mapConcurrently(ofProtocol, async recordedCase => {
        const { model, message, recording } = recordedCase
        const { file } = recording
        const received = await readWithSdk(client, model)
        if (message === undefined) return 'failed' in received ? undefined : { file, received, expected: 'a failure' }
        if (isUnsupportedBySdk(client, recordedCase, 'failed' in received ? received.failed : undefined))
          return undefined
        const expected = expectedContent(client, protocol, message)
        return Bun.deepEquals(received, expected) ? undefined : { file, received, expected }
      })
      expect(mismatches.filter(one => one !== undefined)).toEqual([])
    }, 60_000)
  }
