/**
 * The health of all targets. Attempts report to it; admission and the strategies read it. Looked up by id, so that it
 * survives a reload of the configuration.
 */
import { errorCodes, type GatewayError } from '../../base/errors.ts'
import { type Failure, failureReasons } from '../../base/failure-reasons.ts'
import type { BreakerSettings, CompiledConfig } from '../../config/compiled.ts'
import type { Target } from '../../providers/entry.ts'
import { Breaker, defaultBreaker } from './breaker.ts'
import { Cooling } from './cooling.ts'
import type { Allowance } from './learned-limits.ts'
import { TargetGate } from './target-gate.ts'

/** How an attempt ended. `slow`: the client left after a silence that is unusual for the target. */
export type AttemptOutcome = { error: GatewayError } | 'answered' | 'slow' | 'unknown'

/** Maximum targets to remember. Behind a wildcard, clients name the models. */
const maxTargets = 10_000
/** Open targets of one entry that open the whole entry. */
const openTargetsForEntry = 2

type HealthOptions = {
  /** Milliseconds of a monotonic clock. */
  now?: () => number
  /** Seconds until the quota of a target renews, if its vendor's rule is known. */
  resetsIn?: (target: Target, failure: Failure) => number | undefined
}

export class Health {
  readonly #gates = new Map<string, TargetGate>()
  readonly #coolings = new Map<string, Cooling>()
  readonly #entryBreakers = new Map<string, Breaker>()
  readonly now: () => number
  /** Shared by all breakers, which see a change at once. */
  readonly #breaker: BreakerSettings = { ...defaultBreaker }
  #cools = true
  #learns = true
  resetsIn: HealthOptions['resetsIn']

  constructor({ now = () => performance.now(), resetsIn }: HealthOptions = {}) {
    this.now = now
    this.resetsIn = resetsIn
  }

