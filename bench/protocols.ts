/** The benchmark's protocols on the wire: the clients' requests and the vendor's streams. */
import type { FrameVariation, Job } from './load-job.ts'

export type BenchProtocol = 'openai-chat' | 'anthropic' | 'gemini'

/**
 * A stream as text: the frames before the words, the word frames (one word each, repeated), and the frames after them.
 */
export type StreamText = { opening: string; wordFrames: string[]; closing: string }

/** `frames`: the number of frames before the first word frame and after the last. */
export type ProtocolScript = {
  stream: StreamText
  frames: { leadingFrames: number; trailingFrames: number }
  /** Separates two frames. */
  frameSeparator: string
  /** Occurs in the last frames of a complete stream. */
  endMark: string
  /** The path at the vendor itself. */
  path: (model: string) => string
  body: (model: string, content: string, stream: boolean) => object
}

const story = 'The quick brown fox jumps over the lazy dog and runs on until the very end of the story . '.split(' ')
const system = 'You are a helpful assistant that answers briefly and to the point, in the language of the question.'
const temperature = 0.7

const chatEnvelope = {
  id: 'chatcmpl-bench',
  object: 'chat.completion.chunk',
  created: 1_750_000_000,
  model: 'bench',
  system_fingerprint: 'fp_bench',
}
const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ ...chatEnvelope, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] })}\n\n`

const openaiChat: ProtocolScript = {
  stream: {
    opening: '',
    wordFrames: story.map(word => chunk({ content: `${word} ` })),
    closing: `${chunk({}, 'stop')}data: [DONE]\n\n`,
  },
  frames: { leadingFrames: 0, trailingFrames: 2 },
  frameSeparator: '\n\n',
  endMark: '[DONE]',
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

const anthropic: ProtocolScript = {
  stream: {
    opening: [
      event({ type: 'message_start', message }),
      event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
      event({ type: 'ping' }),
    ].join(''),
    wordFrames: story.map(word =>
      event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: `${word} ` } }),
    ),
    closing: [
      event({ type: 'content_block_stop', index: 0 }),
      event({
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: 80 },
      }),
      event({ type: 'message_stop' }),
    ].join(''),
  },
  frames: { leadingFrames: 3, trailingFrames: 3 },
  frameSeparator: '\n\n',
  endMark: 'message_stop',
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

/** Every chunk contains the token count so far. */
const geminiFrame = (word: string, tokensSoFar: number, finish: { finishReason?: string } = {}): string => {
  const content = { parts: [{ text: word }], role: 'model' }
  const body = {
    candidates: [{ content, ...finish, index: 0 }],
    usageMetadata: {
      promptTokenCount: 20,
      candidatesTokenCount: tokensSoFar,
      totalTokenCount: 20 + tokensSoFar,
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: 20 }],
    },
    modelVersion: 'bench',
    responseId: 'bench4y6Nf2sBk',
  }
  return `data: ${JSON.stringify(body)}\r\n\r\n`
}

const gemini: ProtocolScript = {
  stream: {
    opening: '',
    wordFrames: story.map((word, at) => geminiFrame(`${word} `, at + 1)),
    closing: geminiFrame('', 80, { finishReason: 'STOP' }),
  },
  frames: { leadingFrames: 0, trailingFrames: 1 },
  frameSeparator: '\r\n\r\n',
  endMark: 'finishReason',
  path: model => `/v1beta/models/${model}:streamGenerateContent?alt=sse`,
  body: (_, content) => ({
    systemInstruction: { parts: [{ text: system }] },
    contents: [{ role: 'user', parts: [{ text: content }] }],
    generationConfig: { temperature },
  }),
}

export const protocolScripts: Readonly<Record<BenchProtocol, ProtocolScript>> = {
  'openai-chat': openaiChat,
  anthropic,
  gemini,
}

const padFrame = (word: string, at: number): string =>
  word.replace(/\}(?=\s+$)/, `,"obfuscation":"${'abcdefghijklmnopqrst'.slice(0, at + 1)}"}`)
const numberFrame = (word: string, at: number): string => word.replace('{', `{"sequence":${at},`)

/** What a vendor streams in a protocol. */
export const streamTextFor = (protocol: BenchProtocol, variation: FrameVariation): StreamText => {
  const { stream } = protocolScripts[protocol]
  const vary = { word: (word: string) => word, padding: padFrame, all: numberFrame }[variation]
  return { ...stream, wordFrames: stream.wordFrames.map(vary) }
}

/** The gateway's own streams send the start of a chat in a frame of its own, and no ping. */
const translatedFrameCounts = {
  'openai-chat': { leadingFrames: 1, trailingFrames: 2 },
  anthropic: { leadingFrames: 2, trailingFrames: 3 },
  gemini: { leadingFrames: 0, trailingFrames: 1 },
}

/**
 * The job fields for a client that asks the vendor in its own protocol, or the gateway in a protocol other than the
 * vendor's.
 */
export const passthroughJob = (
  protocol: BenchProtocol,
): Pick<Job, 'protocol' | 'leadingFrames' | 'trailingFrames'> => ({
  protocol,
  ...protocolScripts[protocol].frames,
})
export const translatedJob = (protocol: BenchProtocol): Pick<Job, 'protocol' | 'leadingFrames' | 'trailingFrames'> => ({
  protocol,
  ...translatedFrameCounts[protocol],
})
