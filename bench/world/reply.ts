/** What a vendor of a world sends for one call, and how the benchmark counts it. */
import { type Random, seededRandom } from './random.ts'

/**
 * `refused`: status 401, 402, 403, 404 or 429. `broken`: anything else that is of no use, hangs included. Calls with a
 * usable answer that the gateway cancels are counted apart, when the connection closes.
 */
export type Verdict = 'answered' | 'refused' | 'broken'

export type Reply = {
  verdict: Verdict
  /** The cause in a few words, for the report. */
  cause: string
  /** Milliseconds from the request to the headers, or to the `end` if there is no head. Infinity: never. */
  after: number
  head?: { status: number; headers: Record<string, string> }
  /** The parts of the body, each with the milliseconds since the part before. */
  parts: { after: number; text: string }[]
  /** `cut` closes and `reset` resets the connection before the answer is complete; `silence` sends nothing more. */
  end: 'complete' | 'cut' | 'reset' | 'silence'
}

/** What a vendor reads of a request. */
export type WorldRequest = { nonce: string; model: string; isStream: boolean }

/** Makes the reply to one request. `random` belongs to the vendor. */
export type ReplyScript = (request: WorldRequest, random: Random) => Reply

/** One of several is chosen by the seed. */
export type Choices<Item> = readonly [Item, ...Item[]]

const vocabulary =
  'river stone lantern orchard 世界 harbor violet engine meadow silver 你好 compass winter candle forest copper'.split(
    ' ',
  )

/** The only right answer to a nonce: a text of some words that ends with a token. */
export const answerTo = (nonce: string): string => {
  const random = seededRandom('answer', nonce)
  const words = Array.from({ length: 8 + Math.floor(random.next() * 12) }, () =>
    random.pick(vocabulary as [string, ...string[]]),
  )
  return `${words.join(' ')} <${Math.floor(random.next() * 2 ** 32).toString(36)}>`
}

const eventStream = { 'content-type': 'text/event-stream; charset=utf-8' }
export const asJson = { 'content-type': 'application/json' }

const chunkOf =
  ({ nonce, model }: WorldRequest) =>
  (delta: object, finish: string | null = null): string =>
    `data: ${JSON.stringify({
      id: `chatcmpl-${nonce}`,
      object: 'chat.completion.chunk',
      created: 1_790_000_000,
      model,
      choices: [{ index: 0, delta, finish_reason: finish }],
    })}\n\n`

/** The frame with the role that begins a stream, without content. */
export const openingFrame = (request: WorldRequest): string => chunkOf(request)({ role: 'assistant', content: '' })

const wholeBody = ({ nonce, model }: WorldRequest, content: string): string =>
  JSON.stringify({
    id: `chatcmpl-${nonce}`,
    object: 'chat.completion',
    created: 1_790_000_000,
    model,
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 30, completion_tokens: content.length, total_tokens: 30 + content.length },
  })

const usageFrame = ({ nonce, model }: WorldRequest, tokens: number): string =>
  `data: ${JSON.stringify({
    id: `chatcmpl-${nonce}`,
    object: 'chat.completion.chunk',
    created: 1_790_000_000,
    model,
    choices: [],
    usage: { prompt_tokens: 30, completion_tokens: tokens, total_tokens: 30 + tokens },
  })}\n\n`

/** A complete answer with this content. */
const complete = (request: WorldRequest, random: Random, content: string): Pick<Reply, 'head' | 'parts' | 'end'> => {
  if (!request.isStream)
    return {
      head: { status: 200, headers: asJson },
      parts: [{ after: 0, text: wholeBody(request, content) }],
      end: 'complete',
    }
  const chunk = chunkOf(request)
  const words = content ? content.split(/(?<= )/) : []
  const gap = random.between(15, 60)
  return {
    head: { status: 200, headers: eventStream },
    parts: [
      { after: 0, text: openingFrame(request) },
      ...words.map((word, at) => ({ after: at === 0 ? 0 : gap, text: chunk({ content: word }) })),
      { after: 0, text: chunk({}, 'stop') + usageFrame(request, words.length) },
      { after: 0, text: 'data: [DONE]\n\n' },
    ],
    end: 'complete',
  }
}

