/** The places of a vendor's answer that are not content, for every wire, and where they can hold a secret. */
import { messageOf } from '../../support/aws-event-stream.ts'
import { pick, type Random } from './spellings.ts'

export type Wire = 'openai-chat' | 'openai-responses' | 'anthropic' | 'gemini' | 'bedrock-converse' | 'pass'

type Head = { status?: number; headers?: Record<string, string> }
/** A vendor's answer. `body` of a stream is all of its frames. */
export type VendorAnswer = Head & { body: string | Uint8Array }

const sse = (data: unknown, event?: string): string =>
  `${event === undefined ? '' : `event: ${event}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`

const chatChunk = (delta: object, finish: string | null = null, more: object = {}) => ({
  id: 'c',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...more,
})
const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'm',
  content: [],
  usage: { input_tokens: 1, output_tokens: 1 },
}
const response = { id: 'resp_1', object: 'response', status: 'in_progress', model: 'm', output: [] }
const outputItem = {
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text: 'Hi', annotations: [] }],
}
const candidate = { content: { parts: [{ text: 'Hi' }], role: 'model' }, index: 0 }

/** A whole answer of a wire. `more` are further members beside its content. */
export const wholeAnswer: Record<Wire, object> = {
  'openai-chat': {
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
  },
  'openai-responses': { ...response, status: 'completed', output: [outputItem] },
  anthropic: { ...message, content: [{ type: 'text', text: 'Hi' }], stop_reason: 'end_turn' },
  gemini: { candidates: [{ ...candidate, finishReason: 'STOP' }], modelVersion: 'm' },
  'bedrock-converse': {
    output: { message: { role: 'assistant', content: [{ text: 'Hi' }] } },
    stopReason: 'end_turn',
    usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
  },
  pass: {
    object: 'list',
    data: [{ object: 'embedding', index: 0, embedding: [0.1] }],
    model: 'm',
    results: [{ index: 0, relevance_score: 1 }],
    text: 'Hi',
    created: 1,
  },
}

/** The same answers without any content: with the secret in one of their other members. */
const emptyAnswer: Record<Wire, (text: string) => object> = {
  'openai-chat': text => ({ id: text, choices: [], model: 'm', debug: text }),
  'openai-responses': text => ({ ...response, status: 'completed', metadata: { [text]: text } }),
  anthropic: text => ({ ...message, id: text, stop_reason: 'end_turn', debug: text }),
  gemini: text => ({ promptFeedback: { blockReason: 'OTHER', blockReasonMessage: text }, responseId: text }),
  'bedrock-converse': text => ({ note: text }),
  pass: text => ({ id: text, note: { [text]: text } }),
}

/** The frames of a stream, with `injected` between the start and the content. */
const streamOf: Record<Wire, (injected: string) => string> = {
  'openai-chat': injected =>
    [
      sse(chatChunk({ role: 'assistant', content: '' })),
      injected,
      sse(chatChunk({ content: 'Hi' })),
      injected,
      sse(chatChunk({}, 'stop')),
      sse('[DONE]'),
    ].join(''),
  'openai-responses': injected =>
    [
      sse({ type: 'response.created', response }, 'response.created'),
      injected,
      sse(
        { type: 'response.output_item.added', output_index: 0, item: { ...outputItem, content: [] } },
        'response.output_item.added',
      ),
      sse(
        { type: 'response.output_text.delta', item_id: 'msg_1', output_index: 0, content_index: 0, delta: 'Hi' },
        'response.output_text.delta',
      ),
      injected,
      sse(
        { type: 'response.completed', response: { ...response, status: 'completed', output: [outputItem] } },
        'response.completed',
      ),
    ].join(''),
  anthropic: injected =>
    [
      sse({ type: 'message_start', message }, 'message_start'),
      injected,
      sse({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }, 'content_block_start'),
      sse({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hi' } }, 'content_block_delta'),
      injected,
      sse({ type: 'content_block_stop', index: 0 }, 'content_block_stop'),
      sse({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 1 } }, 'message_delta'),
      sse({ type: 'message_stop' }, 'message_stop'),
    ].join(''),
  gemini: injected =>
    [
      injected,
      sse({ candidates: [candidate], modelVersion: 'm' }),
      injected,
      sse({ candidates: [{ ...candidate, finishReason: 'STOP' }] }),
    ].join(''),
  'bedrock-converse': () => '',
  pass: injected =>
    [
      injected,
      sse({ type: 'transcript.text.delta', delta: 'Hi' }),
      injected,
      sse({ type: 'transcript.text.done', text: 'Hi' }, 'transcript.text.done'),
    ].join(''),
}

/** A name of an event, or of a header, cannot hold every character. */
const asLine = (text: string): string => text.replace(/[\r\n]/g, ' ')

/** A frame that is no content, with the secret in its data, its names or around it. */
const injectedFrame = (wire: Wire, text: string, random: Random): string =>
  pick(random, [
    sse({ note: text }),
    sse({ [text]: { [text]: [text] } }),
    sse({ note: text }, 'note'),
    sse({ note: 1 }, asLine(text)),
    sse({ type: text }, asLine(text)),
    sse({ type: 'ping', at: text }, 'ping'),
    sse({ type: `${text}.delta`, delta: 'x' }, `${asLine(text)}.delta`),
    sse({ type: 'keepalive', sequence_number: text }, 'keepalive'),
    sse({ error: { message: text, type: text, code: text } }),
    sse({ type: 'error', error: { type: text, message: text } }, 'error'),
    sse(`not JSON ${asLine(text)}`),
    sse(asLine(text), asLine(text)),
    sse(JSON.stringify(text)),
    sse('[DONE]', asLine(text)),
    `: ${asLine(text)}\nid: ${asLine(text)}\nretry: ${asLine(text)}\n\n`,
    ...(wire === 'openai-chat'
      ? [
          sse(chatChunk({ role: 'assistant' }, null, { system_fingerprint: text })),
          sse({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, note: text } }),
        ]
      : []),
    ...(wire === 'anthropic'
      ? [sse({ type: 'message_delta', delta: {}, usage: {}, note: text }, 'message_delta')]
      : []),
    ...(wire === 'gemini' ? [sse({ usageMetadata: { promptTokenCount: 1 }, responseId: text })] : []),
    ...(wire === 'openai-responses'
      ? [sse({ type: 'response.in_progress', response: { ...response, instructions: text } }, 'response.in_progress')]
      : []),
  ])

const errorBodies: readonly ((text: string) => string)[] = [
  text => JSON.stringify({ error: { message: `the key ${text} is odd`, type: text, code: text, param: text } }),
  text => JSON.stringify({ type: 'error', error: { type: text, message: text }, request_id: text }),
  text => JSON.stringify([{ error: { code: 400, message: text, status: text, details: [{ [text]: text }] } }]),
  text =>
    JSON.stringify({
      error: { code: 503, message: text, status: 'UNAVAILABLE', details: [{ '@type': text, reason: text }] },
    }),
  text => JSON.stringify({ message: text, code: text }),
  text => JSON.stringify({ detail: [{ loc: [text], msg: text, type: text }] }),
  text => JSON.stringify({ error: text }),
  text => JSON.stringify({ error: { message: JSON.stringify({ error: { message: text } }) } }),
  text => `words and ${text}`,
  text => `<html><body>${text}</body></html>`,
  text => `data: ${JSON.stringify({ error: { message: text } })}\n\n`,
  text => `{"error": "${text}`,
]

