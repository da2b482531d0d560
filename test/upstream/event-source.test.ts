/**
 * A stream that uses frame templates gives the client the same output as one that parses every frame, and leaves the
 * pipe in the same state.
 */
import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/base/json/json.ts'
import type { SealMemory } from '../../src/ir/seal.ts'
import { completions } from '../../src/protocols/completions/index.ts'
import { geminiJsonArray } from '../../src/protocols/gemini/json-array.ts'
import type { Egress, Exchange, Ingress, StreamPipe } from '../../src/protocols/protocol.ts'
import { protocols } from '../../src/protocols/registry.ts'
import { ByteTemplate } from '../../src/protocols/shared/frame-template/byte-template.ts'
import type { TextDelta, VolatileFields } from '../../src/protocols/shared/frame-template/pattern.ts'
import { rememberStream } from '../../src/protocols/shared/thought-memory.ts'
import { translateStream } from '../../src/protocols/shared/translate.ts'
import { Deadline } from '../../src/upstream/deadline.ts'
import { UpstreamEventSource } from '../../src/upstream/event-source.ts'
import { exchangeFor } from '../contracts/protocol.ts'
import { recordedTest, recordings } from '../support/recordings.ts'

const clients: Ingress[] = [...protocols.values(), completions, geminiJsonArray]
const vendors: Egress[] = [...protocols.values()]

/** One piece for each frame, as vendors send them that generate word by word. */
const piecesOf = (text: string): Uint8Array[] =>
  text
    .split(/(?<=\r?\n\r?\n)/)
    .filter(piece => piece !== '')
    .map(piece => new Uint8Array(Buffer.from(piece)))

/** `templated` counts the pieces that matched a frame template. Only those are written as bytes. */
type Read = { text: string; state: StreamPipe['state']; templated: number }

const read = async (pieces: Uint8Array[], pipe: StreamPipe): Promise<Read> => {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece)
      controller.close()
    },
  })
  const deadline = new Deadline({ onExpired: () => undefined, onCheck: () => undefined })
  const source = new UpstreamEventSource(pipe, {
    reader: body.getReader(),
    deadline,
    idle: 60,
    first: new Uint8Array(),
  })
  let text = ''
  let templated = 0
  for (let isDone = false; !isDone; )
    await source.pump({
      write(output) {
        isDone = output === undefined
        if (typeof output === 'object') templated++
        text += typeof output === 'string' ? output : output ? Buffer.from(output).toString() : ''
      },
    })
  return { text, state: pipe.state, templated }
}

const deltaOf = (text: string, more: Partial<TextDelta> = {}): TextDelta => ({ text, isRetained: false, ...more })

const pipeFor = (client: Ingress, vendor: Egress, exchange: Exchange): StreamPipe =>
  client.id === vendor.id ? client.passthrough.pipeStream(exchange) : translateStream(client, vendor, exchange)

/** The same pipe without its optional method. */
const withoutTemplate = (pipe: StreamPipe): StreamPipe => ({
  state: pipe.state,
  push: frame => pipe.push(frame),
  flush: () => pipe.flush(),
  end: () => pipe.end(),
  fail: error => pipe.fail(error),
})

/**
 * Reads the stream with and without frame templates. Each run has a memory of its own, and both must remember the same
 * calls.
 */
const readBothWays = async (make: (exchange: Exchange) => StreamPipe, pieces: Uint8Array[]): Promise<Read> => {
  const run = async (usesTemplate: boolean) => {
    const losses: string[] = []
    const kept: unknown[] = []
    const seals: SealMemory = { save: (call, value) => void kept.push(call, value), find: () => undefined }
    const pipe = make(exchangeFor({ seals, loss: path => losses.push(path) }))
    return { ...(await read(pieces, usesTemplate ? pipe : withoutTemplate(pipe))), losses, kept }
  }
  const [templated, parsed] = await Promise.all([run(true), run(false)])
  expect({ ...templated, templated: 0 }).toEqual(parsed)
  return templated
}

