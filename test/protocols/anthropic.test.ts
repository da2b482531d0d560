/** Messages: the protocol contract over our own fixtures and the recordings, and the protocol's rules one by one. */
import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../src/base/errors.ts'
import { isObject, type JsonObject } from '../../src/base/json/json.ts'
import { writeJson } from '../../src/base/json/raw.ts'
import type { Chat, Turn } from '../../src/ir/chat.ts'
import { createCollector, replayMessage } from '../../src/ir/collect.ts'
import type { Event } from '../../src/ir/event.ts'
import { unwrapSeal, wrapSeal } from '../../src/ir/seal.ts'
import { headers } from '../../src/protocols/anthropic/headers.ts'
import { traitsOf } from '../../src/protocols/anthropic/model-traits.ts'
import type { Protocol } from '../../src/protocols/protocol.ts'
import { protocols } from '../../src/protocols/registry.ts'
import { translateMessage, translateStream } from '../../src/protocols/shared/translate.ts'
import { eventsOf, exchangeFor, framesOf, protocolContract, type Samples } from '../contracts/protocol.ts'
import { messages, requests, type StreamFixture, streams, toText } from '../fixtures/anthropic.ts'
import { type Recording, recordedTest, recordings } from '../support/recordings.ts'
import { type Answer, readMessage, readStream } from '../validators/anthropic.ts'

const anthropic = protocols.get('anthropic')!
const { model } = exchangeFor()

