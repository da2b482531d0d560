/** Converse: rendering requests and parsing answers, over our own streams and the recordings. */
import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import type { Json, JsonObject } from '../../src/base/json/json.ts'
import { writeJson } from '../../src/base/json/raw.ts'
import type { Chat, Message, Part, Turn } from '../../src/ir/chat.ts'
import { createCollector } from '../../src/ir/collect.ts'
import type { Event } from '../../src/ir/event.ts'
import { bedrockConverse as converse } from '../../src/protocols/bedrock-converse/index.ts'
import type { Exchange, Frame } from '../../src/protocols/protocol.ts'
import { protocols } from '../../src/protocols/registry.ts'
import { collectStream, translateMessage, translateStream } from '../../src/protocols/shared/translate.ts'
import { awsEventStreamFraming } from '../../src/upstream/framing/aws-event-stream.ts'
import { checkEvents, exchangeFor } from '../contracts/protocol.ts'
import { eventOf } from '../support/aws-event-stream.ts'
import { type Recording, recordedTest, recordings, seededRandom } from '../support/recordings.ts'
import { readMessage, readStream } from '../validators/openai-chat.ts'

const claude = 'us.anthropic.claude-haiku-4-5-20251001-v1:0'
const olderClaude = 'anthropic.claude-3-7-sonnet-20250219-v1:0'
const newerClaude = 'global.anthropic.claude-sonnet-5'
const nova = 'us.amazon.nova-2-lite-v1:0'
const llama = 'us.meta.llama3-3-70b-instruct-v1:0'
const gpt = 'openai.gpt-oss-120b-1:0'

const { sealOrigin } = exchangeFor()
const createSeal = (value: Json) => ({ by: 'bedrock-converse', at: sealOrigin, value })

type Rendered = { body: JsonObject; lost: string[] }

const render = (chat: Partial<Chat>, exchange = {}): Rendered => {
  const lost: string[] = []
  const given: Chat = { model: claude, stream: false, turns: [user('hi')], ...chat }
  const body = converse.renderRequest(given, exchangeFor({ loss: path => lost.push(path), ...exchange }))
  return { body, lost }
}
const user = (...parts: (string | Part)[]): Turn => ({ role: 'user', parts: parts.map(asPart) })
const assistant = (...parts: (string | Part)[]): Turn => ({ role: 'assistant', parts: parts.map(asPart) })
const system = (...parts: (string | Part)[]): Turn => ({ role: 'system', parts: parts.map(asPart) })
const asPart = (part: string | Part): Part => (typeof part === 'string' ? { type: 'text', text: part } : part)

const contentOf = (turns: Turn[], model = claude): { content: Json[]; lost: string[] } => {
  const { body, lost } = render({ turns, model })
  return { content: (body.messages as JsonObject[]).map(({ content }) => content!), lost }
}

