/** What can hold a request back: the counters of a configured limit, or the health of a target. */
import type { GatewayError } from '../base/errors.ts'

/** What a request charges. `tokens` is only computed if a token limit asks. */
export type RequestCost = { tokens: () => number }

/**
 * The limit that blocks a request. `owner` names the limit in messages, `readyAt` is when there will be capacity:
 * Infinity if only the end of another request provides it.
 */
export type BlockingLimit = {
  name: string
  value: number
  owner: string
  readyAt: number
  /** Set if a vendor's failure blocks, not a limit of the configuration: what the client is answered if it cannot wait. */
  failure?: GatewayError
}

/** All times are milliseconds of a monotonic clock. */
export interface CounterSet {
  /** The round in which an older queued request claimed these counters. */
  claimedInRound: number
  /** Seconds a request may wait. Undefined if no timeout is set. */
  readonly timeout: number | undefined
  hasCapacity(cost: RequestCost, now: number): boolean
  /** Charges a request. Returns a handle for `settle`; it is negative if no tokens are counted. */
  charge(cost: RequestCost, now: number): number
  /** Ends the charge. `delta` corrects the tokens charged under `handle`. */
  settle(handle: number, delta: number, now: number): void
  /** What blocks the request longest, as far as is known. Undefined if there is capacity. */
  blockingLimit(cost: RequestCost, now: number): BlockingLimit | undefined
  /** When a quota that renews late has capacity again; `now` if nothing of that kind blocks. */
  quotaReadyAt(now: number): number
  /** The smallest part of a limit that is left, from 0 to 1. */
  shareLeft(now: number): number
  /** Nothing is counted and no slot is in use: the set can be created again without loss. */
  isIdle(now: number): boolean
}
