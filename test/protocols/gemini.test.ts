/** generateContent: the protocol contract over our own fixtures and the recordings, and what is specific to Gemini. */
import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import type { JsonObject } from '../../src/base/json/json.ts'
import { writeJson } from '../../src/base/json/raw.ts'
import type { Chat, Message, Part } from '../../src/ir/chat.ts'
import { createCollector } from '../../src/ir/collect.ts'
import type { Event } from '../../src/ir/event.ts'
import { wrapSeal } from '../../src/ir/seal.ts'
import { geminiJsonArray } from '../../src/protocols/gemini/json-array.ts'
import { parseModelPath } from '../../src/protocols/gemini/syntax/model-path.ts'
import type { Egress, Exchange, Ingress, StreamPipe } from '../../src/protocols/protocol.ts'
import { protocols } from '../../src/protocols/registry.ts'
import { translateStream } from '../../src/protocols/shared/translate.ts'
import { eventsOf, exchangeFor, framesOf, protocolContract, type Samples } from '../contracts/protocol.ts'
import { messages, requests, type StreamFixture, streams, toText } from '../fixtures/gemini.ts'
import { type Recording, recordedTest, recordings } from '../support/recordings.ts'
import { readList, readMessage, readStream } from '../validators/gemini.ts'

const gemini = protocols.get('gemini')!
const { model } = exchangeFor()

const parseBody = (text: string): JsonObject | JsonObject[] => JSON.parse(text) as JsonObject | JsonObject[]
const all = recordings('gemini-generate')
const good = all.filter(({ status }) => (status ?? 200) === 200)
const refused = all.filter(({ status }) => (status ?? 200) !== 200)
const fixtures: Samples = {
  source: 'our fixtures',
  streams: streams.map(one => ({ name: one.quirk, text: toText(one), fault: one.expected.fault !== undefined })),
  messages,
  requests,
}
const recorded: Samples = {
  recorded: true,
  source: `${all.length} recordings`,
  streams: good
    .filter(({ isEventStream }) => isEventStream)
    .map(({ file, text }) => ({ name: file, text, fault: !text.includes('"finishReason"') })),
  messages: good
    .filter(({ isEventStream }) => !isEventStream)
    .map(({ file, text }) => ({ name: file, body: parseBody(text) })),
  requests: good
    .filter(({ request }) => typeof request === 'object' && request !== null && 'contents' in request)
    .map(({ file, request }) => ({ name: file, body: request as JsonObject })),
}

protocolContract(gemini, fixtures)
protocolContract(gemini, recorded)

const messageOf = (events: readonly Event[]): Message => {
  const collector = createCollector()
  for (const event of events) collector.push(event)
  return collector.message()
}

const textIn = (parts: readonly Part[], type: 'text' | 'reasoning'): string =>
  parts.map(part => (part.type === type ? part.text : '')).join('')