const vendorRecordings = ['anthropic-messages', 'vertex-anthropic'].flatMap(recordings)
/** Bedrock responds with Claude's own bodies. */
const bedrock = recordings('bedrock-invoke').filter(({ text }) => /"id":\s*"msg_bdrk/.test(text))
const all = vendorRecordings.filter(({ method }) => method === 'POST')
const good = all.filter(({ status }) => (status ?? 200) === 200)
const streamed = good.filter(({ isEventStream }) => isEventStream)
const complete = [...good.filter(({ isEventStream }) => !isEventStream), ...bedrock]
const refused = all.filter(({ status }) => status !== null && status >= 400)
/** A stream without an end, or one that starts again before its end. */
const isFault = ({ text }: Recording): boolean => {
  const [answer = '', after] = text.split('event: message_stop')
  return after === undefined || answer.split('event: message_start').length > 2
}

/** A recorded request whose tool result does not match the tool call, because the call came from a replayed answer. */
const isRepaired = (file: string) => file.includes('tools_call_with_tool_result_stream_helper')

const recorded: Samples = {
  recorded: true,
  source: `${all.length} recordings and ${bedrock.length} of Bedrock`,
  streams: streamed.map(one => ({ name: one.file, text: one.text, fault: isFault(one) })),
  messages: complete.map(({ file, text }) => ({ name: file, body: JSON.parse(text) as JsonObject })),
  requests: good.flatMap(({ file, request }) =>
    isObject(request) && Array.isArray(request.messages) && !isRepaired(file) ? [{ name: file, body: request }] : [],
  ),
}
const fixtures: Samples = {
  source: 'our fixtures',
  streams: streams.map(one => ({ name: one.quirk, text: toText(one), fault: one.expected.fault !== undefined })),
  messages,
  requests,
}
protocolContract(anthropic, fixtures)
protocolContract(anthropic, recorded)

/** A vendor's stream as the client gets it by passthrough. */
const passThrough = (text: string) => {
  const pipe = anthropic.passthrough.pipeStream(exchangeFor())
  let out = ''
  for (const frame of framesOf(text)) out += pipe.push(frame)
  return { out: out + pipe.end(), state: pipe.state }
}

describe('passthrough of our fixtures', () => {
  const expectedAnswer = ({ expected }: StreamFixture) => ({
    text: expected.text ?? '',
    thinking: expected.thinking ?? '',
    calls: expected.calls ?? [],
    stop: expected.stop,
  })

  test.each(streams.map(one => [one.quirk, one] as const))('%s', (_, fixture) => {
    const { out, state } = passThrough(toText(fixture))
    if (fixture.expected.fault !== undefined) {
      expect(state.fault?.status).toBe(fixture.expected.fault)
      expect(out).not.toContain('message_stop')
      return
    }
    const answer = readStream(out, model)
    expect({
      text: answer.text,
      thinking: answer.thinking,
      calls: answer.calls.map(({ name, args }) => ({ name, args })),
      stop: answer.stop,
    }).toEqual(expectedAnswer(fixture) as never)
    if (fixture.expected.usage) expect(state.usage).toMatchObject(fixture.expected.usage)
  })

  test('a valid stream is forwarded byte for byte, except for the model and the token counts at its end', () => {
    const text = toText(streams[0]!)
    const [before, after] = passThrough(text).out.split('event: message_delta')
    expect(before).toBe(text.split('event: message_delta')[0]!.replace('vendor-model', model))
    expect(after).toContain('"input_tokens":9')
  })

  test.each(messages.map(({ name, body }) => [name, body] as const))(
    'a non-streaming response keeps everything but the model: %s',
    (_, body) => {
      const { text, usage } = anthropic.passthrough.passMessage(JSON.stringify(body), exchangeFor())
      expect(JSON.parse(text)).toEqual({ ...body, model })
      expect(usage?.output).toBe(7)
      readMessage(text, model)
    },
  )

  test('numbers in a non-streaming response are not rounded', () => {
    const text = JSON.stringify(messages[1]!.body).replace('"Bern"', '12345678901234567890')
    expect(anthropic.passthrough.passMessage(text, exchangeFor()).text).toContain('12345678901234567890')
  })

  test('a body that is not a message throws an error', () => {
    expect(() => anthropic.passthrough.passMessage('<html>', exchangeFor())).toThrow('HTML')
    expect(() => anthropic.passthrough.passMessage('{"id":"x"}', exchangeFor())).toThrow('no answer')
    const error = '{"type":"error","error":{"type":"overloaded_error","message":"Busy"}}'
    expect(() => anthropic.passthrough.passMessage(error, exchangeFor())).toThrow('Busy')
  })
})

describe(`passthrough of ${all.length} recordings`, () => {
  recordedTest(streamed, `${streamed.length} streams are valid for a strict client`, () => {
    for (const one of streamed) {
      const { out, state } = passThrough(one.text)
      expect({ file: one.file, fault: state.fault !== undefined }).toEqual({ file: one.file, fault: isFault(one) })
      if (!state.fault) readStream(out, model)
    }
  })

  recordedTest(complete, `${complete.length} non-streaming responses are valid for a strict client`, () => {
    for (const { text } of complete) readMessage(anthropic.passthrough.passMessage(text, exchangeFor()).text, model)
  })

  recordedTest(
    refused,
    `${refused.length} refusals keep their status and body, except that refused credentials become a 502`,
    () => {
      for (const { file, status, text } of refused) {
        const error = anthropic.parseError(status!, new Headers(), text, exchangeFor())
        const kept = [401, 402, 403].includes(status!) ? 502 : status
        expect<unknown>({ file, status: error.status }).toEqual({ file, status: kept })
        if (kept === status) expect(anthropic.renderError(error)).toEqual(JSON.parse(text))
      }
    },
  )
})

type AnswerContent = Pick<Answer, 'text' | 'thinking'> & { calls: { id: string; name: string; args: string }[] }

/** Every recorded answer of the other protocols, rendered for a Messages client. */
describe('recorded answers of other protocols are rendered as valid Messages', () => {
  const apis: Record<string, string> = {
    'openai-chat': 'chat-completions',
    'openai-responses': 'responses',
    gemini: 'gemini-generate',
    anthropic: 'anthropic-messages',
  }
  const implemented = Object.entries(apis).filter(([id]) => protocols.has(id))

  for (const [id, api] of implemented) {
    const answers = recordings(api).filter(({ method, status }) => method === 'POST' && (status ?? 200) === 200)
    recordedTest(answers, `answers of ${id}`, () => renderAnswers(protocols.get(id)!, answers))
  }

  const renderAnswers = (egress: Protocol, answers: readonly Recording[]) => {
    let translatedCount = 0
    for (const { file, text, isEventStream } of answers) {
      if (!isEventStream) {
        const answer = attempt(() => translateMessage(anthropic, egress, text, exchangeFor()).body)
        if (answer !== undefined) readNamingFile(file, () => readMessage(answer, model))
        translatedCount += answer === undefined ? 0 : 1
        continue
      }
      const pipe = translateStream(anthropic, egress, exchangeFor())
      let out = ''
      for (const frame of framesOf(text)) out += pipe.push(frame)
      out += pipe.end()
      if (pipe.state.fault) expect(out).not.toContain('message_stop')
      else
        readNamingFile(file, () =>
          expect(contentOf(readStream(out, model))).toEqual(
            contentOfEvents(eventsOf(egress, framesOf(text)), egress === anthropic),
          ),
        )
      translatedCount++
    }
    expect(translatedCount).toBeGreaterThan(answers.length / 2)
  }

  const contentOf = ({ text, thinking, calls }: AnswerContent) => ({
    text,
    thinking,
    calls: calls.map(({ id, name, args }) => ({ id, name, args })),
  })
  /** `isSameProtocol`: a refusal is not rendered as text. */
  const contentOfEvents = (events: Event[], isSameProtocol: boolean) => {
    const collector = createCollector()
    for (const event of events) collector.push(event)
    const { parts } = collector.message()
    const textsOf = (...types: string[]) =>
      parts.map(part => (types.includes(part.type) && 'text' in part ? part.text : ''))
    return contentOf({
      text: textsOf('text', ...(isSameProtocol ? [] : ['refusal'])).join(''),
      thinking: textsOf('reasoning').join(''),
      calls: parts
        .filter(part => part.type === 'call')
        .map(call => (call.custom ? { ...call, args: JSON.stringify({ input: call.args }) } : call)),
    })
  }

  const attempt = <T>(action: () => T): T | undefined => {
    try {
      return action()
    } catch (thrown) {
      if (thrown instanceof GatewayError) return undefined
      throw thrown
    }
  }
  const readNamingFile = (file: string, read: () => unknown): void => {
    try {
      read()
    } catch (thrown) {
      throw new Error(`${file}: ${(thrown as Error).message}`)
    }
  }
})

/** The request a vendor gets for a chat with these turns, and the paths of its losses. */
const renderTurns = (turns: Turn[], more: Partial<Chat> = {}) => {
  const lost: string[] = []
  const chat: Chat = { model: 'claude-sonnet-4-5', stream: false, turns, ...more }
  const body = anthropic.renderRequest(chat, exchangeFor({ loss: path => lost.push(path) }))
  return { body, messages: body.messages as JsonObject[], lost }
}
const user = (text: string): Turn => ({ role: 'user', parts: [{ type: 'text', text }] })
const assistant = (text: string): Turn => ({ role: 'assistant', parts: [{ type: 'text', text }] })
const system = (text: string): Turn => ({ role: 'system', parts: [{ type: 'text', text }] })
const toolCall = (id: string, args = '{}', name = 'f'): Turn => ({
  role: 'assistant',
  parts: [{ type: 'call', id, name, args }],
})
const toolResult = (id: string, text = 'ok'): Turn => ({
  role: 'user',
  parts: [{ type: 'result', id, parts: [{ type: 'text', text }] }],
})

describe('messages rendered for a vendor', () => {
  test('consecutive turns of one role become one message, and empty texts are dropped', () => {
    const { messages, lost } = renderTurns([user('a'), user(' '), user('b'), assistant(''), user('c')])
    expect(messages).toEqual([{ role: 'user', content: ['a', 'b', 'c'].map(text => ({ type: 'text', text })) }])
    expect(lost).toEqual([])
  })

  test('a message of the user is put before a conversation that the assistant begins', () => {
    const { messages, lost } = renderTurns([assistant('Hello'), user('Hi')])
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user'])
    expect(lost).toEqual(['messages[0]'])
  })

  test('a system prompt alone becomes a message of the user, and a request without content is refused', () => {
    expect(renderTurns([system('Sing')]).body).toMatchObject({ messages: [{ role: 'user', content: 'Sing' }] })
    expect(() => renderTurns([])).toThrow(GatewayError)
  })

  test('a system turn inside the conversation keeps its role if the model supports it, else it goes into a user message', () => {
    const turns = [system('A'), user('1'), assistant('2'), user('3'), system('B')]
    const newer = renderTurns(turns, { model: 'claude-opus-5-5' })
    expect(newer.messages.at(-1)).toEqual({ role: 'system', content: 'B' })
    expect(newer.lost).toEqual([])
    const older = renderTurns(turns)
    expect(older.body.system).toBe('A')
    expect(JSON.stringify(older.messages.at(-1))).toContain('<system>\\nB\\n</system>')
    expect(older.lost).toHaveLength(1)
  })

  test('tool results come first in their message, all in one message and in the order of the calls', () => {
    const { messages, lost } = renderTurns([
      user('go'),
      { role: 'assistant', parts: [...toolCall('a').parts, ...toolCall('b').parts] },
      user('wait'),
      toolResult('b'),
      toolResult('a'),
    ])
    expect((messages.at(-1)!.content as JsonObject[]).map(({ type, tool_use_id: call }) => call ?? type)).toEqual([
      'a',
      'b',
      'text',
    ])
    expect(lost).toEqual([])
  })

  test('a call without a result gets a failed result, and a result without a call becomes text', () => {
    const { messages, lost } = renderTurns([
      user('go'),
      toolCall('a'),
      toolResult('z', 'late'),
      assistant('so'),
      toolCall('last'),
    ])
    expect(messages[2]).toMatchObject({
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: 'a', is_error: true }, { type: 'text' }, { text: 'late' }],
    })
    expect(messages.at(-1)).toMatchObject({ role: 'user', content: [{ tool_use_id: 'last', is_error: true }] })
    expect(lost).toHaveLength(3)
  })

  test('invalid call ids are replaced by valid ones, equal in call and result and unique per call', () => {
    const { messages } = renderTurns([
      user('go'),
      toolCall('f.x:0'),
      toolResult('f.x:0'),
      toolCall('f_x_0'),
      toolResult('f_x_0'),
    ])
    const ids = messages.flatMap(({ content }) =>
      Array.isArray(content) ? content.flatMap(one => (isObject(one) ? [one.id ?? one.tool_use_id] : [])) : [],
    )
    expect(ids).toEqual(['f_x_0', 'f_x_0', 'f_x_0_2', 'f_x_0_2'])
  })

  test('arguments keep their exact text, and arguments that are not an object are wrapped in one', () => {
    const text = '{"10": 1, "2": 12345678901234567890}'
    expect(writeJson(renderTurns([user('go'), toolCall('a', text), toolResult('a')]).body)).toContain(`"input":${text}`)
    const broken = renderTurns([user('go'), toolCall('a', '{"city'), toolResult('a')])
    expect(broken.messages[1]).toMatchObject({ content: [{ input: { input: '{"city' } }] })
    expect(broken.lost).toHaveLength(1)
  })

  test('trailing white space of the last assistant message is removed', () => {
    expect(renderTurns([user('go'), assistant('So: \n')]).messages.at(-1)).toEqual({
      role: 'assistant',
      content: 'So:',
    })
  })

  test('only thoughts with a signature of this vendor are sent back', () => {
    const { sealOrigin } = exchangeFor()
    const part = (seal?: object) => ({ type: 'reasoning' as const, text: 'Hm', ...(seal && { seal }) }) as never
    const { messages, lost } = renderTurns([
      user('a'),
      {
        role: 'assistant',
        parts: [part({ by: 'anthropic', at: sealOrigin, value: 'c2ln' }), part(), part({ by: 'gemini', value: 1 })],
      },
      user('b'),
    ])
    expect(messages[1]).toEqual({
      role: 'assistant',
      content: [{ type: 'thinking', thinking: 'Hm', signature: 'c2ln' }],
    })
    expect(lost).toHaveLength(3)
  })

  test('the type of an image without an exact type is detected from its bytes', () => {
    const parts = [{ type: 'media' as const, mime: 'image/*', source: { data: '/9j/4AAQ' } }]
    expect(JSON.stringify(renderTurns([{ role: 'user', parts }]).messages)).toContain('"image/jpeg"')
  })
})

