/**
 * Runs the official `@google/genai` SDK against the gateway. One vendor speaks Gemini (passthrough), the other only
 * Chat Completions (translated). The `openai` SDK runs over the Gemini vendor as well. The SDKs themselves accumulate,
 * call functions and throw.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  type ApiError,
  type Content,
  FunctionCallingConfigMode,
  type GenerateContentResponse,
  GoogleGenAI,
  type Part,
} from '@google/genai'
import OpenAI from 'openai'
import type { JsonObject } from '../../src/base/json/json.ts'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { type ReceivedRequest, type Script, scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { refuse, replyJson, replySse } from '../support/upstream-scripts.ts'

let geminiVendor: Upstream
let chatVendor: Upstream
let gateway: Gateway
let client: GoogleGenAI

type Fetch = NonNullable<ConstructorParameters<typeof OpenAI>[0]>['fetch']
/** The SDKs must not use a proxy from the environment. */
const directFetch = ((url: string, init: RequestInit) => fetch(url, { ...init, proxy: false })) as unknown as Fetch

const clientFor = (apiKey: string): GoogleGenAI =>
  new GoogleGenAI({ apiKey, httpOptions: { baseUrl: gateway.url, fetch: directFetch as typeof fetch } })

beforeAll(async () => {
  geminiVendor = await scriptedUpstream(replyJson({}))
  chatVendor = await scriptedUpstream(replyJson({}))
  const entry = { enabled: true, credentials: { api_key: 'vendor-key' } }
  gateway = await startGateway({
    api_key: 'client-key',
    heartbeat: 1,
    services: {
      gemini: [
        { ...entry, server_url: `${geminiVendor.url}/v1beta/models`, models: ['gemini-2.5-pro', 'gemini-3.8-flash'] },
      ],
      openai: [{ ...entry, server_url: `${chatVendor.url}/v1`, models: ['chatty', 'maker/family/model-1'] }],
    },
  })
  client = clientFor('client-key')
})
afterAll(async () => {
  await gateway?.stop()
  await geminiVendor.close()
  await chatVendor.close()
})

/** Sets what the vendor answers from now on. Returns a function that gives the last request the vendor received. */
const answerWith = (vendor: Upstream, script: Script): (() => ReceivedRequest) => {
  const before = vendor.requests.length
  vendor.setScript(script)
  return () => {
    expect(vendor.requests.length).toBeGreaterThan(before)
    return vendor.requests.at(-1)!
  }
}

const collectAll = async (stream: AsyncIterable<GenerateContentResponse>): Promise<GenerateContentResponse[]> => {
  const all: GenerateContentResponse[] = []
  for await (const chunk of stream) all.push(chunk)
  return all
}
const partsOf = (chunks: readonly GenerateContentResponse[]): Part[] =>
  chunks.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? [])
const rejectionOf = async (promise: PromiseLike<unknown>): Promise<ApiError> => {
  try {
    await promise
  } catch (error) {
    return error as ApiError
  }
  throw new Error('nothing was thrown')
}

const geminiAnswer = (parts: JsonObject[], more: JsonObject = {}): JsonObject => ({
  candidates: [{ content: { parts, role: 'model' }, index: 0, ...more }],
  usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 7, thoughtsTokenCount: 3, totalTokenCount: 15 },
  modelVersion: 'gemini-2.5-pro-001',
  responseId: 'r-1',
})
const stop = { finishReason: 'STOP' }
const geminiStream = (...frames: object[]): Script => replySse(frames, { done: false })
/** A stream that ends without a finish reason. */
const cutStream = (frame: object): Script => replySse([frame], { done: false })

const chatChunk = (part: JsonObject, finish: string | null = null, more: JsonObject = {}): JsonObject => ({
  id: 'c-1',
  object: 'chat.completion.chunk',
  created: 1_700_000_001,
  model: 'theirs',
  choices: [{ index: 0, delta: part, finish_reason: finish }],
  ...more,
})
const usage = {
  prompt_tokens: 5,
  completion_tokens: 10,
  total_tokens: 15,
  completion_tokens_details: { reasoning_tokens: 3 },
}
const completion = (message: JsonObject, finish: string): JsonObject => ({
  id: 'c-1',
  object: 'chat.completion',
  created: 1_700_000_001,
  model: 'theirs',
  choices: [{ index: 0, message: { role: 'assistant', content: null, ...message }, finish_reason: finish }],
  usage,
})

