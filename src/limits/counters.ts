/** The counters that one `limit` of the configuration defines. A request needs capacity in all of them. */
import type { Limit } from '../providers/entry.ts'
import type { BlockingLimit, CounterSet, RequestCost } from './counter-set.ts'
import { SlidingWindow, wholeRate } from './sliding-window.ts'

/** The rate limits: their period in seconds, and whether they count requests or tokens. */
const rates = {
  qps: { seconds: 1, countsTokens: false },
  qpm: { seconds: 60, countsTokens: false },
  rpm: { seconds: 60, countsTokens: false },
  rpd: { seconds: 86_400, countsTokens: false },
  tpm: { seconds: 60, countsTokens: true },
} as const

type RateName = keyof typeof rates
const rateNames = Object.keys(rates) as RateName[]

type Counter = { name: RateName; value: number; window: SlidingWindow; countsTokens: boolean }

/** False for 0, by which old configuration files write "none". */
export const isSet = (value: number | undefined): value is number => value !== undefined && value > 0
/** True if the limit restricts anything. */
export const isLimiting = (limit: Limit | undefined): limit is Limit =>
  limit !== undefined && (isSet(limit.concurrency) || rateNames.some(name => isSet(limit[name])))

export class LimitCounters implements CounterSet {
  /** The round in which an older queued request claimed these counters. */
  claimedInRound = 0
  /** Seconds a request may wait. Undefined if the limit sets no timeout. */
  timeout: number | undefined
  /** The version of the newest configuration that was applied. See `configure`. */
  #version = -1
  #counters: Counter[] = []
  #windows = new Map<RateName, SlidingWindow>()
  #maxConcurrency = Number.POSITIVE_INFINITY
  #inFlight = 0

  /** @param owner names the limit in messages: `service "x"` */
  constructor(readonly owner: string) {}

  /** Applies the values of a limit and keeps the counts. Returns false, without a change, if `version` is not newer. */
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

  /** True if all counters have capacity. */
  hasCapacity(cost: RequestCost, now: number): boolean {
    if (this.#inFlight >= this.#maxConcurrency) return false
    for (const { window, countsTokens } of this.#counters)
      if (!window.hasCapacity(countsTokens ? cost.tokens() : 1, now)) return false
    return true
  }

  /** Charges every counter. Returns the handle of the token charge for `settle`, or -1 if tokens are not counted. */
  charge(cost: RequestCost, now: number): number {
    this.#inFlight++
    let handle = -1
    for (const { window, countsTokens } of this.#counters) {
      const chargeHandle = window.charge(countsTokens ? cost.tokens() : 1, now)
      if (countsTokens) handle = chargeHandle
    }
    return handle
  }

  /** Returns the concurrency slot. `delta` corrects the tokens charged under `handle`. */
  settle(handle: number, delta: number, now: number): void {
    this.#inFlight--
    if (handle >= 0 && delta !== 0) this.#windows.get('tpm')?.correct(handle, delta, now)
  }

  /** The counter that blocks the request longest, as far as is known. Undefined if there is capacity. */
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

  /** When the daily quota has capacity again. `now` if it has capacity or there is none. */
  quotaReadyAt(now: number): number {
    return this.#counters.find(({ name }) => name === 'rpd')?.window.readyAt(1, now) ?? now
  }

  shareLeft(now: number): number {
    let share = Math.max(0, 1 - this.#inFlight / this.#maxConcurrency)
    for (const { window } of this.#counters) share = Math.min(share, window.shareLeft(now))
    return share
  }

  /** True if nothing is counted and no slot is in use. */
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