const chunk = (delta: object) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'v', choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`
const geminiFrame = (text: string, tokens: number, thought?: true) =>
  `data: ${JSON.stringify({ candidates: [{ content: { parts: [{ text, ...(thought && { thought }) }], role: 'model' }, index: 0 }], usageMetadata: { promptTokenCount: 7, candidatesTokenCount: tokens, totalTokenCount: 7 + tokens }, modelVersion: 'v', responseId: 'r1' })}\r\n\r\n`
const event = (body: JsonObject) => `event: ${body.type}\ndata: ${JSON.stringify(body)}\n\n`
const sampleTexts = [
  'The',
  ' fox',
  ' 跑',
  ' 了',
  ' "quoted"',
  '\n',
  ' on',
  ' until',
  ' 🌏',
  '',
  ' the',
  ' end',
  ' index',
  ' text',
  '.',
]
const deltas = Array.from({ length: 10 }, () => sampleTexts).flat()

const finish = JSON.stringify({
  id: 'c',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'v',
  choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
})
const streams: Record<string, string> = {
  'openai-chat': [
    chunk({ role: 'assistant', content: '' }),
    ...deltas.map(delta => chunk({ reasoning_content: delta })),
    ...deltas.map(delta => chunk({ content: delta })),
    chunk({ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } }] }),
    ...deltas.map(delta => chunk({ content: delta })),
    `data: ${finish}\n\n`,
    'data: [DONE]\n\n',
  ].join(''),
  anthropic: [
    event({
      type: 'message_start',
      message: {
        id: 'm',
        type: 'message',
        role: 'assistant',
        model: 'v',
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 3, output_tokens: 1 },
      },
    }),
    ...['thinking', 'text', 'text'].flatMap((type, index) => [
      event({
        type: 'content_block_start',
        index,
        content_block: type === 'text' ? { type, text: '' } : { type, thinking: '', signature: '' },
      }),
      ...deltas.map(delta =>
        event({ type: 'content_block_delta', index, delta: { type: `${type}_delta`, [type]: delta } }),
      ),
      event({ type: 'content_block_stop', index }),
    ]),
    event({
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 9 },
    }),
    event({ type: 'message_stop' }),
  ].join(''),
  gemini: [
    ...deltas.map((delta, index) => geminiFrame(delta, index, true)),
    ...deltas.map((delta, index) => geminiFrame(delta, index + 95)),
    geminiFrame('', 999).replace('"index":0}', '"index":0,"finishReason":"STOP"}'),
  ].join(''),
}

const readFor = (client: Ingress, vendor: Egress, pieces: Uint8Array[]) =>
  readBothWays(exchange => pipeFor(client, vendor, exchange), pieces)

describe('streams of similar frames', () => {
  for (const client of clients)
    for (const vendor of vendors) {
      const stream = streams[vendor.id]
      const usesTemplate = client.deltaTraits !== undefined && (client.id !== vendor.id || client.id !== 'gemini')
      const name = `${client.streamType ? 'the list of ' : ''}${client.id} ← ${vendor.id}`
      if (stream === undefined) continue
      test(`${name}: ${usesTemplate ? 'frames match templates' : 'no frame matches a template'}`, async () => {
        const pieces = piecesOf(stream)
        const { templated } = await readFor(client, vendor, pieces)
        if (usesTemplate) expect(templated).toBeGreaterThan(pieces.length / 4)
        else expect(templated).toBe(0)
      })
    }

  test('a stream with more text than is retained still matches', async () => {
    const long = Array.from({ length: 2000 }, (_, index) =>
      geminiFrame(`${'word'.repeat(20)}${index}`, index + 1),
    ).join('')
    const { templated } = await readFor(protocols.get('openai-chat')!, protocols.get('gemini')!, piecesOf(long))
    expect(templated).toBeGreaterThan(1900)
  })

  test.each(clients.filter(client => client.deltaTraits !== undefined))(
    'frames that OpenAI pads match for the client $id',
    async client => {
      const chat = protocols.get('openai-chat')!
      let pad = 0
      const padded = streams['openai-chat']!.replaceAll(
        /\}(?=\n\n)/g,
        () => `,"obfuscation":"${'x'.repeat(pad++ % 7)}"}`,
      )
      const pieces = piecesOf(padded)
      const { templated } = await readFor(client, chat, pieces)
      expect(templated).toBeGreaterThan(pieces.length / 4)
    },
  )

  test('a passthrough that remembers thoughts for tool calls still matches', async () => {
    const chat = protocols.get('openai-chat')!
    const pieces = piecesOf(streams['openai-chat']!)
    const { templated } = await readBothWays(
      exchange => rememberStream(chat, chat.passthrough.pipeStream(exchange), exchange),
      pieces,
    )
    expect(templated).toBeGreaterThan(pieces.length / 3)
  })
})

const apis = { 'openai-chat': 'chat-completions', anthropic: 'anthropic-messages', gemini: 'gemini-generate' }
for (const [id, api] of Object.entries(apis)) {
  const recorded = recordings(api).filter(({ isEventStream, status }) => isEventStream && (status ?? 200) === 200)
  recordedTest(
    recorded,
    `${recorded.length} recorded streams of ${id} give every client the same output with and without templates`,
    async () => {
      let templated = 0
      for (const { text } of recorded)
        for (const client of clients) templated += (await readFor(client, protocols.get(id)!, piecesOf(text))).templated
      expect(templated).toBeGreaterThan(0)
    },
  )
}

describe('a piece that does not match', () => {
  const prefix = 'data: {"text":"'
  const suffix = '","n":12}\n\n'
  const matcherFor = (volatileFields?: VolatileFields) => {
    const template = new ByteTemplate()
    template.capture(Buffer.from(`${prefix}word${suffix}`), deltaOf('word', { volatileFields }), 'out "word"')
    return (piece: string | Uint8Array) => {
      const output = template.match(Buffer.from(piece))
      return output && Buffer.from(output).toString()
    }
  }
  test('a text with an escape, a control character or invalid UTF-8 does not match', () => {
    const match = matcherFor()
    expect(match(`${prefix}other${suffix}`)).toBe('out "other"')
    for (const delta of ['a\\nb', 'a\\u0041', 'a\\', '', 'a\tb', 'a\nb'])
      expect(match(prefix + delta + suffix)).toBeUndefined()
    for (const bytes of [[0xe4, 0xbd], [0x80], [0xc3], [0xff], [0x61, 0xbf]])
      expect(match(Buffer.concat([Buffer.from(prefix), Buffer.from(bytes), Buffer.from(suffix)]))).toBeUndefined()
  })
  test('a piece that is shorter, longer or two frames does not match', () => {
    const match = matcherFor()
    const whole = `${prefix}other${suffix}`
    for (let length = 0; length < whole.length; length++) expect(match(whole.slice(0, length))).toBeUndefined()
    expect(match(`${whole} `)).toBeUndefined()
    expect(match(whole + whole)).toBeUndefined()
  })
  test('a piece with another head or tail of the same length does not match', () => {
    const match = matcherFor()
    for (const different of [
      `data: {"test":"other${suffix}`,
      `${prefix}other","n":99}\n\n`,
      `${prefix}other","n":12}\n `,
    ])
      expect(match(different)).toBeUndefined()
  })
  test('a piece whose figures differ matches only where the field is volatile', () => {
    const grown = `${prefix}other","n":3456}\n\n`
    expect(matcherFor()(grown)).toBeUndefined()
    const figures: VolatileFields = { kind: 'figures', precededBy: '"n"' }
    expect(matcherFor(figures)(grown)).toBe('out "other"')
    for (const different of ['"n":}', '"n":1.5}', '"n":-12}', '"m":12}', '"n":12,"o":1}', '"n":12'])
      expect(matcherFor(figures)(`${prefix}other",${different}\n\n`)).toBeUndefined()
  })
})