describe('thinking, sampling and tools rendered for a vendor', () => {
  const turns = [user('Hi')]
  const renderWith = (more: Partial<Chat>) => renderTurns(turns, more)

  test('max_tokens is always sent, with a default that every model accepts', () => {
    expect(renderWith({}).body.max_tokens).toBe(32_000)
    expect(renderWith({ limit: 5 }).body.max_tokens).toBe(5)
  })

  test('a request to show thoughts does not make a model think that would not think by default', () => {
    const showThoughts = { reasoning: { shown: true } }
    for (const model of ['claude-sonnet-4-6', 'claude-opus-4-8', 'claude-opus-4-5']) {
      expect(renderWith({ model, ...showThoughts }).body.thinking).toBeUndefined()
      expect(renderWith({ model, ...showThoughts, temperature: 0.5 }).lost).not.toContain('reasoning')
    }
    const summarized = { type: 'adaptive', display: 'summarized' }
    expect(renderWith({ model: 'claude-opus-4-8', reasoning: { on: true, shown: true } }).body.thinking).toEqual(
      summarized,
    )
    expect(renderWith({ model: 'claude-sonnet-5-5', ...showThoughts }).body.thinking).toEqual(summarized)
    const client = { model: 'm', max_tokens: 9, messages: [], thinking: { type: 'adaptive' } }
    expect(anthropic.parseRequest(client, () => undefined).reasoning).toEqual({ on: true, shown: true })
  })

  test('the thinking budget stays below max_tokens', () => {
    expect(renderWith({ reasoning: { effort: 'medium' } }).body).toMatchObject({
      max_tokens: 32_000,
      thinking: { type: 'enabled', budget_tokens: 8192 },
    })
    expect(renderWith({ reasoning: { budget: 50_000 } }).body.max_tokens).toBeGreaterThan(50_000)
    const tight = renderWith({ reasoning: { effort: 'high' }, limit: 4000 })
    expect(tight.body).toMatchObject({ max_tokens: 4000, thinking: { budget_tokens: 2000 } })
    expect(tight.lost).toEqual(['reasoning'])
    const none = renderWith({ reasoning: { effort: 'high' }, limit: 1000 })
    expect(none.body.thinking).toBeUndefined()
    expect(none.lost).toEqual(['reasoning'])
  })

  test('newer models get an effort instead of a budget, and every model gets only the fields it supports', () => {
    const newer = renderWith({ model: 'claude-opus-5-5', reasoning: { budget: 30_000 }, temperature: 0.2, topP: 0.5 })
    expect(newer.body).toMatchObject({ thinking: { type: 'adaptive' }, output_config: { effort: 'xhigh' } })
    expect(newer.lost).toEqual(['temperature', 'top_p'])
    expect(renderWith({ model: 'claude-opus-5', reasoning: { effort: 'none' } }).body.thinking).toEqual({
      type: 'disabled',
    })
    expect(renderWith({ model: 'claude-sonnet-5-5', reasoning: { effort: 'none' } }).body.thinking).toEqual({
      type: 'between_tools',
    })
    expect(renderWith({ model: 'claude-opus-5-5', reasoning: { effort: 'none' } }).body).toMatchObject({
      output_config: { effort: 'low' },
    })
    expect(renderWith({ reasoning: { effort: 'none' } }).body.thinking).toBeUndefined()
  })

  test.each([
    ['claude-opus-4-5-20251101', false, true],
    ['anthropic.claude-sonnet-4-20250514-v1:0', false, true],
    ['claude-3-7-sonnet@20250219', false, true],
    ['anthropic/claude-sonnet-4.6', true, true],
    ['claude-opus-4-7', true, false],
    ['claude-mythos-preview', true, false],
    ['claude-haiku-5-5', true, false],
    ['kimi-k2.7', false, true],
  ])('%s has adaptive thinking: %p, accepts sampling: %p', (name, hasAdaptiveThinking, acceptsSampling) => {
    expect(traitsOf(name)).toMatchObject({ hasAdaptiveThinking, acceptsSampling })
  })

  test('temperature is clamped to its range and excludes top_p; thinking restricts all sampling', () => {
    const both = renderWith({ temperature: 1.5, topP: 0.9, topK: 3 })
    expect(both.body).toMatchObject({ temperature: 1, top_k: 3 })
    expect(both.lost).toEqual(['temperature', 'top_p'])
    const thinking = renderWith({ temperature: 0.5, topP: 0.97, topK: 3, reasoning: { effort: 'low' } })
    expect(thinking.body).toMatchObject({ top_p: 0.97 })
    expect(thinking.lost).toEqual(['temperature', 'top_k'])
  })

  test('a forced tool call disables thinking, and becomes optional for a model that cannot be forced', () => {
    const tools = [{ name: 'f', schema: { type: 'object' } }]
    const forced = renderWith({ tools, choice: 'any', reasoning: { effort: 'low' }, parallel: false })
    expect(forced.body.tool_choice).toEqual({ type: 'any', disable_parallel_tool_use: true })
    expect(forced.body.thinking).toBeUndefined()
    const unforced = renderWith({ tools, choice: { name: 'f' }, model: 'claude-opus-5-5' })
    expect(unforced.body.tool_choice).toEqual({ type: 'auto' })
    expect([forced.lost, unforced.lost]).toEqual([['reasoning'], ['tool_choice']])
    const choice = (model: string) => renderWith({ tools, choice: 'any', model }).body.tool_choice
    expect([choice('claude-sonnet-5-5'), choice('claude-sonnet-5')]).toEqual([{ type: 'auto' }, { type: 'any' }])
  })

  test('thinking is disabled for a round of tool calls whose thoughts are missing', () => {
    const round = renderTurns([user('go'), toolCall('a'), toolResult('a')], { reasoning: { effort: 'low' } })
    expect(round.body.thinking).toBeUndefined()
    expect(round.lost).toEqual(['reasoning'])
  })

  const closed = { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false }

  test('a response format is requested natively, or by a tool whose call becomes the text', () => {
    expect(renderWith({ format: { schema: closed } }).body).toMatchObject({
      output_config: { format: { schema: closed } },
    })
    const open = renderWith({ format: { schema: { type: 'object' } } })
    expect(open.body).toMatchObject({ tool_choice: { type: 'tool', name: 'json_answer' } })
    const other = renderWith({ format: { schema: closed }, model: 'glm-5', tools: [{ name: 'f' }] })
    expect(other.body.tool_choice).toEqual({ type: 'any' })
    const body = {
      type: 'message',
      content: [{ type: 'tool_use', id: 't', name: 'json_answer', input: { a: 'b' } }],
      stop_reason: 'tool_use',
    }
    expect(anthropic.parseMessage(body, exchangeFor({ structuredOutputTool: 'json_answer' }))).toMatchObject({
      parts: [{ type: 'text', text: '{"a":"b"}' }],
      finish: 'stop',
    })
    expect(anthropic.parseMessage(body, exchangeFor())).toMatchObject({
      parts: [{ type: 'call', name: 'json_answer' }],
      finish: 'calls',
    })
  })

  test("the structured-output tool's name differs from the names of the client's tools", () => {
    const exchange = exchangeFor()
    const chat = { model: 'claude-opus-4-5', stream: false, turns, tools: [{ name: 'json_answer' }] }
    const body = anthropic.renderRequest({ ...chat, format: { schema: { type: 'object' } } }, exchange)
    expect(body.tools).toMatchObject([{ name: 'json_answer' }, { name: 'json_answer_2' }])
    expect(exchange.structuredOutputTool).toBe('json_answer_2')
    const plain = exchangeFor()
    anthropic.renderRequest(chat, plain)
    expect(plain.structuredOutputTool).toBeUndefined()
  })

  test('a tool without a schema and a free-text tool get a schema; blank stop sequences and a seed are losses', () => {
    const { body, lost } = renderWith({
      tools: [{ name: 'f' }, { name: 'g', custom: null }],
      stop: ['\n', 'END'],
      seed: 1,
    })
    expect(body.tools).toMatchObject([
      { name: 'f', input_schema: { type: 'object' } },
      { name: 'g', input_schema: { required: ['input'] } },
    ])
    expect(body.stop_sequences).toEqual(['END'])
    expect(lost).toEqual(['stop', 'seed'])
  })
})

