/**
 * What is known of the targets from the requests they had: how many are under way, and how soon each begins to answer.
 * Kept by name and not by object, so that a new configuration goes on with it. `record.ts` tells it, the strategies read it.
 */
import { errorCodes, type GatewayError } from '../base/errors.ts'
import type { Target } from '../providers/entry.ts'

/** One attempt under way. Each of the two counts once. */
export interface AttemptSample {
  /** The first content (unstreamed: the answer) is there. */
  markAnswered(): void
  /** It is over; `error` is what it failed with. */
  end(error?: GatewayError): void
}

export interface TargetStats {
  begin(target: Target): AttemptSample
  /** Requests under way now at an entry, or at one credential of it (`<entry>/<digest>`), whatever their model. */
  load(loadKey: string): number
  /** How soon a target may be expected to answer, in milliseconds; undefined: it was never asked, or not for `exploreAfter`. */
  expectedLatency(target: string): number | undefined
}

/** The strategies that ask; for the others nothing is counted. */
export const needsTargetStats = (strategy: string): boolean => strategy === 'least_busy' || strategy === 'fastest'

/** How much a new figure weighs against all before it. */
const smoothingFactor = 0.3
/** Milliseconds after which a target that was not asked gets its chance, and what was known of it no longer counts. */
export const exploreAfter = 5 * 60_000
/** Milliseconds a target is given credit for that was asked but has not answered yet. */
const assumedLatency = 5_000
/** Milliseconds a failure adds, most of them together, and the time in which half of that is forgiven. */
const penalty = 10_000
const maxPenalty = 60_000
const penaltyHalfLife = 15_000

/** Targets kept: clients name the models behind a wildcard. */
const maxTargets = 10_000

/** All times are milliseconds of the clock. */
type TargetFigures = {
  average: number | undefined
  /** When `average` was last told something. */
  updatedAt: number
  lastRequestAt: number
  /** Requests that wait for their first content, and since when nothing has come while any of them waited. */
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
    // Whoever leaves before the answer says that it takes at least as long.
    const latency = now - this.#startedAt
    if (error?.code === 'cancelled' && latency > (this.figures.average ?? 0)) recordLatency(this.figures, latency, now)
    this.#stopWaiting(error?.code !== 'cancelled')
  }

  /** Nothing is waited for any more by this one; `heard`: the target gave a sign of life. */
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

/** @param now milliseconds of a clock that never goes back */
export const createTargetStats = (now: () => number = () => performance.now()): TargetStats =>
  new MeasuredTargetStats(now)

/** The process's own: figures go on where they were after a reload. */
export const processTargetStats: TargetStats = createTargetStats()