describe('messages rendered for Converse', () => {
  test('system turns become system blocks, turns of one role become one message, and blank texts are dropped', () => {
    const turns = [system('a'), user('b', ' '), user('c'), assistant('d', ''), user('e')]
    expect(render({ turns })).toEqual({
      body: {
        system: [{ text: 'a' }],
        messages: [
          { role: 'user', content: [{ text: 'b' }, { text: 'c' }] },
          { role: 'assistant', content: [{ text: 'd' }] },
          { role: 'user', content: [{ text: 'e' }] },
        ],
      },
      lost: [],
    })
  })

  test('a system turn inside the conversation goes into a user message and is noted as a loss', () => {
    const { body, lost } = render({ turns: [system('a'), user('b'), assistant('c'), system('d'), user('e')] })
    expect(body.system).toEqual([{ text: 'a' }])
    expect((body.messages as JsonObject[])[2]).toEqual({
      role: 'user',
      content: [{ text: '<system>\nd\n</system>' }, { text: 'e' }],
    })
    expect(lost).toEqual(['messages[3]'])
  })

  test('the first message is the user’s, a system prompt alone becomes one, and a request without content is refused', () => {
    expect(render({ turns: [system('a')] })).toEqual({
      body: { messages: [{ role: 'user', content: [{ text: 'a' }] }] },
      lost: ['system'],
    })
    const { body, lost } = render({ turns: [assistant('a'), user('b')] })
    expect((body.messages as JsonObject[]).map(({ role }) => role)).toEqual(['user', 'assistant', 'user'])
    expect(lost).toEqual(['messages[0]'])
    expect(() => render({ turns: [user('  ')] })).toThrow('say nothing')
  })

  const call = (id: string, args = '{}'): Part => ({ type: 'call', id, name: 'look', args })
  const result = (id: string, ...parts: Part[]): Part => ({ type: 'result', id, parts })

  test('tool results come first in one message, and arguments keep their exact text', () => {
    const args = '{"10": 12345678901234567890, "2": "ü"}'
    const turns = [
      user('go'),
      assistant('well', call('a', args), call('b', '')),
      user('by the way', result('a', asPart('sunny'), asPart(''))),
      user({ ...result('b'), failed: true } as Part),
    ]
    const { body } = render({ turns, tools: [{ name: 'look' }] })
    expect(writeJson(body)).toContain(`"input":${args}`)
    const [, , last] = body.messages as JsonObject[]
    expect(last!.content).toEqual([
      { toolResult: { toolUseId: 'a', content: [{ text: 'sunny' }] } },
      { toolResult: { toolUseId: 'b', content: [], status: 'error' } },
      { text: 'by the way' },
    ])
    const [, second] = body.messages as JsonObject[]
    expect((second!.content as JsonObject[])[2]).toEqual({ toolUse: { toolUseId: 'b', name: 'look', input: {} } })
  })

  test('arguments that are not an object are wrapped in `input`, and an invalid id is replaced in call and result alike', () => {
    const odd = 'functions look 0'
    const { content, lost } = contentOf([user('go'), assistant(call(odd, '[1]')), user(result(odd, asPart('x')))])
    const [, [use] = [], [answer] = []] = content as JsonObject[][]
    const { toolUseId, input } = use!.toolUse as JsonObject
    expect(input).toEqual({ input: '[1]' })
    expect(toolUseId).toMatch(/^[\w.:-]{1,64}$/)
    expect((answer!.toolResult as JsonObject).toolUseId).toBe(toolUseId)
    expect(lost).toEqual(['messages[1].arguments'])
  })

  test('files are sent as bytes in messages and in tool results', () => {
    const file = (mime: string, data: string, name?: string): Part => ({
      type: 'media',
      mime,
      source: { data },
      ...(name !== undefined && { name }),
    })
    const pdf = file('application/pdf', 'JVBERi0', 'a/b: Größe.pdf')
    const { content, lost } = contentOf([
      user('see', file('image/jpg', 'AAAA'), file('image/*', 'iVBORw0KGgoAAA'), pdf, pdf, file('video/mp4', 'BBBB')),
      assistant(call('a')),
      user(result('a', file('image/webp', 'CCCC'), file('text/x-python', 'DDDD'))),
    ])
    expect(content[0]).toEqual([
      { text: 'see' },
      { image: { format: 'jpeg', source: { bytes: 'AAAA' } } },
      { image: { format: 'png', source: { bytes: 'iVBORw0KGgoAAA' } } },
      { document: { format: 'pdf', source: { bytes: 'JVBERi0' }, name: 'a-b- Gr-e' } },
      { document: { format: 'pdf', source: { bytes: 'JVBERi0' }, name: 'a-b- Gr-e (2)' } },
      { video: { format: 'mp4', source: { bytes: 'BBBB' } } },
    ])
    expect((content[2] as JsonObject[])[0]).toEqual({
      toolResult: {
        toolUseId: 'a',
        content: [
          { image: { format: 'webp', source: { bytes: 'CCCC' } } },
          { document: { format: 'txt', source: { bytes: 'DDDD' }, name: 'document' } },
        ],
      },
    })
    expect(lost).toEqual([])
  })

  test('files by URL, of an unknown type, or in an assistant message are losses', () => {
    const { lost } = contentOf([
      user('a', { type: 'media', mime: 'image/png', source: { url: 'https://x.example/a.png' } }),
      user({ type: 'media', mime: 'application/zip', source: { data: 'AA' } }),
      assistant({ type: 'media', mime: 'image/png', source: { data: 'AA' } }),
    ])
    expect(lost).toEqual(['messages[0]', 'messages[1]', 'messages[2]'])
  })

  test('only thoughts and blocks sealed by this vendor are sent back', () => {
    const { content, lost } = contentOf([
      user('a'),
      assistant(
        { type: 'reasoning', text: 'hm', seal: createSeal({ signature: 's' }) },
        { type: 'reasoning', text: '', seal: createSeal({ redactedContent: 'cmVk' }) },
        { type: 'reasoning', text: 'unsigned' },
        { type: 'reasoning', text: 'of another', seal: { by: 'anthropic', at: sealOrigin, value: 's' } },
        { type: 'foreign', seal: createSeal({ block: { searchResult: { source: 'x' } } }) },
        { type: 'foreign', seal: { by: 'gemini', value: {} } },
        'b',
      ),
    ])
    expect(content[1]).toEqual([
      { reasoningContent: { reasoningText: { text: 'hm', signature: 's' } } },
      { reasoningContent: { redactedContent: 'cmVk' } },
      { searchResult: { source: 'x' } },
      { text: 'b' },
    ])
    expect(lost).toEqual(['messages[1].reasoning', 'messages[1].reasoning', 'messages[1]'])
  })

  test('a cache mark becomes a cache point with a ttl that the model supports', () => {
    const turns = [
      system({ type: 'text', text: 'a', cache: { ttl: '1h' } }),
      user({ type: 'text', text: 'b', cache: {} }),
    ]
    const tools = [{ name: 'look', cache: {} }]
    const point = { cachePoint: { type: 'default' } }
    const renderFor = (model: string) => render({ turns, tools, model })
    const forAnHour = renderFor(claude)
    expect(forAnHour.body.system).toEqual([{ text: 'a' }, { cachePoint: { type: 'default', ttl: '1h' } }])
    expect(forAnHour.body.messages).toEqual([{ role: 'user', content: [{ text: 'b' }, point] }])
    expect((forAnHour.body.toolConfig as JsonObject).tools).toHaveLength(2)
    expect(forAnHour.lost).toEqual([])
    expect(renderFor(olderClaude).body.system).toEqual([{ text: 'a' }, point])
    expect(renderFor(olderClaude).lost).toEqual(['messages[0].cache_control.ttl'])
    expect((renderFor(nova).body.toolConfig as JsonObject).tools).toHaveLength(1)
    expect(renderFor(llama).body.system).toEqual([{ text: 'a' }])
    expect(renderFor(llama).lost).toContain('messages[0].cache_control')
  })
})

