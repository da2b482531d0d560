/** The requests that wait for a turn: first come first served before every gate, one timer for all. */
import { GatewayError } from '../base/errors.ts'
import type { Target } from '../providers/entry.ts'
import type { Need } from './counters.ts'
import type { Group, Lane, QueueSlot, Waiter } from './lanes.ts'
import type { Admission } from './limits.ts'

/** Runs once after so many milliseconds; calling what it gives back calls it off. */
export type Timer = (run: () => void, milliseconds: number) => () => void

export type Joining = {
  lanes: readonly { lane: Lane; target: Target }[]
  need: Need
  patience: number
  signal: AbortSignal
}

/** What the line leaves to its owner: the clock, and what a turn and a refusal look like. */
export type Surroundings = {
  now: () => number
  timer: Timer
  grant: (lane: Lane, target: Target, need: Need) => Admission
  refuse: (lanes: readonly Lane[], need: Need) => GatewayError
}

/** The longest delay a timer takes. */
const longestDelay = 2 ** 31 - 1

/** A line of requests over lanes. No method waits. */
export class AdmissionQueue {
  #arrivals = 0
  #round = 0
  #groups = new Set<Group>()
  /** By patience: within one the oldest leaves first. */
  #patient = new Map<number, Set<Waiter>>()
  #armedFor = Number.POSITIVE_INFINITY
  #disarm: (() => void) | undefined
  /** Requests in line. */
  size = 0

  constructor(readonly around: Surroundings) {}

  /** Puts a request at the end; the promise is its turn. */
  join({ lanes, need, patience, signal }: Joining): Promise<Admission> {
    const { promise, resolve, reject } = Promise.withResolvers<Admission>()
    const deadline = this.around.now() + patience
    const onAbort = () =>
      this.#leave(waiter, new GatewayError('cancelled', 'the client left while it waited for its turn'))
    const number = ++this.#arrivals
    const waiter: Waiter = {
      number,
      need,
      places: [],
      patience,
      deadline,
      gone: false,
      resolve,
      reject,
      signal,
      onAbort,
    }
    waiter.places = lanes.map(({ lane, target }, rank) => ({ waiter, lane, target, rank }))
    for (const place of waiter.places) this.#append(place)
    const patient = this.#patient.get(patience) ?? new Set()
    this.#patient.set(patience, patient.add(waiter))
    this.size++
    signal.addEventListener('abort', onAbort, { once: true })
    for (const group of groupsOf(waiter)) this.wake(group)
    this.#arm(deadline)
    return promise
  }

  /** Something in the group may have room: serves whoever's turn it is. */
  wake(group: Group): void {
    if (group.lanes.size > 0) this.#serve(group.lanes)
  }

  /** Would taking `lane` now overtake a request that waits for one of its gates. Right only just after `wake`. */
  overtakes(lane: Lane): boolean {
    if (lane.head) return true
    const now = this.around.now()
    for (const other of lane.group.lanes) {
      const { need } = other.head!.waiter
      if (other.gates.some(gate => lane.gates.includes(gate) && !gate.room(need, now))) return true
    }
    return false
  }

  /** One round over the heads of these lanes, oldest first: who fits is served, who does not claims the gates that keep it out. */
  #serve(lanes: Iterable<Lane>): void {
    const now = this.around.now()
    const round = ++this.#round
    const turns: QueueSlot[] = []
    for (const lane of lanes) {
      lane.group.due = Number.POSITIVE_INFINITY
      turns.push(lane.head!)
    }
    const groups = new Set(turns.map(place => place.lane.group))
    turns.sort((one, other) => (isBefore(one, other) ? 1 : -1))
    for (let place = turns.pop(); place; place = turns.pop()) {
      if (!place.waiter.gone && !this.#tryTurn(place, round, now)) continue
      if (place.lane.head) insert(turns, place.lane.head)
    }
    for (const group of groups) this.#arm(group.due)
  }

  /** Gives true if the request was served; else the gates that lack room are claimed for it against the younger ones. */
  #tryTurn({ waiter, lane, target }: QueueSlot, round: number, now: number): boolean {
    let held = false
    let due = 0
    for (const gate of lane.gates) {
      const isClaimed = gate.claimed === round
      const obstacle = gate.obstacle(waiter.need, now)
      held ||= isClaimed || obstacle !== undefined
      if (obstacle) gate.claimed = round
      due = Math.max(due, obstacle ? obstacle.at : isClaimed ? Number.POSITIVE_INFINITY : 0)
    }
    if (held) {
      lane.group.due = Math.min(lane.group.due, due)
      return false
    }
    this.#remove(waiter)
    waiter.resolve(this.around.grant(lane, target, waiter.need))
    return true
  }

  /** Away without a turn; what it held back may go on. */
  #leave(waiter: Waiter, error: GatewayError): void {
    if (waiter.gone) return
    this.#remove(waiter)
    waiter.reject(error)
    for (const group of groupsOf(waiter)) this.wake(group)
  }

  #append(place: QueueSlot): void {
    const { lane } = place
    place.previous = lane.tail
    if (lane.tail) lane.tail.next = place
    else lane.head = place
    lane.tail = place
    lane.group.lanes.add(lane)
    this.#groups.add(lane.group)
  }

  #remove(waiter: Waiter): void {
    waiter.gone = true
    waiter.signal.removeEventListener('abort', waiter.onAbort)
    for (const place of waiter.places) this.#unlink(place)
    const patient = this.#patient.get(waiter.patience)
    patient?.delete(waiter)
    if (patient?.size === 0) this.#patient.delete(waiter.patience)
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

  /** Sees to it that the timer fires no later than `at`. */
  #arm(at: number): void {
    if (at >= this.#armedFor || this.size === 0) return
    this.#disarm?.()
    this.#armedFor = at
    const delay = Math.ceil(at - this.around.now())
    this.#disarm = this.around.timer(() => this.#fire(), Math.min(Math.max(delay, 1), longestDelay))
  }

  /** Whose patience is over leaves, whose turn has come is served. */
  #fire(): void {
    this.#armedFor = Number.POSITIVE_INFINITY
    this.#disarm = undefined
    const now = this.around.now()
    this.#serve([...this.#groups].filter(group => group.due <= now).flatMap(group => [...group.lanes]))
    for (const waiter of this.#overdue(now))
      if (!waiter.gone)
        this.#leave(
          waiter,
          this.around.refuse(
            waiter.places.map(place => place.lane),
            waiter.need,
          ),
        )
    for (const group of this.#groups) this.#arm(group.due)
    for (const patient of this.#patient.values()) for (const { deadline } of firstOf(patient)) this.#arm(deadline)
  }

  #overdue(now: number): Waiter[] {
    const overdue: Waiter[] = []
    for (const patient of this.#patient.values())
      for (const waiter of patient) {
        if (waiter.deadline > now) break
        overdue.push(waiter)
      }
    return overdue
  }
}

const groupsOf = ({ places }: Waiter): Set<Group> => new Set(places.map(({ lane }) => lane.group))

const isBefore = (one: QueueSlot, other: QueueSlot): boolean =>
  one.waiter.number === other.waiter.number ? one.rank < other.rank : one.waiter.number < other.waiter.number

/** Into an array whose last is the oldest. */
const insert = (turns: QueueSlot[], place: QueueSlot): void => {
  let at = turns.length
  while (at > 0 && isBefore(turns[at - 1]!, place)) at--
  turns.splice(at, 0, place)
}

const firstOf = (waiters: Set<Waiter>): Waiter[] => {
  const [first] = waiters
  return first ? [first] : []
}
