/** The counters that one `limit` of the configuration defines. A request needs capacity in all of them. */

import { parseReset } from '../base/reset-time.ts'
import type { Limit } from '../providers/entry.ts'
import { CalendarWindow, type Renewal } from './calendar-window.ts'
import type { BlockingLimit, CounterSet, RequestCost } from './counter-set.ts'
import { SlidingWindow, wholeRate } from './sliding-window.ts'

const day = 86_400

/** The limits: their period in seconds, Infinity if it never renews, and whether they count requests or tokens. */
const rates = {
  qps: { seconds: 1, countsTokens: false },
  qpm: { seconds: 60, countsTokens: false },
  rpm: { seconds: 60, countsTokens: false },
  rph: { seconds: 3600, countsTokens: false },
  rpd: { seconds: day, countsTokens: false },
  rpm_month: { seconds: 30 * day, countsTokens: false },
  tpm: { seconds: 60, countsTokens: true },
  tpd: { seconds: day, countsTokens: true },
  tokens_month: { seconds: 30 * day, countsTokens: true },
  once: { seconds: Number.POSITIVE_INFINITY, countsTokens: true },
} as const

type RateName = keyof typeof rates
const rateNames = Object.keys(rates) as RateName[]

/** What `SlidingWindow` and `CalendarWindow` have in common. */
type Window = Omit<SlidingWindow, 'resize'>
type Counter = { name: RateName; value: number; window: Window; countsTokens: boolean; renewsLate: boolean }

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
  readonly #windows = new Map<RateName, SlidingWindow | CalendarWindow>()
  /** The handles of charges of several token counters, by the handle that was returned. */
  readonly #handles = new Map<number, number[]>()
  #nextHandle = 0
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
      return isSet(value) ? [this.#counter(name, value, limit.reset)] : []
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
    const handles: number[] = []
    for (const { window, countsTokens } of this.#counters) {
      const handle = window.charge(countsTokens ? cost.tokens() : 1, now)
      if (countsTokens) handles.push(handle)
    }
    if (handles.length === 0) return -1
    this.#handles.set(this.#nextHandle, handles)
    return this.#nextHandle++
  }

  /** Returns the concurrency slot. `delta` corrects the tokens charged under `handle`. */
  settle(handle: number, delta: number, now: number): void {
    this.#inFlight--
    const handles = this.#handles.get(handle)
    if (!handles) return
    this.#handles.delete(handle)
    if (delta === 0) return
    const counters = this.#counters.filter(({ countsTokens }) => countsTokens)
    for (const [index, charged] of handles.entries()) counters[index]?.window.correct(charged, delta, now)
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

  /** When the quotas of a day or longer have capacity again. `now` if they have, or there are none. */
  quotaReadyAt(now: number): number {
    let readyAt = now
    for (const { window, renewsLate } of this.#counters)
      if (renewsLate) readyAt = Math.max(readyAt, window.readyAt(1, now))
    return readyAt
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

  #counter(name: RateName, value: number, reset: string | undefined): Counter {
    const { seconds, countsTokens } = rates[name]
    const renewal = renewalOf(seconds, reset)
    const known = this.#windows.get(name)
    const { limit, span } = renewal ? { limit: Math.max(1, Math.floor(value)), span: 0 } : wholeRate(value, seconds)
    const window = renewal
      ? resized(known instanceof CalendarWindow ? known : new CalendarWindow(limit, renewal), limit, renewal)
      : resized(known instanceof SlidingWindow ? known : new SlidingWindow(limit, span), limit, span)
    this.#windows.set(name, window)
    return { name, value, window, countsTokens, renewsLate: seconds >= day }
  }
}

const resized = <R, W extends { resize(limit: number, rest: R): void }>(window: W, limit: number, rest: R): W => {
  window.resize(limit, rest)
  return window
}

const firstOfMonth: Renewal = { rule: { hour: 0, minute: 0, zone: 'UTC' }, period: 'month' }

/** Undefined: a sliding window. */
const renewalOf = (seconds: number, reset: string | undefined): Renewal | undefined => {
  if (seconds === Number.POSITIVE_INFINITY) return 'never'
  if (seconds < day) return undefined
  const period = seconds === day ? 'day' : 'month'
  const rule = parseReset(reset)
  if (rule) return { rule, period }
  return period === 'month' && reset?.trim() !== 'sliding' ? firstOfMonth : undefined
}
