/** Whatever went the short way, the client gets what the long way gives, and everything that was said has been heard. */
import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/base/json/json.ts'
import type { SealMemory } from '../../src/ir/seal.ts'
import { completions } from '../../src/protocols/completions/index.ts'
import { geminiJsonArray } from '../../src/protocols/gemini/json-array.ts'
import type { Egress, Exchange, Ingress, StreamPipe, VolatileFields } from '../../src/protocols/protocol.ts'
import { protocols } from '../../src/protocols/registry.ts'
import { rememberStream } from '../../src/protocols/shared/thought-memory.ts'
import { translateStream } from '../../src/protocols/shared/translate.ts'
import { Deadline } from '../../src/upstream/deadline.ts'
import { UpstreamEventSource } from '../../src/upstream/event-source.ts'
import { FrameTemplate } from '../../src/upstream/frame-template.ts'
import { exchangeFor } from '../contracts/protocol.ts'
import { recordings } from '../support/recordings.ts'

const clients: Ingress[] = [...protocols.values(), completions, geminiJsonArray]
const vendors: Egress[] = [...protocols.values()]

/** A frame a piece: as vendors that think for each word send them. */
const piecesOf = (text: string): Uint8Array[] =>
  text
    .split(/(?<=\r?\n\r?\n)/)
    .filter(piece => piece !== '')
    .map(piece => new Uint8Array(Buffer.from(piece)))

/** `short`: pieces that went the short way, which alone tells bytes. */
type Read = { text: string; seen: StreamPipe['state']; short: number }

const read = async (pieces: Uint8Array[], pipe: StreamPipe): Promise<Read> => {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece)
      controller.close()
    },
  })
  const deadline = new Deadline({ expired: () => undefined, look: () => undefined })
  const source = new UpstreamEventSource(body.getReader(), pipe, deadline, 60, new Uint8Array())
  let text = ''
  let short = 0
  for (let over = false; !over; )
    await source.pump({
      write(said) {
        over = said === undefined
        if (typeof said === 'object') short++
        text += typeof said === 'string' ? said : said ? Buffer.from(said).toString() : ''
      },
    })
  return { text, seen: pipe.state, short }
}

const passingFor = (client: Ingress, vendor: Egress, exchange: Exchange): StreamPipe =>
  client.id === vendor.id ? client.passthrough.pipeStream(exchange) : translateStream(client, vendor, exchange)

/** Both ways, each with a memory of its own: what the calls of the answer need is kept by both. */
const bothWays = async (make: (exchange: Exchange) => StreamPipe, pieces: Uint8Array[]): Promise<Read> => {
  const go = async (isShort: boolean) => {
    const losses: string[] = []
    const kept: unknown[] = []
    const seals: SealMemory = { save: (call, what) => void kept.push(call, what), find: () => undefined }
    const { textDelta, ...long } = make(exchangeFor({ seals, loss: path => losses.push(path) }))
    return { ...(await read(pieces, isShort && textDelta ? { ...long, textDelta } : long)), losses, kept }
  }
  const [short, long] = await Promise.all([go(true), go(false)])
  expect({ ...short, short: 0 }).toEqual(long)
  return short
}