/** The right answer, begun within 0.1 to 1.2 s. */
export const answer: ReplyScript = (request, random) => ({
  verdict: 'answered',
  cause: 'answered',
  after: random.between(100, 1200),
  ...complete(request, random, answerTo(request.nonce)),
})

const refusedStatuses: ReadonlySet<number> = new Set([401, 402, 403, 404, 429])

/** An error with a status and a body: an object is sent as JSON, a text as HTML or plain text. */
export const errorReply =
  (cause: string, status: number, body: object | string, headers: Record<string, string> = {}): ReplyScript =>
  (_, random) => {
    const type =
      typeof body === 'object' ? asJson : { 'content-type': body.startsWith('<') ? 'text/html' : 'text/plain' }
    return {
      verdict: refusedStatuses.has(status) ? 'refused' : 'broken',
      cause,
      after: random.between(20, 200),
      head: { status, headers: { ...type, ...headers } },
      parts: [{ after: 0, text: typeof body === 'string' ? body : JSON.stringify(body) }],
      end: 'complete',
    }
  }

/** An error inside a 200: the whole body, or the second frame of a stream. */
const errorInside =
  (cause: string, body: object): ReplyScript =>
  (request, random) => {
    const text = JSON.stringify(body)
    const parts = request.isStream
      ? [openingFrame(request), `data: ${text}\n\n`, 'data: [DONE]\n\n'].map(part => ({ after: 30, text: part }))
      : [{ after: 0, text }]
    const headers = request.isStream ? eventStream : asJson
    return {
      verdict: 'broken',
      cause,
      after: random.between(50, 400),
      head: { status: 200, headers },
      parts,
      end: 'complete',
    }
  }

/** An error inside a 200 that is JSON although the request asked for a stream. */
const jsonInside =
  (cause: string, body: object): ReplyScript =>
  (_, random) => ({
    verdict: 'broken',
    cause,
    after: random.between(50, 400),
    head: { status: 200, headers: asJson },
    parts: [{ after: 0, text: JSON.stringify(body) }],
    end: 'complete',
  })

/** An error inside a 200, in either of these two forms. */
export const errorInEitherForm =
  (cause: string, body: object): ReplyScript =>
  (request, random) =>
    (random.next() < 0.5 ? jsonInside(cause, body) : errorInside(cause, body))(request, random)

/** The connection is reset: half of the time before the headers, else after the first frame without content. */
export const reset: ReplyScript = (request, random) => {
  const common = { verdict: 'broken', cause: 'reset', after: random.between(50, 400), end: 'reset' } as const
  if (!request.isStream || random.next() < 0.5) return { ...common, parts: [] }
  return {
    ...common,
    head: { status: 200, headers: eventStream },
    parts: [
      { after: 0, text: openingFrame(request) },
      { after: 30, text: '' },
    ],
  }
}

/** A well-formed answer without content. */
export const empty: ReplyScript = (request, random) => ({
  verdict: 'broken',
  cause: 'empty',
  after: random.between(50, 400),
  ...complete(request, random, ''),
})

/** The connection closes before the content: after the frame with the role, or within the JSON. */
export const cut: ReplyScript = (request, random) => {
  const text = request.isStream ? openingFrame(request) : wholeBody(request, '').slice(0, 90)
  return {
    verdict: 'broken',
    cause: 'cut',
    after: random.between(50, 400),
    head: { status: 200, headers: request.isStream ? eventStream : asJson },
    parts: [
      { after: 0, text },
      { after: 30, text: '' },
    ],
    end: 'cut',
  }
}

/** Nothing is ever sent. */
export const hang: ReplyScript = () => ({
  verdict: 'broken',
  cause: 'hang',
  after: Number.POSITIVE_INFINITY,
  parts: [],
  end: 'silence',
})

/** The headers and a comment, then silence. Requests without a stream get nothing. */
export const hangAfterHeaders: ReplyScript = (request, random) =>
  request.isStream
    ? {
        verdict: 'broken',
        cause: 'hang after the headers',
        after: random.between(50, 400),
        head: { status: 200, headers: eventStream },
        parts: [{ after: 0, text: ': processing\n\n' }],
        end: 'silence',
      }
    : hang(request, random)
