/** Our own small answers of Responses, one for each thing vendors do; and requests a client may send. */
import type { Json, JsonObject } from '../../src/base/json/json.ts'

export const response = (status: string, output: Json[] = [], more: JsonObject = {}): JsonObject => ({
  id: 'resp_tape',
  object: 'response',
  created_at: 1_700_000_001,
  status,
  model: 'vendor-model',
  output,
  error: null,
  incomplete_details: null,
  usage:
    status === 'in_progress'
      ? null
      : {
          input_tokens: 11,
          input_tokens_details: { cached_tokens: 4 },
          output_tokens: 7,
          output_tokens_details: { reasoning_tokens: 2 },
          total_tokens: 18,
        },
  ...more,
})

/** Events → the text of a stream, numbered; `bare`: without the names of the events. */
export const toText = (events: readonly JsonObject[], { bare = false } = {}): string =>
  events
    .map((event, sequence_number) => {
      const data = `data: ${JSON.stringify({ ...event, sequence_number })}\n\n`
      return bare ? data : `event: ${event.type}\n${data}`
    })
    .join('')

const begin = [
  { type: 'response.created', response: response('in_progress') },
  { type: 'response.in_progress', response: response('in_progress') },
]
export const ended = (output: Json[], more: JsonObject = {}): JsonObject => ({
  type: 'response.completed',
  response: response('completed', output, more),
})

const words = (text: string, more: JsonObject = {}): JsonObject => ({
  type: 'output_text',
  text,
  annotations: [],
  logprobs: [],
  ...more,
})
export const message = (content: JsonObject[], more: JsonObject = {}): JsonObject => ({
  id: 'msg_1',
  type: 'message',
  status: 'completed',
  role: 'assistant',
  content,
  ...more,
})
export const call: JsonObject = {
  id: 'fc_1',
  type: 'function_call',
  status: 'completed',
  call_id: 'call_1',
  name: 'weather',
  arguments: '{"city":"Bern"}',
}
export const thoughts: JsonObject = {
  id: 'rs_1',
  type: 'reasoning',
  summary: [
    { type: 'summary_text', text: 'First.' },
    { type: 'summary_text', text: 'Then.' },
  ],
  encrypted_content: 'gAAAAsealed',
}

/** The events of one item, the way OpenAI tells it. */
export const tellItem = (item: JsonObject, output_index: number): JsonObject[] => {
  const at = { item_id: item.id!, output_index }
  const added = (empty: JsonObject) => ({
    type: 'response.output_item.added',
    output_index,
    item: { ...item, ...empty },
  })
  const done = { type: 'response.output_item.done', output_index, item }
  if (item.type === 'function_call') {
    const args = item.arguments as string
    return [
      added({ arguments: '', status: 'in_progress' }),
      ...[args.slice(0, 5), args.slice(5)].map(delta => ({
        type: 'response.function_call_arguments.delta',
        ...at,
        delta,
      })),
      { type: 'response.function_call_arguments.done', ...at, arguments: args },
      done,
    ]
  }
  if (item.type === 'reasoning') {
    const parts = (item.summary as JsonObject[]).flatMap((part, summary_index) => [
      { type: 'response.reasoning_summary_part.added', ...at, summary_index, part: { ...part, text: '' } },
      { type: 'response.reasoning_summary_text.delta', ...at, summary_index, delta: part.text! },
      { type: 'response.reasoning_summary_text.done', ...at, summary_index, text: part.text! },
      { type: 'response.reasoning_summary_part.done', ...at, summary_index, part },
    ])
    return [added({ summary: [] }), ...parts, done]
  }
  if (item.type !== 'message') return [added({ status: 'in_progress' }), done]
  const parts = (item.content as JsonObject[]).flatMap((part, content_index) => {
    const slot = { ...at, content_index }
    const stem = part.type === 'refusal' ? 'response.refusal' : 'response.output_text'
    const text = String(part.text ?? part.refusal)
    const half = Math.ceil(text.length / 2)
    return [
      { type: 'response.content_part.added', ...slot, part: { type: part.type!, text: '', annotations: [] } },
      ...[text.slice(0, half), text.slice(half)].map(delta => ({ type: `${stem}.delta`, ...slot, delta })),
      ...((part.annotations ?? []) as JsonObject[]).map((annotation, annotation_index) => ({
        type: 'response.output_text.annotation.added',
        ...slot,
        annotation_index,
        annotation,
      })),
      { type: `${stem}.done`, ...slot, [part.type === 'refusal' ? 'refusal' : 'text']: text },
      { type: 'response.content_part.done', ...slot, part },
    ]
  })
  return [added({ content: [], status: 'in_progress' }), ...parts, done]
}

