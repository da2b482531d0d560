/** Limits counted in this process. */
import { GatewayError } from '../base/errors.ts'
import type { Target } from '../providers/entry.ts'
import type { BlockingLimit, Need } from './counters.ts'
import { type Group, type Lane, Lanes } from './lanes.ts'
import type { Admission, AdmissionRequest, Lease, Limits } from './limits.ts'
import { AdmissionQueue, type Timer } from './queue.ts'

/** Requests in line at most; each holds its body in memory. */
const mostWaiting = 10_000

/** Lent where nothing limits: one for all. */
const freeTicket: Lease = { settle: () => {} }

const startTimer: Timer = (run, milliseconds) => {
  const timer = setTimeout(run, milliseconds)
  return () => clearTimeout(timer)
}

/** No request uses more; what a client or a vendor says beyond would swallow the small figures beside it. */
const mostTokens = 1e9

const wholeTokens = (tokens: number): number =>
  Number.isNaN(tokens) ? 0 : Math.min(Math.max(0, Math.ceil(tokens)), mostTokens)

/** Estimates once, and only when a token limit asks. */
const needOf = (ask: AdmissionRequest): Need => {
  let tokens: number | undefined
  return {
    tokens: () => {
      tokens ??= wholeTokens(ask.tokens())
      return tokens
    },
  }
}

/** What the soonest of these lanes waits for; where only the end of a request helps, a second is assumed. */
const soonestObstacle = (lanes: readonly Lane[], need: Need, now: number): BlockingLimit | undefined => {
  let soonest: BlockingLimit | undefined
  for (const lane of lanes) {
    const wanting = lane.gates.flatMap(gate => gate.obstacle(need, now) ?? [])
    const [longest] = wanting.sort((one, other) => turnOf(other, now) - turnOf(one, now))
    if (longest && turnOf(longest, now) < (soonest ? turnOf(soonest, now) : Number.POSITIVE_INFINITY)) soonest = longest
  }
  return soonest
}

const turnOf = ({ at }: BlockingLimit, now: number): number => (Number.isFinite(at) ? at : now + 1000)

const refusal = (lanes: readonly Lane[], need: Need, now: number): GatewayError => {
  const ahead = lanes.flatMap(lane => lane.head?.waiter.need ?? [])
  const obstacle = [need, ...ahead].map(one => soonestObstacle(lanes, one, now)).find(found => found !== undefined)
  if (!obstacle) return new GatewayError('limited', 'the line for this model is too long', { retryAfter: 1 })
  const { name, figure, place, at } = obstacle
  const retryAfter = Math.max(1, Math.ceil((turnOf(obstacle, now) - now) / 1000))
  const turn = Number.isFinite(at) ? `next turn in ${retryAfter} s` : 'next turn when a request ends'
  return new GatewayError('limited', `limit ${name} ${figure} of ${place} is used up, ${turn}`, { retryAfter })
}

type Open = { lane: Lane; target: Target }[]

const lanesOf = (open: Open): Lane[] => open.map(({ lane }) => lane)

/** Seconds a request waits where the configuration does not say. */
const defaultTimeout = 120

/** Seconds before one target: the longest of what its gates say, so that a gate without a word outstays none that has one. */
const timeoutAt = ({ gates }: Lane): number => {
  const said = gates.flatMap(({ timeout }) => timeout ?? [])
  return said.length > 0 ? Math.max(...said) : defaultTimeout
}

/** Milliseconds a request may wait for one of these. */
const patienceFor = (open: Open): number => Math.max(...open.map(({ lane }) => timeoutAt(lane))) * 1000

class MemoryLimits implements Limits {
  #asked = 0
  readonly #now: () => number
  readonly #line: AdmissionQueue
  readonly #lanes: Lanes

  constructor(now: () => number, timer: Timer) {
    this.#now = now
    this.#line = new AdmissionQueue({
      now,
      timer,
      grant: (lane, target, need) => ({ target, lease: this.#lend(lane, need) }),
      refuse: (lanes, need) => refusal(lanes, need, now()),
    })
    this.#lanes = new Lanes(now, group => this.#line.wake(group))
  }

  get waiting(): number {
    return this.#line.size
  }

  admit(targets: readonly Target[], ask: AdmissionRequest): Admission | Promise<Admission> {
    if (ask.gone) throw new GatewayError('cancelled', 'the client left')
    const mark = ++this.#asked
    const open: Open = []
    let need: Need | undefined
    let woken: Group | undefined
    for (const target of targets) {
      const lane = this.#lanes.of(target, ask.embedding)
      if (!lane) return { target, lease: freeTicket }
      if (lane.mark === mark) continue
      lane.mark = mark
      need ??= needOf(ask)
      // Whoever is in line goes first, where there is room already.
      if (lane.group !== woken) this.#line.wake(lane.group)
      woken = lane.group
      if (this.#isOpen(lane, need)) return { target, lease: this.#lend(lane, need) }
      open.push({ lane, target })
    }
    if (!need) throw new GatewayError('internal', 'internal error of the gateway', { cause: 'a plan without targets' })
    return this.#wait(open, need, ask.signal)
  }

  #isOpen(lane: Lane, need: Need): boolean {
    const now = this.#now()
    return !this.#line.overtakes(lane) && lane.gates.every(gate => gate.room(need, now))
  }

  #wait(open: Open, need: Need, signal: AbortSignal): Promise<Admission> {
    const now = this.#now()
    const patience = patienceFor(open)
    const isHopeless = open.every(({ lane }) => lane.gates.some(gate => gate.dayReadyAt(now) > now + patience))
    if (isHopeless) throw refusal(lanesOf(open), need, now)
    if (this.#line.size < mostWaiting) return this.#line.join({ lanes: open, need, patience, signal })
    const { message, detail } = refusal(lanesOf(open), need, now)
    throw new GatewayError('limited', `${mostWaiting} requests are waiting already: ${message}`, detail)
  }

  /** Charges every gate of the lane; whoever calls has seen that there is room. */
  #lend(lane: Lane, need: Need): Lease {
    const start = this.#now()
    const handles = lane.gates.map(gate => gate.charge(need, start))
    const isCounted = handles.some(handle => handle >= 0)
    let isSettled = false
    return {
      settle: tokens => {
        if (isSettled) return
        isSettled = true
        const now = this.#now()
        const delta = isCounted && tokens !== undefined ? wholeTokens(tokens) - need.tokens() : 0
        for (const [at, gate] of lane.gates.entries()) gate.settle(handles[at]!, delta, now)
        this.#line.wake(lane.group)
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