describe('padding of a frame', () => {
  const volatileFields: VolatileFields = { kind: 'string', precededBy: '"pad":"' }
  const frameOf = (delta: string, pad: string | Buffer, modelField = '"m":"v",') =>
    Buffer.concat([
      Buffer.from(`data: {${modelField}"text":"${delta}","pad":"`),
      Buffer.from(pad),
      Buffer.from('","z":0}\n\n'),
    ])
  const matcherFor = (out: string, pad = 'abc') => {
    const template = new ByteTemplate()
    template.capture(frameOf('one', pad), deltaOf('one', { volatileFields }), out)
    return (piece: Buffer) => {
      const output = template.match(piece)
      return output && Buffer.from(output).toString()
    }
  }
  test('padding is passed on if the rest of the piece is', () => {
    const match = matcherFor(frameOf('one', 'abc', '"m":"ours",').toString())
    for (const [delta, pad] of [
      ['another', 'x'],
      ['跑', ''],
      ['a', 'pad'.repeat(50)],
    ] as const)
      expect(match(frameOf(delta, pad))).toBe(frameOf(delta, pad, '"m":"ours",').toString())
  })
  test('padding is left out if the output has none', () => {
    const match = matcherFor('out "one"')
    for (const pad of ['x', '', 'longer'] as const) expect(match(frameOf('other', pad))).toBe('out "other"')
  })
  test('padding matches even if the captured piece had empty padding', () =>
    expect(matcherFor('out "one"', '')(frameOf('other', 'x'))).toBe('out "other"'))
  test('an output that repeats the captured padding is not captured', () =>
    expect(matcherFor('"one" and "pad":"abc"')(frameOf('other', 'x'))).toBeUndefined())
  test('padding with an escape, a control character or more than ASCII does not match, nor does any other difference', () => {
    const match = matcherFor('out "one"')
    for (const pad of ['a\\n', 'a\nb', '跑', Buffer.from([0xe4])]) expect(match(frameOf('other', pad))).toBeUndefined()
    const piece = frameOf('other', 'x').toString()
    for (const different of [
      piece.replace(':0', ':1'),
      piece.replace('"z"', '"y"'),
      `${piece} `,
      piece.slice(0, -1),
      piece + piece,
    ])
      expect(match(Buffer.from(different))).toBeUndefined()
  })
})

