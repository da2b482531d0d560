/** All counters that one `limit` of the configuration sets up: what must have room before a request goes through. */
import type { Limit } from '../providers/entry.ts'
import { SlidingWindow, wholeRate } from './sliding-window.ts'

/** The figures that count over time: in how many seconds, and whether requests or tokens. */
const rates = {
  qps: { seconds: 1, countsTokens: false },
  qpm: { seconds: 60, countsTokens: false },
  rpm: { seconds: 60, countsTokens: false },
  rpd: { seconds: 86_400, countsTokens: false },
  tpm: { seconds: 60, countsTokens: true },
} as const

type RateName = keyof typeof rates
export type LimitName = RateName | 'concurrency'
const rateNames = Object.keys(rates) as RateName[]

/** What keeps a request from passing: `at` is when there will be room, Infinity where only the end of another request makes it. */
export type BlockingLimit = { name: LimitName; value: number; owner: string; readyAt: number }

/** One request's wants; `tokens` is worked out only when asked. */
export type RequestCost = { tokens: () => number }

type Counter = { name: RateName; value: number; window: SlidingWindow; countsTokens: boolean }

/** 0 is how old files write "none". */
export const isSet = (value: number | undefined): value is number => value !== undefined && value > 0
/** Does it limit anything. */
export const isLimiting = (limit: Limit | undefined): limit is Limit =>
  limit !== undefined && (isSet(limit.concurrency) || rateNames.some(name => isSet(limit[name])))

export class LimitCounters {
  /** The round of waking in which an older request in line claimed this gate. */
  claimedInRound = 0
  /** Seconds a request may wait here; undefined: nothing is said. */
  timeout: number | undefined
  /** The newest configuration that set it, see `configure`. */
  #version = -1
  #counters: Counter[] = []
  #windows = new Map<RateName, SlidingWindow>()
  #maxConcurrency = Number.POSITIVE_INFINITY
  #inFlight = 0

  /** `place` names it in messages: `service "x"`. */
  constructor(readonly owner: string) {}

  /** Takes these figures over, keeping what is counted; gives true if it did. An older version changes nothing. */
  configure(limit: Limit, timeout: number | undefined, version: number): boolean {
    if (version <= this.#version) return false
    this.#version = version
    this.timeout = timeout
    this.#maxConcurrency = isSet(limit.concurrency)
      ? Math.max(1, Math.floor(limit.concurrency))
      : Number.POSITIVE_INFINITY
    this.#counters = rateNames.flatMap(name => {
      const value = limit[name]
      return isSet(value) ? [this.#counter(name, value)] : []
    })
    return true
  }

  /** Do all counters have room. */
  hasCapacity(cost: RequestCost, now: number): boolean {
    if (this.#inFlight >= this.#maxConcurrency) return false
    for (const { window, countsTokens } of this.#counters)
      if (!window.hasCapacity(countsTokens ? cost.tokens() : 1, now)) return false
    return true
  }

  /** Charges every counter; gives the handle of the token charge for `settle`, -1 if tokens are not counted. */
  charge(cost: RequestCost, now: number): number {
    this.#inFlight++
    let handle = -1
    for (const { window, countsTokens } of this.#counters) {
      const chargeHandle = window.charge(countsTokens ? cost.tokens() : 1, now)
      if (countsTokens) handle = chargeHandle
    }
    return handle
  }

  /** The slot comes back; `delta` corrects the tokens charged under `handle`. */
  settle(handle: number, delta: number, now: number): void {
    this.#inFlight--
    if (handle >= 0 && delta !== 0) this.#windows.get('tpm')?.correct(handle, delta, now)
  }

  /** The counter that keeps `need` out longest, as far as is known; undefined if there is room. */
  blockingLimit(cost: RequestCost, now: number): BlockingLimit | undefined {
    const { owner } = this
    let longest: BlockingLimit | undefined
    for (const { name, value, window, countsTokens } of this.#counters) {
      const readyAt = window.readyAt(countsTokens ? cost.tokens() : 1, now)
      if (readyAt > now && readyAt > (longest?.readyAt ?? 0)) longest = { name, value, owner, readyAt }
    }
    if (longest || this.#inFlight < this.#maxConcurrency) return longest
    return { name: 'concurrency', value: this.#maxConcurrency, owner, readyAt: Number.POSITIVE_INFINITY }
  }

  /** When the day's quota has room again; `now` where it has or there is none. */
  dailyQuotaReadyAt(now: number): number {
    return this.#counters.find(({ name }) => name === 'rpd')?.window.readyAt(1, now) ?? now
  }

  /** Nothing is counted and nothing is lent. */
  isIdle(now: number): boolean {
    return this.#inFlight === 0 && [...this.#windows.values()].every(window => window.isIdle(now))
  }

  #counter(name: RateName, value: number): Counter {
    const { seconds, countsTokens } = rates[name]
    const { limit, span } = wholeRate(value, seconds)
    const window = this.#windows.get(name) ?? new SlidingWindow(limit, span)
    window.resize(limit, span)
    this.#windows.set(name, window)
    return { name, value, window, countsTokens }
  }
}
