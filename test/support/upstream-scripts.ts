/** Ready-made scripts for the ways in which vendors answer, and fail to answer. */
import type { Framing, Script } from './scripted-upstream.ts'

/** A frame: an object is sent as the JSON of a `data:` line, a string is sent as it is. */
export type Frame = string | object

export const frameOf = (frame: Frame): string =>
  typeof frame === 'string' ? frame : `data: ${JSON.stringify(frame)}\n\n`

const eventStreamHeaders = { 'content-type': 'text/event-stream' }

type StreamOptions = {
  /** Milliseconds between two frames. */
  pace?: number
  /** Send `data: [DONE]` at the end. Default: true. */
  done?: boolean
  framing?: Framing
  status?: number
  headers?: Record<string, string>
}

/** Sends a complete stream of frames. */
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

/** Refuses the request. The default body has OpenAI's shape. */
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

/** The chunks of a chat answer in OpenAI's shape: the role, one chunk for each delta, the finish reason, the usage. */
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

/** A complete, non-streaming chat answer in OpenAI's shape. */
export const chatBody = (content = 'Hello there.', model = 'scripted') => ({
  id: 'chatcmpl-scripted',
  object: 'chat.completion',
  created: 1_750_000_000,
  model,
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
})

/** Streams `frames` to a request with `"stream": true`, and answers any other with `body`. */
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

/**
 * Sends `count` frames, then closes the connection before the stream's end. The short wait is needed because Bun's
 * fetch drops bytes that arrive together with the close.
 */
export const disconnectAfter = (count: number, frames: readonly Frame[] = chatChunks()): Script =>
  sendFirst(count, frames, async answer => {
    await answer.wait(20)
    answer.disconnect()
  })

/** Like `disconnectAfter`, but resets the connection (RST). */
export const resetAfter = (count: number, frames: readonly Frame[] = chatChunks()): Script =>
  sendFirst(count, frames, async answer => {
    // A reset discards bytes that are still in transit.
    await answer.wait(20)
    answer.reset()
  })

/** Sends `count` frames, then nothing more, and keeps the connection open. */
export const stallAfter = (count: number, frames: readonly Frame[] = chatChunks()): Script =>
  sendFirst(count, frames, answer => answer.stall())

/** Accepts the request and never sends a byte. */
export const neverRespond: Script = answer => answer.stall()

/** Runs `then` after `milliseconds`. */
export const delayHeaders =
  (milliseconds: number, then: Script): Script =>
  async (answer, request) => {
    await answer.wait(milliseconds)
    if (!answer.isClientGone) await then(answer, request)
  }

/** Closes the connection without an answer. */
export const hangUp: Script = answer => answer.disconnect()

/** Answers the first request of a connection, and resets the connection when another request arrives on it. */
export const resetOnReuse =
  (then: Script): Script =>
  (answer, request) =>
    request.indexOnConnection === 0 ? then(answer, request) : answer.reset()

/** Runs the first script for the first request, and so on. The last script serves all further requests. */
export const inSequence = (...scripts: [Script, ...Script[]]): Script => {
  let count = 0
  return (answer, request) => (scripts[count++] ?? scripts.at(-1)!)(answer, request)
}
