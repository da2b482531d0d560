/** The queue of requests that wait for capacity: first come first served for every limit, with one timer for all. */
import { GatewayError } from '../base/errors.ts'
import type { Target } from '../providers/entry.ts'
import type { RequestCost } from './counter-set.ts'
import type { Lane, LaneGroup, QueueSlot, Waiter } from './lanes.ts'
import type { Admission } from './limits.ts'

/** Runs a callback once, after a delay. Returns a function that cancels it. */
export type Timer = (run: () => void, milliseconds: number) => () => void

type JoinRequest = {
  lanes: readonly { lane: Lane; target: Target }[]
  cost: RequestCost
  maxWait: number
  signal: AbortSignal
  /** The place of a request that waited before: it keeps it. */
  arrival?: number | undefined
}

/** What the queue leaves to its owner: the clock, the admission of a request, and the error of a refused one. */
type QueueHooks = {
  now: () => number
  timer: Timer
  grant: (lane: Lane, target: Target, cost: RequestCost, arrival: number) => Admission
  refusal: (lanes: readonly Lane[], cost: RequestCost) => GatewayError
}

/** The longest delay that a timer accepts. */
const maxTimerDelay = 2 ** 31 - 1

/** A queue of requests over lanes. Only `join` returns a promise. */
export class AdmissionQueue {
  #arrivals = 0
  #round = 0
  #groups = new Set<LaneGroup>()
  /** Waiting requests by their maximum wait. Within one set the oldest expires first. */
  #byMaxWait = new Map<number, Set<Waiter>>()
  #armedFor = Number.POSITIVE_INFINITY
  #disarm: (() => void) | undefined
  /** The number of queued requests. */
  size = 0

  constructor(readonly hooks: QueueHooks) {}

  /** The number of a request that arrives now. */
  nextArrival(): number {
    return ++this.#arrivals
  }

  /** Adds a request to the queue of each of its lanes, by its arrival. The promise resolves when the request is admitted. */
  join({ lanes, cost, maxWait, signal, arrival = this.nextArrival() }: JoinRequest): Promise<Admission> {
    const { promise, resolve, reject } = Promise.withResolvers<Admission>()
    const deadline = this.hooks.now() + maxWait
    const onAbort = () =>
      this.#leave(waiter, new GatewayError('cancelled', 'the client left while it waited for its turn'))
    const waiter: Waiter = {
      arrival,
      cost,
      slots: [],
      maxWait,
      deadline,
      isDone: false,
      resolve,
      reject,
      signal,
      onAbort,
    }
    waiter.slots = lanes.map(({ lane, target }, rank) => ({ waiter, lane, target, rank }))
    for (const slot of waiter.slots) this.#insert(slot)
    const waiters = this.#byMaxWait.get(maxWait) ?? new Set()
    this.#byMaxWait.set(maxWait, waiters.add(waiter))
    this.size++
    signal.addEventListener('abort', onAbort, { once: true })
    for (const group of groupsOf(waiter)) this.wake(group)
    this.#arm(deadline)
    return promise
  }

  /** Serves the queued requests of a group that may have capacity. */
  wake(group: LaneGroup): void {
    if (group.lanes.size > 0) this.#serve(group.lanes)
  }

  /**
   * True if admitting a request to `lane` now would overtake one that waits for the same counters. Only valid directly
   * after `wake`.
   */
  wouldOvertake(lane: Lane): boolean {
    if (lane.head) return true
    const now = this.hooks.now()
    for (const other of lane.group.lanes) {
      const { cost } = other.head!.waiter
      if (other.counterSets.some(counters => lane.counterSets.includes(counters) && !counters.hasCapacity(cost, now)))
        return true
    }
    return false
  }

  /**
   * One round over the oldest requests of these lanes, oldest first. A request with capacity is served. Any other
   * claims the counters that block it.
   */
  #serve(lanes: Iterable<Lane>): void {
    const now = this.hooks.now()
    const round = ++this.#round
    const heads: QueueSlot[] = []
    for (const lane of lanes) {
      lane.group.wakeAt = Number.POSITIVE_INFINITY
      heads.push(lane.head!)
    }
    const groups = new Set(heads.map(slot => slot.lane.group))
    heads.sort((one, other) => (isBefore(one, other) ? 1 : -1))
    for (let slot = heads.pop(); slot; slot = heads.pop()) {
      if (!slot.waiter.isDone && !this.#tryServe(slot, round, now)) continue
      if (slot.lane.head) insertByArrival(heads, slot.lane.head)
    }
    for (const group of groups) this.#arm(group.wakeAt)
  }

