/** How long a request lives: it is cancelled or closed exactly once, and returns what its attempt borrowed. */
import { GatewayError } from '../base/errors.ts'
import { IndexedList } from '../base/indexed-list.ts'
import type { Usage } from '../ir/chat.ts'
import type { Admission } from '../limits/limits.ts'
import { Health } from '../routing/health/health.ts'
import type { TargetStats } from '../routing/target-stats.ts'
import { AttemptRecord, type Cancellable } from './attempt-record.ts'
import type { Log } from './log.ts'
import { logLineOf, type RequestOutcome, RequestRecord } from './request-record.ts'

export class RequestLifetime {
  readonly record: RequestRecord
  isClosed = false
  /** Why the request was ended from outside; undefined if it was not. */
  endReason: GatewayError | undefined
  /**
   * The work in progress for this request, stopped when the request ends: the calls to vendors, the stream to the
   * client, a pause between attempts.
   */
  readonly #work: Cancellable[] = []
  /** The client's connection. Without `closeSoon` it would stay open for as long as the client likes. */
  connection: { closeSoon(): void; restoreTimeout(bytes?: number): void } | undefined
  /** The client asked for the losses to be reported in a response header. */
  shouldReportLosses = false
  /** The client accepts no other entry than the one that was chosen first. */
  noFallback = false
  /** The response names the target that served it. */
  exposesTargets = false
  /** All that could be tried has been: a client that repeats the request would only multiply the attempts. */
  hasTriedEverything = false
  /** The position in the list of active requests. */
  listIndex: number | undefined
  #attempt: AttemptRecord | undefined
  /** Attempts that were not ended by whoever began them: two if one overtakes the other. */
  readonly #attempts: AttemptRecord[] = []
  #controller: AbortController | undefined

  constructor(
    method: string,
    path: string,
    private readonly records: RequestRecords,
  ) {
    this.record = new RequestRecord(method, path)
  }

  /** Applies the headers by which a client sets options of the gateway. */
  applyOptions(headers: Headers, exposesTargets: boolean): void {
    this.shouldReportLosses = headers.get('x-report-losses') === '1'
    this.noFallback = headers.get('x-no-fallback') === '1'
    this.exposesTargets = exposesTargets
  }

  /** Aborts when the request is ended from outside. It is created on first use, because most requests never wait. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.endReason) this.#controller.abort()
    return this.#controller.signal
  }

  /** What was lost so far: by the request itself and by its current attempt. */
  get losses(): readonly string[] | undefined {
    const { losses } = this.record
    const ofAttempt = this.isClosed ? undefined : this.#attempt?.losses
    return losses && ofAttempt ? [...losses, ...ofAttempt] : (losses ?? ofAttempt)
  }

  /**
   * Begins an attempt with what a limit lent to it. The one before must have ended, unless this one is to overtake it.
   * If the request has already ended, the lease is returned immediately.
   */
  beginAttempt(admission: Admission): AttemptRecord {
    const attempt = new AttemptRecord(admission, this.records.stats?.begin(admission.target), this.records.health)
    this.#attempts.push(attempt)
    this.adopt(attempt)
    this.record.attempts++
    if (this.isClosed) attempt.end(this.endReason)
    return attempt
  }

  /** Makes this attempt the one whose answer the client gets. */
  adopt(attempt: AttemptRecord): void {
    this.#attempt = attempt
    const { id, entry, model } = attempt.target
    this.record.target = id
    this.record.servedBy = `${entry.id}/${model}`
  }

  /** Stops this work when the request is ended from outside, at once if it has been. */
  stopAtEnd(work: Cancellable): void {
    this.#work.push(work)
    if (this.endReason) work.stop(this.endReason)
  }

  /** The first content of a stream, or a complete response, is there; `usage` as far as it is known. */
  markAnswered(usage: Usage | undefined): void {
    this.record.timeToFirstContent = performance.now() - this.record.startedAt
    this.noteUsage(usage)
    this.#attempt?.markAnswered(this.record.stream)
  }

  /** Usage of the current attempt. What is already known stays. */
  noteUsage(usage: Usage | undefined): void {
    if (this.#attempt) this.#attempt.usage ??= usage
  }

  /** The vendor has answered in full: returns what the attempt borrowed before the client has read the answer. */
  releaseLease(): void {
    this.#attempt?.end()
  }

  /** Ends the request from outside: stops the work in progress and closes the request. */
  end(error: GatewayError): void {
    if (this.isClosed) return
    this.endReason = error
    this.#controller?.abort()
    for (const work of this.#work) work.stop(error)
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

  /** Waits, but no longer than until the request is ended from outside. */
  sleep(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, milliseconds)
    const stop = () => {
      clearTimeout(timer)
      resolve()
    }
    this.stopAtEnd({ stop })
    return promise
  }

  /** @throws GatewayError the reason, if the request was ended from outside in the meantime */
  throwIfEnded(): void {
    if (this.endReason) throw this.endReason
  }

  /**
   * Closes the request. Only the first call counts. This is the only place that ends the last attempt and writes the
   * record.
   */
  close(outcome: RequestOutcome = {}): void {
    if (this.isClosed) return
    this.isClosed = true
    this.connection?.restoreTimeout()
    for (const attempt of this.#attempts) attempt.end(outcome.error)
    this.#attempt?.mergeInto(this.record)
    this.records.finish(this, outcome)
  }
}

/** All requests in progress, and the log to which their records are written. */
export class RequestRecords {
  readonly active = new IndexedList<RequestLifetime>()
  /** Notified of every attempt if the strategy measures targets; otherwise undefined. */
  stats: TargetStats | undefined
  constructor(
    private readonly log: Log,
    readonly health: Health = new Health(),
  ) {}

  begin(method: string, path: string): RequestLifetime {
    const lifetime = new RequestLifetime(method, path, this)
    this.active.add(lifetime)
    return lifetime
  }

  /** Records for the parts of one request. They are not logged: the record of the whole request covers them. */
  forParts(): RequestRecords {
    const forParts = new PartRecords(this.log, this.health)
    forParts.stats = this.stats
    return forParts
  }

  finish(lifetime: RequestLifetime, outcome: RequestOutcome): void {
    this.active.delete(lifetime)
    this.log.write(logLineOf(lifetime.record, outcome))
  }
}

class PartRecords extends RequestRecords {
  override finish(lifetime: RequestLifetime): void {
    this.active.delete(lifetime)
  }
}
