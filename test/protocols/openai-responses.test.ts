/**
 * Responses: the contract of every protocol over recordings and fixtures, the validator of Responses over every stream,
 * and rules of its own.
 */
import { describe, expect, test } from 'bun:test'
import { accumulateResponse } from 'openai/lib/responses/ResponseAccumulator'
import type { Response } from 'openai/resources/responses/responses'
import { GatewayError } from '../../src/base/errors.ts'
import { isObject, type Json, type JsonObject } from '../../src/base/json/json.ts'
import { isResponsesOnly } from '../../src/catalog/openai-responses.ts'
import type { Message } from '../../src/ir/chat.ts'
import { createCollector, replayMessage } from '../../src/ir/collect.ts'
import type { Event } from '../../src/ir/event.ts'
import { sealPrefix, wrapSeal } from '../../src/ir/seal.ts'
import { storeFromFrames } from '../../src/protocols/openai-responses/stored/store-response.ts'
import type { Frame } from '../../src/protocols/protocol.ts'
import { protocols } from '../../src/protocols/registry.ts'
import type { Entry } from '../../src/providers/entry.ts'
import { isNative, urlOf } from '../../src/providers/resolve-url.ts'
import { eventsOf, exchangeFor, framesOf, protocolContract, type Samples } from '../contracts/protocol.ts'
import {
  eventFixtures,
  messageItem,
  messages,
  requests,
  streamOf,
  streams,
  toText,
} from '../fixtures/openai-responses.ts'
import { expectedStatus } from '../support/expected-status.ts'
import { type Recording, recordedTest, recordings } from '../support/recordings.ts'
import { check, checkResponse } from '../validators/openai-responses.ts'

const responses = protocols.get('openai-responses')!
const chat = protocols.get('openai-chat')!

const allRecordings = recordings('responses')
/** To read or cancel a stored answer, or to list its items, is not a creation. */
const isCreation = ({ method, url }: Recording): boolean =>
  method === 'POST' && !/\/(cancel|input_items|compact)\b/.test(url)
const creations = allRecordings.filter(isCreation)
const isRefusal = ({ status }: Recording): boolean => status !== null && status >= 400
const bodyOf = ({ text }: Recording): JsonObject => JSON.parse(text) as JsonObject
const streamRecordings = creations.filter(({ isEventStream }) => isEventStream)
const completeRecordings = creations.filter(
  one => !one.isEventStream && !isRefusal(one) && Array.isArray(bodyOf(one).output),
)
const refusals = creations.filter(one => !one.isEventStream && isRefusal(one))
const otherRecordings = creations.filter(
  one => !one.isEventStream && !isRefusal(one) && !Array.isArray(bodyOf(one).output),
)

const isFault = ({ text }: Recording): boolean => !/"type":\s?"response\.(completed|incomplete)"/.test(text)

/**
 * An id that is not a Responses id is replaced, because the gateway then stores the answer under an id of its own (see
 * response-object.ts).
 */
