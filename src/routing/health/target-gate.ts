/**
 * The health of one target as the limits see it: a request is held back while its key, its quota or its model cools,
 * while its breaker is open, and while a learned limit is reached.
 */
import type { GatewayError } from '../../base/errors.ts'
import type { BreakerSettings } from '../../config/compiled.ts'
import type { BlockingLimit, CounterSet, RequestCost } from '../../limits/counter-set.ts'
import type { HealthGate } from '../../limits/lanes.ts'
import { Breaker } from './breaker.ts'
import { Cooling } from './cooling.ts'
import { LearnedLimits } from './learned-limits.ts'
import { RecentLatencies } from './recent-latencies.ts'

/** What several targets share. */
export type SharedHealth = {
  /** Of the credential, for all its models. */
  credential: Cooling
  /** Of the model, for all credentials of the entry. */
  model: Cooling
  /** Of the entry: it opens if connections fail, or if two of its models are open. */
  entryBreaker: Breaker
}

/** The weight of a new outcome in the moving average of successes. */
const smoothing = 0.2
/** Milliseconds in which half of what is missing to 1 is forgotten: a vendor recovers while nobody asks it. */
const forgetting = 120_000
/** After a failure a target is chosen with this part of its chance for a while: failures come in clusters. */
const avoidance = 0.02
/** Milliseconds; they double with each further failure in a row. */
const firstAvoidance = 5000
const maxAvoidance = 60_000
/** The least that the average counts when a target is chosen. */
export const minSuccess = 0.02

export class TargetGate implements HealthGate {
  claimedInRound = 0
  readonly timeout = undefined
  inFlight = 0
  /** When the last request began or ended. Milliseconds. */
  usedAt = 0
  /** A moving average of successes, 1 = all. */
  #success = 1
  #successAt = 0
  #failuresInRow = 0
  /** Until then others are preferred, but nobody waits. */
  #avoidedUntil = 0
  /** The quota of the credential for this model, and the target itself. */
  readonly own = new Cooling()
  readonly breaker: Breaker
  readonly learned = new LearnedLimits()
  /** Of streams up to their first content, of whole answers, and of both. */
  readonly latencies = { stream: new RecentLatencies(), whole: new RecentLatencies(), any: new RecentLatencies() }
  #limits: readonly CounterSet[] = []
  readonly #parts: readonly (Cooling | Breaker)[]

  constructor(
    readonly owner: string,
    readonly model: string,
    readonly shared: SharedHealth,
    settings: BreakerSettings,
  ) {
    this.breaker = new Breaker(settings)
    this.#parts = [shared.credential, shared.model, this.own, shared.entryBreaker, this.breaker]
  }

  hasCapacity(cost: RequestCost, now: number): boolean {
    return this.#blockedUntil(cost, now) <= now
  }

  /** The handle is -1, less a bit for each part of which this request is the probe. */
  charge(cost: RequestCost, now: number): number {
    this.inFlight++
    this.usedAt = now
    this.learned.started(cost.tokens, now)
    let probes = 0
    for (const [bit, part] of this.#parts.entries()) {
      if (!part.awaitsProbe) continue
      part.beginProbe()
      probes |= 1 << bit
    }
    return -1 - probes
  }

  settle(handle: number, _delta: number, now: number): void {
    this.inFlight--
    this.usedAt = now
    const probes = -1 - handle
    for (const [bit, part] of this.#parts.entries()) if (probes & (1 << bit)) part.endProbe()
  }

  blockingLimit(cost: RequestCost, now: number): BlockingLimit | undefined {
    const readyAt = this.#blockedUntil(cost, now)
    if (readyAt <= now) return undefined
    const failure = this.failureAt(now)
    return { name: 'health', value: 0, owner: this.owner, readyAt, ...(failure && { failure }) }
  }

  /** Infinity while something blocks that time alone does not mend: a key, a balance, a model. */
  quotaReadyAt(now: number): number {
    let until = now
    for (const part of this.#parts) {
      const blocked = part.blockedUntil(now)
      if (blocked > until && Number.isFinite(blocked)) until = part.isTemporary ? blocked : Number.POSITIVE_INFINITY
    }
    return until
  }

  isOnlyOpen(now: number): boolean {
    const { credential, model, entryBreaker } = this.shared
    const isOpen = entryBreaker.isOpen || this.breaker.isOpen
    return isOpen && [credential, model, this.own].every(cooling => cooling.blockedUntil(now) === 0)
  }

  canTry(now: number): boolean {
    return this.isOnlyOpen(now) && this.shared.entryBreaker.hasFreeProbe && this.breaker.hasFreeProbe
  }

  setLimits(limits: readonly CounterSet[]): void {
    this.#limits = limits
  }

  /** Of the learned and of the configured limits. */
  shareLeft(now: number): number {
    let share = this.learned.isEmpty ? 1 : this.learned.shareLeft(this.inFlight, now)
    for (const limit of this.#limits) share = Math.min(share, limit.shareLeft(now))
    return share
  }

  /** How well the target serves at present, from 0 to 1: see `Fitness`. */
  fitness(now: number): number {
    const fitness = this.success(now) * this.shareLeft(now)
    return now < this.#avoidedUntil ? fitness * avoidance : fitness
  }

  isIdle(now: number): boolean {
    return this.inFlight === 0 && !this.breaker.isOpen && this.own.until === 0 && now - this.usedAt > forgetting
  }

  /** The part of recent requests that succeeded, from `minSuccess` to 1. */
  success(now: number): number {
    const missing = (1 - this.#success) * 2 ** ((this.#successAt - now) / forgetting)
    return Math.max(minSuccess, 1 - missing)
  }

  noteOutcome(succeeded: boolean, now: number): void {
    const before = this.success(now)
    this.#success = before + smoothing * ((succeeded ? 1 : 0) - before)
    this.#successAt = now
    this.#failuresInRow = succeeded ? 0 : this.#failuresInRow + 1
    const pause = Math.min(firstAvoidance * 2 ** (this.#failuresInRow - 1), maxAvoidance)
    this.#avoidedUntil = succeeded ? 0 : now + pause * (0.75 + Math.random() / 2)
  }

  /** The refusal that holds the target back longest. */
  failureAt(now: number): GatewayError | undefined {
    const { credential, model } = this.shared
    const cooling = [credential, model, this.own].filter(one => one.blockedUntil(now) > 0)
    return cooling.sort((one, other) => other.until - one.until)[0]?.error ?? this.breaker.error
  }

  /** When the next request may be sent, as far as is known: `now` if nothing holds the target back. */
  readyAt(now: number): number {
    let at = now
    for (const part of this.#parts) {
      const blocked = part.blockedUntil(now)
      if (Number.isFinite(blocked) && blocked > at) at = blocked
    }
    return at
  }

  #blockedUntil(cost: RequestCost, now: number): number {
    let until = 0
    for (const part of this.#parts) {
      const blocked = part.blockedUntil(now)
      if (blocked > until) until = blocked
    }
    if (this.learned.isEmpty) return until
    return Math.max(until, this.learned.blockedUntil(this.inFlight, cost.tokens, now))
  }
}
