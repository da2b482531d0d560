/** When client and vendor use the same protocol, every byte passes unchanged except the model, streamed or not. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Gateway, startGateway } from '../support/gateway-process.ts'
import { scriptedUpstream, type Upstream } from '../support/scripted-upstream.ts'
import { chatBody, chatChunks, type Frame, replyJson, replySse } from '../support/upstream-scripts.ts'

let upstream: Upstream
let gateway: Gateway

beforeAll(async () => {
  upstream = await scriptedUpstream(replyJson({}))
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

/**
 * JSON that parsing and serialising would change: numeric-looking keys, numbers beyond double precision, escapes,
 * spaces.
 */
const oddJson = '{"2":1,"1":1.0,"n":12345678901234567890 ,"e":1e400,"z":-0,"t":"\\u00e9\\/\\n"}'
const cacheControl = `"cache_control" : {"ttl":"1h" , "type":"ephemeral"}`

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
const usageJson =
  '"usage":{"input_tokens":3,"cache_creation_input_tokens":0,"cache_read_input_tokens":90,"output_tokens":25,"server_tool_use":null}'
const event = (type: string, data: string) => `event: ${type}\ndata: ${data}\n\n`
const block = (index: number, content: string, ...deltas: string[]) => [
  event('content_block_start', `{"type":"content_block_start","index":${index},"content_block":${content}     }`),
  ...deltas.map(delta =>
    event('content_block_delta', `{"type":"content_block_delta","index":${index},"delta":${delta}   }`),
  ),
  event('content_block_stop', `{"type":"content_block_stop","index":${index}   }`),
]
/** Frames as Anthropic writes them, padding included, and some that it does not write or does not write yet. */
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
    `{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},${usageJson}      }`,
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

type PassthroughCase = {
  path: string
  model: string
  /** The vendor's name of the model; absent where the model is part of the path. */
  vendorModel?: string
  /** The rest of the request body after the model and `extraFields`. */
  rest: string
  answer: object
  /** Absent where the endpoint never streams. */
  stream?: { path?: string; extraFields: string; pieces: Frame[]; done?: boolean }
}

const usage = '"stream": true , "stream_options":{ "include_usage":true},'
const streamed = '"stream" :true,'