describe('answers of vendors', () => {
  test.each(streams.map(one => [one.quirk, one] as const))('%s', (_, fixture: StreamFixture) => {
    const events = eventsOf(gemini, framesOf(toText(fixture)))
    const { expected } = fixture
    const last = events.at(-1)!
    if (expected.fault !== undefined) {
      expect(last.type === 'fault' && last.error.status).toBe(expected.fault)
      return
    }
    const { parts, finish, usage } = messageOf(events)
    const calls = parts.filter(part => part.type === 'call')
    expect(textIn(parts, 'text')).toBe(expected.text ?? '')
    expect(textIn(parts, 'reasoning')).toBe(expected.reasoning ?? '')
    expect(calls.map(({ name, args }) => ({ name, args }))).toEqual(expected.calls ?? [])
    expect(new Set(calls.map(({ id }) => id)).size).toBe(calls.length)
    expect(calls.every(({ id }) => /^[\w-]{1,40}$/.test(id))).toBe(true)
    expect(finish).toBe(expected.finish as Message['finish'])
    if (expected.usage) expect(usage).toMatchObject(expected.usage)
  })

  test('a signature becomes the seal of its part, wherever it appears', () => {
    const partsOfFixture = (quirk: string) =>
      messageOf(eventsOf(gemini, framesOf(toText(streams.find(one => one.quirk.startsWith(quirk))!)))).parts
    const seal = { by: 'gemini', at: exchangeFor().sealOrigin, value: 'c2ln' }
    expect(partsOfFixture('thoughts, then')).toEqual([
      { type: 'reasoning', text: 'Let me see.' },
      { type: 'text', text: 'It is 4.', seal },
    ])
    expect(partsOfFixture('parallel').map(part => part.type === 'call' && part.seal)).toEqual([seal, undefined])
    expect(partsOfFixture('arguments in pieces, each')[0]).toMatchObject({ type: 'call', seal })
  })

  test('offsets of sources are converted from bytes to characters and back', () => {
    const text = 'In Zürich 🌍 regnet es.'
    const segment = { startIndex: 3, endIndex: Buffer.byteLength('In Zürich 🌍'), text: 'Zürich 🌍' }
    const groundingMetadata = {
      groundingChunks: [{ web: { uri: 'https://a.example', title: 'a' } }, { web: { uri: 'https://b.example' } }],
      groundingSupports: [{ segment, groundingChunkIndices: [0] }],
    }
    const body = { candidates: [{ content: { parts: [{ text }] }, finishReason: 'STOP', groundingMetadata }] }
    const message = gemini.parseMessage(body, exchangeFor())
    const [part] = message.parts
    expect(part?.type === 'text' && part.citations).toEqual([
      { url: 'https://a.example', title: 'a', quote: 'Zürich 🌍', start: 3, end: 'In Zürich 🌍'.length },
      { url: 'https://b.example' },
    ])
    expect(gemini.renderMessage(message, exchangeFor())).toMatchObject({ candidates: [{ groundingMetadata }] })
  })

  test('audio tokens are counted separately', () => {
    const usageMetadata = {
      promptTokenCount: 30,
      candidatesTokenCount: 20,
      totalTokenCount: 50,
      cachedContentTokenCount: 8,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 5 },
        { modality: 'AUDIO', tokenCount: 25 },
      ],
      candidatesTokensDetails: [{ modality: 4, tokenCount: 20 }],
    }
    const { usage } = gemini.parseMessage(
      { candidates: [{ content: { parts: [{ text: 'a' }] }, finishReason: 'STOP' }], usageMetadata },
      exchangeFor(),
    )
    expect(usage).toEqual({ input: 30, output: 20, cacheRead: 8, audioInput: 25, audioOutput: 20 })
  })

  test('an array of chunks is accepted as a non-streaming response', () => {
    const chunk = (text: string, more = {}) => ({ candidates: [{ content: { parts: [{ text }] }, ...more }] })
    const message = gemini.parseMessage([chunk('a'), chunk('b', { finishReason: 'STOP' })], exchangeFor())
    expect(message).toMatchObject({ parts: [{ type: 'text', text: 'ab' }], finish: 'stop' })
  })
})

describe('finish reasons for a failed answer', () => {
  const failureReasons = [
    'MALFORMED_FUNCTION_CALL',
    'MALFORMED_RESPONSE',
    'MISSING_THOUGHT_SIGNATURE',
    'TOO_MANY_TOOL_CALLS',
  ]
  const bodyOf = (finishReason: string, ...parts: JsonObject[]) => ({
    candidates: [{ content: { parts }, finishReason }],
  })
  const thought = { text: 'hm', thought: true }

  test.each(failureReasons)('%s is a fault without content, and an answer with content', reason => {
    for (const parts of [[], [thought]]) {
      expect(() => gemini.parseMessage(bodyOf(reason, ...parts), exchangeFor())).toThrow(reason)
      const frames = [{ data: JSON.stringify(bodyOf(reason, ...parts)) }]
      expect(eventsOf(gemini, frames).at(-1)).toMatchObject({ type: 'fault', error: { code: 'upstream_failed' } })
    }
    const { parts, finish } = gemini.parseMessage(bodyOf(reason, { text: 'so far' }), exchangeFor())
    expect({ parts, finish }).toEqual({ parts: [{ type: 'text', text: 'so far' }], finish: 'other' })
  })
})