test('a piece with unchanged output is passed on without a copy, if it is UTF-8', () => {
  const template = new ByteTemplate()
  const frameOf = (delta: Buffer) => Buffer.concat([Buffer.from('data: {"a":"'), delta, Buffer.from('"}\n\n')])
  template.capture(frameOf(Buffer.from('one')), deltaOf('one'), frameOf(Buffer.from('one')).toString())
  const piece = frameOf(Buffer.from('跑'))
  expect(template.match(piece)).toBe(piece)
  expect(template.match(frameOf(Buffer.from([0xe4, 0xbd])))).toBeUndefined()
})

test.each([
  ['changed', '"model":"vendor",', '"model":"ours",'],
  ['put in', '', '"model":"ours",'],
  ['cut out', '"model":"vendor",', ''],
])('the model before the text is %s', (_, input, rendered) => {
  const template = new ByteTemplate()
  const frameOf = (modelField: string, delta: string) =>
    Buffer.from(`data: {"a":1,${modelField}"text":"${delta}","b":2}\n\n`)
  template.capture(frameOf(input, 'one'), deltaOf('one'), frameOf(rendered, 'one').toString())
  for (const delta of ['another', '跑'])
    expect(Buffer.from(template.match(frameOf(input, delta))!).toString()).toBe(frameOf(rendered, delta).toString())
})

test('at most 64 KB of text are retained before they must be parsed', () => {
  const template = new ByteTemplate()
  const frameOf = (delta: string) => Buffer.from(`data: {"text":"${delta}"}\n\n`)
  const delta = 'w'.repeat(1000)
  template.capture(frameOf('one'), deltaOf('one', { isRetained: true }), frameOf('one').toString())
  let matchCount = 0
  while (matchCount < 100 && template.match(frameOf(delta))) matchCount++
  expect(matchCount).toBe(66)
  expect(Buffer.from(template.unparsed()!)).toEqual(frameOf(delta.repeat(66)))
  expect(Buffer.from(template.match(frameOf(delta))!)).toEqual(frameOf(delta))
})

test('capturing stops for streams whose frames never match', () => {
  const template = new ByteTemplate()
  for (let turn = 0; turn < 32; turn++) template.capture(Buffer.from(`{"a":"x","pad":"${turn}"}`), deltaOf('x'), '"x"')
  expect(template.isCapturing).toBe(false)
})
