/**
 * The vendor of the benchmark: as cheap as it can be, the same for everybody. It speaks the protocol it is asked in. Prints its port; ends with
 * its parent.
 * The name of the model says what it answers: `bench` a short answer, `bench-answer-100000` one of 100,000 bytes of text,
 * `bench-20-250-word` 250 frames, one each 20 ms, which differ in their word, `bench-0-2000` 2,000 frames as fast as they are taken.
 */
import type { Differing } from './job.ts'
import { manners, type Said, type Speech, saidBy } from './speech.ts'

const encoder = new TextEncoder()

/** What a stream says in one protocol, as bytes. */
type Script = { head: Uint8Array; words: Uint8Array[]; tail: Uint8Array }
const scriptOf = ({ head, words, tail }: Said): Script => ({
  head: encoder.encode(head),
  words: words.map(word => encoder.encode(word)),
  tail: encoder.encode(tail),
})
const scriptsOf = (differing: Differing) =>
  Object.fromEntries(
    Object.keys(manners).map(speech => [speech, scriptOf(saidBy(speech as Speech, differing))]),
  ) as Record<Speech, Script>
const scripts = { word: scriptsOf('word'), padding: scriptsOf('padding'), all: scriptsOf('all') }

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
const short = answerOf(sentence.repeat(4))
const long = new Map<number, Uint8Array<ArrayBuffer>>()
const longAnswer = (bytes: number): Uint8Array<ArrayBuffer> => {
  const answer = long.get(bytes) ?? answerOf(sentence.repeat(Math.ceil(bytes / sentence.length)).slice(0, bytes))
  long.set(bytes, answer)
  return answer
}

const paced = (
  { head, words, tail }: Script,
  pace: number,
  count: number,
  signal: AbortSignal,
): ReadableStream<Uint8Array> => {
  let sent = 0
  let timer: ReturnType<typeof setInterval> | undefined
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (head.length > 0) controller.enqueue(head)
      timer = setInterval(() => {
        if (signal.aborted) return clearInterval(timer)
        if (sent < count) return controller.enqueue(words[sent++ % words.length]!)
        clearInterval(timer)
        controller.enqueue(tail)
        controller.close()
      }, pace)
    },
    cancel: () => clearInterval(timer),
  })
}

/** So many frames are written at once: a vendor that has them all ready fills its packets. */
const together = 32

const bulk = ({ head, words, tail }: Script, count: number): ReadableStream<Uint8Array> => {
  let sent = 0
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (head.length > 0) controller.enqueue(head)
    },
    pull(controller) {
      const next = Math.min(together, count - sent)
      controller.enqueue(Buffer.concat(Array.from({ length: next }, (_, at) => words[(sent + at) % words.length]!)))
      sent += next
      if (sent < count) return
      controller.enqueue(tail)
      controller.close()
    },
  })
}

const json = { headers: { 'content-type': 'application/json' } }
const events = { headers: { 'content-type': 'text/event-stream' } }

/** A translated question names the model within its first bytes too. */
const speechOf = (url: string): Speech =>
  url.includes('/messages') ? 'anthropic' : url.includes('GenerateContent') ? 'gemini' : 'openai-chat'

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  idleTimeout: 0,
  async fetch(request) {
    const body = Buffer.from(await request.arrayBuffer())
    const [, model = ''] =
      /(?:"model":\s*"|\/models\/)bench-([\w-]+)/.exec(request.url + body.toString('latin1', 0, 256)) ?? []
    if (model.startsWith('answer-')) return new Response(longAnswer(Number(model.slice('answer-'.length))), json)
    const [pace, count, differing = 'word'] = model.split('-', 3)
    if (count === undefined) return new Response(short, json)
    const script = scripts[differing as Differing][speechOf(request.url)]
    const frames = Number(count)
    return new Response(
      pace === '0' ? bulk(script, frames) : paced(script, Number(pace), frames, request.signal),
      events,
    )
  },
})
console.log(server.port)
setInterval(() => process.ppid === 1 && process.exit(), 1000)