const chunk = (delta: object) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'v', choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`
const generated = (text: string, tokens: number, thought?: true) =>
  `data: ${JSON.stringify({ candidates: [{ content: { parts: [{ text, ...(thought && { thought }) }], role: 'model' }, index: 0 }], usageMetadata: { promptTokenCount: 7, candidatesTokenCount: tokens, totalTokenCount: 7 + tokens }, modelVersion: 'v', responseId: 'r1' })}\r\n\r\n`
const event = (body: JsonObject) => `event: ${body.type}\ndata: ${JSON.stringify(body)}\n\n`
const said = [
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
const words = Array.from({ length: 10 }, () => said).flat()

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
    ...words.map(word => chunk({ reasoning_content: word })),
    ...words.map(word => chunk({ content: word })),
    chunk({ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } }] }),
    ...words.map(word => chunk({ content: word })),
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
      ...words.map(word =>
        event({ type: 'content_block_delta', index, delta: { type: `${type}_delta`, [type]: word } }),
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
    ...words.map((word, index) => generated(word, index, true)),
    ...words.map((word, index) => generated(word, index + 95)),
    generated('', 999).replace('"index":0}', '"index":0,"finishReason":"STOP"}'),
  ].join(''),
}

const made = (client: Ingress, vendor: Egress, pieces: Uint8Array[]) =>
  bothWays(exchange => passingFor(client, vendor, exchange), pieces)

describe('frames that are alike', () => {
  for (const client of clients)
    for (const vendor of vendors) {
      const stream = streams[vendor.id]
      const isAlike = client.textRetention !== undefined && (client.id !== vendor.id || client.id !== 'gemini')
      const name = `${client.streamType ? 'the list of ' : ''}${client.id} ← ${vendor.id}`
      if (stream === undefined) continue
      test(`${name}${isAlike ? '' : ': none goes the short way'}`, async () => {
        const pieces = piecesOf(stream)
        const { short } = await made(client, vendor, pieces)
        if (isAlike) expect(short).toBeGreaterThan(pieces.length / 4)
        else expect(short).toBe(0)
      })
    }

  test('more words than are kept unheard', async () => {
    const long = Array.from({ length: 2000 }, (_, index) => generated(`${'word'.repeat(20)}${index}`, index + 1)).join(
      '',
    )
    const { short } = await made(protocols.get('openai-chat')!, protocols.get('gemini')!, piecesOf(long))
    expect(short).toBeGreaterThan(1900)
  })

  test.each(clients.filter(client => client.textRetention !== undefined))(
    'padded as OpenAI pads them, for $id',
    async client => {
      const chat = protocols.get('openai-chat')!
      let pad = 0
      const padded = streams['openai-chat']!.replaceAll(
        /\}(?=\n\n)/g,
        () => `,"obfuscation":"${'x'.repeat(pad++ % 7)}"}`,
      )
      const pieces = piecesOf(padded)
      const { short } = await made(client, chat, pieces)
      expect(short).toBeGreaterThan(pieces.length / 4)
    },
  )

  test('thoughts are kept for the calls behind them, where the answer passes', async () => {
    const chat = protocols.get('openai-chat')!
    const pieces = piecesOf(streams['openai-chat']!)
    const { short } = await bothWays(
      exchange => rememberStream(chat, chat.passthrough.pipeStream(exchange), exchange),
      pieces,
    )
    expect(short).toBeGreaterThan(pieces.length / 3)
  })
})

const apis = { 'openai-chat': 'chat-completions', anthropic: 'anthropic-messages', gemini: 'gemini-generate' }
for (const [id, api] of Object.entries(apis)) {
  const recorded = recordings(api).filter(({ events, status }) => events && (status ?? 200) === 200)
  test(`${recorded.length} recorded streams of ${id}, told to every client`, async () => {
    let short = 0
    for (const { text } of recorded)
      for (const client of clients) short += (await made(client, protocols.get(id)!, piecesOf(text))).short
    if (recorded.length > 0) expect(short).toBeGreaterThan(0)
  })
}

describe('a piece is not like the one learnt', () => {
  const head = 'data: {"text":"'
  const tail = '","n":12}\n\n'
  const learnt = (varies?: VolatileFields) => {
    const alike = new FrameTemplate(varies)
    alike.capture(Buffer.from(`${head}word${tail}`), 'word', 'out "word"')
    return (piece: string | Uint8Array) => {
      const put = alike.match(Buffer.from(piece))
      return put && Buffer.from(put).toString()
    }
  }
  test('that has an escape, a control character, or bytes that are no UTF-8 in its word', () => {
    const recall = learnt()
    expect(recall(`${head}other${tail}`)).toBe('out "other"')
    for (const word of ['a\\nb', 'a\\u0041', 'a\\', '', 'a\tb', 'a\nb'])
      expect(recall(head + word + tail)).toBeUndefined()
    for (const bytes of [[0xe4, 0xbd], [0x80], [0xc3], [0xff], [0x61, 0xbf]])
      expect(recall(Buffer.concat([Buffer.from(head), Buffer.from(bytes), Buffer.from(tail)]))).toBeUndefined()
  })
  test('that is shorter, longer, or two', () => {
    const recall = learnt()
    const whole = `${head}other${tail}`
    for (let length = 0; length < whole.length; length++) expect(recall(whole.slice(0, length))).toBeUndefined()
    expect(recall(`${whole} `)).toBeUndefined()
    expect(recall(whole + whole)).toBeUndefined()
  })
  test('that has another head or tail of the same length', () => {
    const recall = learnt()
    for (const unlike of [`data: {"test":"other${tail}`, `${head}other","n":99}\n\n`, `${head}other","n":12}\n `])
      expect(recall(unlike)).toBeUndefined()
  })
  test('whose figures differ where nothing counts', () => {
    const grown = `${head}other","n":3456}\n\n`
    expect(learnt()(grown)).toBeUndefined()
    const figures: VolatileFields = { kind: 'figures', precededBy: '"n"' }
    expect(learnt(figures)(grown)).toBe('out "other"')
    for (const unlike of ['"n":}', '"n":1.5}', '"n":-12}', '"m":12}', '"n":12,"o":1}', '"n":12'])
      expect(learnt(figures)(`${head}other",${unlike}\n\n`)).toBeUndefined()
  })
})