  /**
   * Returns true if the request was served. Otherwise the counters without capacity are claimed for it against younger
   * requests.
   */
  #tryServe({ waiter, lane, target }: QueueSlot, round: number, now: number): boolean {
    let isBlocked = false
    let wakeAt = 0
    for (const counters of lane.counterSets) {
      const isClaimed = counters.claimedInRound === round
      const blocking = counters.blockingLimit(waiter.cost, now)
      isBlocked ||= isClaimed || blocking !== undefined
      if (blocking) counters.claimedInRound = round
      const claimedUntil = isClaimed ? Number.POSITIVE_INFINITY : 0
      wakeAt = Math.max(wakeAt, blocking ? blocking.readyAt : claimedUntil)
    }
    if (isBlocked) {
      lane.group.wakeAt = Math.min(lane.group.wakeAt, wakeAt)
      return false
    }
    this.#remove(waiter)
    waiter.resolve(this.hooks.grant(lane, target, waiter.cost, waiter.arrival))
    return true
  }

  /** Removes a request that is not served. The requests it held back may proceed. */
  #leave(waiter: Waiter, error: GatewayError): void {
    if (waiter.isDone) return
    this.#remove(waiter)
    waiter.reject(error)
    for (const group of groupsOf(waiter)) this.wake(group)
  }

  /** Behind all that arrived earlier: at the end, but for a request that comes back after a failed attempt. */
  #insert(slot: QueueSlot): void {
    const { lane } = slot
    let before = lane.tail
    while (before && before.waiter.arrival > slot.waiter.arrival) before = before.previous
    slot.previous = before
    slot.next = before ? before.next : lane.head
    if (slot.next) slot.next.previous = slot
    else lane.tail = slot
    if (before) before.next = slot
    else lane.head = slot
    lane.group.lanes.add(lane)
    this.#groups.add(lane.group)
  }

  #remove(waiter: Waiter): void {
    waiter.isDone = true
    waiter.signal.removeEventListener('abort', waiter.onAbort)
    for (const slot of waiter.slots) this.#unlink(slot)
    const waiters = this.#byMaxWait.get(waiter.maxWait)
    waiters?.delete(waiter)
    if (waiters?.size === 0) this.#byMaxWait.delete(waiter.maxWait)
    if (--this.size > 0) return
    this.#disarm?.()
    this.#armedFor = Number.POSITIVE_INFINITY
  }

  #unlink({ lane, previous, next }: QueueSlot): void {
    if (previous) previous.next = next
    else lane.head = next
    if (next) next.previous = previous
    else lane.tail = previous
    if (lane.head) return
    lane.group.lanes.delete(lane)
    if (lane.group.lanes.size === 0) this.#groups.delete(lane.group)
  }

  /** Ensures that the timer fires no later than `at`. */
  #arm(at: number): void {
    if (at >= this.#armedFor || this.size === 0) return
    this.#disarm?.()
    this.#armedFor = at
    const delay = Math.ceil(at - this.hooks.now())
    this.#disarm = this.hooks.timer(() => this.#onTimer(), Math.min(Math.max(delay, 1), maxTimerDelay))
  }

  /** Serves the requests that have capacity and refuses those whose maximum wait is over. */
  #onTimer(): void {
    this.#armedFor = Number.POSITIVE_INFINITY
    this.#disarm = undefined
    const now = this.hooks.now()
    this.#serve([...this.#groups].filter(group => group.wakeAt <= now).flatMap(group => [...group.lanes]))
    for (const waiter of this.#overdue(now))
      if (!waiter.isDone)
        this.#leave(
          waiter,
          this.hooks.refusal(
            waiter.slots.map(slot => slot.lane),
            waiter.cost,
          ),
        )
    for (const group of this.#groups) this.#arm(group.wakeAt)
    for (const waiters of this.#byMaxWait.values()) for (const { deadline } of firstOf(waiters)) this.#arm(deadline)
  }

  #overdue(now: number): Waiter[] {
    const overdue: Waiter[] = []
    for (const waiters of this.#byMaxWait.values())
      for (const waiter of waiters) {
        if (waiter.deadline > now) break
        overdue.push(waiter)
      }
    return overdue
  }
}

const groupsOf = ({ slots }: Waiter): Set<LaneGroup> => new Set(slots.map(({ lane }) => lane.group))

const isBefore = (one: QueueSlot, other: QueueSlot): boolean =>
  one.waiter.arrival === other.waiter.arrival ? one.rank < other.rank : one.waiter.arrival < other.waiter.arrival

/** Inserts into an array whose last element is the oldest. */
const insertByArrival = (slots: QueueSlot[], slot: QueueSlot): void => {
  let at = slots.length
  while (at > 0 && isBefore(slots[at - 1]!, slot)) at--
  slots.splice(at, 0, slot)
}

const firstOf = (waiters: Set<Waiter>): Waiter[] => {
  const [first] = waiters
  return first ? [first] : []
}