/** A transcript may be plain text, so on the paths that only pass text is content. */
const noAnswers = (text: string, wire: Wire): string[] => [
  ...[JSON.stringify({ note: text }), `<p>${text}`, JSON.stringify([text]), JSON.stringify([{ note: text }])],
  ...(wire === 'pass' ? [] : [JSON.stringify(text), text]),
]

const headerNames = [
  'x-ratelimit-remaining-note',
  'anthropic-ratelimit-note',
  'openai-processing-ms',
  'retry-after',
  'content-disposition',
  'retry-after-ms',
]

/** A header value: what HTTP allows in one line. */
const asValue = (text: string): string => text.replace(/[^\x21-\x7e ]/g, '?').trim()

const secretHeaders = (text: string, random: Random): Record<string, string> => {
  const name = text.replace(/[^\w.%~-]/g, '')
  return pick(random, [
    { [pick(random, headerNames)]: asValue(text) },
    { [pick(random, headerNames)]: `a="${asValue(text)}"; b` },
    name === text ? { [`x-ratelimit-${name}`]: '1' } : { 'x-ratelimit-a': asValue(text) },
  ])
}

export type AnswerShape = { wire: Wire; streamed: boolean }

/** An answer of a vendor that has the secret in one place, and what the place is called. */
export const answerWith = (
  text: string,
  { wire, streamed }: AnswerShape,
  random: Random,
): VendorAnswer & { place: string } => {
  const isStream = streamed && wire !== 'bedrock-converse'
  const type = { 'content-type': isStream ? 'text/event-stream' : 'application/json' }
  const whole = JSON.stringify(wholeAnswer[wire])
  const usual = isStream ? streamOf[wire]('') : whole
  const withHead = (headers: Record<string, string>, status = 200) => ({ status, headers: { ...type, ...headers } })
  const places = {
    'an error': () => ({
      ...withHead({ 'content-type': 'application/json' }, pick(random, [400, 401, 404, 409, 429, 500, 503, 529])),
      body: pick(random, errorBodies)(text),
    }),
    'a header of an error': () => ({
      ...withHead(secretHeaders(text, random), pick(random, [400, 429, 503])),
      body: '{"error":{"message":"no"}}',
    }),
    'a header of an answer': () => ({ ...withHead(secretHeaders(text, random)), body: usual }),
    'the content type': () => ({
      ...withHead({ 'content-type': `${type['content-type']}; note=${asValue(text)}` }),
      body: usual,
    }),
    'a body that is no answer': () => ({ ...withHead({}), body: pick(random, noAnswers(text, wire)) }),
    'an answer without content': () => ({
      ...withHead({ 'content-type': 'application/json' }),
      body: JSON.stringify(emptyAnswer[wire](text)),
    }),
    'a frame': () => ({ ...withHead({}), body: streamOf[wire](injectedFrame(wire, text, random)) }),
    'an exception of AWS': () => ({
      ...withHead({ 'content-type': 'application/vnd.amazon.eventstream' }),
      body: messageOf(
        { ':message-type': 'exception', ':exception-type': asValue(text).slice(0, 200) },
        JSON.stringify({ message: text }),
      ),
    }),
  }
  const names = Object.keys(places) as (keyof typeof places)[]
  const possible = names.filter(
    name => (name !== 'a frame' || isStream) && (name !== 'an exception of AWS' || wire === 'bedrock-converse'),
  )
  const place = pick(random, isStream ? [...possible, 'a frame' as const, 'a frame' as const] : possible)
  return { place, ...places[place]() }
}