describe(`answers rendered for clients, from ${good.length} recordings and every protocol`, () => {
  const sources = [
    ...recorded.streams.filter(({ fault }) => !fault),
    ...fixtures.streams.filter(({ fault }) => !fault),
  ].map(({ name, text }) => ({ name, events: () => eventsOf(gemini, framesOf(text)) }))

  const renderEvents = (ingress: Ingress, events: readonly Event[], exchange = exchangeFor()): string => {
    let out = ''
    const render = ingress.renderStream(exchange)(frame => {
      out += ingress.renderFrame(frame)
    })
    for (const event of events) render(event)
    render(undefined)
    return out
  }

  test('every stream is valid and complete, as server-sent events and as a JSON array', () => {
    for (const { name, events } of sources) {
      const sourceEvents = events()
      const message = messageOf(sourceEvents)
      for (const answer of [
        readStream(renderEvents(gemini, sourceEvents), model),
        readList(renderEvents(geminiJsonArray, sourceEvents), model),
      ]) {
        expect({ name, text: answer.text }).toEqual({ name, text: textIn(message.parts, 'text') })
        expect(answer.thoughts).toBe(textIn(message.parts, 'reasoning'))
        expect(answer.calls.length).toBe(message.parts.filter(part => part.type === 'call').length)
      }
    }
  })

  const otherProtocols: readonly (readonly [id: string, api: string])[] = [
    ['openai-chat', 'chat-completions'],
    ['anthropic', 'anthropic-messages'],
    ['openai-responses', 'responses'],
  ]
  for (const [id, api] of otherProtocols) {
    const streamsOfApi = recordings(api).filter(one => one.isEventStream && (one.status ?? 200) === 200)
    recordedTest(streamsOfApi, `streams of ${id} are rendered as valid streams`, () =>
      renderStreams(protocols.get(id)!, streamsOfApi),
    )
  }

  const renderStreams = (egress: Egress, streamsOfApi: readonly Recording[]) => {
    let translatedCount = 0
    for (const { file, text } of streamsOfApi) {
      const pipe = translateStream(gemini, egress, exchangeFor())
      let out = ''
      for (const frame of framesOf(text)) out += pipe.push(frame)
      out += pipe.end()
      if (pipe.state.fault) continue
      translatedCount++
      try {
        readStream(out, model)
      } catch (thrown) {
        throw new Error(`${file}: ${thrown instanceof Error ? thrown.message : thrown}`)
      }
    }
    expect(translatedCount).toBeGreaterThan(streamsOfApi.length / 2)
  }

  recordedTest(recorded.messages, 'non-streaming responses are valid for a strict client', () => {
    for (const { body } of recorded.messages) {
      const message = gemini.parseMessage(structuredClone(body), exchangeFor())
      readMessage(JSON.parse(writeJson(gemini.renderMessage(message, exchangeFor()))), model)
    }
  })

  const start: Event = { type: 'start', id: 'm', model: 'x' }
  const open = (at: number, part: 'text' | 'reasoning' | 'call', name?: string): Event => ({
    type: 'open',
    at,
    part,
    ...(name !== undefined && { id: `call_${at}`, name }),
  })
  const delta = (at: number, text: string): Event => ({ type: 'delta', at, text })
  const finish: Event = { type: 'finish', reason: 'calls' }

  test('interleaved calls are sent when they are complete, with the exact text of their arguments', () => {
    const events: Event[] = [
      start,
      open(0, 'call', 'f'),
      open(1, 'call', 'g'),
      delta(0, '{"n":1234567890'),
      delta(1, '{}'),
      delta(0, '1234567890, "2":1,"1":2}'),
      { type: 'close', at: 1 },
      { type: 'close', at: 0 },
      finish,
    ]
    const text = renderEvents(gemini, events)
    expect(text).toContain('{"n":12345678901234567890, "2":1,"1":2}')
    expect(readStream(text, model).calls.map(({ name }) => name)).toEqual(['g', 'f'])
  })

  test('a call with truncated arguments is dropped, and the finish reason is MALFORMED_FUNCTION_CALL', () => {
    const lost: string[] = []
    const events: Event[] = [start, open(0, 'call', 'f'), delta(0, '{"a":'), { type: 'close', at: 0 }, finish]
    const answer = readStream(renderEvents(gemini, events, exchangeFor({ loss: path => lost.push(path) })), model)
    expect(answer).toMatchObject({ calls: [], finish: 'MALFORMED_FUNCTION_CALL' })
    expect(lost).toEqual(['functionCall'])
  })

  test('thoughts are shown only on request, while seals are always sent and come back', () => {
    const seal = { by: 'another', at: 'v.t', value: 'secret' }
    const events: Event[] = [
      start,
      open(0, 'reasoning'),
      delta(0, 'Hm.'),
      { type: 'seal', at: 0, seal },
      { type: 'close', at: 0 },
      { type: 'part', at: 1, part: { type: 'foreign', seal: { by: 'another', at: 'v.t', value: { block: 1 } } } },
      open(2, 'text'),
      delta(2, 'Hello'),
      { type: 'close', at: 2 },
      { type: 'finish', reason: 'stop' },
    ]
    for (const [request, thoughts] of [
      [{}, ''],
      [{ generation_config: { thinking_config: { include_thoughts: true } } }, 'Hm.'],
    ] as const) {
      const frames = framesOf(renderEvents(gemini, events, exchangeFor({ clientRequest: request })))
      const contents = frames.map(
        ({ data }) => (JSON.parse(data) as { candidates: { content: JsonObject }[] }).candidates[0]!.content,
      )
      expect(readStream(frames.map(gemini.renderFrame).join(''), model)).toMatchObject({ thoughts, text: 'Hello' })
      const { turns } = gemini.parseRequest({ contents }, () => undefined)
      expect(turns).toEqual([
        {
          role: 'assistant',
          parts: [
            { type: 'reasoning', text: thoughts, seal },
            { type: 'foreign', seal: { by: 'another', at: 'v.t', value: { block: 1 } } },
            { type: 'text', text: 'Hello' },
          ],
        },
      ])
    }
  })

  test('a fault ends the stream, as an event and as the last item of the array', () => {
    const error = new GatewayError('upstream_limited', 'too much', { retryAfter: 7 })
    const events: Event[] = [start, open(0, 'text'), delta(0, 'Hel')]
    const renderFault = (ingress: Ingress): string => {
      let out = ''
      const render = ingress.renderStream(exchangeFor())(frame => {
        out += ingress.renderFrame(frame)
      })
      for (const event of events) render(event)
      render({ type: 'fault', error })
      render(undefined)
      return out
    }
    const errorBody = { code: 429, message: 'too much', status: 'RESOURCE_EXHAUSTED' }
    expect(JSON.parse(framesOf(renderFault(gemini)).at(-1)!.data)).toMatchObject({ error: errorBody })
    expect((JSON.parse(renderFault(geminiJsonArray)) as JsonObject[]).at(-1)).toMatchObject({ error: errorBody })
    expect(JSON.parse(geminiJsonArray.renderStreamError(error))).toMatchObject([{ error: errorBody }])
  })
})

