/** Our own small answers of Messages, one for each thing vendors do. What a client must be left with stands beside it. */
import type { JsonObject } from '../../src/base/json/json.ts'

type Gives = {
  text?: string
  thinking?: string
  calls?: { name: string; args: string }[]
  stop?: string
  usage?: { input: number; output: number }
  /** The status of the fault it ends in. */
  fault?: number
}
/** `frames`: an event, or a frame as it is. */
export type Tape = { quirk: string; frames: (JsonObject | string)[]; gives: Gives }

const usage = { input_tokens: 9, output_tokens: 1 }
const begin = (more: JsonObject = {}): JsonObject => ({
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'vendor-model',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage,
    ...more,
  },
})
const open = (index: number, content_block: JsonObject): JsonObject => ({
  type: 'content_block_start',
  index,
  content_block,
})
const delta = (index: number, delta: JsonObject): JsonObject => ({ type: 'content_block_delta', index, delta })
const stop = (index: number): JsonObject => ({ type: 'content_block_stop', index })
const end = (stop_reason: string | null, more: JsonObject = {}): JsonObject => ({
  type: 'message_delta',
  delta: { stop_reason, stop_sequence: null, ...more },
  usage: { output_tokens: 7 },
})
const over: JsonObject = { type: 'message_stop' }
const ping: JsonObject = { type: 'ping' }
const text = (index: number, ...words: string[]): JsonObject[] => [
  open(index, { type: 'text', text: '' }),
  ...words.map(one => delta(index, { type: 'text_delta', text: one })),
  stop(index),
]
const call = (index: number, id: string, name: string, ...pieces: string[]): JsonObject[] => [
  open(index, { type: 'tool_use', id, name, input: {} }),
  ...pieces.map(partial_json => delta(index, { type: 'input_json_delta', partial_json })),
  stop(index),
]
const thought = (index: number, words: string, signature: string): JsonObject[] => [
  open(index, { type: 'thinking', thinking: '', signature: '' }),
  ...(words === '' ? [] : [delta(index, { type: 'thinking_delta', thinking: words })]),
  delta(index, { type: 'signature_delta', signature }),
  stop(index),
]
const bern = [{ name: 'weather', args: '{"city":"Bern"}' }]

