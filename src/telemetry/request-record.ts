/** What is known of one request: what was asked, where it went and what it cost. Data only; the log line is made of it. */
import type { GatewayError } from '../base/errors.ts'
import type { Usage } from '../ir/chat.ts'
import type { LogLine } from './log.ts'

/** How a request ended: with an error, or successfully if there is none. */
export type RequestOutcome = { error?: GatewayError; status?: number }

export class RequestRecord {
  readonly id = `req_${crypto.getRandomValues(new Uint8Array(16)).toHex()}`
  /** Milliseconds of `performance.now()`. */
  readonly startedAt = performance.now()
  caller: string | undefined
  /** Whose stored state the request may use: `Caller.owner`. Not logged. */
  owner = ''
  model: string | undefined
  target: string | undefined
  /** `<entry>/<model>` of the last attempt. */
  servedBy: string | undefined
  stream = false
  usage: Usage | undefined
  /** Milliseconds spent in the queue of a limit. */
  queueTime = 0
  /** Milliseconds from the start to the first content of a stream, or to a complete response. */
  timeToFirstContent: number | undefined
  attempts = 0
  losses: string[] | undefined
  /** The body of the request, kept only if `log_prompts` is on. */
  prompt: string | undefined
  /** The client's address, logged only for clients that were not authorized or not admitted. */
  address: string | undefined

  constructor(
    readonly method: string,
    readonly path: string,
  ) {}
}

const levelOf = (status: number): LogLine['level'] => {
  if (status >= 500) return 'error'
  return status >= 400 ? 'warn' : 'info'
}

/** The log line of a request that has ended. */
export const logLineOf = (
  record: RequestRecord,
  { error, status = error?.status ?? 200 }: RequestOutcome,
): LogLine => ({
  level: levelOf(status),
  message: 'request',
  id: record.id,
  method: record.method,
  path: record.path,
  address: record.address,
  caller: record.caller,
  model: record.model,
  target: record.target,
  status,
  stream: record.stream || undefined,
  tokens: record.usage && tokensOf(record.usage),
  ms: timesOf(record),
  attempts: record.attempts > 1 ? record.attempts : undefined,
  losses: record.losses,
  error: error && { code: error.code, message: error.message, cause: error.detail.cause },
  prompt: record.prompt,
})

const tokensOf = ({ input, output, cacheRead, cacheWrite, reasoning, estimated }: Usage) => ({
  input,
  output,
  cacheRead,
  cacheWrite,
  reasoning,
  estimated,
})

const timesOf = (record: RequestRecord) => ({
  queued: record.queueTime > 0 ? round(record.queueTime) : undefined,
  first: record.timeToFirstContent === undefined ? undefined : round(record.timeToFirstContent),
  total: round(performance.now() - record.startedAt),
})

const round = (milliseconds: number): number => Math.round(milliseconds * 10) / 10
