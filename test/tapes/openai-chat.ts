/** Our own small answers of Chat Completions, one for each thing vendors do. What a client must be left with stands beside it. */
import type { JsonObject } from '../../src/base/json/json.ts'

type Gives = {
  text?: string
  reasoning?: string
  calls?: { name: string; args: string }[]
  finish?: string
  usage?: { prompt: number; completion: number }
  /** The status of the fault it ends in. */
  fault?: number
}
/** `frames`: a chunk, or a line as it is. */
export type Tape = { quirk: string; frames: (JsonObject | string)[]; gives: Gives }

const head = { id: 'c-1', object: 'chat.completion.chunk', created: 1_700_000_001, model: 'vendor-model' }
const say = (delta: JsonObject, finish: string | null = null, more: JsonObject = {}): JsonObject => ({
  ...head,
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...more,
})
const first = say({ role: 'assistant', content: '' })
const usage = { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 }
const call = (entry: JsonObject): JsonObject => say({ tool_calls: [entry] })
const named = (index: number, id: string, name: string, args: string): JsonObject => ({
  index,
  id,
  type: 'function',
  function: { name, arguments: args },
})
const done = '[DONE]'
const sunny = [{ name: 'weather', args: '{"city":"Bern"}' }]

export const streams: Tape[] = [
  {
    quirk: 'a strict stream',
    frames: [
      first,
      say({ content: 'Hello' }),
      say({ content: ', 世界 🌍' }),
      say({}, 'stop'),
      { ...head, choices: [], usage },
      done,
    ],
    gives: { text: 'Hello, 世界 🌍', finish: 'stop', usage: { prompt: 5, completion: 7 } },
  },
  {
    quirk: 'content before any role',
    frames: [say({ content: 'A' }), say({ content: 'B', role: null }), say({}, 'stop'), done],
    gives: { text: 'AB', finish: 'stop' },
  },
  {
    quirk: 'no id, no object, created as text',
    frames: [
      { choices: [{ index: 0, delta: { content: 'A' } }], created: '1700000002', model: 'm' },
      { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
      done,
    ],
    gives: { text: 'A', finish: 'stop' },
  },
  {
    quirk: 'created in milliseconds and as a fraction',
    frames: [
      { ...first, created: 1_700_000_003_000 },
      { ...say({ content: 'A' }), created: 1_700_000_003.5 },
      say({}, 'stop'),
      done,
    ],
    gives: { text: 'A', finish: 'stop' },
  },
  {
    quirk: 'a first chunk without choices, id or time',
    frames: [
      { ...head, id: '', created: 0, object: '', model: '', choices: [], prompt_filter_results: [{}] },
      first,
      say({ content: 'A' }),
      say({}, 'stop'),
      done,
    ],
    gives: { text: 'A', finish: 'stop' },
  },
  {
    quirk: 'another id in the middle',
    frames: [first, { ...say({ content: 'A' }), id: 'c-2' }, { ...say({}, 'stop'), id: 'c-3' }, done],
    gives: { text: 'A', finish: 'stop' },
  },
  {
    quirk: 'choices null, then an index that is missing',
    frames: [
      first,
      { ...head, choices: null },
      { ...head, choices: [{ delta: { content: 'A' } }] },
      say({}, 'stop'),
      done,
    ],
    gives: { text: 'A', finish: 'stop' },
  },
  {
    quirk: 'a delta that is null',
    frames: [
      first,
      say({ content: 'A' }),
      { ...head, choices: [{ index: 0, delta: null, finish_reason: 'stop' }] },
      done,
    ],
    gives: { text: 'A', finish: 'stop' },
  },
  {
    quirk: 'content as a list with thoughts',
    frames: [
      say({ role: 'assistant', content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'Hm.' }] }] }),
      say({ content: [{ type: 'text', text: 'A' }] }),
      say({ content: 'B' }, 'stop'),
      done,
    ],
    gives: { text: 'AB', reasoning: 'Hm.', finish: 'stop' },
  },
  {
    quirk: 'reasoning under its short name',
    frames: [say({ role: 'assistant', content: '', reasoning: 'Hm.' }), say({ content: 'A' }), say({}, 'stop'), done],
    gives: { text: 'A', reasoning: 'Hm.', finish: 'stop' },
  },
  {
    quirk: 'empty fields of calls on every delta',
    frames: [
      say({ role: 'assistant', content: 'A', tool_calls: [], function_call: null }),
      say({ content: 'B', tool_calls: null }),
      say({ tool_calls: [{}] }),
      say({}, 'stop'),
      done,
    ],
    gives: { text: 'AB', finish: 'stop' },
  },
  {
    quirk: 'a call in pieces',
    frames: [
      first,
      call(named(0, 'a', 'weather', '')),
      call({ index: 0, function: { arguments: '{"city":' } }),
      call({ index: 0, function: { arguments: '"Bern"}' } }),
      say({}, 'tool_calls'),
      done,
    ],
    gives: { calls: sunny, finish: 'tool_calls' },
  },
  {
    quirk: 'later deltas with an empty id and name',
    frames: [
      first,
      call(named(0, 'a', 'weather', '{"city"')),
      call({ index: 0, id: '', type: 'function', function: { name: '', arguments: ':"Bern"}' } }),
      say({}, 'tool_calls'),
      done,
    ],
    gives: { calls: sunny, finish: 'tool_calls' },
  },
  {
    quirk: 'the id repeated on later deltas',
    frames: [
      first,
      call(named(0, 'a', 'weather', '{"city"')),
      call(named(0, 'a', '', ':"Bern"}')),
      say({}, 'tool_calls'),
      done,
    ],
    gives: { calls: sunny, finish: 'tool_calls' },
  },
  {
    quirk: 'calls without an index, whole in one delta with the finish',
    frames: [
      first,
      say(
        {
          tool_calls: [
            { id: 'a', function: { name: 'weather', arguments: '{"city":"Bern"}' } },
            { id: 'b', function: { name: 'time', arguments: '{}' } },
          ],
        },
        'tool_calls',
      ),
      done,
    ],
    gives: { calls: [...sunny, { name: 'time', args: '{}' }], finish: 'tool_calls' },
  },
  {
    quirk: 'two calls share index 0 under two ids',
    frames: [
      first,
      call(named(0, 'a', 'weather', '{"city":"Bern"}')),
      call(named(0, 'b', 'time', '{}')),
      say({}, 'stop'),
      done,
    ],
    gives: { calls: [...sunny, { name: 'time', args: '{}' }], finish: 'tool_calls' },
  },
  {
    quirk: 'two whole calls share index 0 without ids',
    frames: [
      first,
      call({ index: 0, id: '', function: { name: 'weather', arguments: '{"city":"Bern"}' } }),
      call({ index: 0, id: '', function: { name: 'time', arguments: '{}' } }),
      say({}, 'stop'),
      done,
    ],
    gives: { calls: [...sunny, { name: 'time', args: '{}' }], finish: 'tool_calls' },
  },
  {
    quirk: 'the index begins at 1',
    frames: [first, call(named(1, 'a', 'weather', '{"city":"Bern"}')), say({}, 'tool_calls'), done],
    gives: { calls: sunny, finish: 'tool_calls' },
  },
  {
    quirk: 'two calls take turns',
    frames: [
      first,
      call(named(0, 'a', 'weather', '{"city"')),
      call(named(1, 'b', 'time', '{"zone"')),
      call({ index: 0, function: { arguments: ':"Bern"}' } }),
      call({ index: 1, function: { arguments: ':"CET"}' } }),
      say({}, 'tool_calls'),
      done,
    ],
    gives: { calls: [...sunny, { name: 'time', args: '{"zone":"CET"}' }], finish: 'tool_calls' },
  },
  {
    quirk: 'a call without arguments',
    frames: [
      first,
      call({ index: 0, id: 'a', type: 'function', function: { name: 'now' } }),
      say({}, 'tool_calls'),
      done,
    ],
    gives: { calls: [{ name: 'now', args: '{}' }], finish: 'tool_calls' },
  },
  {
    quirk: 'arguments "null"',
    frames: [first, call(named(0, 'a', 'now', 'null')), say({}, 'tool_calls'), done],
    gives: { calls: [{ name: 'now', args: '{}' }], finish: 'tool_calls' },
  },
  {
    quirk: 'arguments as an object',
    frames: [
      first,
      call({ index: 0, id: 'a', function: { name: 'weather', arguments: { city: 'Bern' } } }),
      say({}, 'stop'),
      done,
    ],
    gives: { calls: sunny, finish: 'tool_calls' },
  },
  {
    quirk: 'a call without arguments, alone with its finish',
    frames: [say({ role: 'assistant', tool_calls: [named(0, '', 'now', '')] }, 'tool_call'), done],
    gives: { calls: [{ name: 'now', args: '{}' }], finish: 'tool_calls' },
  },
  {
    quirk: 'a finish twice',
    frames: [first, say({ content: 'A' }), say({}, 'stop'), say({ content: '' }, 'stop', { usage }), done],
    gives: { text: 'A', finish: 'stop', usage: { prompt: 5, completion: 7 } },
  },
  {
    quirk: 'text after the finish',
    frames: [
      first,
      call(named(0, 'a', 'weather', '{"city":"Bern"}')),
      say({}, 'tool_calls'),
      say({ content: '\n' }),
      say({ content: '' }, 'stop'),
      done,
    ],
    gives: { text: '\n', calls: sunny, finish: 'tool_calls' },
  },
  {
    quirk: 'the finish of a search before the answer',
    frames: [say({ role: 'tool', content: '' }, 'stop'), say({ content: 'A' }), say({}, 'length'), done],
    gives: { text: 'A', finish: 'length' },
  },
  {
    quirk: 'no finish, but [DONE]',
    frames: [first, say({ content: 'A' }, ''), done],
    gives: { text: 'A', finish: 'stop' },
  },
  {
    quirk: 'no [DONE], but a finish',
    frames: [first, say({ content: 'A' }), say({}, 'stop')],
    gives: { text: 'A', finish: 'stop' },
  },
  {
    quirk: 'a word for the finish of its own',
    frames: [first, say({ content: 'A' }), say({}, 'eos'), done],
    gives: { text: 'A', finish: 'stop' },
  },
  {
    quirk: 'usage inside the choice',
    frames: [first, { ...head, choices: [{ index: 0, delta: { content: 'A' }, finish_reason: 'stop', usage }] }, done],
    gives: { text: 'A', finish: 'stop', usage: { prompt: 5, completion: 7 } },
  },
  {
    quirk: 'usage on every chunk, half of it null',
    frames: [
      { ...first, usage: { prompt_tokens: 5, completion_tokens: null, total_tokens: null } },
      say({ content: 'A' }),
      say({}, 'stop', { usage }),
      done,
    ],
    gives: { text: 'A', finish: 'stop', usage: { prompt: 5, completion: 7 } },
  },
  {
    quirk: 'a whole message after its deltas',
    frames: [
      first,
      say({ content: 'A' }),
      {
        ...head,
        object: 'chat.completion',
        choices: [{ index: 0, message: { role: 'assistant', content: 'A' }, finish_reason: 'stop' }],
        usage,
      },
      done,
    ],
    gives: { text: 'A', finish: 'stop', usage: { prompt: 5, completion: 7 } },
  },
  {
    quirk: 'thoughts that OpenRouter details',
    frames: [
      say({
        role: 'assistant',
        content: '',
        reasoning: 'Hm',
        reasoning_details: [{ type: 'reasoning.text', text: 'Hm', index: 0 }],
      }),
      say({ content: 'A' }),
      say({}, 'stop'),
      done,
    ],
    gives: { text: 'A', reasoning: 'Hm', finish: 'stop' },
  },
  { quirk: 'cut in the middle', frames: [first, say({ content: 'A' })], gives: { fault: 502 } },
  {
    quirk: 'an error frame with a status of its own',
    frames: [first, { error: { message: 'no such thing', type: 'invalid_request_error', status_code: 400 } }],
    gives: { fault: 400 },
  },
  {
    quirk: 'an error beside choices',
    frames: [first, { ...say({ content: '' }, 'error'), error: { message: 'gone', code: 502 } }, done],
    gives: { fault: 502 },
  },
  {
    quirk: 'an error without an envelope',
    frames: [first, { code: 10012, message: 'engine' }, done],
    gives: { fault: 502 },
  },
  {
    quirk: 'a refusal of ours in the stream',
    frames: [{ error: { message: 'bad key', code: 401 } }],
    gives: { fault: 502 },
  },
  {
    quirk: 'the finish says that it broke off',
    frames: [first, say({ content: 'A' }), say({}, 'network_error'), done],
    gives: { fault: 502 },
  },
  { quirk: '[DONE] and nothing else', frames: [done], gives: { fault: 502 } },
]