const tools = [
  {
    functionDeclarations: [
      {
        name: 'weather',
        description: 'The weather of a place',
        parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
      },
    ],
  },
]
const expectedUsage = { promptTokenCount: 5, candidatesTokenCount: 7, thoughtsTokenCount: 3, totalTokenCount: 15 }

describe('over a vendor that speaks Gemini', () => {
  const model = 'gemini-2.5-pro'

  test('a non-streamed answer passes with the client’s model name', async () => {
    const lastRequest = answerWith(geminiVendor, replyJson(geminiAnswer([{ text: 'Hello' }], stop)))
    const answer = await client.models.generateContent({ model, contents: 'Hi', config: { temperature: 0.5 } })
    expect(answer.text).toBe('Hello')
    expect(answer).toMatchObject({ modelVersion: model, responseId: 'r-1', usageMetadata: expectedUsage })
    const { path, headers } = lastRequest()
    expect(path).toBe(`/v1beta/models/${model}:generateContent`)
    expect(headers['x-goog-api-key']).toBe('vendor-key')
    expect(lastRequest().json()).toEqual({
      contents: [{ parts: [{ text: 'Hi' }], role: 'user' }],
      generationConfig: { temperature: 0.5 },
    })
  })

  test('a stream carries thoughts and a signature', async () => {
    const frames = [
      geminiAnswer([{ text: 'Hm.', thought: true }]),
      geminiAnswer([{ text: 'Hel' }]),
      geminiAnswer([{ text: 'lo' }]),
      geminiAnswer([{ text: '', thoughtSignature: 'c2ln' }], stop),
    ]
    const lastRequest = answerWith(geminiVendor, geminiStream(...frames))
    const config = { thinkingConfig: { includeThoughts: true } }
    const chunks = await collectAll(await client.models.generateContentStream({ model, contents: 'Hi', config }))
    expect(lastRequest().path).toBe(`/v1beta/models/${model}:streamGenerateContent?alt=sse`)
    expect(chunks.map(({ text }) => text ?? '').join('')).toBe('Hello')
    expect(partsOf(chunks)).toEqual(partsOf(frames as unknown as GenerateContentResponse[]))
    expect(chunks.every(({ modelVersion }) => modelVersion === model)).toBe(true)
  })

  test('a client that asks for no events gets a JSON list of chunks; the vendor is still asked for events', async () => {
    const lastRequest = answerWith(
      geminiVendor,
      geminiStream(geminiAnswer([{ text: 'Hel' }]), geminiAnswer([{ text: 'lo' }], stop)),
    )
    const address = `${gateway.url}/v1/models/${model}:streamGenerateContent?key=client-key`
    const init = { method: 'POST', proxy: false, body: '{"contents":[{"parts":[{"text":"Hi"}]}]}' }
    const answer = await fetch(address, init as RequestInit)
    expect(answer.headers.get('content-type')).toContain('application/json')
    const chunks = (await answer.json()) as GenerateContentResponse[]
    expect(partsOf(chunks).map(({ text }) => text)).toEqual(['Hel', 'lo'])
    expect(lastRequest().path).toEndWith('alt=sse')
  })

  test('heartbeats during a long silence of the vendor do not break the SDK', async () => {
    answerWith(geminiVendor, async answer => {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      await answer.wait(1600)
      await answer.write(`data: ${JSON.stringify(geminiAnswer([{ text: 'Hello' }], stop))}\n\n`)
      answer.end()
    })
    const conversation = client.chats.create({ model })
    const chunks = await collectAll(await conversation.sendMessageStream({ message: 'Hi' }))
    expect(chunks.length).toBeGreaterThan(1)
    expect(chunks.map(({ text }) => text ?? '').join('')).toBe('Hello')
    const lastRequest = answerWith(geminiVendor, geminiStream(geminiAnswer([{ text: 'Again' }], stop)))
    await collectAll(await conversation.sendMessageStream({ message: 'More' }))
    const { contents } = lastRequest().json() as { contents: Content[] }
    expect(contents.map(({ role, parts }) => [role, parts?.map(({ text }) => text)])).toEqual([
      ['user', ['Hi']],
      ['model', ['Hello']],
      ['user', ['More']],
    ])
  })

  test('refusals and errors inside a stream are SDK errors with their status', async () => {
    const error = { code: 429, message: 'Too much.', status: 'RESOURCE_EXHAUSTED' }
    answerWith(geminiVendor, refuse(429, [{ error }]))
    const limited = await rejectionOf(client.models.generateContent({ model, contents: 'Hi' }))
    expect(limited.status).toBe(429)
    expect(limited.message).toContain('Too much.')
    answerWith(
      geminiVendor,
      refuse(400, { error: { code: 400, message: 'API key not valid.', status: 'INVALID_ARGUMENT' } }),
    )
    expect((await rejectionOf(client.models.generateContent({ model, contents: 'Hi' }))).status).toBe(502)
    answerWith(geminiVendor, cutStream(geminiAnswer([{ text: 'Hel' }])))
    const cut = await rejectionOf(client.models.generateContentStream({ model, contents: 'Hi' }).then(collectAll))
    expect(cut.status).toBe(502)
    const unauthorizedClient = clientFor('wrong')
    const refused = await rejectionOf(unauthorizedClient.models.generateContent({ model, contents: 'Hi' }))
    expect(refused.status).toBe(401)
    expect(JSON.parse(refused.message)).toMatchObject({ error: { code: 401, status: 'UNAUTHENTICATED' } })
    expect((await rejectionOf(client.models.generateContent({ model: 'unknown', contents: 'Hi' }))).status).toBe(404)
  })
})