export const streams: Tape[] = [
  {
    quirk: 'a strict stream',
    frames: [begin(), ping, ...text(0, 'Hello', ', 世界 🌍'), end('end_turn'), over],
    gives: { text: 'Hello, 世界 🌍', stop: 'end_turn', usage: { input: 9, output: 7 } },
  },
  {
    quirk: 'a thought, a call in pieces, a ping inside the block',
    frames: [
      begin(),
      ...thought(0, 'Hm.', 'c2ln'),
      ...text(1, 'Let me see.'),
      open(2, { type: 'tool_use', id: 'toolu_1', name: 'weather', input: {} }),
      delta(2, { type: 'input_json_delta', partial_json: '' }),
      delta(2, { type: 'input_json_delta', partial_json: '{"city":' }),
      ping,
      delta(2, { type: 'input_json_delta', partial_json: '"Bern"}' }),
      stop(2),
      end('tool_use'),
      over,
    ],
    gives: { text: 'Let me see.', thinking: 'Hm.', calls: bern, stop: 'tool_use' },
  },
  {
    quirk: 'a call without arguments',
    frames: [begin(), ...call(0, 'toolu_1', 'now', ''), end('tool_use'), over],
    gives: { calls: [{ name: 'now', args: '{}' }], stop: 'tool_use' },
  },
  {
    quirk: 'a call that comes whole in its opening',
    frames: [
      begin(),
      open(0, { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Bern' } }),
      stop(0),
      end('tool_use'),
      over,
    ],
    gives: { calls: bern, stop: 'tool_use' },
  },
  {
    quirk: 'two calls',
    frames: [
      begin(),
      ...call(0, 'toolu_1', 'weather', '{"city":"Bern"}'),
      ...call(1, 'toolu_2', 'now'),
      end('tool_use'),
      over,
    ],
    gives: { calls: [...bern, { name: 'now', args: '{}' }], stop: 'tool_use' },
  },
  {
    quirk: 'thoughts that are not shown, redacted ones',
    frames: [
      begin(),
      ...thought(0, '', 'c2ln'),
      open(1, { type: 'redacted_thinking', data: 'ZGF0YQ==' }),
      stop(1),
      ...text(2, 'So.'),
      end('end_turn'),
      over,
    ],
    gives: { text: 'So.', stop: 'end_turn' },
  },
  {
    quirk: 'a tool of the vendor and its findings, with sources',
    frames: [
      begin(),
      open(0, { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} }),
      delta(0, { type: 'input_json_delta', partial_json: '{"query":"weather"}' }),
      stop(0),
      open(1, { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [{ type: 'web_search_result' }] }),
      stop(1),
      open(2, { type: 'text', text: '', citations: [] }),
      delta(2, { type: 'text_delta', text: 'Sunny.' }),
      delta(2, {
        type: 'citations_delta',
        citation: {
          type: 'web_search_result_location',
          url: 'https://a.example',
          title: 'A',
          cited_text: 'sun',
          encrypted_index: 'aW5k',
        },
      }),
      stop(2),
      end('end_turn'),
      over,
    ],
    gives: { text: 'Sunny.', stop: 'end_turn' },
  },
  {
    quirk: 'a stop sequence that matched',
    frames: [begin(), ...text(0, 'a '), end('stop_sequence', { stop_sequence: 'END' }), over],
    gives: { text: 'a ', stop: 'stop_sequence' },
  },
  {
    quirk: 'a refusal in words',
    frames: [
      begin(),
      end('refusal', { stop_details: { type: 'refusal', category: 'cyber', explanation: 'Not this.' } }),
      over,
    ],
    gives: { stop: 'refusal' },
  },
  {
    quirk: 'input counted again at the end, with the cache',
    frames: [
      begin({ usage: { ...usage, cache_read_input_tokens: 100, cache_creation_input_tokens: 0 } }),
      ...text(0, 'A'),
      { ...end('end_turn'), usage: { input_tokens: 11, output_tokens: 7, cache_read_input_tokens: 100 } },
      over,
    ],
    gives: { text: 'A', stop: 'end_turn', usage: { input: 111, output: 7 } },
  },
  {
    quirk: 'no names of events, [DONE] at the end',
    frames: [
      ...[begin(), ...text(0, 'A'), end('end_turn'), over].map(one => `data: ${JSON.stringify(one)}\n\n`),
      'data: [DONE]\n\n',
    ],
    gives: { text: 'A', stop: 'end_turn' },
  },
  {
    quirk: 'no message_stop, a block left open, calls that end as a turn, no usage',
    frames: [
      begin({ usage: null }),
      open(0, { type: 'tool_use', id: 'toolu_1', name: 'now' }),
      { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null } },
    ],
    gives: { calls: [{ name: 'now', args: '{}' }], stop: 'tool_use' },
  },
  { quirk: 'cut in the midst', frames: [begin(), ...text(0, 'A').slice(0, 2)], gives: { text: 'A', fault: 502 } },
  {
    quirk: 'begun anew in the midst of a call',
    frames: [
      begin(),
      ...call(0, 'toolu_1', 'weather', '{"ci').slice(0, 2),
      begin(),
      ...text(0, 'A'),
      end('end_turn'),
      over,
    ],
    gives: { fault: 502 },
  },
  {
    quirk: 'a second beginning before any word',
    frames: [begin(), begin(), ...text(0, 'A'), end('end_turn'), over],
    gives: { text: 'A', stop: 'end_turn' },
  },
  { quirk: 'nothing at all', frames: [ping], gives: { fault: 502 } },
  {
    quirk: 'overloaded in the midst',
    frames: [
      begin(),
      ...text(0, 'A'),
      { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
      over,
    ],
    gives: { text: 'A', fault: 529 },
  },
  {
    quirk: 'too many requests before any word',
    frames: [{ type: 'error', error: { type: 'rate_limit_error', message: 'Slow down' } }],
    gives: { fault: 429 },
  },
]

export const toText = ({ frames }: Tape): string =>
  frames
    .map(frame => (typeof frame === 'string' ? frame : `event: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`))
    .join('')

const message = (content: JsonObject[], stop_reason: string, more: JsonObject = {}): JsonObject => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'vendor-model',
  content,
  stop_reason,
  stop_sequence: null,
  usage: { input_tokens: 9, output_tokens: 7 },
  ...more,
})