describe('passthrough', () => {
  const passThrough = (
    text: string,
    exchange: Exchange = exchangeFor(),
    ingress: Ingress = gemini,
  ): Pick<StreamPipe, 'state' | 'fail'> & { out: string } => {
    const pipe = ingress.passthrough.pipeStream(exchange)
    let out = ''
    for (const frame of framesOf(text)) out += pipe.push(frame)
    out += pipe.end()
    return { state: pipe.state, fail: error => pipe.fail(error), out }
  }

  test('recorded streams are forwarded unchanged except for the model, and their usage is read', () => {
    for (const { name, text, fault } of recorded.streams) {
      const { state, out } = passThrough(text)
      expect({ name, fault: state.fault !== undefined }).toEqual({ name, fault })
      if (fault) continue
      const expected = framesOf(text)

        .map(({ data }) => data.replace(/("modelVersion":\s*)"[^"]*"/, `$1"${model}"`))
        .map(data => `data: ${data}\n\n`)
        .join('')
      if (!/"content":\s*null/.test(text)) expect(out).toBe(expected)
      readStream(out, model, false)
      readList(passThrough(text, exchangeFor(), geminiJsonArray).out, model, false)
      expect(state.usage).toEqual(messageOf(eventsOf(gemini, framesOf(text))).usage!)
    }
  })

  test('recorded non-streaming responses are forwarded with the same content and usage', () => {
    for (const { file, text } of good.filter(one => !one.isEventStream)) {
      const { text: out, usage } = gemini.passthrough.passMessage(text, exchangeFor())
      readMessage(JSON.parse(out), model, false)
      const again = gemini.parseMessage(JSON.parse(out) as JsonObject, exchangeFor())
      const before = gemini.parseMessage(parseBody(text), exchangeFor())
      expect({ file, ...again, id: '', usage: usage! }).toEqual({
        file,
        ...before,
        id: '',
        model: again.model,
        usage: before.usage!,
      })
    }
  })

  test.each(streams.map(one => [one.quirk, one] as const))('a stream stays valid: %s', (_, fixture: StreamFixture) => {
    const { state, out, fail } = passThrough(toText(fixture))
    expect(state.fault?.status).toBe(fixture.expected.fault as number)
    if (state.fault === undefined) return void readStream(out, model, false)
    const last = JSON.parse(framesOf(out + fail(state.fault)).at(-1)!.data) as JsonObject
    expect(last).toMatchObject({ error: { code: fixture.expected.fault as number, message: state.fault.message } })
  })

  test('a "modelVersion" inside the arguments of a call is not replaced', () => {
    const text =
      '{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"modelVersion":"v"}}}],"role":"model"},"finishReason":"STOP"}],"modelVersion":"v"}'
    const { out } = passThrough(`data: ${text}\n\n`)
    expect(out).toBe(`data: ${text.slice(0, -4)}"${model}"}\n\n`)
  })

  const write = (body: JsonObject, to = 'gemini-2.5-pro') =>
    gemini.passthrough.writeRequest(JSON.stringify(body), body, { model: to, requestUsage: true })

  test('a request is forwarded unchanged, except that a model in its body is replaced', () => {
    const text = '{ "contents": [{"parts":[{"text":"1.0"}]}], "x": 1.0 }'
    expect(
      gemini.passthrough.writeRequest(text, JSON.parse(text) as JsonObject, { model: 'm', requestUsage: true }),
    ).toBe(text)
    expect(JSON.parse(write({ model: 'models/theirs', contents: [] }))).toEqual({
      model: 'models/gemini-2.5-pro',
      contents: [],
    })
  })

  test('seals of other protocols and heartbeat parts are removed from a request', () => {
    const foreign = wrapSeal({ by: 'another', value: 'x' })!
    const heartbeatContent = (
      JSON.parse(framesOf(gemini.heartbeat!)[0]!.data) as { candidates: { content: JsonObject }[] }
    ).candidates[0]!.content
    const call = { functionCall: { name: 'f', args: {} } }
    const contents: JsonObject[] = [
      heartbeatContent,
      {
        role: 'model',
        parts: [
          { text: '', thought: true, thoughtSignature: foreign },
          { text: 'Hm.', thought: true, thought_signature: foreign },
          { ...call, thoughtSignature: foreign },
          { ...call, thoughtSignature: 'own' },
        ],
      },
    ]
    const keptContents = (to: string) => (JSON.parse(write({ contents }, to)) as { contents: JsonObject[] }).contents
    expect(keptContents('gemini-2.5-pro')).toEqual([
      { role: 'model', parts: [{ text: 'Hm.', thought: true }, call, { ...call, thoughtSignature: 'own' }] },
    ])
    expect(JSON.stringify(keptContents('gemini-3.8-flash'))).toContain('skip_thought_signature_validator')
    expect(gemini.parseRequest({ contents: [heartbeatContent] }, () => undefined).turns).toEqual([])
  })
})

describe('requests parsed from clients', () => {
  const chatOf = (body: JsonObject): Chat => {
    gemini.checkRequest(body)
    return gemini.parseRequest(body, () => undefined)
  }

  test('snake_case names, single items in place of lists, and nulls are accepted; the user’s own names are kept', () => {
    const chat = chatOf({
      contents: { parts: { text: 'Hi' } },
      system_instruction: { parts: { text: 'Be brief.' } },
      tools: {
        function_declarations: [
          { name: 'f_g', parameters: { type: 'OBJECT', properties: { a_b: { type: 'STRING', nullable: true } } } },
        ],
      },
      generation_config: {
        max_output_tokens: 9,
        response_mime_type: 'application/json',
        response_schema: { type: 'ARRAY', items: { type: 'INTEGER' }, minItems: '1' },
      },
      safety_settings: null,
      labels: { my_label: 'x' },
    })
    expect(chat).toEqual({
      model: '',
      stream: false,
      turns: [
        { role: 'system', parts: [{ type: 'text', text: 'Be brief.' }] },
        { role: 'user', parts: [{ type: 'text', text: 'Hi' }] },
      ],
      tools: [{ name: 'f_g', schema: { type: 'object', properties: { a_b: { type: ['string', 'null'] } } } }],
      limit: 9,
      format: { schema: { type: 'array', items: { type: 'integer' }, minItems: 1 } },
      extra: { by: 'gemini', value: { labels: { my_label: 'x' } } },
    })
  })

  test('calls without ids get stable ids, and results are matched to them by name, then by order', () => {
    const call = (name: string) => ({ functionCall: { name, args: {} } })
    const answer = (name: string) => ({ functionResponse: { name, response: { output: name } } })
    const contents: JsonObject[] = [
      { role: 'user', parts: [{ text: 'Hi' }] },
      { role: 'model', parts: [call('a'), call('b'), call('a')] },
      { role: 'user', parts: [answer('b'), answer('a'), answer('other')] },
    ]
    const ids = (body: JsonObject) =>
      chatOf(body).turns.flatMap(({ parts }) =>
        parts.flatMap(part => (part.type === 'call' || part.type === 'result' ? [part.id] : [])),
      )
    const [first, second, third, ...answers] = ids({ contents })
    expect(new Set([first, second, third]).size).toBe(3)
    expect(answers).toEqual([second!, first!, third!])
    const longer = ids({
      contents: [...contents, { role: 'model', parts: [call('a')] }, { role: 'user', parts: [answer('a')] }],
    })
    expect(longer.slice(0, 6)).toEqual(ids({ contents }))
    expect(longer[6]).toBe(longer[7]!)
    expect(longer.slice(0, 3)).not.toContain(longer[6])
  })

  test.each([
    [{}, 'contents'],
    [{ contents: [] }, 'contents'],
    [{ contents: [{ parts: 'Hi' }] }, 'contents[0].parts'],
    [{ contents: [{ parts: [{ functionCall: { args: {} } }] }] }, 'contents[0].parts[0].functionCall.name'],
    [
      { contents: [{ parts: [] }], generation_config: { max_output_tokens: 'many' } },
      'generationConfig.maxOutputTokens',
    ],
  ] as const)('the request %j is refused at %s', (body, param) => {
    let thrown: unknown
    try {
      gemini.checkRequest(body as unknown as JsonObject)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(GatewayError)
    expect((thrown as GatewayError).detail.param).toBe(param)
  })

  test('model, method and streaming are read from the path', () => {
    const stream = { stream: true, sse: false }
    expect(parseModelPath('/v1beta/models/a:generateContent', '')).toMatchObject({
      model: 'a',
      stream: false,
      sse: false,
    })
    expect(parseModelPath('/v1/models/a:streamGenerateContent', 'key=k&alt=sse')).toMatchObject({
      model: 'a',
      stream: true,
      sse: true,
    })
    expect(parseModelPath('/v1beta/models/models/maker/a:b:streamGenerateContent', '')).toMatchObject({
      model: 'maker/a:b',
      ...stream,
    })
    expect(parseModelPath('/v1beta1/publishers/google/models/a%2Fb%3AstreamGenerateContent', '')).toMatchObject({
      model: 'a%2Fb',
      ...stream,
    })
    expect(parseModelPath('/v1/projects/p/locations/l/publishers/google/models/a:generateContent', '')?.model).toBe('a')
    for (const path of [
      '/v1beta/models/a',
      '/v1beta/models/a:other',
      '/v1beta/models/:generateContent',
      '/models/a:generateContent',
    ])
      expect(parseModelPath(path, '')).toBeUndefined()
  })
})

describe('requests rendered for vendors', () => {
  const renderChat = (chat: Partial<Chat>, to = 'gemini-2.5-flash') => {
    const lost: string[] = []
    const user = { role: 'user' as const, parts: [{ type: 'text' as const, text: 'Hi' }] }
    const fullChat: Chat = { model: to, stream: false, turns: [user], ...chat }
    const body = JSON.parse(
      writeJson(gemini.renderRequest(fullChat, exchangeFor({ loss: path => lost.push(path) }))),
    ) as JsonObject
    return {
      body,
      lost,
      config: body.generationConfig as JsonObject | undefined,
      contents: body.contents as { role: string; parts: JsonObject[] }[],
    }
  }

  test.each([
    ['gemini-2.5-flash', { effort: 'low' }, { thinkingBudget: 1024, includeThoughts: true }],
    ['gemini-2.5-flash', { effort: 'none' }, { thinkingBudget: 0 }],
    ['gemini-2.5-pro', { effort: 'none' }, { thinkingBudget: 128 }],
    ['gemini-2.5-flash', { budget: 99_999, shown: false }, { thinkingBudget: 24576 }],
    ['gemini-2.5-flash', { budget: -1 }, { thinkingBudget: -1 }],
    ['gemini-2.5-flash', { shown: true }, { includeThoughts: true }],
    ['gemini-3.8-flash', { effort: 'minimal' }, { thinkingLevel: 'MINIMAL', includeThoughts: true }],
    ['gemini-3.1-pro-preview', { effort: 'minimal' }, { thinkingLevel: 'LOW', includeThoughts: true }],
    ['gemini-4-argon', { budget: 5000, shown: false }, { thinkingLevel: 'MEDIUM' }],
    ['gemini-flash-latest', { effort: 'xhigh' }, { thinkingLevel: 'HIGH', includeThoughts: true }],
    ['gemini-2.0-flash', { effort: 'high', shown: true }, undefined],
    ['gemma-3-27b-it', { effort: 'high' }, undefined],
  ] as const)('%s with reasoning %j gets the thinkingConfig it supports', (to, reasoning, thinkingConfig) => {
    const { config } = renderChat({ reasoning }, to)
    expect(config?.thinkingConfig).toEqual(thinkingConfig as unknown as JsonObject)
  })

  const toolCall = (name: string, seal?: Part & { type: 'call' }) => ({
    type: 'call' as const,
    id: `id_${name}`,
    name,
    args: '{"n":1.0}',
    ...seal,
  })
  const conversation = (more: Chat['turns'] = []): Chat['turns'] => [
    { role: 'user', parts: [{ type: 'text', text: 'Hi' }] },
    { role: 'assistant', parts: [toolCall('a'), toolCall('b')] },
    { role: 'user', parts: [{ type: 'result', id: 'id_b', parts: [{ type: 'text', text: '{"x":1.0}' }] }] },
    { role: 'user', parts: [{ type: 'result', id: 'id_a', failed: true, parts: [{ type: 'text', text: 'no' }] }] },
    ...more,
  ]

  test('results of parallel calls are sent in one content, in the order of the calls', () => {
    const { contents, lost } = renderChat({ turns: conversation() })
    expect(contents.slice(1)).toEqual([
      {
        role: 'model',
        parts: [
          { functionCall: { id: 'id_a', name: 'a', args: { n: 1 } } },
          { functionCall: { id: 'id_b', name: 'b', args: { n: 1 } } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'id_a', name: 'a', response: { error: 'no' } } },
          { functionResponse: { id: 'id_b', name: 'b', response: { x: 1 } } },
        ],
      },
    ])
    expect(lost).toEqual([])
  })

  test('arguments and results keep their exact text', () => {
    const body = gemini.renderRequest({ model: 'm', stream: false, turns: conversation() }, exchangeFor())
    expect(writeJson(body)).toContain('"args":{"n":1.0}')
    expect(writeJson(body)).toContain('"response":{"x":1.0}')
  })

  test('a call without a result gets one, and a result without a call becomes text', () => {
    const { contents, lost } = renderChat({
      turns: [
        { role: 'assistant', parts: [toolCall('a')] },
        { role: 'user', parts: [{ type: 'result', id: 'other', parts: [{ type: 'text', text: 'lonely' }] }] },
      ],
    })
    expect(contents[1]!.parts).toEqual([
      { functionResponse: { id: 'id_a', name: 'a', response: { error: 'This call has no result.' } } },
      { text: 'Result of the call other:' },
      { text: 'lonely' },
    ])
    expect(lost).toHaveLength(2)
  })

  test('Gemini 3 gets a placeholder signature on the first call of each step of the current turn only', () => {
    const later: Chat['turns'] = [
      { role: 'assistant', parts: [toolCall('c')] },
      { role: 'user', parts: [{ type: 'result', id: 'id_c', parts: [] }] },
    ]
    const signatures = (turns: Chat['turns'], to: string) =>
      renderChat({ turns }, to).contents.flatMap(({ parts }) =>
        parts.filter(part => part.functionCall).map(part => part.thoughtSignature),
      )
    const sentinel = 'skip_thought_signature_validator'
    expect(signatures(conversation(later), 'gemini-3.8-flash')).toEqual([sentinel, undefined, sentinel])
    expect(signatures(conversation(later), 'gemini-2.5-flash')).toEqual([undefined, undefined, undefined])
    const newTurn: Chat['turns'] = [{ role: 'user', parts: [{ type: 'text', text: 'More' }] }, ...later]
    expect(signatures(conversation(newTurn), 'gemini-3.8-flash')).toEqual([undefined, undefined, sentinel])
    const seal = { by: 'gemini', value: 'own' }
    expect(signatures([{ role: 'assistant', parts: [{ ...toolCall('a'), seal }] }], 'gemini-3.8-flash')).toEqual([
      'own',
    ])
  })

  test('an answer of the model of which nothing can be sent leaves no empty content', () => {
    const said = (role: 'user' | 'assistant', text: string): Chat['turns'][number] => ({
      role,
      parts: [{ type: 'text', text }],
    })
    const turns = [said('user', 'a'), said('assistant', ''), said('assistant', 'b'), said('user', 'c')]
    const { contents } = gemini.renderRequest({ model: 'm', stream: false, turns }, exchangeFor()) as JsonObject
    expect(contents).toEqual([
      { role: 'user', parts: [{ text: 'a' }] },
      { role: 'model', parts: [{ text: 'b' }] },
      { role: 'user', parts: [{ text: 'c' }] },
    ])
  })

  test('images in results are nested for Gemini 3, and sent beside the result for older models', () => {
    const parts: Part[] = [{ type: 'media', mime: 'image/*', source: { data: 'iVBORw0KGgo=' } }]
    const turns: Chat['turns'] = [
      { role: 'assistant', parts: [toolCall('a')] },
      { role: 'user', parts: [{ type: 'result', id: 'id_a', parts }] },
    ]
    const inlineData = { mimeType: 'image/png', data: 'iVBORw0KGgo=' }
    const functionResponse = { id: 'id_a', name: 'a', response: {} }
    expect(renderChat({ turns }, 'gemini-3.8-flash').contents[1]!.parts).toEqual([
      { functionResponse: { ...functionResponse, parts: [{ inlineData }] } },
    ])
    expect(renderChat({ turns }).contents[1]!.parts).toEqual([{ functionResponse }, { inlineData }])
  })

  test('a call of a free-text tool arrives as an object and is parsed as text', () => {
    const exchange = exchangeFor()
    const tools = [{ name: 'shell', custom: null }]
    gemini.renderRequest({ model: 'm', stream: false, turns: [], tools }, exchange)
    const body = {
      candidates: [
        { content: { parts: [{ functionCall: { name: 'shell', args: { input: 'ls "x"' } } }] }, finishReason: 'STOP' },
      ],
    }
    expect(gemini.parseMessage(body, { ...exchange }).parts).toMatchObject([
      { type: 'call', args: 'ls "x"', custom: true },
    ])
  })

  describe('a response format combined with tools', () => {
    const formatWithTool: Partial<Chat> = { format: { schema: { type: 'object' } }, tools: [{ name: 'json_answer' }] }
    const declared = (body: JsonObject) =>
      (body.tools as { functionDeclarations: { name: string }[] }[]).flatMap(group => group.functionDeclarations)

    test('an older model gets a tool for the format, and the tool’s call becomes the text', () => {
      const exchange = exchangeFor()
      const chat: Chat = { model: 'gemini-2.5-flash', stream: false, turns: [], ...formatWithTool }
      const body = gemini.renderRequest(chat, exchange)
      expect(declared(body).map(({ name }) => name)).toEqual(['json_answer', 'json_answer_2'])
      expect(body.toolConfig).toEqual({ functionCallingConfig: { mode: 'ANY' } })
      expect(body.generationConfig).toBeUndefined()
      const functionCall = { name: 'json_answer_2', args: { a: 1 } }
      const candidates = [{ content: { parts: [{ functionCall }] }, finishReason: 'STOP' }]
      expect(gemini.parseMessage({ candidates }, exchange)).toMatchObject({
        parts: [{ type: 'text', text: '{"a":1}' }],
        finish: 'stop',
      })
    })

    test('the format is sent natively to Gemini 3, and to older models if no tool may be called', () => {
      const newer = renderChat(formatWithTool, 'gemini-3.8-flash')
      expect([newer.config?.responseMimeType, declared(newer.body).length]).toEqual(['application/json', 1])
      const none = renderChat({ ...formatWithTool, choice: 'none' })
      expect([none.config?.responseMimeType, none.body.tools]).toEqual(['application/json', undefined])
    })

    test('an older model does not get a format that is not an object', () =>
      expect(renderChat({ ...formatWithTool, format: { schema: { type: 'array' } } }).lost).toEqual([
        'response_format',
      ]))
  })

  test('a file stored at another vendor is refused with its path', () => {
    const turns: Chat['turns'] = [
      { role: 'user', parts: [{ type: 'media', mime: '*/*', source: { file: 'file-abc', by: 'openai-chat' } }] },
    ]
    expect(() => renderChat({ turns })).toThrow('contents[0].parts[0]')
  })
})

describe(`errors, and ${refused.length} recorded ones`, () => {
  const redact = { redact: (text: string) => text }
  const errorOf = (status: number, text: string) => gemini.parseError(status, new Headers(), text, redact)

  test('recorded errors keep their message and status, unless they are about credentials', () => {
    for (const { file, status, text } of refused) {
      const error = errorOf(status!, text)
      const credentials = [401, 403].includes(status!) || /API key not valid/.test(text)
      expect({ file, code: error.code === 'upstream_credentials' }).toEqual({ file, code: credentials })
      if (credentials) continue
      expect(error.status).toBe(status!)
      const again = gemini.renderError(error)
      expect(again).toMatchObject({ error: { code: status!, message: error.message } })
      if (status === 429) expect(error.code).toBe('upstream_limited')
    }
  })

  test('an array with an error is parsed, and the retry delay is read from its details or its message', () => {
    const error = { code: 429, message: 'please retry in 35.2s.', status: 'RESOURCE_EXHAUSTED' }
    const info = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '7s' }
    expect(errorOf(429, JSON.stringify([{ error }])).detail).toMatchObject({
      retryAfter: 35.2,
      vendorCode: 'RESOURCE_EXHAUSTED',
    })
    expect(errorOf(429, JSON.stringify({ error: { ...error, details: [info] } })).detail.retryAfter).toBe(7)
  })

  test.each([
    ['invalid_request', 400, 'INVALID_ARGUMENT'],
    ['unauthorized', 401, 'UNAUTHENTICATED'],
    ['model_not_found', 404, 'NOT_FOUND'],
    ['limited', 429, 'RESOURCE_EXHAUSTED'],
    ['internal', 500, 'INTERNAL'],
    ['upstream_failed', 502, 'UNAVAILABLE'],
    ['upstream_timeout', 504, 'DEADLINE_EXCEEDED'],
  ] as const)('the error %s is rendered as %i %s', (code, status, statusName) => {
    const errorBody = gemini.renderError(new GatewayError(code, 'why', { param: 'contents', retryAfter: 3 }))
    expect(errorBody).toMatchObject({ error: { code: status, message: 'why', status: statusName } })
    expect(geminiJsonArray.renderError(new GatewayError(code, 'why'))).toMatchObject([
      { error: { status: statusName } },
    ])
  })

  test('an error that is not in Google’s format keeps its message', () => {
    expect(errorOf(502, '<html>').message).toContain('HTML')
    expect(errorOf(400, '{"message":"odd"}').message).toBe('odd')
  })
})
