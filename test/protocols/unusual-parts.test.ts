/** Parts of answers and requests that have an unusual form: unknown to the gateway, absent, null, of a wrong type. */
import { describe, expect, test } from 'bun:test'
import type { Json, JsonObject } from '../../src/base/json/json.ts'
import type { Chat, Part, ToolCall } from '../../src/ir/chat.ts'
import type { Event } from '../../src/ir/event.ts'
import { protocols } from '../../src/protocols/registry.ts'
import { rememberThoughts, restoreThoughts } from '../../src/protocols/shared/thought-memory.ts'
import { createSealStore } from '../../src/store/seals.ts'
import { eventsOf, exchangeFor, framesOf } from '../contracts/protocol.ts'

const sse = (events: readonly JsonObject[]): string =>
  events.map(event => `event: ${event['type']}\ndata: ${JSON.stringify(event)}\n\n`).join('')

const eventsIn = (protocol: string, events: readonly JsonObject[]): Event[] =>
  eventsOf(protocols.get(protocol)!, framesOf(sse(events)))

describe('Messages: a block of an unknown type in a stream', () => {
  /** The block that the deltas build. */
  const blockOf = (block: JsonObject, ...deltas: Json[]): Json => {
    const events = eventsIn('anthropic', [
      { type: 'message_start', message: { id: 'm', model: 'm' } },
      { type: 'content_block_start', index: 0, content_block: block },
      ...deltas.map((delta): JsonObject => ({ type: 'content_block_delta', index: 0, delta })),
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
      { type: 'message_stop' },
    ])
    const part = events.find(event => event.type === 'part')?.part
    if (part?.type !== 'foreign') throw new Error('no foreign part')
    expect(part.seal).toMatchObject({ by: 'anthropic', at: 'here/0/there' })
    return part.seal.value
  }

  test('without deltas is kept as it came', () => {
    const block = { type: 'web_search_tool_result', tool_use_id: 't', content: [{ type: 'web_search_result' }] }
    expect(blockOf(block)).toEqual(block)
  })

  test.each([
    ['absent before: it is set', {}, [{ type: 'x_delta', summary: 'a' }], { summary: 'a' }],
    ['a text before: it is appended', { summary: 'a' }, [{ type: 'x_delta', summary: 'b' }], { summary: 'ab' }],
    ['an empty text before', { summary: '' }, [{ type: 'x_delta', summary: 'b' }], { summary: 'b' }],
    ['null before: it is replaced', { summary: null }, [{ type: 'x_delta', summary: 'b' }], { summary: 'b' }],
    ['a number after a number: the last one counts', { count: 1 }, [{ type: 'x_delta', count: 2 }], { count: 2 }],
    ['a text after a number', { count: 1 }, [{ type: 'x_delta', count: 'b' }], { count: 'b' }],
    ['a number after a text', { count: 'a' }, [{ type: 'x_delta', count: 2 }], { count: 2 }],
    ['null after a text', { summary: 'a' }, [{ type: 'x_delta', summary: null }], { summary: null }],
    ['a list after a list', { list: [1] }, [{ type: 'x_delta', list: [2] }], { list: [2] }],
    ['an object after an object', { o: { a: 1 } }, [{ type: 'x_delta', o: { b: 2 } }], { o: { b: 2 } }],
    ['no field at all', { summary: 'a' }, [{ type: 'x_delta' }], { summary: 'a' }],
    ['no object', { summary: 'a' }, ['b', null, 3], { summary: 'a' }],
    [
      'several in turn',
      {},
      [
        { type: 'x_delta', a: '1', b: 1 },
        { type: 'y_delta', a: '2', b: 2 },
      ],
      { a: '12', b: 2 },
    ],
  ] as const)('takes a field of a delta: %s', (_name, fields, deltas, expected) => {
    expect(blockOf({ type: 'compaction', ...fields } as JsonObject, ...(deltas as readonly Json[]))).toEqual({
      type: 'compaction',
      ...expected,
    } as JsonObject)
  })

  test.each([
    ['pieces that make an object', [{ partial_json: '{"a":' }, { partial_json: '1}' }], { a: 1 }],
    ['pieces that make no JSON', [{ partial_json: '{"a":' }], '{"a":'],
    ['an empty piece: the input of the start stays', [{ partial_json: '' }], { first: true }],
    ['pieces that are no text', [{ partial_json: 7 }, { partial_json: null }, {}], { first: true }],
  ] as const)('takes its input: %s', (_name, deltas, input) => {
    const block = { type: 'server_tool_use', id: 't', name: 'web_search', input: { first: true } }
    const pieces = deltas.map((delta): JsonObject => ({ type: 'input_json_delta', ...delta }))
    expect(JSON.parse(JSON.stringify(blockOf(block, ...pieces)))).toEqual({ ...block, input })
  })

  test('reaches a Messages client as it came, and is a loss for a client of another protocol', () => {
    const losses: string[] = []
    const block = { type: 'compaction', content: 'words' }
    const message = {
      id: 'i',
      model: 'm',
      finish: 'stop',
      parts: [{ type: 'foreign', seal: { by: 'anthropic', at: 'here/0/there', value: block } }],
    } as const
    const render = (id: string) =>
      protocols
        .get(id)!
        .renderMessage({ ...message, parts: [...message.parts] }, exchangeFor({ loss: path => losses.push(path) }))
    expect(render('anthropic')).toMatchObject({ content: [block] })
    expect(losses).toEqual([])
    render('openai-chat')
    expect(losses.length).toBeGreaterThan(0)
  })
})