describe('parameters rendered for Converse', () => {
  test('parameters are sent in Converse’s own fields or in the model’s', () => {
    const { body, lost } = render({ limit: 5, temperature: 0.1, topP: 0.9, topK: 7, stop: ['x'] })
    expect(body.inferenceConfig).toEqual({ maxTokens: 5, temperature: 0.1, topP: 0.9, stopSequences: ['x'] })
    expect(body.additionalModelRequestFields).toEqual({ top_k: 7 })
    expect(body.additionalModelResponseFieldPaths).toEqual(['/stop_sequence', '/delta/stop_sequence'])
    expect(lost).toEqual([])
    expect(render({ topK: 7, model: nova }).body.additionalModelRequestFields).toEqual({ inferenceConfig: { topK: 7 } })
    expect(render({ topK: 7, model: llama }).lost).toEqual(['top_k'])
    expect(render({ temperature: 0.1, topP: 0.9, topK: 7, model: newerClaude }).lost).toEqual([
      'temperature',
      'top_p',
      'top_k',
    ])
    expect(render({}).body).toEqual({ messages: [{ role: 'user', content: [{ text: 'hi' }] }] })
  })

  test('fields without a form in Converse are losses', () => {
    const extra = { by: 'openai-chat', value: { logit_bias: {} } }
    const natives = [{ by: 'anthropic', value: {} }]
    const { lost, body } = render({ seed: 1, user: 'u', parallel: false, extra, nativeTools: natives })
    expect(lost.sort()).toEqual(['logit_bias', 'parallel_tool_calls', 'seed', 'tools', 'user'])
    expect(JSON.stringify(body)).not.toContain('logit_bias')
  })

  const fieldsOf = (chat: Partial<Chat>) => {
    const { body, lost } = render(chat)
    return { fields: body.additionalModelRequestFields, lost }
  }

  test('reasoning is sent as a budget, an effort, another model’s own field, or not at all', () => {
    expect(fieldsOf({ reasoning: { budget: 2000 } })).toEqual({
      fields: { thinking: { type: 'enabled', budget_tokens: 2000 } },
      lost: [],
    })
    expect(fieldsOf({ reasoning: { effort: 'low' }, limit: 1500, temperature: 0.5, topK: 3 })).toEqual({
      fields: { thinking: { type: 'enabled', budget_tokens: 1024 } },
      lost: ['temperature', 'top_k'],
    })
    expect(fieldsOf({ reasoning: { effort: 'high' }, limit: 1000 })).toEqual({ fields: undefined, lost: ['reasoning'] })
    expect(fieldsOf({ reasoning: { effort: 'none' } })).toEqual({ fields: undefined, lost: [] })
    expect(fieldsOf({ reasoning: { effort: 'high' }, model: newerClaude })).toEqual({
      fields: { thinking: { type: 'adaptive', display: 'summarized' }, output_config: { effort: 'high' } },
      lost: [],
    })
    expect(fieldsOf({ reasoning: { effort: 'none' }, model: newerClaude }).fields).toEqual({
      thinking: { type: 'disabled' },
    })
    expect(fieldsOf({ reasoning: { effort: 'xhigh' }, model: nova }).fields).toEqual({
      reasoningConfig: { type: 'enabled', maxReasoningEffort: 'high' },
    })
    expect(fieldsOf({ reasoning: { effort: 'minimal' }, model: gpt }).fields).toEqual({ reasoning_effort: 'low' })
    expect(fieldsOf({ reasoning: { effort: 'high' }, model: llama })).toEqual({
      fields: undefined,
      lost: ['reasoning'],
    })
  })
})

