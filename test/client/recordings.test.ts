/**
 * Every recorded stream of the four protocols, told by the running gateway to each of the vendors' own SDKs: what the SDK makes of it is what
 * the vendor said; a stream that failed fails there too.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'
import type { Message } from '../../src/ir/chat.ts'
import { createCollector } from '../../src/ir/collect.ts'
import { protocols } from '../../src/protocols/registry.ts'
import { exchangeFor, framesOf } from '../contracts/protocol.ts'
import { type Gateway, startGateway } from '../support/process.ts'
import { type Recording, recordings } from '../support/recordings.ts'

/** Protocol → the API its recordings are filed under. */
const apis = {
  'openai-chat': 'chat-completions',
  anthropic: 'anthropic-messages',
  'openai-responses': 'responses',
  gemini: 'gemini-generate',
} as const
type Protocol = keyof typeof apis

type Taped = { recording: Recording; protocol: Protocol; model: string; said: Message | undefined }

/** What the vendor said, by our own reading; undefined where it failed. */
const saidIn = (protocol: Protocol, { text }: Recording): Message | undefined => {
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

const tapes: Taped[] = Object.entries(apis).flatMap(([protocol, api]) =>
  recordings(api)
    .filter(({ method, status, isEventStream }) => method === 'POST' && (status ?? 200) === 200 && isEventStream)
    .map((recording, index) => ({
      recording,
      protocol: protocol as Protocol,
      model: `${protocol}-${index}`,
      said: saidIn(protocol as Protocol, recording),
    })),
)
const byModel = new Map(tapes.map(tape => [tape.model, tape]))

type Heard = { text: string; calls: { name: string; args: unknown }[] }

const parsed = (args: string): unknown => {
  try {
    return JSON.parse(args || '{}')
  } catch {
    return args
  }
}
/** What each SDK can make of a message: free text of a tool is `{ input }` to those without such tools, and of cut arguments none makes an object. */
const heardBy = (client: Protocol, protocol: Protocol, { parts }: Message): Heard => ({
  text: parts
    .map(part => (part.type === 'text' || (part.type === 'refusal' && !isAside(client, protocol)) ? part.text : ''))
    .join(''),
  calls: parts.flatMap(part => {
    if (part.type !== 'call') return []
    const args = parsed(part.args)
    if (!takesObjects.has(client)) return [{ name: part.name, args }]
    if (part.custom) return [{ name: part.name, args: { input: part.args } }]
    if (typeof args === 'object') return [{ name: part.name, args }]
    return client === 'gemini' ? [] : [{ name: part.name, args: {} }]
  }),
})
const takesObjects: ReadonlySet<Protocol> = new Set<Protocol>(['anthropic', 'gemini'])
/** Anthropic explains a refusal beside the content. */
const isAside = (client: Protocol, protocol: Protocol): boolean => client === 'anthropic' && protocol === 'anthropic'

/** What an SDK itself does not know: tools of free text in a stream of chat, OpenAI's own newest tools, calls that Gemini tells in pieces. */
const isBeyond = (client: Protocol, { said, protocol, recording }: Taped, failed: string | undefined): boolean =>
  (client === 'openai-chat' && said!.parts.some(part => part.type === 'call' && part.custom)) ||
  (client === 'gemini' && protocol === 'gemini' && recording.text.includes('partialArgs')) ||
  failed?.startsWith('Unhandled response stream event') === true

type Fetch = NonNullable<ConstructorParameters<typeof OpenAI>[0]>['fetch']
const direct = ((url: string, init: RequestInit) => fetch(url, { ...init, proxy: false })) as unknown as Fetch
const ask = 'What do you say?'

let vendor: ReturnType<typeof Bun.serve>
let gateway: Gateway
let clients: Record<Protocol, (model: string) => Promise<Heard>>

beforeAll(async () => {
  vendor = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const named = /models\/([^:]+):/.exec(request.url)?.[1]
      const { model } = (await request.json()) as { model?: string }
      const { recording } = byModel.get(named ?? model ?? '')!
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
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'any', maxRetries: 0, fetch: direct })
  const anthropic = new Anthropic({ baseURL: url, apiKey: 'any', maxRetries: 0, fetch: direct as never })
  const google = new GoogleGenAI({ apiKey: 'any', httpOptions: { baseUrl: url, fetch: direct as never } })
  return {
    async 'openai-chat'(model) {
      const messages = [{ role: 'user' as const, content: ask }]
      const { message } = (await openai.chat.completions.stream({ model, messages }).finalChatCompletion()).choices[0]!
      const calls = (message.tool_calls ?? []) as {
        function?: { name: string; arguments: string }
        custom?: { name: string; input: string }
      }[]
      return {
        text: `${message.content ?? ''}${message.refusal ?? ''}`,
        calls: calls.map(({ function: told, custom }) => ({
          name: told?.name ?? custom!.name,
          args: parsed(told?.arguments ?? custom!.input),
        })),
      }
    },
    async anthropic(model) {
      const messages = [{ role: 'user' as const, content: ask }]
      const { content } = await anthropic.messages.stream({ model, max_tokens: 1000, messages }).finalMessage()
      return {
        text: content.map(block => (block.type === 'text' ? block.text : '')).join(''),
        calls: content.flatMap(block => (block.type === 'tool_use' ? [{ name: block.name, args: block.input }] : [])),
      }
    },
    async 'openai-responses'(model) {
      const { output, status, error } = await openai.responses.stream({ model, input: ask }).finalResponse()
      if (status === 'failed') throw new Error(error?.message)
      const contents = output.flatMap(item => (item.type === 'message' ? item.content : []))
      return {
        text: contents.map(part => (part.type === 'output_text' ? part.text : part.refusal)).join(''),
        calls: output.flatMap(item =>
          item.type === 'function_call'
            ? [{ name: item.name, args: parsed(item.arguments) }]
            : item.type === 'custom_tool_call'
              ? [{ name: item.name, args: parsed(item.input) }]
              : [],
        ),
      }
    },
    async gemini(model) {
      const heard: Heard = { text: '', calls: [] }
      for await (const { candidates } of await google.models.generateContentStream({ model, contents: ask }))
        for (const { text, thought, functionCall } of candidates?.[0]?.content?.parts ?? []) {
          if (text && !thought) heard.text += text
          if (functionCall) heard.calls.push({ name: functionCall.name ?? '', args: functionCall.args ?? {} })
        }
      return heard
    },
  }
}