describe('Messages: a delta of an unknown type in a known block', () => {
  test.each([
    ['future_delta', 'a future_delta cannot be translated'],
    [undefined, 'a delta cannot be translated'],
    [7, 'a delta cannot be translated'],
  ])('%p is a loss', (type, why) => {
    const losses: string[][] = []
    const push = protocols.get('anthropic')!.parseStream(exchangeFor({ loss: (...loss) => losses.push(loss) }))(
      () => undefined,
    )
    for (const event of [
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type, x: 1 } },
    ])
      for (const frame of framesOf(sse([event as JsonObject]))) push(frame)
    expect(losses).toEqual([['content', why]])
  })

  test.each([
    ['text_delta', 'text', 'text'],
    ['thinking_delta', 'thinking', 'reasoning'],
  ])('a %s without a start of its block opens one', (type, field, part) => {
    const events = eventsIn('anthropic', [
      { type: 'content_block_delta', index: 3, delta: { type, [field]: 'words' } },
      { type: 'message_stop' },
    ])
    expect(events).toMatchObject([{ type: 'start' }, { type: 'open', part }, { type: 'delta', text: 'words' }, {}, {}])
  })

  test('a signature without a start of its block opens one of thinking', () => {
    const events = eventsIn('anthropic', [
      { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 's' } },
      { type: 'message_stop' },
    ])
    expect(events).toMatchObject([
      {},
      { type: 'open', part: 'reasoning' },
      { type: 'seal', seal: { value: 's' } },
      {},
      {},
    ])
  })

  test('a text that is no string is no text', () => {
    const events = eventsIn('anthropic', [
      { type: 'content_block_start', index: 0, content_block: { type: 'text' } },
      ...[7, null, { a: 1 }, undefined, ''].map(text => ({
        type: 'content_block_delta',
        index: 0,
        delta: { type: 'text_delta', ...(text !== undefined && { text }) },
      })),
      { type: 'message_stop' },
    ])
    expect(events.filter(({ type }) => type === 'delta')).toEqual([])
  })
})