const passthroughCases: Record<string, PassthroughCase> = {
  'Chat Completions': {
    path: '/v1/chat/completions',
    model: 'ours',
    vendorModel: 'theirs',
    rest: `"messages":[ {"role":"user","content":"q"}],\n"metadata":${oddJson} }`,
    answer: chatBody(),
    stream: { extraFields: usage, pieces: chatChunks() },
  },
  Messages: {
    path: '/v1/messages',
    model: 'claude-ours',
    vendorModel: 'claude-theirs',
    rest: `"max_tokens":10, "system":[{"type":"text","text":"s",${cacheControl}}],
      "tools":[{"name":"f","input_schema":{"type":"object","properties":${oddJson}},${cacheControl}}],
      "messages":[{"role":"user","content":[{"type":"text","text":"\\u00e9/\\/",${cacheControl}}]},
      {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":${oddJson}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r",${cacheControl}}]}]}`,
    answer: { ...message, content: [{ type: 'text', text: 'hi' }], stop_reason: 'end_turn' },
    stream: { extraFields: streamed, pieces: messageFrames, done: false },
  },
  Responses: {
    path: '/v1/responses',
    model: 'answering',
    vendorModel: 'theirs',
    rest: `"input": [ {"role":"user","content":"q"},{"type":"custom","v":${oddJson}}]  }`,
    answer: response,
    stream: {
      extraFields: streamed,
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
    rest: `"contents":[ {"role":"user","parts":[{"text":"q"},{"functionCall":{"name":"f","args":${oddJson}}}]}]}`,
    answer: generated,
    stream: {
      path: '/v1beta/models/gemini-ours:streamGenerateContent?alt=sse',
      extraFields: '',
      pieces: [generated],
      done: false,
    },
  },
  Completions: {
    path: '/v1/completions',
    model: 'ours',
    vendorModel: 'theirs',
    rest: `"prompt" :"q","x":${oddJson}}`,
    answer: completion,
    stream: { extraFields: usage, pieces: [completion] },
  },
  Embeddings: {
    path: '/v1/embeddings',
    model: 'ours',
    vendorModel: 'theirs',
    rest: `"input":[ "q" ],"x":${oddJson}}`,
    answer: vectors,
  },
}

const send = async (path: string, text: string) => {
  const headers = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' }
  const options = { method: 'POST', headers, body: text, proxy: false }
  const answer = await fetch(`${gateway.url}${path}`, options as RequestInit)
  const answerText = await answer.text()
  expect({ status: answer.status, answerText }).toMatchObject({ status: 200 })
  return { answerText, vendorBody: upstream.requests.at(-1)!.body.toString() }
}

const requestOf = (model: string | undefined, extraFields: string, rest: string): string =>
  `{ ${model === undefined ? '' : `"model" : "${model}",`}  ${extraFields}${rest}`

describe.each(Object.entries(passthroughCases))(
  'a request of %s',
  (_name, { path, model, vendorModel, rest, answer, stream }) => {
    const modelInBody = vendorModel === undefined ? undefined : model

    test('a request reaches a vendor of the same protocol byte for byte', async () => {
      upstream.setScript(replyJson(answer))
      const { vendorBody } = await send(path, requestOf(modelInBody, '', rest))
      expect(vendorBody).toBe(requestOf(vendorModel, '', rest))
    })

    if (!stream) return
    test('a streaming request reaches a vendor of the same protocol byte for byte', async () => {
      const { extraFields, pieces, done = true, path: streamPath = path } = stream
      upstream.setScript(replySse(pieces, { done }))
      const { vendorBody } = await send(streamPath, requestOf(modelInBody, extraFields, rest))
      expect(vendorBody).toBe(requestOf(vendorModel, extraFields, rest))
    })
  },
)

test('only `stream_options` is removed from a request that does not stream', async () => {
  upstream.setScript(replyJson(chatBody()))
  const text = '{"model":"ours","stream_options":{"include_usage":true},"messages":[{"role":"user","content":"q"}]}'
  const { vendorBody } = await send('/v1/chat/completions', text)
  expect(JSON.parse(vendorBody)).toEqual({ model: 'theirs', messages: [{ role: 'user', content: 'q' }] })
})

test('`stream_options` of Responses, which has another meaning, passes with a request that does not stream', async () => {
  const { path, model, vendorModel, rest, answer } = passthroughCases['Responses']!
  const options = '"stream_options" : { "include_obfuscation":false},'
  upstream.setScript(replyJson(answer))
  const { vendorBody } = await send(path, requestOf(model, options, rest))
  expect(vendorBody).toBe(requestOf(vendorModel, options, rest))
})

describe('an answer of Messages for a Messages client', () => {
  const { path, model, rest } = passthroughCases['Messages']!
  const renamed = (text: string) => text.replace('"claude-theirs"', '"claude-ours"')

  test.each([
    ['frame by frame', messageFrames],
    ['all at once', [messageFrames.join('')]],
  ])('a stream that arrives %s passes byte for byte except for the model', async (_how, pieces) => {
    upstream.setScript(replySse(pieces, { done: false }))
    const { answerText } = await send(path, requestOf(model, streamed, rest))
    expect(answerText).toBe(renamed(messageFrames.join('')))
  })

  test('a complete answer passes byte for byte except for the model', async () => {
    const input = `"content": [ {"type":"tool_use","id":"t","name":"f","input":${oddJson}}],"stop_reason":"tool_use"`
    const text = `{"id":"msg_1","type":"message","role":"assistant", "model" :"claude-theirs",${input},"stop_sequence":null,${usageJson} }`
    upstream.setScript(async answer => {
      answer.writeHead(200, { 'content-type': 'application/json' })
      await answer.write(text)
      answer.end()
    })
    expect((await send(path, requestOf(model, '', rest))).answerText).toBe(renamed(text))
  })
})