describe('tools rendered for Converse', () => {
  const tools = [{ name: 'look', description: 'looks', schema: { type: 'object' }, strict: true }]
  const configOf = (chat: Partial<Chat>) => {
    const { body, lost } = render(chat)
    return { config: body.toolConfig as JsonObject | undefined, lost }
  }

  test('tools keep their schema, and get strictness and a tool choice if the model supports them', () => {
    const spec = { name: 'look', description: 'looks', inputSchema: { json: { type: 'object' } } }
    expect(configOf({ tools, choice: 'any' })).toEqual({
      config: { tools: [{ toolSpec: { ...spec, strict: true } }], toolChoice: { any: {} } },
      lost: [],
    })
    expect(configOf({ tools, choice: { name: 'look' }, model: olderClaude })).toEqual({
      config: { tools: [{ toolSpec: spec }], toolChoice: { tool: { name: 'look' } } },
      lost: ['tools.look.strict'],
    })
    expect(configOf({ tools, choice: 'any', model: llama })).toEqual({
      config: { tools: [{ toolSpec: spec }] },
      lost: ['tools.look.strict', 'tool_choice'],
    })
    expect(configOf({ tools, choice: { name: 'look' }, model: gpt }).config!.toolChoice).toEqual({ any: {} })
    expect(configOf({ tools, choice: 'auto' }).config!.toolChoice).toBeUndefined()
    expect(configOf({ tools, choice: 'none' })).toEqual({ config: undefined, lost: [] })
  })

  test('tools are declared for a conversation that contains calls', () => {
    const turns = [
      user('a'),
      assistant({ type: 'call', id: 'a', name: 'look', args: '{}' }),
      user({ type: 'result', id: 'a', parts: [] }),
    ]
    const { config, lost } = configOf({ turns })
    expect(config!.tools).toEqual([
      { toolSpec: { name: 'look', inputSchema: { json: { type: 'object', properties: {} } } } },
    ])
    expect(lost).toEqual([])
    expect(configOf({ turns, tools, choice: 'none' }).lost).toEqual(['tool_choice'])
  })

  test('a free-text tool gets a schema with `input`', () => {
    const { config, lost } = configOf({ tools: [{ name: 'write', custom: null }] })
    expect(JSON.stringify(config)).toContain('"required":["input"]')
    expect(lost).toEqual(['tools.write'])
  })

  const closed = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false }
  const open = { type: 'object', properties: { a: { type: 'object', properties: {} } }, additionalProperties: false }

  test('a response format is sent natively if the model supports it, else as a tool the model must call', () => {
    expect(render({ format: { name: 'n', schema: closed, description: 'd' } })).toEqual({
      body: {
        messages: [{ role: 'user', content: [{ text: 'hi' }] }],
        outputConfig: {
          textFormat: {
            type: 'json_schema',
            structure: { jsonSchema: { schema: JSON.stringify(closed), name: 'n', description: 'd' } },
          },
        },
      },
      lost: [],
    })
    for (const chat of [{ format: { schema: open } }, { format: { schema: closed }, model: olderClaude }]) {
      const { config, lost } = configOf({ ...chat, reasoning: { effort: 'low' } })
      expect(config!.toolChoice).toEqual({ tool: { name: 'json_answer' } })
      expect(lost).toEqual(['reasoning'])
    }
    expect(configOf({ format: { schema: open }, tools }).config!.toolChoice).toEqual({ any: {} })
    expect(configOf({ format: {} }).config!.toolChoice).toEqual({ tool: { name: 'json_answer' } })
    expect(configOf({ format: {}, model: llama })).toEqual({ config: undefined, lost: ['response_format'] })
    expect(configOf({ format: { schema: { type: 'array' } }, model: nova }).lost).toEqual(['response_format'])
    expect(render({ format: { schema: open }, model: 'anthropic.claude-opus-5-5' }).body.outputConfig).toBeDefined()
  })
})