describe('Responses: an `image_generation_call`', () => {
  const partsOf = (item: JsonObject): Part[] =>
    protocols
      .get('openai-responses')!
      .parseMessage({ id: 'resp_1', object: 'response', status: 'completed', output: [item] }, exchangeFor()).parts
  const item = { type: 'image_generation_call', id: 'ig_1', status: 'completed' }

  test('with a result is an image, of the format that it names or PNG', () => {
    expect(partsOf({ ...item, result: 'AAAA' })).toEqual([
      { type: 'media', mime: 'image/png', source: { data: 'AAAA' } },
    ])
    expect(partsOf({ ...item, result: 'AAAA', output_format: 'webp' })).toMatchObject([
      { mime: 'image/webp', seal: { value: { output_format: 'webp' } } },
    ])
  })

  test.each([null, '', undefined, 7, {}])('with the result %j is an item that only this protocol knows', result => {
    const unfinished = { ...item, ...(result !== undefined && { result }) }
    expect(partsOf(unfinished)).toEqual([
      { type: 'foreign', seal: { by: 'openai-responses', at: 'here/0/there', value: { item: unfinished } } },
    ])
  })
})

describe('Chat Completions: a `function_call`', () => {
  const parsed = (message: JsonObject) =>
    protocols
      .get('openai-chat')!
      .parseMessage(
        { id: 'i', object: 'chat.completion', choices: [{ index: 0, message, finish_reason: 'stop' }] },
        exchangeFor(),
      )
  const passed = (message: JsonObject) => {
    const body = {
      id: 'i',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [{ index: 0, message, finish_reason: 'stop' }],
    }
    const { text } = protocols.get('openai-chat')!.passthrough.passMessage(JSON.stringify(body), exchangeFor())
    return (JSON.parse(text) as { choices: { message: JsonObject; finish_reason: string }[] }).choices[0]!
  }

  test('that is an object is a call', () => {
    const call = { name: 'look', arguments: '{}' }
    expect(parsed({ role: 'assistant', content: null, function_call: call })).toMatchObject({
      parts: [{ type: 'call', name: 'look', args: '{}' }],
      finish: 'calls',
    })
    expect(passed({ role: 'assistant', content: null, function_call: call })).toMatchObject({
      message: { function_call: call },
      finish_reason: 'function_call',
    })
  })

  test.each([['look'], [7], [true], [[]], [null], [{}], [{ name: '' }], [{ name: '', arguments: '' }]])(
    'that is %j is none, and a client does not see it',
    wrong => {
      const message = { role: 'assistant', content: 'words', function_call: wrong as Json }
      expect(parsed(message)).toMatchObject({ parts: [{ type: 'text', text: 'words' }], finish: 'stop' })
      const choice = passed(message)
      expect(choice.message).not.toHaveProperty('function_call')
      expect(choice.finish_reason).toBe('stop')
    },
  )

  test.each([['look'], [7], [null], [[]]])('that is %j in a stream is none', wrong => {
    const events = eventsOf(
      protocols.get('openai-chat')!,
      framesOf(
        `data: ${JSON.stringify({ id: 'i', choices: [{ index: 0, delta: { content: 'words', function_call: wrong } }] })}\n\n` +
          `data: ${JSON.stringify({ id: 'i', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`,
      ),
    )
    expect(events.filter(({ type }) => type === 'open')).toMatchObject([{ part: 'text' }])
    expect(events.at(-1)).toMatchObject({ type: 'finish', reason: 'stop' })
  })
})

describe('a part that only the vendor knows, before a call that is remembered', () => {
  const foreign = { type: 'foreign', seal: { by: 'anthropic', at: 'v.t', value: { type: 'compaction' } } } as const
  const call: ToolCall = { type: 'call', id: 'call_1', name: 'look', args: '{}' }
  const remember = (events: Event[]): Chat => {
    const memory = createSealStore().forCaller('someone')
    events.forEach(rememberThoughts(memory))
    return restoreThoughts(
      { model: 'm', stream: false, turns: [{ role: 'assistant', parts: [{ type: 'text', text: 'words' }, call] }] },
      memory,
    )
  }
  test('comes back before the content of the turn', () => {
    const chat = remember([
      { type: 'start', id: 'i', model: 'm' },
      { type: 'part', at: 0, part: foreign },
      { type: 'open', at: 1, part: 'call', id: 'call_1', name: 'look' },
      { type: 'delta', at: 1, text: '{}' },
      { type: 'close', at: 1 },
      { type: 'finish', reason: 'calls' },
    ])
    expect(chat.turns[0]!.parts).toEqual([foreign, { type: 'text', text: 'words' }, call])
  })
})
