/**
 * What is known of the targets from the requests they had: how many are under way, and how soon each begins to answer.
 * Kept by name and not by object, so that a new configuration goes on with it. `record.ts` tells it, the strategies read it.
 */
import { errorCodes, type GatewayError } from '../base/errors.ts'
import type { Target } from '../providers/entry.ts'

/** One attempt under way. Each of the two counts once. */
export interface AttemptSample {
  /** The first content (unstreamed: the answer) is there. */
  answered(): void
  /** It is over; `error` is what it failed with. */
  end(error?: GatewayError): void
}

export interface TargetStats {
  begin(target: Target): AttemptSample
  /** Requests under way now at an entry, or at one credential of it (`<entry>/<digest>`), whatever their model. */
  load(place: string): number
  /** How soon a target may be expected to answer, in milliseconds; undefined: it was never asked, or not for `exploreAfter`. */
  expectedLatency(target: string): number | undefined
}

/** The strategies that ask; for the others nothing is counted. */
export const needsTargetStats = (strategy: string): boolean => strategy === 'least_busy' || strategy === 'fastest'

/** How much a new figure weighs against all before it. */
const newest = 0.3
/** Milliseconds after which a target that was not asked gets its chance, and what was known of it no longer counts. */
export const exploreAfter = 5 * 60_000
/** Milliseconds a target is given credit for that was asked but has not answered yet. */
const assumed = 5_000
/** Milliseconds a failure adds, most of them together, and the time in which half of that is forgiven. */
const penalty = 10_000
const mostPenalty = 60_000
const forgivenIn = 15_000

/** Targets kept: clients name the models behind a wildcard. */
const mostTargets = 10_000

/** All times are milliseconds of the clock. */
type Figures = {
  average: number | undefined
  /** When `average` was last told something. */
  toldAt: number
  askedAt: number
  /** Requests that wait for their first content, and since when nothing has come while any of them waited. */
  waiting: number
  silentSince: number
  penalty: number
  failedAt: number
}

const blank = (): Figures => ({
  average: undefined,
  toldAt: 0,
  askedAt: 0,
  waiting: 0,
  silentSince: 0,
  penalty: 0,
  failedAt: 0,
})

const penaltyAt = (figures: Figures, now: number): number =>
  figures.penalty === 0 ? 0 : figures.penalty * 2 ** ((figures.failedAt - now) / forgivenIn)

const learn = (figures: Figures, took: number, now: number): void => {
  const isStale = figures.average === undefined || now - figures.toldAt >= exploreAfter
  figures.average = isStale ? took : figures.average! + newest * (took - figures.average!)
  figures.toldAt = now
}

const fail = (figures: Figures, now: number): void => {
  figures.penalty = Math.min(mostPenalty, penaltyAt(figures, now) + penalty)
  figures.failedAt = now
}

class RunningSample implements AttemptSample {
  readonly #began: number
  #waits = true
  #over = false

  constructor(
    private readonly figures: Figures,
    private readonly now: () => number,
    private readonly leave: () => void,
  ) {
    this.#began = now()
    if (figures.waiting++ === 0) figures.silentSince = this.#began
    figures.askedAt = this.#began
  }

  answered(): void {
    if (!this.#waits || this.#over) return
    const now = this.#hush()
    learn(this.figures, now - this.#began, now)
    this.figures.penalty = penaltyAt(this.figures, now) * (1 - newest)
    this.figures.failedAt = now
  }

  end(error?: GatewayError): void {
    if (this.#over) return
    this.#over = true
    this.leave()
    const now = this.now()
    if (error && errorCodes[error.code].breaker !== 'ignore') fail(this.figures, now)
    if (!this.#waits) return
    // Whoever leaves before the answer says that it takes at least as long.
    const took = now - this.#began
    if (error?.code === 'cancelled' && took > (this.figures.average ?? 0)) learn(this.figures, took, now)
    this.#hush(error?.code !== 'cancelled')
  }

  /** Nothing is waited for any more by this one; `heard`: the target gave a sign of life. */
  #hush(heard = true): number {
    const now = this.now()
    this.#waits = false
    this.figures.waiting--
    if (heard) this.figures.silentSince = now
    return now
  }
}

class MeasuredTargetStats implements TargetStats {
  readonly #figures = new Map<string, Figures>()
  readonly #load = new Map<string, number>()

  constructor(private readonly now: () => number) {}

  begin({ id, entry, credential }: Target): AttemptSample {
    const places = [entry.id, `${entry.id}/${credential.digest}`]
    for (const place of places) this.#load.set(place, this.load(place) + 1)
    return new RunningSample(this.#figuresOf(id), this.now, () => {
      for (const place of places) this.#leave(place)
    })
  }

  load(place: string): number {
    return this.#load.get(place) ?? 0
  }

  expectedLatency(target: string): number | undefined {
    const figures = this.#figures.get(target)
    const now = this.now()
    if (!figures || (figures.waiting === 0 && now - figures.askedAt >= exploreAfter)) return undefined
    const silent = figures.waiting > 0 ? now - figures.silentSince : 0
    return Math.max(figures.average ?? assumed, silent) + penaltyAt(figures, now)
  }

  #figuresOf(id: string): Figures {
    const known = this.#figures.get(id)
    if (known) return known
    if (this.#figures.size >= mostTargets) this.#figures.delete(this.#figures.keys().next().value!)
    const figures = blank()
    this.#figures.set(id, figures)
    return figures
  }

  #leave(place: string): void {
    const left = this.load(place) - 1
    if (left > 0) this.#load.set(place, left)
    else this.#load.delete(place)
  }
}

/** @param now milliseconds of a clock that never goes back */
export const createTargetStats = (now: () => number = () => performance.now()): TargetStats =>
  new MeasuredTargetStats(now)

/** The process's own: figures go on where they were after a reload. */
export const processTargetStats: TargetStats = createTargetStats()