describe('over a vendor that speaks Chat Completions', () => {
  const model = 'chatty'

  test('a non-streamed answer is translated for a model whose name contains slashes', async () => {
    const lastRequest = answerWith(chatVendor, replyJson(completion({ content: 'Hello' }, 'stop')))
    const answer = await client.models.generateContent({
      model: 'models/maker/family/model-1',
      contents: [
        { role: 'user', parts: [{ text: 'Hi' }, { inlineData: { mimeType: 'image/png', data: 'iVBORw0KGgo=' } }] },
      ],
      config: {
        systemInstruction: 'Be brief.',
        temperature: 0.5,
        maxOutputTokens: 9,
        stopSequences: ['END'],
        responseMimeType: 'application/json',
        responseJsonSchema: { type: 'object' },
        thinkingConfig: { thinkingBudget: 1000 },
      },
    })
    expect(answer.text).toBe('Hello')
    expect(answer).toMatchObject({ modelVersion: 'maker/family/model-1', usageMetadata: expectedUsage })
    expect(answer.candidates![0]!.finishReason as string).toBe('STOP')
    expect(lastRequest().json()).toMatchObject({
      model: 'maker/family/model-1',
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [{ type: 'text', text: 'Hi' }, { image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }],
        },
      ],
      temperature: 0.5,
      max_tokens: 9,
      stop: ['END'],
      reasoning_effort: 'low',
      response_format: { type: 'json_schema', json_schema: { schema: { type: 'object' } } },
    })
  })

  test('a stream carries thoughts only if the client asks for them', async () => {
    const frames = [
      chatChunk({ role: 'assistant', content: '' }),
      chatChunk({ reasoning_content: 'Hm.' }),
      chatChunk({ content: 'Hel' }),
      chatChunk({ content: 'lo' }),
      chatChunk({}, 'stop'),
      { ...chatChunk({}), choices: [], usage },
    ]
    const lastRequest = answerWith(chatVendor, replySse(frames))
    const config = { thinkingConfig: { includeThoughts: true } }
    const chunks = await collectAll(await client.models.generateContentStream({ model, contents: 'Hi', config }))
    expect(lastRequest().json()).toMatchObject({ stream: true, stream_options: { include_usage: true } })
    expect(partsOf(chunks)[0]).toEqual({ text: 'Hm.', thought: true })
    expect(chunks.map(({ text }) => text ?? '').join('')).toBe('Hello')
    expect(chunks.at(-1)).toMatchObject({ usageMetadata: expectedUsage, candidates: [{ finishReason: 'STOP' }] })
    answerWith(chatVendor, replySse(frames))
    const plain = await collectAll(await client.models.generateContentStream({ model, contents: 'Hi' }))
    expect(
      partsOf(plain)
        .map(({ text }) => text)
        .join(''),
    ).toBe('Hello')
  })

  test.each([false, true])(
    'two turns with parallel calls keep their ids and results; streamed: %p',
    async isStreamed => {
      const call = (index: number, city: string) => ({
        index,
        id: `call_${city}`,
        type: 'function',
        function: { name: 'weather', arguments: `{"city":"${city}"}` },
      })
      const calls = [call(0, 'Bern'), call(1, 'Basel')]
      const callsWithoutIndex = calls.map(({ index: _, ...one }) => one)
      const callScript: Script = isStreamed
        ? replySse([chatChunk({ role: 'assistant', tool_calls: calls }), chatChunk({}, 'tool_calls')])
        : replyJson(completion({ tool_calls: callsWithoutIndex }, 'tool_calls'))
      const firstRequest = answerWith(chatVendor, callScript)
      const conversation = client.chats.create({
        model,
        config: { tools, toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } } },
      })
      const send = async (message: string | Part[]) =>
        isStreamed
          ? collectAll(await conversation.sendMessageStream({ message }))
          : [await conversation.sendMessage({ message })]
      const first = await send('The weather?')
      const receivedCalls = first.flatMap(({ functionCalls }) => functionCalls ?? [])
      expect(receivedCalls.map(({ id, args }) => [id, args])).toEqual([
        ['call_Bern', { city: 'Bern' }],
        ['call_Basel', { city: 'Basel' }],
      ])
      expect(firstRequest().json()).toMatchObject({
        tool_choice: 'required',
        tools: [{ function: { name: 'weather' } }],
      })

      const finalScript: Script = isStreamed
        ? replySse([chatChunk({ role: 'assistant', content: 'Sunny.' }), chatChunk({}, 'stop')])
        : replyJson(completion({ content: 'Sunny.' }, 'stop'))
      const lastRequest = answerWith(chatVendor, finalScript)
      const results = receivedCalls.map(({ id, name }) => ({
        functionResponse: { id: id!, name: name!, response: { output: 'sun' } },
      }))
      const second = await send(results)
      expect(second.map(({ text }) => text ?? '').join('')).toBe('Sunny.')
      const { messages } = lastRequest().json() as { messages: JsonObject[] }
      expect(messages.slice(1)).toEqual([
        { role: 'assistant', tool_calls: callsWithoutIndex },
        { role: 'tool', tool_call_id: 'call_Bern', content: 'sun' },
        { role: 'tool', tool_call_id: 'call_Basel', content: 'sun' },
      ])
    },
  )

  test('a client that asks for no events gets a list of chunks, which ends in the error if the vendor breaks off or refuses', async () => {
    answerWith(chatVendor, replySse([chatChunk({ role: 'assistant', content: 'Hello' }), chatChunk({}, 'stop')]))
    const address = `${gateway.url}/v1beta/models/${model}:streamGenerateContent`
    const headers = { 'x-goog-api-key': 'client-key' }
    const init = { method: 'POST', proxy: false, headers, body: '{"contents":[{"parts":[{"text":"Hi"}]}]}' }
    const chunks = (await (await fetch(address, init as RequestInit)).json()) as GenerateContentResponse[]
    expect(
      partsOf(chunks)
        .map(({ text }) => text)
        .join(''),
    ).toBe('Hello')
    answerWith(chatVendor, cutStream(chatChunk({ role: 'assistant', content: 'Hel' })))
    const broken = (await (await fetch(address, init as RequestInit)).json()) as JsonObject[]
    expect(broken.at(-1)).toMatchObject({ error: { code: 502, status: 'UNAVAILABLE' } })
    answerWith(chatVendor, refuse(400))
    const refused = await fetch(address, init as RequestInit)
    expect(refused.status).toBe(400)
    expect(await refused.json()).toMatchObject([{ error: { code: 400, message: 'refused by script' } }])
  })

  test('a request for several candidates is refused with a 400 if the vendor speaks another protocol', async () => {
    const refused = await rejectionOf(
      client.models.generateContent({ model, contents: 'Hi', config: { candidateCount: 2 } }),
    )
    expect(refused.status).toBe(400)
  })
})