describe('seals of other protocols, and streams for clients', () => {
  const seal = { by: 'gemini', at: 'a.b', value: 'sig' }
  const render = (events: Event[]) => {
    const out: string[] = []
    const push = anthropic.renderStream(exchangeFor())(frame => out.push(anthropic.renderFrame(frame)))
    for (const event of events) push(event)
    push(undefined)
    return out.join('')
  }
  const withStartAndFinish = (...events: Event[]): Event[] => [
    { type: 'start', id: '', model: 'm' },
    ...events,
    { type: 'finish', reason: 'stop' },
  ]

  test('a call’s seal is sent in an empty thought before the call, even if it follows the first arguments, and comes back', () => {
    for (const first of [true, false]) {
      const sealEvent: Event = { type: 'seal', at: 0, seal }
      const textEvent: Event = { type: 'delta', at: 0, text: '{}' }
      const out = render(
        withStartAndFinish(
          { type: 'open', at: 0, part: 'call', id: 'c', name: 'f' },
          ...(first ? [sealEvent, textEvent] : [textEvent, sealEvent]),
          { type: 'close', at: 0 },
        ),
      )
      const answer = readStream(out, model)
      expect(answer).toMatchObject({ blocks: ['thinking', 'tool_use'], stop: 'tool_use', thinking: '' })
      expect(unwrapSeal(answer.signatures[0])).toEqual({ seal, next: true })
      const content = [
        { type: 'thinking', thinking: '', signature: answer.signatures[0]! },
        { type: 'tool_use', id: 'c', name: 'f', input: {} },
      ]
      const body = { model: 'm', max_tokens: 1, messages: [{ role: 'assistant', content }] }
      const [turn] = anthropic.parseRequest(body, () => undefined).turns
      expect(turn!.parts).toEqual([{ type: 'call', id: 'c', name: 'f', args: '{}', seal }])
    }
  })

  test('a thought’s seal is sent in its signature and comes back', () => {
    const out = render(
      withStartAndFinish(
        { type: 'open', at: 0, part: 'reasoning' },
        { type: 'delta', at: 0, text: 'Hm' },
        { type: 'seal', at: 0, seal },
        { type: 'close', at: 0 },
      ),
    )
    const [signature] = readStream(out, model).signatures
    const body = {
      model: 'm',
      messages: [{ role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm', signature: signature! }] }],
    }
    expect(anthropic.parseRequest(body, () => undefined).turns[0]!.parts).toEqual([
      { type: 'reasoning', text: 'Hm', seal },
    ])
  })

  test('thoughts with another protocol’s seal never reach the vendor by passthrough', () => {
    const foreign = { type: 'thinking', thinking: 'Hm', signature: wrapSeal(seal)! }
    const ownThinking = { type: 'thinking', thinking: 'Ha', signature: 'c2ln' }
    const body = {
      model: 'a',
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: [foreign, ownThinking, { type: 'text', text: 'y' }] },
        { role: 'assistant', content: [foreign] },
      ],
    }
    const written = anthropic.passthrough.writeRequest(JSON.stringify(body), body, { model: 'b', requestUsage: true })
    expect(JSON.parse(written)).toEqual({
      model: 'b',
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: [ownThinking, { type: 'text', text: 'y' }] },
      ],
    })
  })

  test('interleaved calls are sent one after another', () => {
    const open = (at: number): Event => ({ type: 'open', at, part: 'call', id: `c${at}`, name: 'f' })
    const out = render(
      withStartAndFinish(
        open(0),
        open(1),
        { type: 'delta', at: 0, text: '{"a":' },
        { type: 'delta', at: 1, text: '{"b":' },
        { type: 'delta', at: 1, text: '2}' },
        { type: 'close', at: 1 },
        { type: 'delta', at: 0, text: '1}' },
        { type: 'close', at: 0 },
      ),
    )
    expect(readStream(out, model).calls.map(({ args }) => args)).toEqual(['{"a":1}', '{"b":2}'])
  })

  test('free text of a call is put under `input`, in a stream and in a non-streaming response', () => {
    const pieces = ['*** "Begin"\n', '\ud83c', '\udf0d\\']
    const out = render(
      withStartAndFinish(
        { type: 'open', at: 0, part: 'call', id: 'c', name: 'patch', custom: true },
        ...pieces.map((text): Event => ({ type: 'delta', at: 0, text })),
        { type: 'close', at: 0 },
      ),
    )
    expect(readStream(out, model).calls[0]!.input).toEqual({ input: pieces.join('') })
    const parts = [{ type: 'call' as const, id: 'c', name: 'patch', args: pieces.join(''), custom: true }]
    const body = anthropic.renderMessage({ id: 'm', model: 'm', parts, finish: 'calls' }, exchangeFor())
    expect(JSON.parse(writeJson(body))).toMatchObject({ content: [{ input: { input: pieces.join('') } }] })
  })

  test('a stream that ends without a finish gets an error as its last event', () => {
    const out: string[] = []
    const push = anthropic.renderStream(exchangeFor())(({ event }) => out.push(event!))
    push({ type: 'start', id: 'x', model: 'm' })
    push(undefined)
    push({ type: 'usage', usage: { input: 1, output: 1 } })
    expect(out).toEqual(['message_start', 'error'])
  })
})