/** A whole stream that tells these items the way OpenAI does. */
export const streamOf = (...items: JsonObject[]): JsonObject[] => [...begin, ...items.flatMap(tellItem), ended(items)]

const cited = words('Bern is the seat. 世界 🌍', {
  annotations: [
    { type: 'url_citation', url: 'https://example.org/bern', title: 'Bern', start_index: 0, end_index: 4 },
    { type: 'file_citation', file_id: 'file_1', filename: 'seat.txt', index: 3 },
  ],
})
const search: JsonObject = {
  id: 'ws_1',
  type: 'web_search_call',
  status: 'completed',
  action: { type: 'search', query: 'Bern' },
}
const picture: JsonObject = {
  id: 'ig_1',
  type: 'image_generation_call',
  status: 'completed',
  result: 'iVBORw0KGgo=',
  size: '16x16',
  output_format: 'webp',
}
const custom: JsonObject = {
  id: 'ctc_1',
  type: 'custom_tool_call',
  status: 'completed',
  call_id: 'call_2',
  name: 'patch',
  input: '*** Begin\n+line\n',
}
const second: JsonObject = { ...call, id: 'fc_2', call_id: 'call_2', arguments: '{}' }
const open: JsonObject = {
  id: 'rs_2',
  type: 'reasoning',
  summary: [],
  content: [{ type: 'reasoning_text', text: 'As it is thought.' }],
}
const hello = message([words('Hello there.')])

/** `fault`: it ends in one. */
export const tapes: { name: string; events: JsonObject[]; fault?: true; bare?: true }[] = [
  { name: 'a text', events: streamOf(hello) },
  { name: 'thoughts in two sections, a text, a call', events: streamOf(thoughts, message([words('Look.')]), call) },
  { name: 'thoughts that are only sealed', events: streamOf({ ...thoughts, summary: [] }, call) },
  { name: 'sources, one of them a file', events: streamOf(search, message([cited])) },
  {
    name: 'a text and a refusal in one message',
    events: streamOf(message([words('Well.'), { type: 'refusal', refusal: 'No.' }])),
  },
  {
    name: 'two messages with their phases',
    events: streamOf(
      message([words('I look.')], { phase: 'commentary' }),
      message([words('Found.')], { id: 'msg_2', phase: 'final_answer' }),
    ),
  },
  { name: 'a picture', events: streamOf(picture) },
  {
    name: 'calls that take turns',
    events: [
      ...begin,
      ...tellItem(call, 0).slice(0, 2),
      ...tellItem(second, 1).slice(0, 2),
      ...tellItem(call, 0).slice(2),
      ...tellItem(second, 1).slice(2),
      ended([call, second]),
    ],
  },
  {
    name: 'arguments that come whole, with the done alone',
    events: [...begin, ...tellItem(call, 0).filter(({ type }) => !String(type).endsWith('.delta')), ended([call])],
  },
  {
    name: 'a free-text call without its done',
    events: [
      ...begin,
      { type: 'response.output_item.added', output_index: 0, item: { ...custom, input: '' } },
      { type: 'response.custom_tool_call_input.delta', item_id: 'ctc_1', output_index: 0, delta: '*** Begin\n' },
      { type: 'response.output_item.done', output_index: 0, item: custom },
      ended([custom]),
    ],
  },
  {
    name: 'thoughts as they are, announced as reasoning parts, and a message numbered from 1, no event named',
    bare: true,
    events: [
      ...begin,
      { type: 'response.output_item.added', output_index: 0, item: { ...open, content: undefined } },
      {
        type: 'response.reasoning_part.added',
        item_id: 'rs_2',
        output_index: 0,
        content_index: 0,
        part: { type: 'reasoning_text', text: '' },
      },
      {
        type: 'response.reasoning_text.delta',
        item_id: 'rs_2',
        output_index: 0,
        content_index: 0,
        delta: 'As it is thought.',
      },
      {
        type: 'response.reasoning_text.done',
        item_id: 'rs_2',
        output_index: 0,
        content_index: 0,
        text: 'As it is thought.',
      },
      {
        type: 'response.reasoning_part.done',
        item_id: 'rs_2',
        output_index: 0,
        content_index: 0,
        part: (open.content as Json[])[0]!,
      },
      { type: 'response.output_item.done', output_index: 0, item: open },
      ...tellItem(hello, 1).map(event => (event.content_index === undefined ? event : { ...event, content_index: 1 })),
      ended([open, hello]),
    ],
  },
  { name: 'items only in the last event', events: [...begin, ended([thoughts, hello, call])] },
  { name: 'a last event that forgets the items', events: [...begin, ...tellItem(hello, 0), ended([])] },
  {
    name: 'cut short by the limit',
    events: [
      ...begin,
      ...tellItem(hello, 0).slice(0, 4),
      {
        type: 'response.incomplete',
        response: response('incomplete', [{ ...hello, status: 'incomplete' }], {
          incomplete_details: { reason: 'max_output_tokens' },
        }),
      },
    ],
  },
  { name: 'no words at all', events: [...begin, ended([])] },
  {
    name: 'a fault, told twice',
    fault: true,
    events: [
      ...begin,
      {
        type: 'error',
        error: { type: 'insufficient_quota', code: 'insufficient_quota', message: 'No money.', param: null },
      },
      {
        type: 'response.failed',
        response: response('failed', [], { error: { code: 'insufficient_quota', message: 'No money.' } }),
      },
    ],
  },
  {
    name: 'a fault after some words',
    fault: true,
    events: [
      ...begin,
      ...tellItem(hello, 0).slice(0, 3),
      {
        type: 'response.failed',
        response: response('failed', [], { error: { code: 'server_error', message: 'Broken.' } }),
      },
    ],
  },
  { name: 'cut', fault: true, events: [...begin, ...tellItem(hello, 0).slice(0, 3)] },
]