/** Events of a Converse stream, as [name, payload]. */
type StreamEvents = [name: string, body: JsonObject][]
const framesOf = (streamEvents: StreamEvents): Frame[] =>
  streamEvents.map(([event, body]) => ({ event, data: JSON.stringify(body) }))
const eventsOf = (frames: readonly Frame[], lost: string[] = [], more: Partial<Exchange> = {}): Event[] => {
  const events: Event[] = []
  const exchange = exchangeFor({ loss: path => lost.push(path), ...more })
  const parse = converse.parseStream(exchange)(event => events.push(event))
  for (const frame of frames) parse(frame)
  parse(undefined)
  return events
}
const messageOf = (events: readonly Event[]): Message => {
  const collector = createCollector()
  for (const event of events) collector.push(event)
  return collector.message()
}
const delta = (index: number, body: JsonObject): [string, JsonObject] => [
  'contentBlockDelta',
  { contentBlockIndex: index, delta: body },
]
const begin = (index: number, name: string, id = `id-${index}`): [string, JsonObject] => [
  'contentBlockStart',
  { contentBlockIndex: index, start: { toolUse: { toolUseId: id, name } } },
]
const close = (index: number): [string, JsonObject] => ['contentBlockStop', { contentBlockIndex: index }]
const stop = (stopReason: string, more = {}): [string, JsonObject] => ['messageStop', { stopReason, ...more }]
const usage: [string, JsonObject] = [
  'metadata',
  {
    usage: {
      inputTokens: 12,
      outputTokens: 5,
      totalTokens: 1057,
      cacheReadInputTokens: 1000,
      cacheWriteInputTokens: 40,
      cacheDetails: [
        { ttl: '1h', inputTokens: 30 },
        { ttl: '5m', inputTokens: 10 },
      ],
    },
  },
]

