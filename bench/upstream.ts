/** The vendor of the benchmark: as cheap as it can be, the same for everybody. Prints its port; ends with its parent. */

const words = 'The quick brown fox jumps over the lazy dog and runs on until the very end of the story . '.split(' ')
const created = 1_750_000_000
const head = {
  id: 'chatcmpl-bench',
  object: 'chat.completion.chunk',
  created,
  model: 'bench',
  system_fingerprint: 'fp_bench',
}
const encoder = new TextEncoder()
const frame = (delta: object, finish: string | null = null) =>
  encoder.encode(
    `data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] })}\n\n`,
  )

const frames = words.map(word => frame({ content: `${word} ` }))
const last = encoder.encode(
  `data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`,
)
const answer = JSON.stringify({
  ...head,
  object: 'chat.completion',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: words.join(' ').repeat(4) },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 20, completion_tokens: 80, total_tokens: 100 },
})

/** `?` of the model's name: `bench` answers whole, `bench-20-250` streams 250 frames, one each 20 ms. */
const stream = (pace: number, count: number, signal: AbortSignal): Response => {
  let sent = 0
  let timer: ReturnType<typeof setInterval> | undefined
  const body = new ReadableStream<Uint8Array>({
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
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  idleTimeout: 0,
  async fetch(request) {
    const text = await request.text()
    const paced = /"model":\s*"bench-(\d+)-(\d+)"/.exec(text)
    if (paced) return stream(Number(paced[1]), Number(paced[2]), request.signal)
    return new Response(answer, { headers: { 'content-type': 'application/json' } })
  },
})
console.log(server.port)

export {}
