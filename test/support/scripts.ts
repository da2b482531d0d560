/** Ready-made scripts: the ways vendors answer, and fail to. */
import type { Framing, Script } from './upstream.ts'

/** A frame: an object is sent as JSON in `data:`, a string as it is. */
export type Piece = string | object

export const frameOf = (piece: Piece): string =>
  typeof piece === 'string' ? piece : `data: ${JSON.stringify(piece)}\n\n`

const eventStream = { 'content-type': 'text/event-stream' }

type Stream = {
  /** Milliseconds between two frames. */
  pace?: number
  /** `data: [DONE]` at the end; true unless said otherwise. */
  done?: boolean
  framing?: Framing
  status?: number
  headers?: Record<string, string>
}

/** A stream of frames to its end. */
export const sseOf =
  (
    pieces: readonly Piece[],
    { pace = 0, done = true, framing = 'chunked', status = 200, headers }: Stream = {},
  ): Script =>
  async answer => {
    answer.head(status, { ...eventStream, ...headers }, framing)
    for (const piece of done ? [...pieces, 'data: [DONE]\n\n'] : pieces) {
      if (answer.gone) return
      await answer.write(frameOf(piece))
      if (pace > 0) await answer.wait(pace)
    }
    answer.end()
  }

const whole =
  (body: string, status: number, headers: Record<string, string>): Script =>
  async answer => {
    const bytes = Buffer.from(body)
    answer.head(status, headers, { length: bytes.length })
    await answer.write(bytes)
    answer.end()
  }

export const jsonOf = (body: unknown, status = 200, headers: Record<string, string> = {}): Script =>
  whole(JSON.stringify(body), status, { 'content-type': 'application/json', ...headers })

/** What a vendor refuses with; by default a body of OpenAI's shape. */
export const refuse = (
  status: number,
  body: unknown = { error: { message: 'refused by script', type: 'scripted', code: 'scripted' } },
  headers = {},
): Script => jsonOf(body, status, headers)

export const html = (status = 502, body = '<html><body><h1>Bad gateway</h1></body></html>'): Script =>
  whole(body, status, { 'content-type': 'text/html' })

export const plain = (status = 200, body = 'upstream connect error'): Script =>
  whole(body, status, { 'content-type': 'text/plain' })

export const empty = (status = 200, headers: Record<string, string> = {}): Script => whole('', status, headers)

/** Chunks of a chat answer in OpenAI's shape: the role, a chunk a word, a finish, usage. */
export const chatFrames = (words: readonly string[] = ['Hello', ' there', '.'], model = 'scripted'): object[] => {
  const chunk = (more: object) => ({
    id: 'chatcmpl-scripted',
    object: 'chat.completion.chunk',
    created: 1_750_000_000,
    model,
    ...more,
  })
  const choice = (delta: object, finish_reason: string | null = null) =>
    chunk({ choices: [{ index: 0, delta, finish_reason }] })
  const count = words.length
  return [
    choice({ role: 'assistant', content: '' }),
    ...words.map(content => choice({ content })),
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
export const chat = (
  pieces: readonly Piece[] = chatFrames(),
  body: unknown = chatBody(),
  stream: Stream = {},
): Script => {
  const streamed = sseOf(pieces, stream)
  const unstreamed = jsonOf(body)
  return (answer, request) =>
    (request.json() as { stream?: boolean }).stream === true ? streamed(answer, request) : unstreamed(answer, request)
}

const begin =
  (count: number, pieces: readonly Piece[], then: Script): Script =>
  async (answer, request) => {
    answer.head(200, eventStream)
    for (const piece of pieces.slice(0, count)) await answer.write(frameOf(piece))
    await then(answer, request)
  }

/** `count` frames, then the connection is closed without the stream's end; a little later, for Bun's fetch drops bytes that come with a break. */
export const cutAfter = (count: number, pieces: readonly Piece[] = chatFrames()): Script =>
  begin(count, pieces, async answer => {
    await answer.wait(20)
    answer.cut()
  })

/** The same by RST. */
export const resetAfter = (count: number, pieces: readonly Piece[] = chatFrames()): Script =>
  begin(count, pieces, async answer => {
    // Bytes still on their way would be thrown away with the connection.
    await answer.wait(20)
    answer.reset()
  })

/** `count` frames, then nothing, the connection stays open. */
export const silentAfter = (count: number, pieces: readonly Piece[] = chatFrames()): Script =>
  begin(count, pieces, answer => answer.silent())

/** Not a byte, ever. */
export const neverHeaders: Script = answer => answer.silent()

/** `then` begins after `milliseconds`. */
export const slowHeaders =
  (milliseconds: number, then: Script): Script =>
  async (answer, request) => {
    await answer.wait(milliseconds)
    if (!answer.gone) await then(answer, request)
  }

/** The connection ends without an answer. */
export const hangUp: Script = answer => answer.cut()

/** The first request of a connection is answered; the connection dies when another comes on it. */
export const resetOnReuse =
  (then: Script): Script =>
  (answer, request) =>
    request.turn === 0 ? then(answer, request) : answer.reset()

/** The first request gets the first script, and so on; the last one serves all that follow. */
export const inTurn = (...scripts: [Script, ...Script[]]): Script => {
  let count = 0
  return (answer, request) => (scripts[count++] ?? scripts.at(-1)!)(answer, request)
}
