/** One trail a request: what it was, where it went, what it cost; closed exactly once. */
import { GatewayError } from '../base/errors.ts'
import { IndexedList } from '../base/indexed-list.ts'
import type { Usage } from '../ir/chat.ts'
import type { Admission, Lease } from '../limits/limits.ts'
import type { AttemptSample, TargetStats } from '../routing/target-stats.ts'
import type { Log, LogLine } from './log.ts'

/** How a request ended: an error, or nothing to complain of. */
export type RequestOutcome = { error?: GatewayError; status?: number }

/** What can be ended from outside. */
export type Cancellable = { stop(error: GatewayError): void }

/** An attempt that another one follows has failed. */
const superseded = new GatewayError('upstream_failed', 'another attempt took its place')

/** The record of one request. Its fields are filled as the request goes its way; `close` is the only end. */
export class RequestRecord {
  readonly id = `req_${crypto.getRandomValues(new Uint8Array(16)).toHex()}`
  /** Milliseconds of `performance.now()`. */
  readonly startedAt = performance.now()
  caller: string | undefined
  model: string | undefined
  target: string | undefined
  stream = false
  usage: Usage | undefined
  /** Milliseconds in line for a limit. */
  queueTime = 0
  attempts = 0
  losses: string[] | undefined
  /** The client asked to be told them. */
  shouldReportLosses = false
  /** The request's body, kept only if the operator asked for prompts in the log. */
  prompt: string | undefined
  /** False until a vendor may have begun to work, and again if it refused to: reserved tokens are then given back. */
  reachedVendor = false
  isClosed = false
  /** Why it was ended from outside, if it was. */
  endReason: GatewayError | undefined
  /** Whatever is under way for this request, ended with it: the vendor's connection, the stream to the client. */
  cancellable: Cancellable | undefined
  /** The client's, which would else stay open for as long as the client likes. */
  connection: { closeSoon(): void } | undefined
  /** The client's address, told only of those who were turned away. */
  address: string | undefined
  /** Its place among those under way. */
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

  /** Aborts when the request is ended from outside. Made when somebody asks: most requests never wait. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.endReason) this.#controller.abort()
    return this.#controller.signal
  }

  /** Milliseconds until the first content (unstreamed: the answer) was there. */
  get timeToFirstContent(): number | undefined {
    return this.#timeToFirstContent
  }

  set timeToFirstContent(milliseconds: number | undefined) {
    this.#timeToFirstContent = milliseconds
    this.#sample?.markAnswered()
  }

  /** Takes what a limit lent. If the request is already over, it goes straight back. */
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

  /** Ends the request from outside: everything under way stops, and the trail closes. */
  end(error: GatewayError): void {
    if (this.isClosed) return
    this.endReason = error
    this.#controller?.abort()
    this.cancellable?.stop(error)
    this.close({ error })
  }

  /** The client left. */
  cancel(): void {
    this.end(new GatewayError('cancelled', 'the client left'))
  }

  /** As a listener to the signal of a request, which aborts when the client leaves. */
  handleEvent(): void {
    this.cancel()
  }

  /** @throws what ended it from outside, if anything did while somebody waited. */
  throwIfEnded(): void {
    if (this.endReason) throw this.endReason
  }

  /** Idempotent, and the only place that returns tickets and writes the record. */
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

/** All requests under way, and the log their records go to. */
export class RequestRecords {
  readonly active = new IndexedList<RequestRecord>()
  /** Told of every attempt where the strategy measures; else absent. */
  stats: TargetStats | undefined
  constructor(private readonly log: Log) {}

  begin(method: string, path: string): RequestRecord {
    const record = new RequestRecord(method, path, this)
    this.active.add(record)
    return record
  }

  /** For the parts of one request, whose own record tells of them. */
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