describe('the models endpoint', () => {
  test('models are listed page by page and retrieved by name', async () => {
    const names: (string | undefined)[] = []
    for await (const one of await client.models.list({ config: { pageSize: 1 } })) names.push(one.name)
    expect(names).toContain('models/chatty')
    expect(names).toContain('models/maker/family/model-1')
    expect(new Set(names).size).toBe(names.length)
    expect(await client.models.get({ model: 'chatty' })).toMatchObject({ name: 'models/chatty', displayName: 'chatty' })
    expect((await rejectionOf(client.models.get({ model: 'unknown' }))).status).toBe(404)
  })
})

describe('a client of Chat Completions over a vendor that speaks Gemini', () => {
  const openai = () =>
    new OpenAI({ apiKey: 'client-key', baseURL: `${gateway.url}/v1`, maxRetries: 0, fetch: directFetch })
  const chatTools = [
    { type: 'function' as const, function: { name: 'weather', parameters: { type: 'object', properties: {} } } },
  ]

  test('a call of Gemini 3 returns to the vendor with its thought signature', async () => {
    const firstRequest = answerWith(
      geminiVendor,
      geminiStream(
        geminiAnswer([{ text: 'Hm.', thought: true }]),
        geminiAnswer([{ functionCall: { name: 'weather', args: { city: 'Bern' } }, thoughtSignature: 'c2ln' }]),
        geminiAnswer([{ text: '' }], stop),
      ),
    )
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'The weather?' }]
    const stream = openai().chat.completions.stream({
      model: 'gemini-3.8-flash',
      messages,
      tools: chatTools,
      reasoning_effort: 'low',
      stream_options: { include_usage: true },
    })
    const { choices, usage: counts } = await stream.finalChatCompletion()
    expect(firstRequest().path).toBe('/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse')
    expect(firstRequest().json()).toMatchObject({
      generationConfig: { thinkingConfig: { thinkingLevel: 'LOW', includeThoughts: true } },
    })
    expect(counts).toMatchObject({
      prompt_tokens: 5,
      completion_tokens: 10,
      completion_tokens_details: { reasoning_tokens: 3 },
    })
    const { message, finish_reason: finish } = choices[0]!
    expect(finish).toBe('tool_calls')
    const [call] = message.tool_calls!
    expect(call).toMatchObject({ function: { name: 'weather', arguments: '{"city":"Bern"}' } })

    const lastRequest = answerWith(geminiVendor, replyJson(geminiAnswer([{ text: 'Sunny.' }], stop)))
    const answer = await openai().chat.completions.create({
      model: 'gemini-3.8-flash',
      messages: [...messages, message, { role: 'tool', tool_call_id: call!.id, content: 'sun' }],
      tools: chatTools,
    })
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'Sunny.' } })
    const { contents } = lastRequest().json() as { contents: Content[] }
    const sent = contents.flatMap(({ parts }) => parts ?? [])
    expect(sent.find(part => part.functionCall)).toEqual({
      functionCall: { name: 'weather', args: { city: 'Bern' } },
      thoughtSignature: 'c2ln',
    })
    expect(sent.at(-1)).toEqual({ functionResponse: { name: 'weather', response: { output: 'sun' } } })
  })

  test('a blocked prompt ends in content_filter, a refused one is a 400', async () => {
    answerWith(
      geminiVendor,
      replyJson({ promptFeedback: { blockReason: 'SAFETY' }, usageMetadata: { promptTokenCount: 5 } }),
    )
    const ask = { model: 'gemini-2.5-pro', messages: [{ role: 'user' as const, content: 'Hi' }] }
    const blocked = await openai().chat.completions.create(ask)
    expect(blocked.choices[0]!.finish_reason).toBe('content_filter')
    answerWith(geminiVendor, refuse(400, { error: { code: 400, message: 'Bad schema.', status: 'INVALID_ARGUMENT' } }))
    const refused = await rejectionOf(openai().chat.completions.create(ask))
    expect(refused.status).toBe(400)
    expect(refused.message).toContain('Bad schema.')
  })
})
