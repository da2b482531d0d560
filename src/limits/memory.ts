/** The limits of this process, counted in memory. */
import { GatewayError } from '../base/errors.ts'
import type { Target } from '../providers/entry.ts'
import type { BlockingLimit, RequestCost } from './counter-set.ts'
import { type HealthGate, type Lane, type LaneGroup, Lanes } from './lanes.ts'
import type { Admission, AdmissionRequest, Lease, Limits } from './limits.ts'
import { AdmissionQueue, type Timer } from './queue.ts'

/** Maximum requests in the queue. Each holds its body in memory. */
const maxWaiting = 10_000

/** The shared lease of targets without limits. */
const unlimitedLease: Lease = { settle: () => {} }

const startTimer: Timer = (run, milliseconds) => {
  const timer = setTimeout(run, milliseconds)
  return () => clearTimeout(timer)
}

/**
 * The upper bound of a token count. A larger number from a client or a vendor would make the sums of floating-point
 * numbers inexact.
 */
const maxTokens = 1e9

const clampTokens = (tokens: number): number =>
  Number.isNaN(tokens) ? 0 : Math.min(Math.max(0, Math.ceil(tokens)), maxTokens)

/** Estimates at most once, and only when a token limit asks. */
const costOf = (request: AdmissionRequest): RequestCost => {
  let tokens: number | undefined
  return {
    tokens: () => {
      tokens ??= clampTokens(request.tokens())
      return tokens
    },
  }
}

/**
 * The blocking limit of the lane that has capacity soonest. A limit that only the end of a request relieves counts as
 * one second away.
 */
const soonestBlockingLimit = (lanes: readonly Lane[], cost: RequestCost, now: number): BlockingLimit | undefined => {
  let soonest: BlockingLimit | undefined
  for (const lane of lanes) {
    const blocking = lane.counterSets.flatMap(counters => counters.blockingLimit(cost, now) ?? [])
    const [longest] = blocking.sort((one, other) => expectedTurn(other, now) - expectedTurn(one, now))
    if (longest && expectedTurn(longest, now) < (soonest ? expectedTurn(soonest, now) : Number.POSITIVE_INFINITY))
      soonest = longest
  }
  return soonest
}

const expectedTurn = ({ readyAt }: BlockingLimit, now: number): number =>
  Number.isFinite(readyAt) ? readyAt : now + 1000

const limitedError = (lanes: readonly Lane[], cost: RequestCost, now: number): GatewayError => {
  const costsAhead = lanes.flatMap(lane => lane.head?.waiter.cost ?? [])
  const blocking = [cost, ...costsAhead]
    .map(one => soonestBlockingLimit(lanes, one, now))
    .find(found => found !== undefined)
  if (!blocking) return new GatewayError('limited', 'the queue for this model is full; retry later', { retryAfter: 1 })
  const { name, value, owner, readyAt, failure } = blocking
  const retryAfter = Math.max(1, Math.ceil((expectedTurn(blocking, now) - now) / 1000))
  if (failure) return new GatewayError(failure.code, failure.message, { ...failure.detail, retryAfter })
  const turn = Number.isFinite(readyAt) ? `next turn in ${retryAfter} s` : 'next turn when a request ends'
  return new GatewayError('limited', `limit ${name} ${value} of ${owner} is used up, ${turn}`, { retryAfter })
}

type LaneTargets = { lane: Lane; target: Target }[]
type Blocked = { blocked: LaneTargets; cost: RequestCost | undefined }

const lanesOf = (blocked: LaneTargets): Lane[] => blocked.map(({ lane }) => lane)

/** Seconds a request waits if the configuration sets no timeout. */
const defaultTimeout = 120

/**
 * Seconds a request may wait in one lane: the longest timeout of its limits. Limits without a timeout do not extend it.
 */
const laneTimeout = ({ counterSets, timeout }: Lane): number => {
  const configured = counterSets.flatMap(({ timeout }) => timeout ?? [])
  return configured.length > 0 ? Math.max(...configured) : (timeout ?? defaultTimeout)
}

/** Milliseconds a request may wait for any of these lanes. */
const maxWaitFor = (blocked: LaneTargets): number => Math.max(...blocked.map(({ lane }) => laneTimeout(lane))) * 1000

class MemoryLimits implements Limits {
  #visits = 0
  readonly #now: () => number
  readonly #queue: AdmissionQueue
  readonly #lanes: Lanes

  constructor(now: () => number, timer: Timer, healthOf: ((target: Target) => HealthGate) | undefined) {
    this.#now = now
    this.#queue = new AdmissionQueue({
      now,
      timer,
      grant: (lane, target, cost, arrival) => ({ target, lease: this.#createLease(lane, cost), arrival }),
      refusal: (lanes, cost) => limitedError(lanes, cost, now()),
    })
    this.#lanes = new Lanes(now, group => this.#queue.wake(group), healthOf)
  }

  get waiting(): number {
    return this.#queue.size
  }