const withResponseId = (text: string): string =>
  text
    .replace(/("response":\s?\{(?:(?!"output"|"id")[^{}]|\{[^{}]*\})*"id":\s?")(?!resp_)/g, '$1resp_')
    .replace(/^(\{\s*(?:"(?!output|id)\w+":[^{}[\]]*,\s*)*"id":\s?")(?!resp_)/, '$1resp_')

const fixtureSamples: Samples = { source: 'fixtures', streams, messages, requests }

/** State that only one vendor could know is refused, which has a test of its own. */
const isStateless = ({ prompt, conversation, background }: JsonObject): boolean =>
  !prompt && !conversation && !background
const requestSamples = creations.flatMap(({ file, request }) =>
  isObject(request) && isStateless(request) ? [{ name: file, body: request }] : [],
)
const recordedSamples: Samples = {
  recorded: true,
  source: `${creations.length} of ${allRecordings.length} recordings`,
  streams: streamRecordings.map(one => ({ name: one.file, text: withResponseId(one.text), fault: isFault(one) })),
  messages: completeRecordings.map(one => ({ name: one.file, body: JSON.parse(withResponseId(one.text)) as Json })),
  requests: requestSamples,
}

protocolContract(responses, fixtureSamples)
protocolContract(responses, recordedSamples)

const messageOf = (events: readonly Event[]): Message => {
  const collector = createCollector()
  for (const event of events) collector.push(event)
  return collector.message()
}

const renderFrames = (events: readonly Event[], clientRequest?: JsonObject): Frame[] => {
  const frames: Frame[] = []
  const render = responses.renderStream(
    exchangeFor({ id: 'resp_0123456789abcdef', ...(clientRequest && { clientRequest }) }),
  )(frame => frames.push(frame))
  for (const event of events) render(event)
  render(undefined)
  return frames
}
const bodiesOf = (frames: readonly Frame[]): JsonObject[] => frames.map(({ data }) => JSON.parse(data) as JsonObject)
const typesOf = (frames: readonly Frame[]): unknown[] => bodiesOf(frames).map(({ type }) => type)

describe('recordings', () => {
  recordedTest(
    creations,
    `${creations.length} recordings are each a stream, an answer, a refusal or malformed; ${allRecordings.length - creations.length} others are of stored answers`,
    () => {
      expect(streamRecordings.length + completeRecordings.length + refusals.length + otherRecordings.length).toBe(
        creations.length,
      )
      for (const one of otherRecordings)
        expect(() => responses.passthrough.passMessage(one.text, exchangeFor())).toThrow(GatewayError)
    },
  )

  recordedTest(
    streamRecordings,
    `${streamRecordings.length} streams: the stream rendered from their events is valid`,
    () => {
      for (const { file, text } of streamRecordings) {
        const frames = renderFrames(eventsOf(responses, framesOf(text)).filter(({ type }) => type !== 'fault'))
        expect({ file, wrong: check(frames).filter(one => one !== 'no end') }).toEqual({ file, wrong: [] })
      }
    },
  )

  recordedTest(
    completeRecordings,
    `${completeRecordings.length} non-streaming answers: what is rendered from them is valid, both as an answer and as a stream`,
    () => {
      for (const { file, text } of completeRecordings) {
        const message = responses.parseMessage(JSON.parse(text) as Json, exchangeFor())
        const body = responses.renderMessage(message, exchangeFor()) as JsonObject
        expect({ file, wrong: checkResponse(body) }).toEqual({ file, wrong: [] })
        expect({ file, wrong: check(renderFrames(replayMessage(message))) }).toEqual({ file, wrong: [] })
      }
    },
  )

  recordedTest(
    streamRecordings,
    `${streamRecordings.length} streams: the parts, finish and usage decoded from the events equal those of the final event`,
    () => {
      for (const { file, text } of streamRecordings.filter(one => !isFault(one))) {
        const last = framesOf(text).flatMap(({ data }) => {
          const body = data === '[DONE]' ? {} : (JSON.parse(data) as JsonObject)
          return body.type === 'response.completed' || body.type === 'response.incomplete' ? [body.response!] : []
        })[0] as JsonObject
        if (!Array.isArray(last.output) || last.output.length === 0) continue
        const events = eventsOf(responses, framesOf(text))
        const lastMessage = responses.parseMessage(last, exchangeFor())
        const { id: _id, ...streamedMessage } = messageOf(events)
        const { id: _other, ...wholeMessage } = lastMessage
        expect({ file, ...withoutIds(streamedMessage) }).toEqual({ file, ...withoutIds(wholeMessage) })
      }
    },
  )

  recordedTest(refusals, `${refusals.length} refusals have the status that their words mean`, () => {
    for (const { file, status, headers, text } of refusals) {
      const error = responses.parseError(status!, new Headers(headers), text, exchangeFor())
      expect({ file, status: error.status }).toEqual({
        file,
        status: error.code === 'upstream_credentials' ? 502 : expectedStatus(status!, text),
      })
    }
  })

  const chats = recordings('chat-completions').filter(
    ({ method, status, isEventStream }) => method === 'POST' && (status ?? 200) === 200 && isEventStream,
  )
  recordedTest(
    chats,
    `${chats.length} streams of Chat Completions: the Responses stream rendered from their events is valid`,
    () => {
      for (const { file, text } of chats) {
        const events = eventsOf(chat, framesOf(text))
        const faulty = events.at(-1)?.type === 'fault'
        expect({ file, wrong: check(renderFrames(events)) }).toEqual({ file, wrong: [] })
        if (faulty)
          expect(typesOf(renderFrames(events)).at(-1)).toBe(events[0]?.type === 'start' ? 'response.failed' : 'error')
      }
    },
  )
})

/** Passes a stream through: the output, and the state of the pipe. */
const passThrough = (text: string, change: Parameters<typeof exchangeFor>[0] = {}) => {
  const pipe = responses.passthrough.pipeStream(exchangeFor({ id: 'resp_gateway', ...change }))
  let out = ''
  for (const frame of framesOf(text)) if (!pipe.state.fault) out += pipe.push(frame)
  out += pipe.end()
  if (pipe.state.fault) out += pipe.fail(pipe.state.fault)
  return { out, state: pipe.state, frames: framesOf(out) }
}

/** Events of OpenAI's newest tools, which its SDK does not know yet. */
const isKnown = ({ type }: JsonObject): boolean => !/^response\.(apply_patch|shell)_call/.test(String(type))

describe('passthrough', () => {
  recordedTest(
    streamRecordings,
    `${streamRecordings.length} recorded streams: the SDK reads the passed stream completely, under the client's model`,
    () => {
      for (const one of streamRecordings) {
        const { frames, state } = passThrough(one.text)
        const { file } = one
        expect({ file, fault: state.fault !== undefined }).toEqual({ file, fault: isFault(one) })
        for (const { event, data } of frames) expect<unknown>(event).toBe((JSON.parse(data) as JsonObject).type)
        if (state.fault) continue
        let snapshot: Response | undefined
        for (const event of bodiesOf(frames).filter(isKnown)) snapshot = accumulateResponse(event as never, snapshot)
        expect({ file, model: snapshot?.model as string }).toEqual({ file, model: exchangeFor().model })
        const items = snapshot?.output.length ?? 0
        expect({ file, some: items > 0 }).toEqual({ file, some: one.text.includes('response.output_item.done') })
        expect(state.usage === undefined).toBe(!/"usage":\s?\{/.test(one.text))
      }
    },
  )

  recordedTest(
    completeRecordings,
    `${completeRecordings.length} recorded non-streaming answers: nothing but the model is changed`,
    () => {
      for (const { file, text } of completeRecordings) {
        const body = bodyOf({ text } as Recording)
        const { text: out } = responses.passthrough.passMessage(text, exchangeFor())
        expect({ file, body: JSON.parse(out) as Json }).toEqual({ file, body: { ...body, model: exchangeFor().model } })
      }
    },
  )

  test('the complete answer is found in its stream, whatever the order of the fields in an event', () => {
    const item = messageItem([{ type: 'output_text', text: 'data:image/png;base64,AA==', annotations: [] }])
    const events = streamOf(item).map(({ type, ...rest }) => ({ ...rest, type: type! }))
    const storedAnswers: JsonObject[] = []
    for (const sentEvents of [events, events.slice(0, -1)])
      storeFromFrames(passThrough(toText(sentEvents)).out, one => storedAnswers.push(one) > 0)
    expect(storedAnswers).toMatchObject([{ id: 'resp_tape', output: [item] }])
  })

  test('frames pass unchanged except for the model in the response objects', () => {
    const events = streamOf(messageItem([{ type: 'output_text', text: 'Hi', annotations: [] }]))
    const { out, state } = passThrough(toText(events))
    expect(out).toBe(toText(events).replaceAll('vendor-model', exchangeFor().model))
    expect(state).toMatchObject({
      content: true,
      finished: true,
      model: 'vendor-model',
      usage: { input: 11, output: 7 },
    })
  })

  test('events without a name get one, and [DONE] is dropped', () => {
    const events = streamOf(messageItem([{ type: 'output_text', text: 'Hi', annotations: [] }]))
    const { out } = passThrough(`${toText(events, { bare: true })}data: [DONE]\n\n`)
    expect(out).toBe(toText(events).replaceAll('vendor-model', exchangeFor().model))
  })

  test('wrong part numbers, wrong event names and missing items are corrected', () => {
    for (const { name, events, bare, fault } of eventFixtures) {
      if (fault || name === 'items only in the last event') continue
      const { frames } = passThrough(toText(events, { bare: bare === true }))
      let snapshot: Response | undefined
      for (const event of bodiesOf(frames).filter(isKnown)) snapshot = accumulateResponse(event as never, snapshot)
      const doneEvents = events.filter(({ type }) => type === 'response.output_item.done')
      if (doneEvents.length > 0)
        expect({ name, items: snapshot?.output.length }).toEqual({ name, items: doneEvents.length })
    }
  })

  test('a cut stream ends in an error and a failed answer, with consecutive sequence numbers', () => {
    const { frames, state } = passThrough(toText(eventFixtures.find(({ name }) => name === 'cut')!.events))
    expect(state.fault?.code).toBe('upstream_failed')
    expect(typesOf(frames).slice(-2)).toEqual(['error', 'response.failed'])
    expect(bodiesOf(frames).map(({ sequence_number: number }) => number)).toEqual(frames.map((_, position) => position))
    expect(bodiesOf(frames).at(-1)!.response).toMatchObject({
      id: 'resp_tape',
      status: 'failed',
      model: exchangeFor().model,
    })
  })

  test('a passed request keeps every character except its model', () => {
    const text = '{ "model" : "a", "input":[{"role":"user","content":"x"}], "big": 12345678901234567890 }'
    const body = JSON.parse(text) as JsonObject
    expect(responses.passthrough.writeRequest(text, body, { model: 'b', requestUsage: true })).toBe(
      text.replace('"a"', '"b"'),
    )
  })

  test('reasoning of other vendors is not sent to a vendor that cannot read it', () => {
    const sealed = wrapSeal({ by: 'anthropic', value: 'x' })!
    const input = [
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm' }], encrypted_content: sealed },
      { type: 'reasoning', id: `rs_${sealPrefix}1`, summary: [] },
      { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAAA' },
      { role: 'user', content: 'Hi' },
      { type: 'reasoning', id: `rs_${sealPrefix}2`, summary: [], encrypted_content: 'gAAAA' },
    ]
    const text = JSON.stringify({ model: 'a', input })
    const sent = responses.passthrough.writeRequest(text, JSON.parse(text) as JsonObject, {
      model: 'b',
      requestUsage: false,
    })
    expect(JSON.parse(sent)).toEqual({ model: 'b', input: [input[2]!, input[3]!, { ...input[4]!, id: undefined }] })
  })
})

describe('seals of other protocols in a client of Responses', () => {
  const seal = (value: string) => ({ by: 'gemini', at: 'v.t', value })
  const events: Event[] = [
    { type: 'start', id: 'x', model: 'm' },
    { type: 'open', at: 0, part: 'reasoning' },
    { type: 'delta', at: 0, text: 'Hm' },
    { type: 'seal', at: 0, seal: seal('thought') },
    { type: 'close', at: 0 },
    { type: 'part', at: 1, part: { type: 'foreign', seal: seal('block') } },
    { type: 'open', at: 2, part: 'text' },
    { type: 'seal', at: 2, seal: seal('early') },
    { type: 'delta', at: 2, text: 'Look' },
    { type: 'close', at: 2 },
    { type: 'open', at: 3, part: 'text' },
    { type: 'delta', at: 3, text: 'Well' },
    { type: 'seal', at: 3, seal: seal('late') },
    { type: 'close', at: 3 },
    { type: 'open', at: 4, part: 'call', id: 'c1', name: 'f' },
    { type: 'delta', at: 4, text: '{"a":1}' },
    { type: 'seal', at: 4, seal: seal('call') },
    { type: 'close', at: 4 },
    { type: 'finish', reason: 'calls' },
  ]

  test('seals travel in the encrypted content of reasoning items and return to their parts', () => {
    const frames = renderFrames(events)
    expect(check(frames)).toEqual([])
    const { output } = bodiesOf(frames).at(-1)!.response as JsonObject
    const { turns } = responses.parseRequest({ input: output! }, () => undefined)
    expect(turns).toEqual([
      {
        role: 'assistant',
        parts: [
          { type: 'reasoning', text: 'Hm', seal: seal('thought') },
          { type: 'foreign', seal: seal('block') },
          { type: 'text', text: 'Look', seal: seal('early') },
          { type: 'text', text: 'Well' },
          { type: 'reasoning', text: '', seal: seal('late') },
          { type: 'call', id: 'c1', name: 'f', args: '{"a":1}', seal: seal('call') },
        ],
      },
    ])
  })

  test('reasoning of another vendor is rendered only as a summary', () => {
    const { output } = bodiesOf(renderFrames(events)).at(-1)!.response as JsonObject
    expect(JSON.stringify(output)).not.toContain('reasoning_text')
  })
})

describe('requests', () => {
  const render = (body: JsonObject, by = chat) => {
    const lost: string[] = []
    const exchange = exchangeFor({ loss: path => lost.push(path) })
    return { body: responses.renderRequest(by.parseRequest(body, exchange.loss), exchange), lost }
  }
  const hi = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] }

  test('a function of Chat Completions is not strict unless the client asks for it', () => {
    const parameters = { type: 'object', properties: {} }
    const tools = [{ name: 'a', parameters }, { name: 'b', parameters, strict: true }, { name: 'c' }]
    const { body } = render({ ...hi, tools: tools.map(one => ({ type: 'function', function: one })) })
    expect(body.tools).toEqual([
      { type: 'function', name: 'a', parameters, strict: false },
      { type: 'function', name: 'b', parameters, strict: true },
      { type: 'function', name: 'c', parameters, strict: false },
    ])
  })

  test('the grammar of a free-text tool is moved to where Responses expects it', () => {
    const grammar = { syntax: 'lark', definition: 'start: "a"' }
    const custom = { name: 'p', format: { type: 'grammar', grammar } }
    expect(render({ ...hi, tools: [{ type: 'custom', custom }] }).body.tools).toEqual([
      { type: 'custom', name: 'p', format: { type: 'grammar', ...grammar } },
    ])
  })

  test('allowed_tools drops the tools that it does not name', () => {
    const tools = ['a', 'b'].map(name => ({ type: 'function', name, parameters: {} }))
    const choice = { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'b' }] }
    const parsed = responses.parseRequest({ model: 'm', input: 'Hi', tools, tool_choice: choice }, () => undefined)
    expect({ tools: parsed.tools?.map(({ name }) => name), choice: parsed.choice }).toEqual({
      tools: ['b'],
      choice: 'any',
    })
  })

  test('fields that both protocols know are carried over, and other fields are reported as losses', () => {
    const { body, lost } = render({
      ...hi,
      metadata: { a: 'b' },
      safety_identifier: 's',
      verbosity: 'low',
      response_format: { type: 'json_object' },
      stop: ['x'],
      seed: 1,
      logit_bias: {},
    })
    expect(body).toMatchObject({
      metadata: { a: 'b' },
      safety_identifier: 's',
      text: { format: { type: 'json_object' }, verbosity: 'low' },
    })
    expect(lost.sort()).toEqual(['logit_bias', 'seed', 'stop'])
  })

  test('a developer message is a system message, and the first plain one becomes the instructions', () => {
    const messages = [
      { role: 'developer', content: 'One.' },
      { role: 'user', content: 'Hi' },
      { role: 'system', content: 'Two.' },
    ]
    const { body, lost } = render({ model: 'm', messages })
    expect({ instructions: body.instructions, input: body.input, lost }).toEqual({
      instructions: 'One.',
      input: [
        { type: 'message', role: 'user', content: 'Hi' },
        { type: 'message', role: 'system', content: 'Two.' },
      ],
      lost: [],
    })
  })

  test('background, conversation and prompt are refused, and the error names the field', () => {
    for (const more of [{ background: true }, { conversation: { id: 'c' } }, { prompt: { id: 'p' } }])
      try {
        responses.parseRequest({ model: 'm', input: 'Hi', ...more }, () => undefined)
        throw new Error('not refused')
      } catch (thrown) {
        expect(thrown).toMatchObject({ status: 400, detail: { param: Object.keys(more)[0] } })
      }
  })

  test('built-in tools and reasoning sealed by another protocol are dropped and reported as losses', () => {
    const lost: string[] = []
    const exchange = exchangeFor({ loss: path => lost.push(path) })
    const parsed = responses.parseRequest({ model: 'm', input: 'Hi', tools: [{ type: 'web_search' }] }, exchange.loss)
    expect(chat.renderRequest(parsed, exchange).tools).toBeUndefined()
    const foreign = { type: 'reasoning' as const, text: 'Hm', seal: { by: 'anthropic', at: 'a.b', value: 'x' } }
    const turns = [{ role: 'assistant' as const, parts: [foreign] }]
    expect(responses.renderRequest({ model: 'm', stream: false, turns }, exchange).input).toEqual([])
    expect(lost).toEqual(['tools', 'input[0].reasoning'])
  })

  test('reasoning goes back only to the target that sealed it', () => {
    const lost: string[] = []
    const part = (at: string) => ({
      type: 'reasoning' as const,
      text: '',
      seal: { by: 'openai-responses', at, value: { encrypted_content: at } },
    })
    const parts = ['vendor.one', 'vendor.two'].map(part)
    const chat = { model: 'm', stream: false, turns: [{ role: 'assistant' as const, parts }] }
    const { input } = responses.renderRequest(
      chat,
      exchangeFor({ sealOrigin: 'vendor.one', loss: path => lost.push(path) }),
    )
    expect(input).toEqual([{ type: 'reasoning', summary: [], encrypted_content: 'vendor.one' }])
    expect(lost).toHaveLength(1)
  })

  test('a model without reasoning is not asked for encrypted reasoning', () => {
    const { body } = render(hi)
    expect(body.include).toEqual(['reasoning.encrypted_content'])
    expect(render({ ...hi, model: 'gpt-4.1-mini' }).body.include).toBeUndefined()
  })

  test('Responses is used if the server URL names it, if the entry lists it, or if the model needs it', () => {
    const only = ['o3-pro', 'gpt-5.1-codex-max', 'codex-mini-latest', 'o4-mini-deep-research-2025-06-26', 'gpt-5-pro']
    expect(only.filter(isResponsesOnly)).toEqual(only)
    expect(['gpt-5', 'gpt-5-mini', 'o3', 'gpt-4o', 'deepseek-pro'].filter(isResponsesOnly)).toEqual([])
    const entry = (serverUrl?: string, more: Partial<Entry> = {}): Entry => ({
      ...baseEntry,
      ...(serverUrl && { serverUrl }),
      ...more,
    })
    const target = (of: Entry, model = 'm') => ({ id: 'x', entry: of, credential: of.credentials[0]!, model })
    const codex = target(entry('https://x.example/v1/responses'))
    expect(urlOf(codex, 'openai-responses')).toBe('https://x.example/v1/responses')
    expect([isNative(codex, 'openai-responses'), isNative(codex, 'openai-chat')]).toEqual([true, false])
    const listed = target(entry('https://x.example/v1', { supportedProtocols: ['responses'] }))
    expect(urlOf(listed, 'openai-responses')).toBe('https://x.example/v1/responses')
    expect(urlOf(listed, 'openai-chat')).toBe('https://x.example/v1/chat/completions')
    expect(isNative(target(entry('https://x.example/v1')), 'openai-responses')).toBe(false)
    const vendor = (model: string) => target(entry(), model)
    expect(urlOf(vendor('gpt-5'), 'openai-responses')).toBe('https://api.openai.com/v1/responses')
    expect(isNative(vendor('gpt-5-codex'), 'openai-chat')).toBe(false)
    expect(isNative(vendor('gpt-5'), 'openai-chat')).toBe(true)
    expect(isNative(vendor('glm-4'), 'openai-responses')).toBe(false)
  })
})

const baseEntry: Entry = {
  id: 'openai-1',
  type: 'openai',
  models: ['gpt-5', 'glm-4'],
  embeddingModels: [],
  redirect: new Map(),
  map: new Map(),
  credentials: [{ index: 0, values: { api_key: 'k' }, digest: '00000000' }],
  weight: 1,
  priority: 0,
  headers: {},
  params: {},
  limit: {},
  embeddingLimit: {},
}

/** Removes what a final event may change: the ids and encrypted values that a vendor generates anew. */
const withoutIds = (message: Omit<Message, 'id'>): JsonObject =>
  JSON.parse(
    JSON.stringify(message).replace(/"(encrypted_content|id|item_id|result|fingerprint)":"[^"]*"/g, '"$1":""'),
  ) as JsonObject
