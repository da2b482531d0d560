/** A client and a vendor of one protocol: what passes between them keeps every byte but the model, streamed or not. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/process.ts'
import { chatBody, chatFrames, jsonOf, type Piece, sseOf } from '../support/scripts.ts'
import { scriptedUpstream, type Upstream } from '../support/upstream.ts'

let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(jsonOf({}))
  const entry = { enabled: true, models: ['ours'], model_map: { ours: 'theirs' }, credentials: { api_key: 'k' } }
  const open = { ...entry, server_url: `${upstream.url}/v1` }
  gateway = await startGateway({
    services: {
      openai: [{ ...open, speaks: ['openai-chat', 'completions', 'embeddings'] }],
      claude: [{ ...open, models: ['claude-ours'], model_map: { 'claude-ours': 'claude-theirs' } }],
      gemini: [{ ...entry, server_url: upstream.url, models: ['gemini-ours'], model_map: {} }],
      vllm: [{ ...open, models: ['answering'], model_map: { answering: 'theirs' }, speaks: ['openai-responses'] }],
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

/** What any reading and writing anew would change: keys that look like numbers, numbers no double holds, escapes, spaces. */
const odd = '{"2":1,"1":1.0,"n":12345678901234567890 ,"e":1e400,"z":-0,"t":"\\u00e9\\/\\n"}'
const cached = `"cache_control" : {"ttl":"1h" , "type":"ephemeral"}`

const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-theirs',
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage: { input_tokens: 1, output_tokens: 1 },
}
const counts =
  '"usage":{"input_tokens":3,"cache_creation_input_tokens":0,"cache_read_input_tokens":90,"output_tokens":25,"server_tool_use":null}'
const event = (type: string, data: string) => `event: ${type}\ndata: ${data}\n\n`
const block = (index: number, content: string, ...deltas: string[]) => [
  event('content_block_start', `{"type":"content_block_start","index":${index},"content_block":${content}     }`),
  ...deltas.map(delta =>
    event('content_block_delta', `{"type":"content_block_delta","index":${index},"delta":${delta}   }`),
  ),
  event('content_block_stop', `{"type":"content_block_stop","index":${index}   }`),
]
/** As Anthropic writes them, blanks and all; and some as it does not, or not yet. */
const messageFrames = [
  event('message_start', `{"type":"message_start","message":${JSON.stringify(message)}, "x":1.0      }`),
  event('ping', '{"type": "ping"}'),
  ...block(
    0,
    '{"type":"thinking","thinking":"","signature":""}',
    '{"type":"thinking_delta","thinking":"so \\u00e9\\/"}',
    '{"type":"thinking_delta","thinking":"on"}',
    '{"type":"signature_delta","signature":"EqQBCgIYAhIM=="}',
  ),
  ...block(1, '{"type":"redacted_thinking","data":"Emw"}'),
  ...block(
    2,
    '{"citations":[],"type":"text","text":""}',
    '{"type":"text_delta","text":"\\u4f60"}',
    '{"type":"text_delta","text":" b"}',
    '{"type":"text_delta","text":" c"}',
    '{"type":"citations_delta","citation":{"type":"char_location","cited_text":"q","document_index":0,"n":1.0}}',
  ),
  event('content_block_delta', '{ "delta":{"type":"text_delta","text":"?"},"index":2,"type":"content_block_delta" }'),
  ...block(
    3,
    '{"type":"tool_use","id":"toolu_1","name":"f","input":{},"caller":{"type":"direct"}}',
    '{"type":"input_json_delta","partial_json":""}',
    '{"type":"input_json_delta","partial_json":"{\\"n\\": 12345678901234567890}"}',
  ),
  event('content_block_new', '{"type":"content_block_new","n":12345678901234567890}'),
  event(
    'message_delta',
    `{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},${counts}      }`,
  ),
  event('message_stop', '{"type":"message_stop"          }'),
]
const response = { id: 'resp_1', object: 'response', created_at: 1, model: 'theirs', status: 'completed', output: [] }
const generated = {
  candidates: [{ content: { role: 'model', parts: [{ text: 'hi' }] }, finishReason: 'STOP', index: 0 }],
  modelVersion: 'gemini-ours',
}
const textChoice = { text: 'hi', index: 0, logprobs: null, finish_reason: 'stop' }
const completion = { id: 'cmpl-1', object: 'text_completion', created: 1, model: 'theirs', choices: [textChoice] }
const vectors = { object: 'list', model: 'theirs', data: [{ object: 'embedding', index: 0, embedding: [0.5] }] }

type Diagonal = {
  path: string
  model: string
  /** The vendor's name of the model; absent where it stands in the address. */
  theirs?: string
  /** The request without its head. */
  rest: string
  whole: object
  /** Absent: it never streams. */
  stream?: { path?: string; asks: string; pieces: Piece[]; done?: boolean }
}

const usage = '"stream": true , "stream_options":{ "include_usage":true},'
const streamed = '"stream" :true,'

