/** All counters that one `limit` of the configuration sets up: what must have room before a request goes through. */
import type { Limit } from '../providers/entry.ts'
import { asRate, SlidingWindow } from './sliding-window.ts'

/** The figures that count over time: in how many seconds, and whether requests or tokens. */
const rates = {
  qps: { seconds: 1, tokens: false },
  qpm: { seconds: 60, tokens: false },
  rpm: { seconds: 60, tokens: false },
  rpd: { seconds: 86_400, tokens: false },
  tpm: { seconds: 60, tokens: true },
} as const

type RateName = keyof typeof rates
export type LimitName = RateName | 'concurrency'
const rateNames = Object.keys(rates) as RateName[]

/** What keeps a request from passing: `at` is when there will be room, Infinity where only the end of another request makes it. */
export type BlockingLimit = { name: LimitName; figure: number; place: string; at: number }

/** One request's wants; `tokens` is worked out only when asked. */
export type Need = { tokens: () => number }

type Counter = { name: RateName; figure: number; window: SlidingWindow; tokens: boolean }

/** 0 is how old files write "none". */
export const isSet = (figure: number | undefined): figure is number => figure !== undefined && figure > 0
/** Does it limit anything. */
export const limitsAnything = (limit: Limit | undefined): limit is Limit =>
  limit !== undefined && (isSet(limit.concurrency) || rateNames.some(name => isSet(limit[name])))

export class LimitCounters {
  /** The round of waking in which an older request in line claimed this gate. */
  claimed = 0
  /** Seconds a request may wait here; undefined: nothing is said. */
  timeout: number | undefined
  /** The newest configuration that set it, see `configure`. */
  #version = -1
  #counters: Counter[] = []
  #windows = new Map<RateName, SlidingWindow>()
  #concurrency = Number.POSITIVE_INFINITY
  #taken = 0

  /** `place` names it in messages: `service "x"`. */
  constructor(readonly place: string) {}

  /** Takes these figures over, keeping what is counted; gives true if it did. An older version changes nothing. */
  configure(limit: Limit, timeout: number | undefined, version: number): boolean {
    if (version <= this.#version) return false
    this.#version = version
    this.timeout = timeout
    this.#concurrency = isSet(limit.concurrency) ? Math.max(1, Math.floor(limit.concurrency)) : Number.POSITIVE_INFINITY
    this.#counters = rateNames.flatMap(name => {
      const figure = limit[name]
      return isSet(figure) ? [this.#counter(name, figure)] : []
    })
    return true
  }

  /** Do all counters have room. */
  room(need: Need, now: number): boolean {
    if (this.#taken >= this.#concurrency) return false
    for (const { window, tokens } of this.#counters) if (!window.room(tokens ? need.tokens() : 1, now)) return false
    return true
  }

  /** Charges every counter; gives the handle of the token charge for `settle`, -1 if tokens are not counted. */
  charge(need: Need, now: number): number {
    this.#taken++
    let handle = -1
    for (const { window, tokens } of this.#counters) {
      const charged = window.charge(tokens ? need.tokens() : 1, now)
      if (tokens) handle = charged
    }
    return handle
  }

  /** The slot comes back; `delta` corrects the tokens charged under `handle`. */
  settle(handle: number, delta: number, now: number): void {
    this.#taken--
    if (handle >= 0 && delta !== 0) this.#windows.get('tpm')?.correct(handle, delta, now)
  }

  /** The counter that keeps `need` out longest, as far as is known; undefined if there is room. */
  obstacle(need: Need, now: number): BlockingLimit | undefined {
    const { place } = this
    let longest: BlockingLimit | undefined
    for (const { name, figure, window, tokens } of this.#counters) {
      const at = window.readyAt(tokens ? need.tokens() : 1, now)
      if (at > now && at > (longest?.at ?? 0)) longest = { name, figure, place, at }
    }
    if (longest || this.#taken < this.#concurrency) return longest
    return { name: 'concurrency', figure: this.#concurrency, place, at: Number.POSITIVE_INFINITY }
  }

  /** When the day's quota has room again; `now` where it has or there is none. */
  dayReadyAt(now: number): number {
    return this.#counters.find(({ name }) => name === 'rpd')?.window.readyAt(1, now) ?? now
  }

  /** Nothing is counted and nothing is lent. */
  idle(now: number): boolean {
    return this.#taken === 0 && [...this.#windows.values()].every(window => window.idle(now))
  }

  #counter(name: RateName, figure: number): Counter {
    const { seconds, tokens } = rates[name]
    const { limit, span } = asRate(figure, seconds)
    const window = this.#windows.get(name) ?? new SlidingWindow(limit, span)
    window.resize(limit, span)
    this.#windows.set(name, window)
    return { name, figure, window, tokens }
  }
}