describe('streams of Converse', () => {
  test('a stream with signed and redacted thoughts, text and calls is decoded, with the usage before the finish', () => {
    const events = eventsOf(
      framesOf([
        ['messageStart', { role: 'assistant' }],
        delta(0, { reasoningContent: { text: 'h' } }),
        delta(0, { reasoningContent: { text: '' } }),
        delta(0, { reasoningContent: { text: 'm' } }),
        delta(0, { reasoningContent: { signature: 'sig' } }),
        close(0),
        delta(1, { reasoningContent: { redactedContent: 'cmVk' } }),
        close(1),
        delta(2, { text: 'ok' }),
        close(2),
        begin(3, 'look'),
        delta(3, { toolUse: { input: '{"a"' } }),
        delta(3, { toolUse: { input: ':1}' } }),
        close(3),
        begin(4, 'now'),
        delta(4, { toolUse: { input: '' } }),
        close(4),
        stop('tool_use'),
        usage,
      ]),
    )
    checkEvents(events)
    expect(messageOf(events)).toEqual({
      id: '',
      model: '',
      parts: [
        { type: 'reasoning', text: 'hm', seal: createSeal({ signature: 'sig' }) },
        { type: 'reasoning', text: '', seal: createSeal({ redactedContent: 'cmVk' }) },
        { type: 'text', text: 'ok' },
        { type: 'call', id: 'id-3', name: 'look', args: '{"a":1}' },
        { type: 'call', id: 'id-4', name: 'now', args: '{}' },
      ],
      finish: 'calls',
      raw: 'tool_use',
      usage: { input: 1052, output: 5, cacheRead: 1000, cacheWrite: 40, cacheWrite1h: 30 },
    })
    expect(events.slice(-2).map(({ type }) => type)).toEqual(['usage', 'finish'])
  })

  const endings: [raw: string, finish: Message['finish']][] = [
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['guardrail_intervened', 'filter'],
    ['content_filtered', 'filter'],
    ['malformed_tool_use', 'other'],
  ]
  for (const [raw, finish] of endings)
    test(`the stop reason ${raw} becomes ${finish}`, () => {
      const message = messageOf(eventsOf(framesOf([delta(0, { text: 'x' }), close(0), stop(raw), usage])))
      expect({ finish: message.finish, raw: message.raw }).toEqual({ finish, raw })
    })

  test('an answer with a call finishes with calls, whatever its stop reason', () => {
    expect(messageOf(eventsOf(framesOf([begin(0, 'look'), close(0), stop('end_turn'), usage]))).finish).toBe('calls')
  })

  test('the finish names the stop sequence that matched', () => {
    const fields = { additionalModelResponseFields: { delta: { stop_sequence: 'END' } } }
    expect(messageOf(eventsOf(framesOf([delta(0, { text: 'x' }), stop('stop_sequence', fields), usage]))).stop).toBe(
      'END',
    )
  })

  test('a call of the structured-output tool becomes text', () => {
    const name = 'json_answer'
    const frames = framesOf([
      begin(0, name),
      delta(0, { toolUse: { input: '{"a":1}' } }),
      close(0),
      stop('tool_use'),
      usage,
    ])
    const { parts, finish } = messageOf(eventsOf(frames, [], { structuredOutputTool: name }))
    expect({ parts, finish }).toEqual({ parts: [{ type: 'text', text: '{"a":1}' }], finish: 'stop' })
    expect(messageOf(eventsOf(frames))).toMatchObject({ parts: [{ type: 'call', name }], finish: 'calls' })
  })

  test('the finish is emitted after the usage, or at the end if there is none, and is the last event', () => {
    const events: Event[] = []
    const parse = converse.parseStream(exchangeFor())(event => events.push(event))
    const [text, messageStop, counts] = framesOf([delta(0, { text: 'x' }), stop('end_turn'), usage])
    parse(text)
    parse(messageStop)
    expect(events.at(-1)!.type).toBe('delta')
    parse(counts)
    expect(events.at(-1)!.type).toBe('finish')
    const count = events.length
    parse(text)
    parse(undefined)
    expect(events).toHaveLength(count)
    expect(messageOf(eventsOf([text!, messageStop!])).finish).toBe('stop')
    expect(messageOf(eventsOf([text!, counts!, messageStop!])).usage?.output).toBe(5)
  })

  test('a stream that ends without a stop reason is a fault', () => {
    for (const streamEvents of [
      [],
      [delta(0, { text: 'x' })],
      [delta(0, { text: 'x' }), close(0), usage],
    ] as StreamEvents[]) {
      const events = eventsOf(framesOf(streamEvents))
      checkEvents(events.length === 1 ? [{ type: 'start', id: '', model: '' }, ...events] : events)
      expect(events.at(-1)!.type).toBe('fault')
    }
  })

  test('sources, blocks of the vendor’s own tools and images are parsed, and a trace is a loss', () => {
    const lost: string[] = []
    const citation = { title: 't', sourceContent: [{ text: 'q' }], location: { web: { url: 'https://x.example' } } }
    const use = { toolUseId: 'a', name: 'nova_grounding', type: 'server_tool_use' }
    const result = { toolUseId: 'a', type: 'nova_grounding_result', status: 'success' }
    const frames = framesOf([
      ['contentBlockStart', { contentBlockIndex: 0, start: { toolUse: use } }],
      delta(0, { toolUse: { input: '{"q":' } }),
      delta(0, { toolUse: { input: '1}' } }),
      close(0),
      ['contentBlockStart', { contentBlockIndex: 1, start: { toolResult: result } }],
      delta(1, { toolResult: [{ text: 'found' }] as unknown as JsonObject }),
      close(1),
      delta(2, { citation }),
      delta(2, { text: 'so' }),
      close(2),
      ['contentBlockStart', { contentBlockIndex: 3, start: { image: { format: 'png' } } }],
      delta(3, { image: { source: { bytes: 'AAAA' } } }),
      close(3),
      stop('end_turn'),
      ['metadata', { ...usage[1], trace: { guardrail: {} } }],
    ])
    const events = eventsOf(frames, lost)
    checkEvents(events)
    expect(messageOf(events).parts).toEqual([
      { type: 'foreign', seal: createSeal({ block: { toolUse: { ...use, input: { q: 1 } } } }) },
      { type: 'foreign', seal: createSeal({ block: { toolResult: { ...result, content: [{ text: 'found' }] } } }) },
      {
        type: 'text',
        text: 'so',
        citations: [{ url: 'https://x.example', title: 't', quote: 'q', seal: createSeal(citation) }],
      },
      { type: 'media', mime: 'image/png', source: { data: 'AAAA' } },
    ])
    expect(lost).toEqual(['trace'])
  })

  test('frames that are not events are dropped and noted as losses', () => {
    const lost: string[] = []
    eventsOf([{ data: '{}' }, { event: 'messageStart', data: 'x' }, { event: 'unheardOf', data: '{}' }], lost)
    expect(lost).toEqual(['stream', 'stream'])
  })
})