const diagonals: Record<string, Diagonal> = {
  'Chat Completions': {
    path: '/v1/chat/completions',
    model: 'ours',
    theirs: 'theirs',
    rest: `"messages":[ {"role":"user","content":"q"}],\n"metadata":${odd} }`,
    whole: chatBody(),
    stream: { asks: usage, pieces: chatFrames() },
  },
  Messages: {
    path: '/v1/messages',
    model: 'claude-ours',
    theirs: 'claude-theirs',
    rest: `"max_tokens":10, "system":[{"type":"text","text":"s",${cached}}],
      "tools":[{"name":"f","input_schema":{"type":"object","properties":${odd}},${cached}}],
      "messages":[{"role":"user","content":[{"type":"text","text":"\\u00e9/\\/",${cached}}]},
      {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":${odd}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r",${cached}}]}]}`,
    whole: { ...message, content: [{ type: 'text', text: 'hi' }], stop_reason: 'end_turn' },
    stream: { asks: streamed, pieces: messageFrames, done: false },
  },
  Responses: {
    path: '/v1/responses',
    model: 'answering',
    theirs: 'theirs',
    rest: `"input": [ {"role":"user","content":"q"},{"type":"custom","v":${odd}}]  }`,
    whole: response,
    stream: {
      asks: streamed,
      pieces: [
        { type: 'response.created', sequence_number: 0, response },
        { type: 'response.output_text.delta', sequence_number: 1, delta: 'hi', item_id: 'm', output_index: 0 },
        { type: 'response.completed', sequence_number: 2, response },
      ],
      done: false,
    },
  },
  Gemini: {
    path: '/v1beta/models/gemini-ours:generateContent',
    model: 'gemini-ours',
    rest: `"contents":[ {"role":"user","parts":[{"text":"q"},{"functionCall":{"name":"f","args":${odd}}}]}]}`,
    whole: generated,
    stream: {
      path: '/v1beta/models/gemini-ours:streamGenerateContent?alt=sse',
      asks: '',
      pieces: [generated],
      done: false,
    },
  },
  Completions: {
    path: '/v1/completions',
    model: 'ours',
    theirs: 'theirs',
    rest: `"prompt" :"q","x":${odd}}`,
    whole: completion,
    stream: { asks: usage, pieces: [completion] },
  },
  Embeddings: {
    path: '/v1/embeddings',
    model: 'ours',
    theirs: 'theirs',
    rest: `"input":[ "q" ],"x":${odd}}`,
    whole: vectors,
  },
}

const ask = async (path: string, text: string) => {
  const headers = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' }
  const options = { method: 'POST', headers, body: text, proxy: false }
  const answer = await fetch(`${gateway.url}${path}`, options as RequestInit)
  const told = await answer.text()
  expect({ status: answer.status, told }).toMatchObject({ status: 200 })
  return { told, got: upstream.requests.at(-1)!.body.toString() }
}

const requestOf = (model: string | undefined, asks: string, rest: string): string =>
  `{ ${model === undefined ? '' : `"model" : "${model}",`}  ${asks}${rest}`

describe.each(Object.entries(diagonals))('a request of %s', (_name, { path, model, theirs, rest, whole, stream }) => {
  const named = theirs === undefined ? undefined : model

  test('reaches its vendor to the byte', async () => {
    upstream.become(jsonOf(whole))
    const { got } = await ask(path, requestOf(named, '', rest))
    expect(got).toBe(requestOf(theirs, '', rest))
  })

  if (!stream) return
  test('reaches it to the byte for a stream', async () => {
    const { asks, pieces, done = true, path: streamPath = path } = stream
    upstream.become(sseOf(pieces, { done }))
    const { got } = await ask(streamPath, requestOf(named, asks, rest))
    expect(got).toBe(requestOf(theirs, asks, rest))
  })
})

test('only what asks for usage in a stream goes from a request that is none', async () => {
  upstream.become(jsonOf(chatBody()))
  const text = '{"model":"ours","stream_options":{"include_usage":true},"messages":[{"role":"user","content":"q"}]}'
  const { got } = await ask('/v1/chat/completions', text)
  expect(JSON.parse(got)).toEqual({ model: 'theirs', messages: [{ role: 'user', content: 'q' }] })
})

describe('an answer of Messages reaches its client to the byte, but for the model', () => {
  const { path, model, rest } = diagonals['Messages']!
  const renamed = (text: string) => text.replace('"claude-theirs"', '"claude-ours"')

  test.each([
    ['frame by frame', messageFrames],
    ['all at once', [messageFrames.join('')]],
  ])('as a stream that comes %s', async (_how, pieces) => {
    upstream.become(sseOf(pieces, { done: false }))
    const { told } = await ask(path, requestOf(model, streamed, rest))
    expect(told).toBe(renamed(messageFrames.join('')))
  })

  test('whole', async () => {
    const input = `"content": [ {"type":"tool_use","id":"t","name":"f","input":${odd}}],"stop_reason":"tool_use"`
    const text = `{"id":"msg_1","type":"message","role":"assistant", "model" :"claude-theirs",${input},"stop_sequence":null,${counts} }`
    upstream.become(async answer => {
      answer.head(200, { 'content-type': 'application/json' })
      await answer.write(text)
      answer.end()
    })
    expect((await ask(path, requestOf(model, '', rest))).told).toBe(renamed(text))
  })
})
