/**
 * The benchmark's vendor: as cheap as possible, and the same for every server. It answers in the protocol of the
 * request. Prints its port. Exits with its parent.
 * The model name determines the answer: `bench` is a short answer, `bench-answer-100000` one of 100,000 bytes of text,
 * `bench-20-250-word` 250 frames, one every 20 ms, which differ in their word, and `bench-0-2000` 2,000 frames as fast
 * as the client takes them.
 */
import type { FrameVariation } from './load-job.ts'
import { type BenchProtocol, protocolScripts, type StreamText, streamTextFor } from './protocols.ts'

const encoder = new TextEncoder()

/** The encoded stream of one protocol. */
type StreamBytes = { opening: Uint8Array; wordFrames: Uint8Array[]; closing: Uint8Array }
const encodeStream = ({ opening, wordFrames, closing }: StreamText): StreamBytes => ({
  opening: encoder.encode(opening),
  wordFrames: wordFrames.map(frame => encoder.encode(frame)),
  closing: encoder.encode(closing),
})
const encodeStreams = (variation: FrameVariation) =>
  Object.fromEntries(
    Object.keys(protocolScripts).map(protocol => [
      protocol,
      encodeStream(streamTextFor(protocol as BenchProtocol, variation)),
    ]),
  ) as Record<BenchProtocol, StreamBytes>
const streamsByVariation = { word: encodeStreams('word'), padding: encodeStreams('padding'), all: encodeStreams('all') }

const sentence = 'The quick brown fox jumps over the lazy dog and runs on until the very end of the story . '
const answerOf = (content: string) =>
  encoder.encode(
    JSON.stringify({
      id: 'chatcmpl-bench',
      object: 'chat.completion',
      created: 1_750_000_000,
      model: 'bench',
      system_fingerprint: 'fp_bench',
      choices: [{ index: 0, message: { role: 'assistant', content }, logprobs: null, finish_reason: 'stop' }],
      usage: { prompt_tokens: 20, completion_tokens: 80, total_tokens: 100 },
    }),
  )
const shortAnswer = answerOf(sentence.repeat(4))
const longAnswers = new Map<number, Uint8Array<ArrayBuffer>>()
const longAnswer = (bytes: number): Uint8Array<ArrayBuffer> => {
  const answer = longAnswers.get(bytes) ?? answerOf(sentence.repeat(Math.ceil(bytes / sentence.length)).slice(0, bytes))
  longAnswers.set(bytes, answer)
  return answer
}

const pacedStream = (
  { opening, wordFrames, closing }: StreamBytes,
  interval: number,
  count: number,
  signal: AbortSignal,
): ReadableStream<Uint8Array> => {
  let sent = 0
  let timer: ReturnType<typeof setInterval> | undefined
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (opening.length > 0) controller.enqueue(opening)
      timer = setInterval(() => {
        if (signal.aborted) return clearInterval(timer)
        if (sent < count) return controller.enqueue(wordFrames[sent++ % wordFrames.length]!)
        clearInterval(timer)
        controller.enqueue(closing)
        controller.close()
      }, interval)
    },
    cancel: () => clearInterval(timer),
  })
}

/** The number of frames in one write: a vendor that has them all ready fills its packets. */
const framesPerWrite = 32

const bulkStream = ({ opening, wordFrames, closing }: StreamBytes, count: number): ReadableStream<Uint8Array> => {
  let sent = 0
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (opening.length > 0) controller.enqueue(opening)
    },
    pull(controller) {
      const next = Math.min(framesPerWrite, count - sent)
      controller.enqueue(
        Buffer.concat(Array.from({ length: next }, (_, at) => wordFrames[(sent + at) % wordFrames.length]!)),
      )
      sent += next
      if (sent < count) return
      controller.enqueue(closing)
      controller.close()
    },
  })
}

const jsonHeaders = { headers: { 'content-type': 'application/json' } }
const eventHeaders = { headers: { 'content-type': 'text/event-stream' } }

/** A translated request names the model within its first bytes too. */
const protocolOf = (url: string): BenchProtocol =>
  url.includes('/messages') ? 'anthropic' : url.includes('GenerateContent') ? 'gemini' : 'openai-chat'

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  idleTimeout: 0,
  async fetch(request) {
    const body = Buffer.from(await request.arrayBuffer())
    const [, model = ''] =
      /(?:"model":\s*"|\/models\/)bench-([\w-]+)/.exec(request.url + body.toString('latin1', 0, 256)) ?? []
    if (model.startsWith('answer-')) return new Response(longAnswer(Number(model.slice('answer-'.length))), jsonHeaders)
    const [pace, count, variation = 'word'] = model.split('-', 3)
    if (count === undefined) return new Response(shortAnswer, jsonHeaders)
    const stream = streamsByVariation[variation as FrameVariation][protocolOf(request.url)]
    const frames = Number(count)
    return new Response(
      pace === '0' ? bulkStream(stream, frames) : pacedStream(stream, Number(pace), frames, request.signal),
      eventHeaders,
    )
  },
})
console.log(server.port)
setInterval(() => process.ppid === 1 && process.exit(), 1000)