  admit(targets: readonly Target[], request: AdmissionRequest): Admission | Promise<Admission> {
    if (request.isClientGone) throw new GatewayError('cancelled', 'the client left')
    const found = this.#findCapacity(targets, request)
    if ('target' in found) return found
    const { blocked, cost } = found
    if (!cost) throw new GatewayError('internal', 'internal error of the gateway', { cause: 'a plan without targets' })
    const attemptable = this.#attemptable(blocked)
    if (attemptable) {
      const { target, lane } = attemptable
      return { target, lease: this.#createLease(lane, cost), arrival: this.#arrivalOf(request) }
    }
    return this.#enqueue(blocked, cost, request)
  }

  tryAdmit(targets: readonly Target[], request: AdmissionRequest): Admission | undefined {
    const found = this.#findCapacity(targets, request)
    return 'target' in found ? found : undefined
  }

  /** Charges the first target that has capacity, or returns the lanes of those that have none. */
  #findCapacity(targets: readonly Target[], request: AdmissionRequest): Admission | Blocked {
    const visit = ++this.#visits
    const blocked: LaneTargets = []
    let cost: RequestCost | undefined
    let wokenGroup: LaneGroup | undefined
    for (const target of targets) {
      const lane = this.#lanes.laneFor(target, request.embedding)
      if (!lane) return { target, lease: unlimitedLease, arrival: this.#arrivalOf(request) }
      if (lane.lastVisit === visit) continue
      lane.lastVisit = visit
      cost ??= costOf(request)
      // Queued requests are served first, if there is already capacity for them.
      if (lane.group !== wokenGroup) this.#queue.wake(lane.group)
      wokenGroup = lane.group
      if (this.#hasCapacity(lane, cost))
        return { target, lease: this.#createLease(lane, cost), arrival: this.#arrivalOf(request) }
      blocked.push({ lane, target })
    }
    return { blocked, cost }
  }

  /** A request that never waited has a place, too: it may come back after a failure. */
  #arrivalOf({ arrival }: AdmissionRequest): number {
    return arrival ?? this.#queue.nextArrival()
  }

  force(target: Target, request: AdmissionRequest): Admission {
    const lane = this.#lanes.laneFor(target, request.embedding)
    return { target, lease: lane ? this.#createLease(lane, costOf(request)) : unlimitedLease }
  }

  shareLeft(target: Target, embedding: boolean): number {
    const now = this.#now()
    const lane = this.#lanes.laneFor(target, embedding)
    return lane ? Math.min(...lane.counterSets.map(counters => counters.shareLeft(now))) : 1
  }

  /** If nothing but open breakers holds the request back, it tries one of them instead of waiting. */
  #attemptable(blocked: LaneTargets): LaneTargets[number] | undefined {
    const now = this.#now()
    if (!blocked.every(({ lane }) => lane.health?.isOnlyOpen(now))) return undefined
    return blocked.find(({ lane }) => lane.health!.canTry(now) && !this.#queue.wouldOvertake(lane))
  }

  #hasCapacity(lane: Lane, cost: RequestCost): boolean {
    const now = this.#now()
    return !this.#queue.wouldOvertake(lane) && lane.counterSets.every(counters => counters.hasCapacity(cost, now))
  }

  #enqueue(blocked: LaneTargets, cost: RequestCost, request: AdmissionRequest): Promise<Admission> {
    const now = this.#now()
    const maxWait = Math.max(0, maxWaitFor(blocked) - (request.waited ?? 0))
    const isHopeless = blocked.every(({ lane }) =>
      lane.counterSets.some(counters => counters.quotaReadyAt(now) > now + maxWait),
    )
    if (isHopeless) throw limitedError(lanesOf(blocked), cost, now)
    const { signal, arrival } = request
    if (this.#queue.size < maxWaiting) return this.#queue.join({ lanes: blocked, cost, maxWait, signal, arrival })
    const { message, detail } = limitedError(lanesOf(blocked), cost, now)
    throw new GatewayError('limited', `${maxWaiting} requests are waiting already: ${message}`, detail)
  }

  /** Charges all counters of the lane. The caller has checked their capacity. */
  #createLease(lane: Lane, cost: RequestCost): Lease {
    const start = this.#now()
    const handles = lane.counterSets.map(counters => counters.charge(cost, start))
    const isCounted = handles.some(handle => handle >= 0)
    let isSettled = false
    return {
      settle: tokens => {
        if (isSettled) return
        isSettled = true
        const now = this.#now()
        const delta = isCounted && tokens !== undefined ? clampTokens(tokens) - cost.tokens() : 0
        for (const [index, counters] of lane.counterSets.entries()) counters.settle(handles[index]!, delta, now)
        this.#queue.wake(lane.group)
      },
    }
  }
}

/** `healthOf`: what else holds a target back than its limits. Absent: nothing does. */
type MemoryLimitsOptions = { now?: () => number; timer?: Timer; healthOf?: (target: Target) => HealthGate }

/**
 * Counters in memory, keyed by service, credential and model. Use one instance for the life of the process, so that the
 * counters survive reloads. Embeddings are counted by `embedding_limit` only, all else by `limit` and the credential's
 * own limit. At most 10,000 requests wait. A request whose daily quota cannot renew within its wait is refused at once.
 * @param options `now` returns milliseconds of a monotonic clock
 */
export const memoryLimits = (options: MemoryLimitsOptions = {}): Limits =>
  new MemoryLimits(options.now ?? (() => performance.now()), options.timer ?? startTimer, options.healthOf)