export const streams = tapes.map(({ name, events, fault = false, bare = false }) => ({
  name,
  text: toText(events, { bare }),
  fault,
}))

export const messages: { name: string; body: Json }[] = [
  { name: 'a text', body: response('completed', [hello]) },
  {
    name: 'everything',
    body: response('completed', [thoughts, search, message([cited]), call, custom, picture, open]),
  },
  { name: 'incomplete', body: response('incomplete', [hello], { incomplete_details: { reason: 'content_filter' } }) },
]

const weather: JsonObject = {
  type: 'function',
  name: 'weather',
  description: 'Tells the weather',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
}
const grammar = { type: 'grammar', syntax: 'lark', definition: 'start: "a"' }

export const requests: { name: string; body: JsonObject }[] = [
  { name: 'a string', body: { model: 'm', input: 'Hi' } },
  {
    name: 'everything a conversation may hold',
    body: {
      model: 'm',
      instructions: 'Be brief.',
      input: [
        { role: 'developer', content: 'Be kind.' },
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'Look', prompt_cache_breakpoint: { mode: 'explicit' } },
            { type: 'input_image', image_url: 'https://example.org/a.png', detail: 'low' },
            { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=' },
            { type: 'input_image', file_id: 'file_1' },
            { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' },
            { type: 'input_file', file_url: 'https://example.org/a.pdf' },
            { type: 'input_file', file_id: 'file_2' },
            { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } },
            { type: 'input_video', video_url: 'https://example.org/a.mp4' },
          ],
        },
        { type: 'reasoning', id: 'rs_1', summary: thoughts.summary!, encrypted_content: 'gAAAA' },
        { id: 'msg_1', type: 'message', role: 'assistant', status: 'completed', phase: 'commentary', content: [cited] },
        { id: 'msg_2', type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] },
        call,
        custom,
        search,
        { type: 'function_call_output', call_id: 'call_1', output: 'Sunny' },
        {
          type: 'custom_tool_call_output',
          call_id: 'call_2',
          output: [
            { type: 'input_text', text: 'done' },
            { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=' },
          ],
        },
        { type: 'item_reference', id: 'msg_0' },
        { type: 'message', role: 'system', content: [{ type: 'input_text', text: 'Late.' }] },
        { role: 'assistant', content: 'Yes.' },
        { type: 'message', role: 'user', content: 'And?' },
      ],
      tools: [
        weather,
        { ...weather, name: 'strictly', strict: true },
        { ...weather, name: 'loosely', strict: false, defer_loading: true },
        { type: 'custom', name: 'patch', description: 'Patches', format: grammar },
        { type: 'custom', name: 'free' },
        { type: 'web_search' },
        { type: 'mcp', server_label: 'x', server_url: 'https://example.org/mcp' },
      ],
      tool_choice: { type: 'custom', name: 'patch' },
      parallel_tool_calls: false,
      max_output_tokens: 100,
      temperature: 0.5,
      top_p: 0.9,
      reasoning: { effort: 'high', summary: 'detailed' },
      text: {
        format: { type: 'json_schema', name: 'answer', schema: { type: 'object' }, strict: true },
        verbosity: 'low',
      },
      include: ['reasoning.encrypted_content', 'web_search_call.action.sources'],
      store: false,
      truncation: 'auto',
      metadata: { a: 'b' },
      user: 'u',
      safety_identifier: 's',
      prompt_cache_key: 'k',
      previous_response_id: 'resp_0',
      stream: true,
    },
  },
  {
    name: 'nothing but JSON',
    body: { model: 'm', input: 'Hi', text: { format: { type: 'json_object' } }, tool_choice: 'required' },
  },
]