/** What an SDK makes of one recording: `failed` if it threw. */
const hear = (protocol: Protocol, model: string): Promise<Heard | { failed: string }> =>
  clients[protocol](model).catch((error: Error) => ({ failed: error.message.slice(0, 200) }))

/** Eight at a time. */
const each = async <Result>(of: readonly Taped[], run: (tape: Taped) => Promise<Result>): Promise<Result[]> => {
  const results: Result[] = []
  let next = 0
  const work = async () => {
    for (let index = next++; index < of.length; index = next++) results[index] = await run(of[index]!)
  }
  await Promise.all(Array.from({ length: 8 }, work))
  return results
}

for (const client of Object.keys(apis) as Protocol[])
  for (const protocol of Object.keys(apis) as Protocol[]) {
    const own = tapes.filter(tape => tape.protocol === protocol)
    test(`the SDK of ${client} hears ${own.length} streams of ${protocol} as they were said`, async () => {
      const wrong = await each(own, async tape => {
        const { model, said, recording } = tape
        const { file } = recording
        const heard = await hear(client, model)
        if (said === undefined) return 'failed' in heard ? undefined : { file, heard, expected: 'a failure' }
        if (isBeyond(client, tape, 'failed' in heard ? heard.failed : undefined)) return undefined
        const expected = heardBy(client, protocol, said)
        return Bun.deepEquals(heard, expected) ? undefined : { file, heard, expected }
      })
      expect(wrong.filter(one => one !== undefined)).toEqual([])
    }, 60_000)
  }