describe('content of answers', () => {
  const events = (name: string) => eventsOf(anthropic, framesOf(toText(streams.find(({ quirk }) => quirk === name)!)))

  test('sources are parsed as neutral citations, and blocks of the vendor’s own tools as foreign parts', () => {
    const cited = events('a tool of the vendor and its results, with sources')
    expect(cited.find(({ type }) => type === 'cite')).toMatchObject({
      citation: { url: 'https://a.example', title: 'A', quote: 'sun' },
    })
    expect(cited.filter(({ type }) => type === 'part')).toMatchObject([
      { part: { seal: { value: { type: 'server_tool_use', input: { query: 'weather' } } } } },
      { part: { seal: { value: { type: 'web_search_tool_result' } } } },
    ])
  })

  test('input tokens include the tokens read from and written to the cache', () => {
    const { usage } = anthropic.parseMessage(messages[2]!.body, exchangeFor())
    expect(usage).toEqual({ input: 17, output: 7, cacheRead: 3, cacheWrite: 5, cacheWrite1h: 4 })
  })

  test('the finish names the stop sequence that matched', () => {
    expect(events('a matched stop sequence').at(-1)).toEqual({
      type: 'finish',
      reason: 'stop',
      raw: 'stop_sequence',
      stop: 'END',
    })
  })

  test('arguments in a non-streaming response keep the text the model wrote', () => {
    const args = '{"2":1,"1":1.0}'
    const parts = [{ type: 'call' as const, id: 'c', name: 'f', args }]
    const message = { id: 'm', model: 'm', parts, finish: 'calls' as const }
    expect(writeJson(anthropic.renderMessage(message, exchangeFor()))).toContain(`"input":${args}`)
    expect(replayMessage(message)).toHaveLength(5)
  })
})