/** As it stands on the wire. */
export const toText = ({ frames }: Tape): string =>
  frames.map(frame => `data: ${typeof frame === 'string' ? frame : JSON.stringify(frame)}\n\n`).join('')

const answer = (message: JsonObject, finish: string | null, more: JsonObject = {}): JsonObject => ({
  id: 'c-1',
  object: 'chat.completion',
  created: 1_700_000_001,
  model: 'vendor-model',
  choices: [{ index: 0, message, finish_reason: finish }],
  ...more,
})

export const messages: { name: string; body: JsonObject }[] = [
  { name: 'text', body: answer({ role: 'assistant', content: 'Hello' }, 'stop', { usage }) },
  {
    name: 'thoughts, text and two calls',
    body: answer(
      {
        role: 'assistant',
        content: 'Let me see',
        reasoning_content: 'Hm',
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'weather', arguments: '{"city":"Bern"}' } },
          { id: 'b', type: 'function', function: { name: 'now', arguments: '' } },
        ],
      },
      'stop',
      {
        usage: {
          ...usage,
          completion_tokens_details: { reasoning_tokens: 3 },
          prompt_tokens_details: { cached_tokens: 2 },
        },
      },
    ),
  },
  { name: 'a refusal', body: answer({ role: 'assistant', content: null, refusal: 'I will not' }, 'stop') },
  {
    name: 'a free-text call',
    body: answer(
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'a', type: 'custom', custom: { name: 'run', input: 'ls -l' } }],
      },
      'tool_calls',
    ),
  },
  {
    name: 'a call of the old kind',
    body: answer(
      { role: 'assistant', content: null, function_call: { name: 'now', arguments: '{}' } },
      'function_call',
    ),
  },
  {
    name: 'a picture and annotations',
    body: answer(
      {
        role: 'assistant',
        content: 'Here',
        images: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }],
        annotations: [
          { type: 'url_citation', url_citation: { url: 'https://a.b', title: 'A', start_index: 0, end_index: 4 } },
        ],
      },
      'length',
    ),
  },
  {
    name: 'a call with a signature of its vendor',
    body: answer(
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          {
            id: 'a',
            type: 'function',
            function: { name: 'now', arguments: '{}' },
            extra_content: { google: { thought_signature: 's' } },
          },
        ],
      },
      'tool_calls',
    ),
  },
  {
    name: 'no message at all',
    body: { ...answer({}, 'content_filter'), choices: [{ index: 0, finish_reason: 'content_filter' }] },
  },
]