export const messages: { name: string; body: JsonObject }[] = [
  { name: 'text', body: message([{ type: 'text', text: 'Hi' }], 'end_turn') },
  {
    name: 'thoughts, text, calls',
    body: message(
      [
        { type: 'thinking', thinking: 'Hm', signature: 'c2ln' },
        { type: 'redacted_thinking', data: 'ZGF0YQ==' },
        { type: 'text', text: 'See:' },
        { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Bern' } },
        {
          type: 'tool_use',
          id: 'toolu_2',
          name: 'now',
          input: {},
          caller: { type: 'code_execution_20250825', tool_id: 'x' },
        },
      ],
      'tool_use',
    ),
  },
  {
    name: 'sources, an unknown block, the cache',
    body: message(
      [
        { type: 'compaction', content: 'the story so far' },
        {
          type: 'text',
          text: 'Green.',
          citations: [
            {
              type: 'char_location',
              cited_text: 'green',
              document_index: 0,
              document_title: 'Grass',
              start_char_index: 0,
              end_char_index: 5,
            },
          ],
        },
      ],
      'end_turn',
      {
        usage: {
          input_tokens: 9,
          output_tokens: 7,
          cache_read_input_tokens: 3,
          cache_creation_input_tokens: 5,
          cache_creation: { ephemeral_5m_input_tokens: 1, ephemeral_1h_input_tokens: 4 },
        },
      },
    ),
  },
  { name: 'nothing', body: message([], 'max_tokens') },
  {
    name: 'a refusal',
    body: message([], 'refusal', { stop_details: { type: 'refusal', category: null, explanation: 'No.' } }),
  },
]

const weather = {
  name: 'weather',
  description: 'Tells it',
  input_schema: { type: 'object', properties: { city: { type: 'string' } } },
}
const ask = (more: JsonObject, model = 'claude-sonnet-4-5'): JsonObject => ({
  model,
  max_tokens: 2048,
  messages: [{ role: 'user', content: 'Hi' }],
  ...more,
})

export const requests: { name: string; body: JsonObject }[] = [
  { name: 'the least', body: ask({}) },
  {
    name: 'a system prompt in blocks, with marks of both ages',
    body: ask({
      system: [
        { type: 'text', text: 'Be brief.' },
        { type: 'text', text: 'Be kind.', cache_control: { type: 'ephemeral', ttl: '1h' } },
      ],
      tools: [{ ...weather, strict: true, cache_control: { type: 'ephemeral' } }],
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Hi', cache_control: { type: 'ephemeral', ttl: '5m' } }] },
      ],
    }),
  },
  {
    name: 'the system in the midst of the conversation',
    body: ask(
      {
        messages: [
          { role: 'user', content: 'Hi' },
          { role: 'system', content: 'French now.' },
          { role: 'assistant', content: 'Salut' },
          { role: 'user', content: 'Et alors ?' },
        ],
      },
      'claude-opus-5-5',
    ),
  },
  {
    name: 'pictures and documents of every source',
    body: ask({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } },
            { type: 'image', source: { type: 'url', url: 'https://a.example/b.png' } },
            { type: 'image', source: { type: 'file', file_id: 'file_1' } },
            {
              type: 'document',
              source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' },
              title: 'A',
              context: 'about',
              citations: { enabled: true },
            },
            { type: 'document', source: { type: 'url', url: 'https://a.example/b.pdf' } },
            { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'Grüezi 世界' } },
            { type: 'document', source: { type: 'file', file_id: 'file_2' } },
          ],
        },
      ],
    }),
  },
  {
    name: 'calls, results with a picture, a failure, thoughts with their signature',
    body: ask({
      tools: [weather],
      tool_choice: { type: 'auto', disable_parallel_tool_use: true },
      thinking: { type: 'enabled', budget_tokens: 1024 },
      messages: [
        { role: 'user', content: 'Weather?' },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Hm', signature: 'c2ln' },
            { type: 'redacted_thinking', data: 'ZGF0YQ==' },
            { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Bern' } },
            { type: 'tool_use', id: 'toolu_2', name: 'weather', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'toolu_1',
              content: [
                { type: 'text', text: 'Sunny' },
                { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: '/9j/4A==' } },
              ],
            },
            { type: 'tool_result', tool_use_id: 'toolu_2', content: 'no city', is_error: true },
            { type: 'text', text: 'And?' },
          ],
        },
      ],
    }),
  },
  {
    name: 'a search result, tools of the vendor, what only it knows',
    body: ask({
      tools: [
        { type: 'web_search_20260318', name: 'web_search' },
        { ...weather, input_examples: [{ city: 'Bern' }] },
      ],
      service_tier: 'auto',
      container: 'c_1',
      metadata: { user_id: 'u-1' },
      stop_sequences: ['END'],
      top_k: 5,
      messages: [
        {
          role: 'user',
          content: [
            {
              type: 'search_result',
              source: 'https://a.example',
              title: 'A',
              content: [{ type: 'text', text: 'Grass is green.' }],
              citations: { enabled: true },
            },
            { type: 'text', text: 'What is green?' },
          ],
        },
      ],
    }),
  },
  {
    name: 'an answer of a given form, hard thoughts',
    body: ask(
      {
        thinking: { type: 'adaptive' },
        output_config: {
          effort: 'high',
          format: { type: 'json_schema', schema: { type: 'object', properties: {}, additionalProperties: false } },
        },
      },
      'claude-opus-5',
    ),
  },
]
