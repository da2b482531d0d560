/** The protocols of the benchmark, as they stand on the wire: what the clients ask, and what the vendor's streams say. */
import type { Differing, Job } from './job.ts'

export type Speech = 'openai-chat' | 'anthropic' | 'gemini'

/** A stream as text: what comes before the frames with words, those frames (one word each, again and again), what comes after them. */
export type Said = { head: string; words: string[]; tail: string }

/** `frames` beside those with words: before the first of them and behind the last. */
export type Manner = {
  said: Said
  frames: { head: number; tail: number }
  /** Parts two frames. */
  blank: string
  /** Stands in the last frames of a stream that ended well. */
  mark: string
  /** Where the vendor itself is asked. */
  path: (model: string) => string
  body: (model: string, content: string, stream: boolean) => object
}

const story = 'The quick brown fox jumps over the lazy dog and runs on until the very end of the story . '.split(' ')
const system = 'You are a helpful assistant that answers briefly and to the point, in the language of the question.'
const temperature = 0.7

const chatHead = {
  id: 'chatcmpl-bench',
  object: 'chat.completion.chunk',
  created: 1_750_000_000,
  model: 'bench',
  system_fingerprint: 'fp_bench',
}
const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ ...chatHead, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] })}\n\n`

const openaiChat: Manner = {
  said: {
    head: '',
    words: story.map(word => chunk({ content: `${word} ` })),
    tail: `${chunk({}, 'stop')}data: [DONE]\n\n`,
  },
  frames: { head: 0, tail: 2 },
  blank: '\n\n',
  mark: '[DONE]',
  path: () => '/v1/chat/completions',
  body: (model, content, stream) => ({
    model,
    messages: [
      { role: 'system', content: system },
      { role: 'user', content },
    ],
    stream,
    temperature,
  }),
}

const event = (body: { type: string; [key: string]: unknown }): string =>
  `event: ${body.type}\ndata: ${JSON.stringify(body)}\n\n`
const message = {
  id: 'msg_bench',
  type: 'message',
  role: 'assistant',
  model: 'bench',
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage: { input_tokens: 20, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 1 },
}

const anthropic: Manner = {
  said: {
    head: [
      event({ type: 'message_start', message }),
      event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
      event({ type: 'ping' }),
    ].join(''),
    words: story.map(word =>
      event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: `${word} ` } }),
    ),
    tail: [
      event({ type: 'content_block_stop', index: 0 }),
      event({
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: 80 },
      }),
      event({ type: 'message_stop' }),
    ].join(''),
  },
  frames: { head: 3, tail: 3 },
  blank: '\n\n',
  mark: 'message_stop',
  path: () => '/v1/messages',
  body: (model, content, stream) => ({
    model,
    max_tokens: 1000,
    system,
    messages: [{ role: 'user', content }],
    stream,
    temperature,
  }),
}

/** Every chunk counts what has been said so far. */
const generated = (word: string, told: number, finish: { finishReason?: string } = {}): string => {
  const content = { parts: [{ text: word }], role: 'model' }
  const body = {
    candidates: [{ content, ...finish, index: 0 }],
    usageMetadata: {
      promptTokenCount: 20,
      candidatesTokenCount: told,
      totalTokenCount: 20 + told,
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: 20 }],
    },
    modelVersion: 'bench',
    responseId: 'bench4y6Nf2sBk',
  }
  return `data: ${JSON.stringify(body)}\r\n\r\n`
}

const gemini: Manner = {
  said: {
    head: '',
    words: story.map((word, at) => generated(`${word} `, at + 1)),
    tail: generated('', 80, { finishReason: 'STOP' }),
  },
  frames: { head: 0, tail: 1 },
  blank: '\r\n\r\n',
  mark: 'finishReason',
  path: model => `/v1beta/models/${model}:streamGenerateContent?alt=sse`,
  body: (_, content) => ({
    systemInstruction: { parts: [{ text: system }] },
    contents: [{ role: 'user', parts: [{ text: content }] }],
    generationConfig: { temperature },
  }),
}

export const manners: Readonly<Record<Speech, Manner>> = { 'openai-chat': openaiChat, anthropic, gemini }

const padded = (word: string, at: number): string =>
  word.replace(/\}(?=\s+$)/, `,"obfuscation":"${'abcdefghijklmnopqrst'.slice(0, at + 1)}"}`)
const numbered = (word: string, at: number): string => word.replace('{', `{"sequence":${at},`)

/** What a vendor says in a protocol. */
export const saidBy = (speech: Speech, differing: Differing): Said => {
  const { said } = manners[speech]
  const change = { word: (word: string) => word, padding: padded, all: numbered }[differing]
  return { ...said, words: said.words.map(change) }
}

/** The gateway's own streams: it tells a chat's beginning in a frame of its own, and no ping. */
const rendered = { 'openai-chat': { head: 1, tail: 2 }, anthropic: { head: 2, tail: 3 }, gemini: { head: 0, tail: 1 } }

/** What a client is told who asks the vendor in its own protocol, or the gateway in another than the vendor's. */
export const asksPassed = (speech: Speech): Pick<Job, 'speech' | 'head' | 'tail'> => ({
  speech,
  ...manners[speech].frames,
})
export const asksTranslated = (speech: Speech): Pick<Job, 'speech' | 'head' | 'tail'> => ({
  speech,
  ...rendered[speech],
})