const tool = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
    strict: true,
  },
}

export const requests: { name: string; body: JsonObject }[] = [
  { name: 'the least', body: { model: 'm', messages: [{ role: 'user', content: 'hi' }] } },
  {
    name: 'everything at once',
    body: {
      model: 'm',
      stream: true,
      messages: [
        { role: 'system', content: 'be kind' },
        {
          role: 'developer',
          content: [{ type: 'text', text: 'and short', cache_control: { type: 'ephemeral', ttl: '1h' } }],
        },
        {
          role: 'user',
          name: 'ann',
          content: [
            { type: 'text', text: 'see' },
            { type: 'image_url', image_url: { url: 'https://a.b/c.png', detail: 'low' } },
            { type: 'image_url', image_url: { url: 'data:image/gif;base64,R0lG' } },
            { type: 'input_audio', input_audio: { data: 'AAAA', format: 'mp3' } },
            { type: 'file', file: { file_id: 'file-1' } },
            { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' } },
            { type: 'a_new_part', payload: 1 },
          ],
        },
        {
          role: 'assistant',
          content: 'Let me see',
          reasoning_content: 'Hm',
          tool_calls: [
            { id: 'a', type: 'function', function: { name: 'weather', arguments: '{"n":12345678901234567890}' } },
            { id: 'b', type: 'custom', custom: { name: 'run', input: 'ls' } },
          ],
        },
        { role: 'tool', tool_call_id: 'a', content: 'sunny' },
        { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: 'files' }] },
        { role: 'assistant', content: null, refusal: 'no', prefix: true },
        { role: 'user', content: 'and now?' },
      ],
      tools: [
        tool,
        { type: 'custom', custom: { name: 'run', description: 'a shell', format: { type: 'text' } } },
        { type: 'web_search', depth: 2 },
      ],
      tool_choice: { type: 'function', function: { name: 'weather' } },
      parallel_tool_calls: false,
      max_completion_tokens: 100,
      temperature: 0,
      top_p: 0.5,
      seed: 7,
      stop: ['x', 'y'],
      reasoning_effort: 'low',
      response_format: { type: 'json_schema', json_schema: { name: 'a', strict: true, schema: { type: 'object' } } },
      user: 'u',
      logit_bias: { 50256: -100 },
      metadata: { a: 'b' },
      a_new_field: { deep: [1, 2, { three: null }] },
    },
  },
  {
    name: 'functions of the old kind',
    body: {
      model: 'm',
      messages: [
        { role: 'user', content: 'time?' },
        { role: 'assistant', content: null, function_call: { name: 'now', arguments: '{}' } },
        { role: 'function', name: 'now', content: '12:00' },
      ],
      functions: [{ name: 'now', parameters: { type: 'object' } }],
      function_call: { name: 'now' },
    },
  },
  {
    name: 'nulls',
    body: {
      model: 'm',
      messages: [{ role: 'user', content: 'hi', name: null }],
      stop: null,
      tools: null,
      temperature: null,
      response_format: null,
      n: null,
    },
  },
]
