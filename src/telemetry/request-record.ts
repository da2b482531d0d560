/** One record per request: what was asked, where it went and what it cost. A record is closed exactly once. */
import { GatewayError } from '../base/errors.ts'
import { IndexedList } from '../base/indexed-list.ts'
import type { Usage } from '../ir/chat.ts'
import type { Admission, Lease } from '../limits/limits.ts'
import type { AttemptSample, TargetStats } from '../routing/target-stats.ts'
import type { Log, LogLine } from './log.ts'

/** How a request ended: with an error, or successfully if there is none. */
export type RequestOutcome = { error?: GatewayError; status?: number }

/** Work that can be stopped from outside. */
export type Cancellable = { stop(error: GatewayError): void }

/** The outcome of an attempt that was followed by another one. */
const superseded = new GatewayError('upstream_failed', 'another attempt took its place')

/** The record of one request. Its fields are filled while the request is served, and `close` ends it. */
export class RequestRecord {
  readonly id = `req_${crypto.getRandomValues(new Uint8Array(16)).toHex()}`
  /** Milliseconds of `performance.now()`. */
  readonly startedAt = performance.now()
  caller: string | undefined
  model: string | undefined
  target: string | undefined
  stream = false
  usage: Usage | undefined
  /** Milliseconds spent in the queue of a limit. */
  queueTime = 0
  attempts = 0
  losses: string[] | undefined
  /** The client asked for the losses to be reported in a response header. */
  shouldReportLosses = false
  /** The body of the request, kept only if `log_prompts` is on. */
  prompt: string | undefined
  /**
   * True once a vendor may have done work, and false again if the vendor refused. While it is false, the reserved
   * tokens are given back.
   */
  reachedVendor = false
  isClosed = false
  /** Why the request was ended from outside; undefined if it was not. */
  endReason: GatewayError | undefined
  /**
   * The work in progress for this request, stopped when the request ends: the vendor's connection, or the stream to the
   * client.
   */
  cancellable: Cancellable | undefined
  /** The client's connection. Without `closeSoon` it would stay open for as long as the client likes. */
  connection: { closeSoon(): void } | undefined
  /** The client's address, logged only for clients that were not authorized. */
  address: string | undefined
  /** The position in the list of active requests. */
  listIndex: number | undefined
  #timeToFirstContent: number | undefined
  #lease: Lease | undefined
  #sample: AttemptSample | undefined
  #controller: AbortController | undefined

  constructor(
    readonly method: string,
    readonly path: string,
    private readonly records: RequestRecords,
  ) {}

  /** Aborts when the request is ended from outside. It is created on first use, because most requests never wait. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.endReason) this.#controller.abort()
    return this.#controller.signal
  }

  /** Milliseconds from the start to the first content of a stream, or to a complete response. */
  get timeToFirstContent(): number | undefined {
    return this.#timeToFirstContent
  }

  set timeToFirstContent(milliseconds: number | undefined) {
    this.#timeToFirstContent = milliseconds
    this.#sample?.markAnswered()
  }

  /**
   * Takes over a lease and ends the previous attempt. If the request has already ended, the lease is settled
   * immediately.
   */
  holdLease({ target, lease }: Admission): void {
    this.#lease?.settle(0)
    this.#lease = lease
    this.#sample?.end(superseded)
    this.#sample = this.records.stats?.begin(target)
    this.target = target.id
    this.attempts++
    this.reachedVendor = false
    if (!this.isClosed) return
    lease.settle(0)
    this.#sample?.end(this.endReason)
  }

  readonly noteLoss = (path: string, reason: string): void => {
    this.losses ??= []
    if (this.losses.length < 50) this.losses.push(`${path}: ${reason}`)
  }

  /** Ends the request from outside: stops the work in progress and closes the record. */
  end(error: GatewayError): void {
    if (this.isClosed) return
    this.endReason = error
    this.#controller?.abort()
    this.cancellable?.stop(error)
    this.close({ error })
  }

  /** The client disconnected. */
  cancel(): void {
    this.end(new GatewayError('cancelled', 'the client left'))
  }

  /** The listener for the abort signal of a request, which fires when the client disconnects. */
  handleEvent(): void {
    this.cancel()
  }

  /** @throws GatewayError the reason, if the request was ended from outside in the meantime */
  throwIfEnded(): void {
    if (this.endReason) throw this.endReason
  }

  /**
   * Closes the record. Only the first call counts. This is the only place that settles the lease and writes the record.
   */
  close(outcome: RequestOutcome = {}): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#lease?.settle(this.#tokens())
    this.#sample?.end(outcome.error)
    this.records.finish(this, outcome)
  }

  #tokens(): number | undefined {
    if (this.usage) return this.usage.input + this.usage.output
    return this.reachedVendor ? undefined : 0
  }
}

/** All requests in progress, and the log to which their records are written. */
export class RequestRecords {
  readonly active = new IndexedList<RequestRecord>()
  /** Is told about every attempt if the strategy measures targets; otherwise undefined. */
  stats: TargetStats | undefined
  constructor(private readonly log: Log) {}

  begin(method: string, path: string): RequestRecord {
    const record = new RequestRecord(method, path, this)
    this.active.add(record)
    return record
  }

  /** Records for the parts of one request. They are not logged: the record of the whole request covers them. */
  forParts(): RequestRecords {
    const forParts = new PartRecords(this.log)
    forParts.stats = this.stats
    return forParts
  }

  finish(record: RequestRecord, outcome: RequestOutcome): void {
    this.active.delete(record)
    this.log.write(logLineOf(record, outcome))
  }
}

class PartRecords extends RequestRecords {
  override finish(record: RequestRecord): void {
    this.active.delete(record)
  }
}

const logLineOf = (record: RequestRecord, { error, status = error?.status ?? 200 }: RequestOutcome): LogLine => ({
  level: status >= 500 ? 'error' : status >= 400 ? 'warn' : 'info',
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
