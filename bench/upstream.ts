/**
 * The vendor of the benchmark: as cheap as it can be, the same for everybody. Prints its port; ends with its parent.
 * The name of the model says what it answers: `bench` a short answer, `bench-answer-100000` one of 100,000 bytes of text,
 * `bench-20-250` 250 frames, one each 20 ms, `bench-0-2000` 2,000 frames as fast as they are taken.
 */
const words = 'The quick brown fox jumps over the lazy dog and runs on until the very end of the story . '.split(' ')
const head = {
  id: 'chatcmpl-bench',
  object: 'chat.completion.chunk',
  created: 1_750_000_000,
  model: 'bench',
  system_fingerprint: 'fp_bench',
}
const encoder = new TextEncoder()
const frame = (delta: object, finish: string | null = null) =>
  encoder.encode(
    `data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] })}\n\n`,
  )

const frames = words.map(word => frame({ content: `${word} ` }))
const last = Buffer.concat([frame({}, 'stop'), encoder.encode('data: [DONE]\n\n')])

const answerOf = (content: string) =>
  encoder.encode(
    JSON.stringify({
      ...head,
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', content }, logprobs: null, finish_reason: 'stop' }],
      usage: { prompt_tokens: 20, completion_tokens: 80, total_tokens: 100 },
    }),
  )
const short = answerOf(words.join(' ').repeat(4))
const long = new Map<number, Uint8Array<ArrayBuffer>>()
const longAnswer = (bytes: number): Uint8Array<ArrayBuffer> => {
  const answer =
    long.get(bytes) ??
    answerOf(
      words
        .join(' ')
        .repeat(Math.ceil(bytes / 90))
        .slice(0, bytes),
    )
  long.set(bytes, answer)
  return answer
}

const paced = (pace: number, count: number, signal: AbortSignal): ReadableStream<Uint8Array> => {
  let sent = 0
  let timer: ReturnType<typeof setInterval> | undefined
  return new ReadableStream<Uint8Array>({
    start(controller) {
      timer = setInterval(() => {
        if (signal.aborted) return clearInterval(timer)
        if (sent < count) return controller.enqueue(frames[sent++ % frames.length]!)
        clearInterval(timer)
        controller.enqueue(last)
        controller.close()
      }, pace)
    },
    cancel: () => clearInterval(timer),
  })
}

/** So many frames are written at once: a vendor that has them all ready fills its packets. */
const together = 32

const bulk = (count: number): ReadableStream<Uint8Array> => {
  let sent = 0
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = Math.min(together, count - sent)
      controller.enqueue(Buffer.concat(Array.from({ length: next }, (_, at) => frames[(sent + at) % frames.length]!)))
      sent += next
      if (sent < count) return
      controller.enqueue(last)
      controller.close()
    },
  })
}

const json = { headers: { 'content-type': 'application/json' } }
const events = { headers: { 'content-type': 'text/event-stream' } }

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  idleTimeout: 0,
  async fetch(request) {
    const body = Buffer.from(await request.arrayBuffer())
    const [, model = ''] = /"model":\s*"bench-([\w-]+)"/.exec(body.toString('latin1', 0, 256)) ?? []
    if (model.startsWith('answer-')) return new Response(longAnswer(Number(model.slice('answer-'.length))), json)
    const [pace, count] = model.split('-').map(Number)
    if (count === undefined) return new Response(short, json)
    return new Response(pace === 0 ? bulk(count) : paced(pace!, count, request.signal), events)
  },
})
console.log(server.port)
setInterval(() => process.ppid === 1 && process.exit(), 1000)

export {}
