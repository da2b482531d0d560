/** Ready-made scripts: the ways vendors answer, and fail to. */
import type { Framing, Script } from './upstream.ts'

/** A frame: an object is sent as JSON in `data:`, a string as it is. */
export type Frame = string | object

export const frameOf = (frame: Frame): string =>
  typeof frame === 'string' ? frame : `data: ${JSON.stringify(frame)}\n\n`

const eventStreamHeaders = { 'content-type': 'text/event-stream' }

type StreamOptions = {
  /** Milliseconds between two frames. */
  pace?: number
  /** `data: [DONE]` at the end; true unless said otherwise. */
  done?: boolean
  framing?: Framing
  status?: number
  headers?: Record<string, string>
}

/** A stream of frames to its end. */
export const replySse =
  (
    frames: readonly Frame[],
    { pace = 0, done = true, framing = 'chunked', status = 200, headers }: StreamOptions = {},
  ): Script =>
  async answer => {
    answer.writeHead(status, { ...eventStreamHeaders, ...headers }, framing)
    for (const frame of done ? [...frames, 'data: [DONE]\n\n'] : frames) {
      if (answer.isClientGone) return
      await answer.write(frameOf(frame))
      if (pace > 0) await answer.wait(pace)
    }
    answer.end()
  }

const replyBody =
  (body: string, status: number, headers: Record<string, string>): Script =>
  async answer => {
    const bytes = Buffer.from(body)
    answer.writeHead(status, headers, { length: bytes.length })
    await answer.write(bytes)
    answer.end()
  }

export const replyJson = (body: unknown, status = 200, headers: Record<string, string> = {}): Script =>
  replyBody(JSON.stringify(body), status, { 'content-type': 'application/json', ...headers })

/** What a vendor refuses with; by default a body of OpenAI's shape. */
export const refuse = (
  status: number,
  body: unknown = { error: { message: 'refused by script', type: 'scripted', code: 'scripted' } },
  headers = {},
): Script => replyJson(body, status, headers)

export const replyHtml = (status = 502, body = '<html><body><h1>Bad gateway</h1></body></html>'): Script =>
  replyBody(body, status, { 'content-type': 'text/html' })

export const replyText = (status = 200, body = 'upstream connect error'): Script =>
  replyBody(body, status, { 'content-type': 'text/plain' })

export const replyEmpty = (status = 200, headers: Record<string, string> = {}): Script => replyBody('', status, headers)

/** Chunks of a chat answer in OpenAI's shape: the role, a chunk a word, a finish, usage. */
export const chatChunks = (deltas: readonly string[] = ['Hello', ' there', '.'], model = 'scripted'): object[] => {
  const chunk = (more: object) => ({
    id: 'chatcmpl-scripted',
    object: 'chat.completion.chunk',
    created: 1_750_000_000,
    model,
    ...more,
  })
  const choice = (delta: object, finish_reason: string | null = null) =>
    chunk({ choices: [{ index: 0, delta, finish_reason }] })
  const count = deltas.length
  return [
    choice({ role: 'assistant', content: '' }),
    ...deltas.map(content => choice({ content })),
    choice({}, 'stop'),
    chunk({ choices: [], usage: { prompt_tokens: 5, completion_tokens: count, total_tokens: 5 + count } }),
  ]
}

/** A whole chat answer in OpenAI's shape. */
export const chatBody = (content = 'Hello there.', model = 'scripted') => ({
  id: 'chatcmpl-scripted',
  object: 'chat.completion',
  created: 1_750_000_000,
  model,
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
})

/** Streams `pieces` for a request with `"stream": true`, else answers with `body`. */
export const replyChat = (
  frames: readonly Frame[] = chatChunks(),
  body: unknown = chatBody(),
  streamOptions: StreamOptions = {},
): Script => {
  const streamed = replySse(frames, streamOptions)
  const unstreamed = replyJson(body)
  return (answer, request) =>
    (request.json() as { stream?: boolean }).stream === true ? streamed(answer, request) : unstreamed(answer, request)
}

const sendFirst =
  (count: number, frames: readonly Frame[], then: Script): Script =>
  async (answer, request) => {
    answer.writeHead(200, eventStreamHeaders)
    for (const frame of frames.slice(0, count)) await answer.write(frameOf(frame))
    await then(answer, request)
  }

/** `count` frames, then the connection is closed without the stream's end; a little later, for Bun's fetch drops bytes that come with a break. */
export const disconnectAfter = (count: number, frames: readonly Frame[] = chatChunks()): Script =>
  sendFirst(count, frames, async answer => {
    await answer.wait(20)
    answer.disconnect()
  })

/** The same by RST. */
export const resetAfter = (count: number, frames: readonly Frame[] = chatChunks()): Script =>
  sendFirst(count, frames, async answer => {
    // Bytes still on their way would be thrown away with the connection.
    await answer.wait(20)
    answer.reset()
  })

/** `count` frames, then nothing, the connection stays open. */
export const stallAfter = (count: number, frames: readonly Frame[] = chatChunks()): Script =>
  sendFirst(count, frames, answer => answer.stall())

/** Not a byte, ever. */
export const neverRespond: Script = answer => answer.stall()

/** `then` begins after `milliseconds`. */
export const delayHeaders =
  (milliseconds: number, then: Script): Script =>
  async (answer, request) => {
    await answer.wait(milliseconds)
    if (!answer.isClientGone) await then(answer, request)
  }

/** The connection ends without an answer. */
export const hangUp: Script = answer => answer.disconnect()

/** The first request of a connection is answered; the connection dies when another comes on it. */
export const resetOnReuse =
  (then: Script): Script =>
  (answer, request) =>
    request.indexOnConnection === 0 ? then(answer, request) : answer.reset()

/** The first request gets the first script, and so on; the last one serves all that follow. */
export const inSequence = (...scripts: [Script, ...Script[]]): Script => {
  let count = 0
  return (answer, request) => (scripts[count++] ?? scripts.at(-1)!)(answer, request)
}