describe('errors of Converse', () => {
  const errorFor = (status: number, type: string, message: string) =>
    converse.parseError(
      status,
      new Headers({ 'x-amzn-errortype': `${type}:http://internal.amazon.com/coral/` }),
      JSON.stringify({ message }),
      exchangeFor(),
    )

  test('errors get the exception’s name and status', () => {
    const cases: [status: number, type: string, code: GatewayError['code'], expectedStatus: number][] = [
      [400, 'ValidationException', 'upstream_refused', 400],
      [404, 'ResourceNotFoundException', 'upstream_refused', 404],
      [429, 'ThrottlingException', 'upstream_limited', 429],
      [400, 'ServiceQuotaExceededException', 'upstream_limited', 429],
      [408, 'ModelTimeoutException', 'upstream_timeout', 504],
      [424, 'ModelErrorException', 'upstream_failed', 502],
      [503, 'ServiceUnavailableException', 'upstream_failed', 503],
    ]
    for (const [status, type, code, expectedStatus] of cases) {
      const error = errorFor(status, type, 'no')
      expect({ code: error.code, status: error.status, message: error.message, name: error.detail.vendorCode }).toEqual(
        {
          code,
          status: expectedStatus,
          message: 'no',
          name: type,
        },
      )
    }
  })

  test('errors about our credentials carry no details', () => {
    for (const type of ['UnrecognizedClientException', 'ExpiredTokenException', 'InvalidSignatureException']) {
      const error = errorFor(403, type, 'The security token included in the request is expired')
      expect({ code: error.code, named: error.detail.vendorCode }).toEqual({
        code: 'upstream_credentials',
        named: undefined,
      })
      expect(error.message).not.toContain('token')
    }
  })

  test('a body that is not an answer throws an error', () => {
    for (const body of ['<html>', {}, { output: {} }, { message: 'x' }] as Json[])
      expect(() => converse.parseMessage(body, exchangeFor())).toThrow(GatewayError)
  })
})

