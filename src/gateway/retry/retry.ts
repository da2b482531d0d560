/**
 * Serves a request: attempt after attempt, until one answers or nobody may be asked any more. The order is that of the
 * plan: other credentials, other entries, then the fallbacks of the model.
 */
import { asGatewayError, GatewayError } from '../../base/errors.ts'
import type { Target } from '../../providers/entry.ts'
import type { Plan } from '../../routing/router.ts'
import type { AttemptRecord } from '../../telemetry/attempt-record.ts'
import {
  type AttemptContext,
  admitAttempt,
  callTarget,
  forceAttempt,
  type StartedAttempt,
  tryAttempt,
} from '../attempt.ts'
import type { ClientRequest } from '../client-request.ts'
import { finalError, isTemporary } from './final-error.ts'
import { type AttemptResult, resultOf, runOvertakable } from './overtake.ts'
import { Candidates, reasonOf, wasNotProcessed } from './retry-policy.ts'

/** Reads what an attempt answers: up to the first content of a stream, or the whole answer. */
type OpenAnswer<Answer> = (started: StartedAttempt) => Promise<Answer>

/** Answers that hold nothing, after which one is believed. */
const maxEmptyAnswers = 2

/**
 * Returns the first answer.
 * @throws GatewayError what helps the client most of all that failed: see `finalError`
 */
export const serveWithRetries = async <Answer extends { isEmpty?: boolean }>(
  clientRequest: ClientRequest,
  plan: Plan,
  context: AttemptContext,
  open: OpenAnswer<Answer>,
): Promise<Answer> => {
  const run = new RetryRun(clientRequest, plan, context)
  context.runtime.overtakeBudget.noteRequest()
  const answerOf = async (record: AttemptRecord): Promise<Answer> => {
    const answer = await open(await callTarget(clientRequest, run.plan, record, context))
    if (answer.isEmpty && run.mayRefuseEmpty()) throw emptyAnswer()
    return answer
  }
  for (;;) {
    const result = await run.attempt(await run.admit(), answerOf)
    if ('error' in result) run.noteFailure(result.record, result.error)
    else {
      context.lifetime.adopt(result.record)
      return result.answer
    }
  }
}

const emptyAnswer = (): GatewayError =>
  new GatewayError('upstream_failed', 'the vendor answered with nothing', { failure: { reason: 'broken' } })

/** The attempts of one request. */
class RetryRun {
  plan: Plan
  readonly #candidates: Candidates
  readonly #isRepeatable: boolean
  #attempts = 0
  #emptyAnswers = 0
  #arrival: number | undefined

  constructor(
    private readonly clientRequest: ClientRequest,
    plan: Plan,
    private readonly context: AttemptContext,
  ) {
    this.plan = plan
    this.#candidates = new Candidates(plan.targets, context.runtime.settings.cools)
    this.#isRepeatable = isRepeatable(clientRequest)
  }

