/**
 * The ways in which a vendor fails, each with what the client gets. The test of failures checks every row;
 * docs/reliability.md shows it.
 */
import type { Script } from './scripted-upstream.ts'
import {
  chatBody,
  chatChunks,
  frameOf,
  neverRespond,
  refuse,
  replyChat,
  replyHtml,
  replyJson,
} from './upstream-scripts.ts'

type Outcome = {
  /** Status for the client. With `inStream`, the status is 200 and the error is the last frame. */
  status: number
  /** The code of the log line; absent if the request is answered. */
  code?: string
  inStream?: true
}

export type FailureWay = {
  title: string
  /** Absent: nobody listens at the vendor's address. */
  script?: Script
  /** A request that has another target is answered by it. */
  movesOn: boolean
  /** Without another target the same one is asked again. */
  repeats: boolean
  /** What the client gets without another target. Both outcomes if a stream differs. */
  alone: Outcome | { stream: Outcome; whole: Outcome }
  /** The same if another target exists: the stream had begun. */
  streamStays?: true
  /** A connection that was used before is replaced by a new one, which is no new attempt. */
  resets?: true
  /** Seconds in `Retry-After`. */
  retryAfter?: number
}

/** Chooses by whether the request wants a stream. */
const either =
  (stream: Script, whole: Script): Script =>
  (answer, request) =>
    ((request.json() as { stream?: boolean }).stream === true ? stream : whole)(answer, request)

const stream = { 'content-type': 'text/event-stream' }
const [role, first] = chatChunks() as [object, object]

/** Milliseconds: the client of the runtime drops bytes that arrive together with the end of the connection. */
const beforeCut = 200

/** Sends a part of a stream, or of a whole answer, and then does something else. */
const partOf = (frames: readonly (string | object)[], then: Script): Script =>
  either(
    async (answer, request) => {
      answer.writeHead(200, stream)
      for (const frame of frames) await answer.write(frameOf(frame))
      await answer.wait(beforeCut)
      await then(answer, request)
    },
    async (answer, request) => {
      answer.writeHead(200, { 'content-type': 'application/json' }, { length: 500 })
      await answer.write('{"choices":[{"index":0,')
      await answer.wait(beforeCut)
      await then(answer, request)
    },
  )

const cut: Script = answer => answer.disconnect()
const refusal = (status: number, message: string, code: string | null, headers = {}): Script =>
  refuse(status, { error: { message, type: 'vendor_error', code } }, headers)
const overloaded = { error: { message: 'The model is overloaded. Please try again later.', code: 'overloaded' } }
/** The error after the given frames of a stream, or as the whole answer. */
const errorInside = (frames: readonly object[]): Script =>
  either(async answer => {
    answer.writeHead(200, stream)
    for (const frame of [...frames, overloaded]) await answer.write(frameOf(frame))
    answer.end()
  }, replyJson(overloaded))

const failed = { status: 502, code: 'upstream_failed' }
const timedOut = { status: 504, code: 'upstream_timeout' }
const again = { movesOn: true, repeats: true }
const elsewhere = { movesOn: true, repeats: false }
const final = { movesOn: false, repeats: false }
const emptyWhole = {
  ...chatBody(''),
  usage: { prompt_tokens: 5, completion_tokens: 0, total_tokens: 5 },
}

export const failureWays: readonly FailureWay[] = [
  { title: 'refuses the connection', ...again, alone: failed },
  {
    title: 'resets the connection before the headers',
    script: answer => answer.reset(),
    ...again,
    alone: failed,
    resets: true,
  },
  { title: 'sends no headers', script: neverRespond, ...again, alone: timedOut },
  { title: 'sends headers and then nothing', script: partOf([role], neverRespond), ...again, alone: timedOut },
  {
    title: 'answers 401',
    script: refusal(401, 'Incorrect API key provided.', 'invalid_api_key'),
    ...elsewhere,
    alone: { status: 502, code: 'upstream_credentials' },
  },
  {
    title: 'answers 402',
    script: refusal(402, 'Insufficient balance.', null),
    ...elsewhere,
    alone: { status: 502, code: 'upstream_credentials' },
  },
  {
    title: 'answers 403 without a known reason',
    script: refusal(403, 'Forbidden.', null),
    ...elsewhere,
    alone: { status: 502, code: 'upstream_credentials' },
  },
  {
    title: 'answers 404 for the model',
    script: refusal(404, 'The model `m` does not exist.', 'model_not_found'),
    ...elsewhere,
    alone: { status: 404, code: 'upstream_refused' },
  },
  {
    title: 'answers 408',
    script: refusal(408, 'Request timeout.', null),
    ...again,
    alone: { status: 504, code: 'upstream_timeout' },
  },
  {
    title: 'answers 400 for the request',
    script: refusal(400, 'Invalid value for `temperature`: must be at most 2.', 'invalid_value'),
    ...final,
    alone: { status: 400, code: 'upstream_refused' },
  },
  {
    title: 'answers 413',
    script: refusal(413, 'Request entity too large.', null),
    ...final,
    alone: { status: 413, code: 'upstream_refused' },
  },
  {
    title: 'answers 429 without Retry-After',
    script: refusal(429, 'Rate limit reached.', 'rate_limit_exceeded'),
    ...again,
    alone: { status: 429, code: 'upstream_limited' },
  },
  {
    title: 'answers 429 with Retry-After',
    script: refusal(429, 'Rate limit reached.', 'rate_limit_exceeded', { 'retry-after': '7' }),
    ...again,
    alone: { status: 429, code: 'upstream_limited' },
    retryAfter: 7,
  },
  { title: 'answers 500', script: refusal(500, 'Internal error.', null), ...again, alone: { ...failed, status: 500 } },
  { title: 'answers 503 with a page', script: replyHtml(503), ...again, alone: { ...failed, status: 503 } },
  {
    title: 'answers 529',
    script: refusal(529, 'Overloaded.', 'overloaded_error'),
    ...again,
    alone: { ...failed, status: 529 },
  },
  {
    title: 'answers 200 with an error, in a stream as the first frame',
    script: errorInside([]),
    ...again,
    alone: { ...failed, status: 503 },
  },
  {
    title: 'answers 200 with an error, in a stream as the second frame',
    script: errorInside([role]),
    ...again,
    alone: { ...failed, status: 503 },
  },
  { title: 'ends the connection before the first content', script: partOf([role], cut), ...again, alone: failed },
  {
    title: 'ends the connection after the first content',
    script: partOf([role, first], cut),
    ...again,
    alone: { stream: { ...failed, inStream: true }, whole: failed },
    streamStays: true,
  },
  {
    title: 'answers with nothing and a good finish',
    script: replyChat(chatChunks([]), emptyWhole),
    ...again,
    alone: { status: 200 },
  },
  {
    title: 'sends JSON that cannot be read',
    script: either(
      async answer => {
        answer.writeHead(200, stream)
        await answer.write('data: {"choices":[{"index":0,"delta":{"content":\n\n')
        answer.end()
      },
      async answer => {
        answer.writeHead(200, { 'content-type': 'application/json' })
        await answer.write('{"choices":[{"index":0,')
        answer.end()
      },
    ),
    ...again,
    alone: failed,
  },
]