const all = recordings('bedrock-converse').filter(({ provider }) => provider === 'bedrock')
const good = all.filter(({ status }) => (status ?? 200) === 200)
const asBytes = ({ bytes, text }: Recording): Uint8Array =>
  bytes ??
  Buffer.concat(
    text
      .trim()
      .split('\n')
      .map(line => eventOf(...(Object.entries(JSON.parse(line))[0] as [string, unknown]))),
  )
const streams = good.filter(one => one.bytes || one.headers['content-type'] === 'application/x-ndjson')
const complete = good.filter(one => !streams.includes(one))
const refused = all.filter(({ status }) => status !== null && status >= 400)

const framesAt = (bytes: Uint8Array, cuts: readonly number[]): Frame[] => {
  const frames: Frame[] = []
  const reader = awsEventStreamFraming(frame => frames.push(frame), exchangeFor())
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    reader.push(bytes.subarray(from, cut))
    from = cut
  }
  reader.end()
  return frames
}

describe(`${all.length} recordings of Converse`, () => {
  const completeStreams = streams.filter(({ file }) => !file.includes('exception'))

  recordedTest(all, 'each recording is a stream, a non-streaming response or a refusal', () => {
    expect(streams.length + complete.length + refused.length).toBe(all.length)
  })

  recordedTest(
    completeStreams,
    `${completeStreams.length} streams decode to valid events wherever their bytes are split, and are valid for a client`,
    () => {
      const chat = protocols.get('openai-chat')!
      for (const recording of completeStreams) {
        const bytes = asBytes(recording)
        const frames = framesAt(bytes, [])
        const random = seededRandom(bytes.length)
        const cuts = Array.from({ length: 64 }, () => Math.floor(random() * bytes.length)).sort((a, b) => a - b)
        expect(
          framesAt(
            bytes,
            Array.from(bytes, (_, at) => at),
          ),
        ).toEqual(frames)
        const events = eventsOf(frames)
        expect(eventsOf(framesAt(bytes, cuts))).toEqual(events)
        checkEvents(events)
        const { usage } = messageOf(events)
        expect({ file: recording.file, end: events.at(-1)!.type, usage: usage !== undefined }).toEqual({
          file: recording.file,
          end: 'finish',
          usage: true,
        })
        const pipe = translateStream(chat, converse, exchangeFor())
        let out = ''
        for (const frame of frames) out += pipe.push(frame)
        out += pipe.end()
        readStream(out, exchangeFor().model)
        readMessage(collectStream(chat, converse, frames, exchangeFor()).body, exchangeFor().model)
      }
    },
  )

  recordedTest(
    complete,
    `${complete.length} non-streaming responses keep every text, thought and call, and the token counts add up`,
    () => {
      const chat = protocols.get('openai-chat')!
      for (const { file, text } of complete) {
        const body = JSON.parse(text) as {
          output: { message: { content: JsonObject[] } }
          usage: Record<string, number>
        }
        const message = converse.parseMessage(body as unknown as Json, exchangeFor())
        expect({ file, parts: message.parts.length }).toEqual({ file, parts: body.output.message.content.length })
        const { input, output } = message.usage!
        expect({ file, total: input + output }).toEqual({ file, total: body.usage.totalTokens! })
        readMessage(translateMessage(chat, converse, text, exchangeFor()).body, exchangeFor().model)
      }
    },
  )

  recordedTest(refused, `${refused.length} refusals keep their status, except for refused credentials`, () => {
    for (const { file, status, headers, text } of refused) {
      const error = converse.parseError(status!, new Headers(headers), text, exchangeFor())
      expect({ file, status: error.status }).toEqual({ file, status: status === 403 ? 502 : status! })
    }
  })
})