  /** Waits for the turn of the next attempt. @throws GatewayError the final error, if there is none */
  async admit(): Promise<AttemptRecord> {
    for (;;) {
      const targets = this.#candidates.remaining()
      try {
        if (targets.length === 0) throw this.#lastError()
        const record = await admitAttempt(this.clientRequest, targets, this.context, this.#arrival)
        this.#arrival = record.arrival
        this.#attempts++
        if (!this.#candidates.isRepeat(record.target)) return record
        if (await this.#pauseBeforeRepeat(record)) return record
      } catch (thrown) {
        const error = asGatewayError(thrown)
        const lastResort = this.#lastResort(targets, error)
        if (lastResort) return lastResort
        if (!this.#isOverdue() && this.#moveToFallback(error)) continue
        throw this.#final(error)
      }
    }
  }

  /** Runs an attempt, and others beside it if it stays silent and the request may be sent twice. */
  attempt<Answer>(
    record: AttemptRecord,
    run: (record: AttemptRecord) => Promise<Answer>,
  ): Promise<AttemptResult<Answer>> {
    const { clientRequest, context } = this
    const { lifetime, runtime } = context
    const mayOvertake = runtime.settings.hedges && this.#isRepeatable && !lifetime.noFallback
    // Most requests have nobody to be overtaken by: they are spared the race.
    if (!mayOvertake || this.#candidates.remaining().length < 2) return resultOf(record, run)
    const second = (isFit: (target: Target) => boolean): AttemptRecord | undefined => {
      if (lifetime.isClosed || this.#isSpent()) return undefined
      const others = this.#candidates.remaining().filter(target => target.id !== record.target.id && isFit(target))
      const begun = others.length > 0 ? tryAttempt(clientRequest, others, context) : undefined
      if (begun) this.#attempts++
      return begun
    }
    const noteFailure = (failed: AttemptRecord, error: GatewayError): boolean => {
      failed.end(error)
      return this.#candidates.note({ target: failed.target, error })
    }
    return runOvertakable(record, { runtime, isStream: clientRequest.stream, run, second, noteFailure })
  }

  /** Whether an answer without anything is asked for once more. */
  mayRefuseEmpty(): boolean {
    const isLast = this.#attempts >= this.context.runtime.settings.retry.attempts
    return !isLast && this.#isRepeatable && ++this.#emptyAnswers <= maxEmptyAnswers
  }

  /** @throws GatewayError the final error, if no further attempt may follow */
  noteFailure(record: AttemptRecord, error: GatewayError): void {
    record.end(error)
    const { lifetime } = this.context
    lifetime.throwIfEnded()
    const mayContinue = this.#candidates.note({ target: record.target, error })
    if (lifetime.noFallback) this.#candidates.keepEntry(record.target.entry.id)
    if (!mayContinue && reasonOf(error) === undefined) throw this.#final(error)
    if (!mayContinue || this.#isSpent() || !(this.#isRepeatable || wasNotProcessed(error))) throw this.#final(error)
  }

  #lastError(): GatewayError {
    return this.#candidates.failed.at(-1)?.error ?? new GatewayError('internal', 'internal error of the gateway')
  }

  #final(error: GatewayError): GatewayError {
    const { lifetime, runtime } = this.context
    const { failed } = this.#candidates
    // Where the operator switched retries off, they are left to the client.
    lifetime.hasTriedEverything = failed.length > 0 && runtime.settings.retry.attempts > 1
    if (lifetime.endReason) return lifetime.endReason
    const final = finalError(failed, error)
    if (!isTemporary(final) || final.detail.retryAfter !== undefined) return final
    const retryAfter = runtime.health.secondsUntilReady(this.plan.targets)
    return new GatewayError(final.code, final.message, { ...final.detail, retryAfter })
  }

  /** Before anything was tried, a target whose key or model was refused before is better than no answer. */
  #lastResort(targets: readonly Target[], error: GatewayError): AttemptRecord | undefined {
    const reason = error.detail.failure?.reason
    const isDead = reason === 'key' || reason === 'balance'
    if (!isDead || this.#candidates.failed.length > 0 || targets.length === 0) return undefined
    this.#attempts++
    return forceAttempt(this.clientRequest, targets.at(-1)!, this.context)
  }

  /** Goes on with the next fallback of the model that the caller may use. */
  #moveToFallback(error: GatewayError): boolean {
    const { lifetime, fallbackPlans } = this.context
    if (lifetime.noFallback || !fallbackPlans || !isWorthMoving(error)) return false
    if (this.#attempts >= this.context.runtime.settings.retry.attempts) return false
    const next = fallbackPlans.next().value
    if (!next) return false
    // The answer carries the name that the client used.
    this.plan = { ...next, model: this.plan.model }
    this.#candidates.replace(next.targets)
    return true
  }

  /**
   * Waits before the same target is asked again. Returns false if the entry has been asked again too often of late; the
   * target is then left out.
   */
  async #pauseBeforeRepeat(record: AttemptRecord): Promise<boolean> {
    const { lifetime, runtime } = this.context
    if (!runtime.retryBudget.take(record.target.entry.id)) {
      this.#attempts--
      lifetime.record.attempts--
      this.#candidates.exclude(record.target)
      record.end()
      return false
    }
    const { backoff, maxBackoff } = runtime.settings.retry
    const seconds = Math.min(backoff * 2 ** (this.#candidates.failed.length - 1), maxBackoff)
    await lifetime.sleep(seconds * (0.5 + Math.random() / 2) * 1000)
    lifetime.throwIfEnded()
    return true
  }

  /** No further attempt may begin. */
  #isSpent(): boolean {
    return this.#attempts >= this.context.runtime.settings.retry.attempts || this.#isOverdue()
  }

  #isOverdue(): boolean {
    const { lifetime, runtime } = this.context
    return performance.now() - lifetime.record.startedAt >= runtime.settings.retry.maxTime * 1000
  }
}

/** A limit, a failure of a vendor or of all of them: another model may do. The request's own fault stays. */
const isWorthMoving = (error: GatewayError): boolean => error.code === 'limited' || reasonOf(error) !== undefined

/** Paths whose calls may be made twice: they leave nothing behind and cost little. */
const repeatablePaths: ReadonlySet<string> = new Set(['moderations', 'completions', 'ocr', 'score', 'tokenize'])

/** A call that acts twice must not be repeated unless certainly nothing was processed. */
const isRepeatable = ({ protocol, json, upload }: ClientRequest): boolean => {
  if (upload) return false
  if (protocol.kind === 'passthrough') return repeatablePaths.has(protocol.id)
  const { background, store } = json!.body
  return background !== true && !(protocol.id === 'openai-responses' && store === true)
}
