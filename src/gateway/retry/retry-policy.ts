/**
 * Decides after a failed attempt who may be asked next. It knows reasons (base/failure-reasons), no protocols and no
 * vendors.
 */
import type { GatewayError } from '../../base/errors.ts'
import { type FailureReason, failureReasons } from '../../base/failure-reasons.ts'
import type { Target } from '../../providers/entry.ts'

/** An attempt that failed. */
export type FailedAttempt = { target: Target; error: GatewayError }

/** Moves of a request that is too long, or needs an ability that a target lacks. */
const maxCapableMoves = 2

/**
 * The reason of a failure; undefined if it is the gateway's own refusal, which no other target would change: an invalid
 * request, a client that left, a limit of the configuration.
 */
export const reasonOf = ({ code, detail: { failure } }: GatewayError): FailureReason | undefined => {
  if (failure) return failure.reason
  if (code === 'upstream_credentials') return 'key'
  return code === 'upstream_failed' || code === 'upstream_timeout' ? 'broken' : undefined
}

/** Reasons with which a vendor refuses before it does any work. */
const refusals: ReadonlySet<FailureReason> = new Set(['key', 'balance', 'minute', 'day', 'model_gone', 'region'])

/** Certainly nothing was processed: it was never sent, or it was refused at the door. */
export const wasNotProcessed = (error: GatewayError): boolean => {
  const { unsent, retryAfter, failure } = error.detail
  if (unsent) return true
  if (failure?.reason === 'overload') return error.status === 503 && retryAfter !== undefined
  return failure !== undefined && refusals.has(failure.reason)
}

/** Which targets of a plan one request may still try. */
export class Candidates {
  readonly failed: FailedAttempt[] = []
  readonly #excluded = new Set<string>()
  /** Entries whose vendor failed: their other credentials come after other entries. */
  readonly #failedEntries = new Set<string>()
  /** Targets that failed and may be asked again, after a pause. */
  readonly #repeatable = new Set<string>()
  /** Targets that reached a limit, and are held back by their health until it passes. */
  readonly #limited = new Set<string>()

  /** @param coolsLimits whether a target that reached a limit is held back; otherwise it is asked again after a pause */
  constructor(
    private targets: readonly Target[],
    private readonly coolsLimits = true,
  ) {}

  /** Goes on with other targets: those of a fallback. */
  replace(targets: readonly Target[]): void {
    this.targets = targets
  }

  /** Untried targets of other vendors first, in their order, then other targets, then those that may be asked again. */
  remaining(): readonly Target[] {
    if (this.failed.length === 0) return this.targets
    const allowed = this.targets.filter(({ id }) => !this.#excluded.has(id))
    const isTried = ({ id }: Target) => this.#repeatable.has(id) || this.#limited.has(id)
    const untried = allowed.filter(target => !isTried(target))
    return [
      ...untried.filter(({ entry }) => !this.#failedEntries.has(entry.id)),
      ...untried.filter(({ entry }) => this.#failedEntries.has(entry.id)),
      ...allowed.filter(isTried),
    ]
  }

  isRepeat({ id }: Target): boolean {
    return this.#repeatable.has(id)
  }

  exclude({ id }: Target): void {
    this.#excluded.add(id)
  }

  /** Keeps only the targets of an entry: the client wants no other. */
  keepEntry(entryId: string): void {
    this.targets = this.targets.filter(({ entry }) => entry.id === entryId)
  }

  /** Notes a failure. Returns false if the request itself is at fault, so that nobody may be asked. */
  note(failure: FailedAttempt): boolean {
    this.failed.push(failure)
    const reason = reasonOf(failure.error)
    if (reason === undefined) return false
    const { target, error } = failure
    switch (failureReasons[reason].retry) {
      case 'never':
        return false
      case 'again':
        this.#repeatable.add(target.id)
        this.#failedEntries.add(target.entry.id)
        return true
      case 'once':
        this.#excludeWhere(other => other.entry === target.entry)
        return this.#countOf(reason) <= 1
      case 'capable':
        this.#excludeWhere(other => other.model === target.model)
        return this.#countOf(reason) <= maxCapableMoves
      case 'elsewhere':
        this.#excludeAfterRefusal(target, error, reason)
        return true
    }
  }

  /** A limit that passes leaves the target in the plan: its health holds it back until it serves again. */
  #excludeAfterRefusal(target: Target, { detail: { failure } }: GatewayError, reason: FailureReason): void {
    if (reason === 'key' || failure?.wholeAccount)
      this.#excludeWhere(({ entry, credential }) => entry === target.entry && credential === target.credential)
    else if (reason === 'model_gone')
      this.#excludeWhere(({ entry, model }) => entry === target.entry && model === target.model)
    else if (reason !== 'minute' || failure?.onlyThisRequest) this.#excluded.add(target.id)
    else (this.coolsLimits ? this.#limited : this.#repeatable).add(target.id)
  }

  #excludeWhere(isAffected: (target: Target) => boolean): void {
    for (const target of this.targets) if (isAffected(target)) this.#excluded.add(target.id)
  }

  #countOf(reason: FailureReason): number {
    return this.failed.filter(({ error }) => reasonOf(error) === reason).length
  }
}
