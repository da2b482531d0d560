/** Limits counted in this process. */
import { GatewayError } from '../base/errors.ts'
import type { Target } from '../providers/entry.ts'
import type { BlockingLimit, RequestCost } from './counters.ts'
import { type Lane, type LaneGroup, Lanes } from './lanes.ts'
import type { Admission, AdmissionRequest, Lease, Limits } from './limits.ts'
import { AdmissionQueue, type Timer } from './queue.ts'

/** Requests in line at most; each holds its body in memory. */
const maxWaiting = 10_000

/** Lent where nothing limits: one for all. */
const unlimitedLease: Lease = { settle: () => {} }

const startTimer: Timer = (run, milliseconds) => {
  const timer = setTimeout(run, milliseconds)
  return () => clearTimeout(timer)
}

/** No request uses more; what a client or a vendor says beyond would swallow the small figures beside it. */
const maxTokens = 1e9

const clampTokens = (tokens: number): number =>
  Number.isNaN(tokens) ? 0 : Math.min(Math.max(0, Math.ceil(tokens)), maxTokens)

/** Estimates once, and only when a token limit asks. */
const costOf = (request: AdmissionRequest): RequestCost => {
  let tokens: number | undefined
  return {
    tokens: () => {
      tokens ??= clampTokens(request.tokens())
      return tokens
    },
  }
}

/** What the soonest of these lanes waits for; where only the end of a request helps, a second is assumed. */
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
  if (!blocking) return new GatewayError('limited', 'the line for this model is too long', { retryAfter: 1 })
  const { name, value, owner, readyAt } = blocking
  const retryAfter = Math.max(1, Math.ceil((expectedTurn(blocking, now) - now) / 1000))
  const turn = Number.isFinite(readyAt) ? `next turn in ${retryAfter} s` : 'next turn when a request ends'
  return new GatewayError('limited', `limit ${name} ${value} of ${owner} is used up, ${turn}`, { retryAfter })
}

type LaneTargets = { lane: Lane; target: Target }[]

const lanesOf = (blocked: LaneTargets): Lane[] => blocked.map(({ lane }) => lane)

/** Seconds a request waits where the configuration does not say. */
const defaultTimeout = 120

/** Seconds before one target: the longest of what its gates say, so that a gate without a word outstays none that has one. */
const laneTimeout = ({ counterSets }: Lane): number => {
  const configured = counterSets.flatMap(({ timeout }) => timeout ?? [])
  return configured.length > 0 ? Math.max(...configured) : defaultTimeout
}

/** Milliseconds a request may wait for one of these. */
const maxWaitFor = (blocked: LaneTargets): number => Math.max(...blocked.map(({ lane }) => laneTimeout(lane))) * 1000

class MemoryLimits implements Limits {
  #visits = 0
  readonly #now: () => number
  readonly #queue: AdmissionQueue
  readonly #lanes: Lanes

  constructor(now: () => number, timer: Timer) {
    this.#now = now
    this.#queue = new AdmissionQueue({
      now,
      timer,
      grant: (lane, target, cost) => ({ target, lease: this.#createLease(lane, cost) }),
      refusal: (lanes, cost) => limitedError(lanes, cost, now()),
    })
    this.#lanes = new Lanes(now, group => this.#queue.wake(group))
  }

  get waiting(): number {
    return this.#queue.size
  }

  admit(targets: readonly Target[], request: AdmissionRequest): Admission | Promise<Admission> {
    if (request.isClientGone) throw new GatewayError('cancelled', 'the client left')
    const visit = ++this.#visits
    const blocked: LaneTargets = []
    let cost: RequestCost | undefined
    let wokenGroup: LaneGroup | undefined
    for (const target of targets) {
      const lane = this.#lanes.laneFor(target, request.embedding)
      if (!lane) return { target, lease: unlimitedLease }
      if (lane.lastVisit === visit) continue
      lane.lastVisit = visit
      cost ??= costOf(request)
      // Whoever is in line goes first, where there is room already.
      if (lane.group !== wokenGroup) this.#queue.wake(lane.group)
      wokenGroup = lane.group
      if (this.#hasCapacity(lane, cost)) return { target, lease: this.#createLease(lane, cost) }
      blocked.push({ lane, target })
    }
    if (!cost) throw new GatewayError('internal', 'internal error of the gateway', { cause: 'a plan without targets' })
    return this.#enqueue(blocked, cost, request.signal)
  }

  #hasCapacity(lane: Lane, cost: RequestCost): boolean {
    const now = this.#now()
    return !this.#queue.wouldOvertake(lane) && lane.counterSets.every(counters => counters.hasCapacity(cost, now))
  }

  #enqueue(blocked: LaneTargets, cost: RequestCost, signal: AbortSignal): Promise<Admission> {
    const now = this.#now()
    const maxWait = maxWaitFor(blocked)
    const isHopeless = blocked.every(({ lane }) =>
      lane.counterSets.some(counters => counters.dailyQuotaReadyAt(now) > now + maxWait),
    )
    if (isHopeless) throw limitedError(lanesOf(blocked), cost, now)
    if (this.#queue.size < maxWaiting) return this.#queue.join({ lanes: blocked, cost, maxWait, signal })
    const { message, detail } = limitedError(lanesOf(blocked), cost, now)
    throw new GatewayError('limited', `${maxWaiting} requests are waiting already: ${message}`, detail)
  }

  /** Charges every gate of the lane; whoever calls has seen that there is room. */
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

/**
 * Counters in memory, kept by the names of service, credential and model: use one for the life of the process, across reloads.
 * `now` gives milliseconds of a clock that never goes back. Embeddings are counted by `embedding_limit` alone, all else by `limit`
 * and the credential's own. At most 10,000 requests wait; a day's quota that cannot come back within the wait is told at once.
 */
export const memoryLimits = (options: { now?: () => number; timer?: Timer } = {}): Limits =>
  new MemoryLimits(options.now ?? (() => performance.now()), options.timer ?? startTimer)
