/**
 * Statistics of the targets, measured on their requests: the number of requests in flight, and the time to the first
 * content. They are keyed by name, not by object, so they survive a reload of the configuration. The request record
 * writes them, the strategies read them.
 */
import { errorCodes, type GatewayError } from '../base/errors.ts'
import type { Target } from '../providers/entry.ts'

/** One attempt in flight. Each method has an effect only once. */
export interface AttemptSample {
  /** The first content has arrived; for a response that is not streamed, the answer. */
  markAnswered(): void
  /** The attempt is over. @param error its error, if it failed */
  end(error?: GatewayError): void
}

export interface TargetStats {
  begin(target: Target): AttemptSample
  /** Requests in flight at an entry, or at one of its credentials (`<entry>/<digest>`), over all models. */
  load(loadKey: string): number
  /**
   * The expected time to the first content, in milliseconds. Undefined if the target was never used, or not within
   * `exploreAfter`.
   */
  expectedLatency(target: string): number | undefined
}

/** True for the strategies that use statistics. Nothing is measured for the others. */
export const needsTargetStats = (strategy: string): boolean => strategy === 'least_busy' || strategy === 'fastest'

/** The weight of a new sample in the moving average. */
const smoothingFactor = 0.3
/** Milliseconds after which an unused target is tried again and its old statistics expire. */
export const exploreAfter = 5 * 60_000
/** Milliseconds assumed for a target that has not answered any request yet. */
const assumedLatency = 5_000
/** Milliseconds that one failure adds, the maximum of the penalty, and the time in which half of it expires. */
const penalty = 10_000
const maxPenalty = 60_000
const penaltyHalfLife = 15_000

/** Maximum targets to remember. Behind a wildcard, clients name the models. */
const maxTargets = 10_000

/** All times are milliseconds of the clock. */
type TargetFigures = {
  average: number | undefined
  /** When `average` was last updated. */
  updatedAt: number
  lastRequestAt: number
  /** Requests that wait for their first content. `silentSince` is the last sign of life while any of them waited. */
  waiting: number
  silentSince: number
  penalty: number
  failedAt: number
}

const emptyFigures = (): TargetFigures => ({
  average: undefined,
  updatedAt: 0,
  lastRequestAt: 0,
  waiting: 0,
  silentSince: 0,
  penalty: 0,
  failedAt: 0,
})

const penaltyAt = (figures: TargetFigures, now: number): number =>
  figures.penalty === 0 ? 0 : figures.penalty * 2 ** ((figures.failedAt - now) / penaltyHalfLife)

const recordLatency = (figures: TargetFigures, latency: number, now: number): void => {
  const isStale = figures.average === undefined || now - figures.updatedAt >= exploreAfter
  figures.average = isStale ? latency : figures.average! + smoothingFactor * (latency - figures.average!)
  figures.updatedAt = now
}

const recordFailure = (figures: TargetFigures, now: number): void => {
  figures.penalty = Math.min(maxPenalty, penaltyAt(figures, now) + penalty)
  figures.failedAt = now
}

class RunningSample implements AttemptSample {
  readonly #startedAt: number
  #isWaiting = true
  #hasEnded = false

  constructor(
    private readonly figures: TargetFigures,
    private readonly now: () => number,
    private readonly release: () => void,
  ) {
    this.#startedAt = now()
    if (figures.waiting++ === 0) figures.silentSince = this.#startedAt
    figures.lastRequestAt = this.#startedAt
  }

  markAnswered(): void {
    if (!this.#isWaiting || this.#hasEnded) return
    const now = this.#stopWaiting()
    recordLatency(this.figures, now - this.#startedAt, now)
    this.figures.penalty = penaltyAt(this.figures, now) * (1 - smoothingFactor)
    this.figures.failedAt = now
  }

  end(error?: GatewayError): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.release()
    const now = this.now()
    if (error && errorCodes[error.code].breaker !== 'ignore') recordFailure(this.figures, now)
    if (!this.#isWaiting) return
    // The time until a cancellation is a lower bound of the latency.
    const latency = now - this.#startedAt
    if (error?.code === 'cancelled' && latency > (this.figures.average ?? 0)) recordLatency(this.figures, latency, now)
    this.#stopWaiting(error?.code !== 'cancelled')
  }

  /** Ends the wait of this attempt. @param isAlive the target gave a sign of life */
  #stopWaiting(isAlive = true): number {
    const now = this.now()
    this.#isWaiting = false
    this.figures.waiting--
    if (isAlive) this.figures.silentSince = now
    return now
  }
}

class MeasuredTargetStats implements TargetStats {
  readonly #figures = new Map<string, TargetFigures>()
  readonly #load = new Map<string, number>()

  constructor(private readonly now: () => number) {}

  begin({ id, entry, credential }: Target): AttemptSample {
    const loadKeys = [entry.id, `${entry.id}/${credential.digest}`]
    for (const loadKey of loadKeys) this.#load.set(loadKey, this.load(loadKey) + 1)
    return new RunningSample(this.#figuresOf(id), this.now, () => {
      for (const loadKey of loadKeys) this.#release(loadKey)
    })
  }

  load(loadKey: string): number {
    return this.#load.get(loadKey) ?? 0
  }

  expectedLatency(target: string): number | undefined {
    const figures = this.#figures.get(target)
    const now = this.now()
    if (!figures || (figures.waiting === 0 && now - figures.lastRequestAt >= exploreAfter)) return undefined
    const silence = figures.waiting > 0 ? now - figures.silentSince : 0
    return Math.max(figures.average ?? assumedLatency, silence) + penaltyAt(figures, now)
  }

  #figuresOf(id: string): TargetFigures {
    const known = this.#figures.get(id)
    if (known) return known
    if (this.#figures.size >= maxTargets) this.#figures.delete(this.#figures.keys().next().value!)
    const figures = emptyFigures()
    this.#figures.set(id, figures)
    return figures
  }

  #release(loadKey: string): void {
    const remaining = this.load(loadKey) - 1
    if (remaining > 0) this.#load.set(loadKey, remaining)
    else this.#load.delete(loadKey)
  }
}

/** @param now milliseconds of a monotonic clock */
export const createTargetStats = (now: () => number = () => performance.now()): TargetStats =>
  new MeasuredTargetStats(now)