test('a request that continues a stored thread is refused with 404, one that creates a thread is accepted', () => {
  const body = (thread: JsonObject) => ({
    model: 'm',
    max_tokens: 1,
    thread,
    messages: [{ role: 'user', content: 'Hi' }],
  })
  expect(anthropic.parseRequest(body({ type: 'create' }), () => undefined).extra).toBeUndefined()
  try {
    anthropic.parseRequest(body({ type: 'continue', previous_message_id: 'msg_1' }), () => undefined)
    throw new Error('nothing was thrown')
  } catch (thrown) {
    expect((thrown as GatewayError).status).toBe(404)
    expect(anthropic.renderError(thrown as GatewayError)).toMatchObject({
      error: { type: 'not_found_error', details: { error_code: 'thread_not_found' } },
    })
  }
})

test('a vendor that stores no threads never gets only the end of a conversation', () => {
  const write = (thread: JsonObject, name: string) => {
    const body = { model: 'm', thread, messages: [] }
    return JSON.parse(
      anthropic.passthrough.writeRequest(JSON.stringify(body), body, { model: name, requestUsage: false }),
    )
  }
  const next = { type: 'continue', previous_message_id: 'msg_1' }
  expect(write(next, 'claude-opus-5-5')).toMatchObject({ thread: next })
  expect(write({ type: 'create' }, 'glm-5')).toEqual({ model: 'glm-5', messages: [] })
  expect(() => write(next, 'glm-5')).toThrow('keeps no conversations')
})

describe('request headers for a vendor', () => {
  test('the client’s version and the known betas are forwarded', () => {
    expect(headers(undefined)).toEqual({ 'anthropic-version': '2023-06-01' })
    const client = new Headers({
      'anthropic-beta': 'context-1m-2025-08-07, spy-2026-01-01,compact-2026-01-12',
      'anthropic-version': '2024-01-01',
    })
    expect(headers(client)).toEqual({
      'anthropic-version': '2024-01-01',
      'anthropic-beta': 'context-1m-2025-08-07,compact-2026-01-12',
    })
  })
})