  /** Applies the settings of a configuration. What is known of the targets stays. */
  configure({ breaker, cools, learns }: Pick<CompiledConfig, 'breaker' | 'cools' | 'learns'>): void {
    Object.assign(this.#breaker, breaker)
    this.#cools = cools
    this.#learns = learns
  }

  gateOf(target: Target): TargetGate {
    return this.#gates.get(target.id) ?? this.#createGate(target)
  }

  /** See `Fitness`. A target that was never used counts as healthy. */
  readonly fitness = (targetId: string): number => this.#gates.get(targetId)?.fitness(this.now()) ?? 1

  /** The gates of one entry's targets that have been used. */
  gatesOf(entryId: string): TargetGate[] {
    return [...this.#gates.values()].filter(({ owner }) => owner.startsWith(`${entryId}/`))
  }

  /** Whole seconds until the first of the targets serves again, as far as is known; at least 1. */
  secondsUntilReady(targets: readonly Target[]): number {
    const now = this.now()
    const soonest = Math.min(...targets.map(target => this.gateOf(target).readyAt(now)))
    return Math.max(1, Math.ceil((soonest - now) / 1000))
  }

  report(target: Target, outcome: AttemptOutcome): void {
    if (outcome === 'unknown') return
    const gate = this.gateOf(target)
    const now = this.now()
    if (outcome === 'answered') this.#succeed(gate, now)
    else if (outcome === 'slow') gate.noteOutcome(false, now)
    else this.#fail(target, gate, outcome.error, now)
  }

  /** Milliseconds from the begin of an attempt to its first content, or to the whole answer. */
  noteLatency(target: Target, isStream: boolean, milliseconds: number): void {
    const { latencies } = this.gateOf(target)
    latencies[isStream ? 'stream' : 'whole'].add(milliseconds)
    latencies.any.add(milliseconds)
  }

  /** What a vendor's headers say is left. */
  noteAllowance(target: Target, allowance: Allowance): void {
    const gate = this.gateOf(target)
    // Requests that are still under way are not in the vendor's figure yet.
    const underWay = allowance.counts === 'requests' ? Math.max(0, gate.inFlight - 1) : 0
    const remaining = Math.max(0, allowance.remaining - underWay)
    if (this.#learns) gate.learned.allow({ ...allowance, remaining }, this.now())
  }

  #succeed(gate: TargetGate, now: number): void {
    gate.noteOutcome(true, now)
    gate.breaker.succeed(now)
    gate.learned.answered(now)
    const { credential, model, entryBreaker } = gate.shared
    if (entryBreaker.isOpen) entryBreaker.succeed(now)
    for (const cooling of [credential, model, gate.own]) if (cooling.until !== 0) cooling.clear()
  }

  #fail(target: Target, gate: TargetGate, error: GatewayError, now: number): void {
    const failure = error.detail.failure
    if (failure) this.#cool(target, gate, error, failure, now)
    if (!isVendorFailure(error)) return
    gate.noteOutcome(false, now)
    const wasOpen = gate.breaker.isOpen
    gate.breaker.fail(error, now)
    const { entryBreaker } = gate.shared
    if (error.detail.unsent) entryBreaker.fail(error, now)
    else if (!wasOpen && gate.breaker.isOpen && !entryBreaker.isOpen && this.#hasSeveralOpen(target))
      entryBreaker.open(now)
  }

  #cool(target: Target, gate: TargetGate, error: GatewayError, failure: Failure, now: number): void {
    const { cooling: scope } = failureReasons[failure.reason]
    if (!this.#cools || scope === 'none' || failure.onlyThisRequest) return
    if (failure.reason === 'minute' && this.#learns) gate.learned.refused(gate.inFlight, now, namesRate(failure))
    const { credential, model } = gate.shared
    const byScope = { credential, model, quota: gate.own, target: gate.own }
    const cooling = failure.wholeAccount ? credential : byScope[scope]
    cooling.start(error, failure, now, this.resetsIn?.(target, failure))
  }

  #hasSeveralOpen({ entry }: Target): boolean {
    const models = new Set<string>()
    for (const gate of this.gatesOf(entry.id)) if (gate.breaker.isOpen) models.add(gate.model)
    return models.size >= openTargetsForEntry
  }

  #createGate({ id, entry, credential, model }: Target): TargetGate {
    if (this.#gates.size >= maxTargets) this.#sweep()
    const shared = {
      credential: this.#coolingOf(`${entry.id}/${credential.digest}`),
      model: this.#coolingOf(`${entry.id}//${model}`),
      entryBreaker: this.#entryBreakerOf(entry.id),
    }
    const gate = new TargetGate(id, model, shared, this.#breaker)
    this.#gates.set(id, gate)
    return gate
  }

  #coolingOf(key: string): Cooling {
    const known = this.#coolings.get(key) ?? new Cooling()
    this.#coolings.set(key, known)
    return known
  }

  #entryBreakerOf(entryId: string): Breaker {
    const known = this.#entryBreakers.get(entryId) ?? new Breaker(this.#breaker)
    this.#entryBreakers.set(entryId, known)
    return known
  }

  /** Removes idle targets, then the oldest ones. */
  #sweep(): void {
    const now = this.now()
    for (const [id, gate] of this.#gates) if (gate.isIdle(now)) this.#gates.delete(id)
    for (const id of this.#gates.keys()) {
      if (this.#gates.size < maxTargets) break
      this.#gates.delete(id)
    }
    const used = new Set([...this.#gates.values()].flatMap(({ shared }) => [shared.credential, shared.model]))
    for (const [key, cooling] of this.#coolings) if (!used.has(cooling)) this.#coolings.delete(key)
  }
}

/** A vendor that says when to come back, or speaks of minutes, counts requests in a time, not at once. */
const namesRate = ({ period, retryAfter }: Failure): boolean =>
  period === 'minute' || period === 'hour' || (retryAfter ?? 0) >= 1

/** A failure of the vendor itself: no limit, no key, no mistake of the client. */
const isVendorFailure = ({ code, detail: { failure } }: GatewayError): boolean =>
  failure ? failureReasons[failure.reason].countsForBreaker : errorCodes[code].breaker === 'count'