describe('padding', () => {
  const varies: VolatileFields = { kind: 'string', precededBy: '"pad":"' }
  const of = (word: string, pad: string | Buffer, place = '"m":"v",') =>
    Buffer.concat([
      Buffer.from(`data: {${place}"text":"${word}","pad":"`),
      Buffer.from(pad),
      Buffer.from('","z":0}\n\n'),
    ])
  const learnt = (out: string, pad = 'abc') => {
    const alike = new FrameTemplate(varies)
    alike.capture(of('one', pad), 'one', out)
    return (piece: Buffer) => {
      const put = alike.match(piece)
      return put && Buffer.from(put).toString()
    }
  }
  test('goes out as it came, where the rest does', () => {
    const recall = learnt(of('one', 'abc', '"m":"ours",').toString())
    for (const [word, pad] of [
      ['another', 'x'],
      ['跑', ''],
      ['a', 'pad'.repeat(50)],
    ] as const)
      expect(recall(of(word, pad))).toBe(of(word, pad, '"m":"ours",').toString())
  })
  test('is left out where the client has no place for it', () => {
    const recall = learnt('out "one"')
    for (const pad of ['x', '', 'longer'] as const) expect(recall(of('other', pad))).toBe('out "other"')
  })
  test('may have been empty', () => expect(learnt('out "one"', '')(of('other', 'x'))).toBe('out "other"'))
  test('is never told again', () => expect(learnt('"one" and "pad":"abc"')(of('other', 'x'))).toBeUndefined())
  test('with an escape, a control character or more than ASCII needs a reader, and so does what else differs', () => {
    const recall = learnt('out "one"')
    for (const pad of ['a\\n', 'a\nb', '跑', Buffer.from([0xe4])]) expect(recall(of('other', pad))).toBeUndefined()
    const piece = of('other', 'x').toString()
    for (const unlike of [
      piece.replace(':0', ':1'),
      piece.replace('"z"', '"y"'),
      `${piece} `,
      piece.slice(0, -1),
      piece + piece,
    ])
      expect(recall(Buffer.from(unlike))).toBeUndefined()
  })
})

test('a piece that goes out as it came is handed on itself, if it is UTF-8', () => {
  const alike = new FrameTemplate()
  const of = (word: Buffer) => Buffer.concat([Buffer.from('data: {"a":"'), word, Buffer.from('"}\n\n')])
  alike.capture(of(Buffer.from('one')), 'one', of(Buffer.from('one')).toString())
  const piece = of(Buffer.from('跑'))
  expect(alike.match(piece)).toBe(piece)
  expect(alike.match(of(Buffer.from([0xe4, 0xbd])))).toBeUndefined()
})

test.each([
  ['changed', '"model":"vendor",', '"model":"ours",'],
  ['put in', '', '"model":"ours",'],
  ['cut out', '"model":"vendor",', ''],
])('a place before the word is %s', (_, came, went) => {
  const alike = new FrameTemplate()
  const of = (place: string, word: string) => Buffer.from(`data: {"a":1,${place}"text":"${word}","b":2}\n\n`)
  alike.capture(of(came, 'one'), 'one', of(went, 'one').toString())
  for (const word of ['another', '跑'])
    expect(Buffer.from(alike.match(of(came, word))!).toString()).toBe(of(went, word).toString())
})

test('no more than 64 KB of words are kept before they must be heard', () => {
  const alike = new FrameTemplate()
  const of = (word: string) => Buffer.from(`data: {"text":"${word}"}\n\n`)
  const word = 'w'.repeat(1000)
  alike.capture(of('one'), 'one', of('one').toString(), true)
  let told = 0
  while (told < 100 && alike.match(of(word))) told++
  expect(told).toBe(66)
  expect(Buffer.from(alike.unparsed()!)).toEqual(of(word.repeat(66)))
  expect(alike.match(of(word))).toBeDefined()
})

test('streams whose frames are never alike are not learnt for ever', () => {
  const alike = new FrameTemplate()
  for (let turn = 0; turn < 32; turn++) alike.capture(Buffer.from(`{"a":"x","pad":"${turn}"}`), 'x', '"x"')
  expect(alike.isCapturing).toBe(false)
})
