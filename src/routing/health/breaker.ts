/**
 * A circuit breaker: after repeated failures nothing is sent for a while, then a few requests try whether the vendor has
 * recovered. It counts the vendor's own failures only; limits, keys and the client's mistakes are none.
 */

import type { GatewayError } from '../../base/errors.ts'
import type { BreakerSettings } from '../../config/compiled.ts'

export const defaultBreaker: BreakerSettings = {
  enabled: true,
  failureThreshold: 5,
  recoveryTimeout: 30,
  halfOpenMaxRequests: 1,
}

/** Seconds. */
const maxRecovery = 600
/** It also opens if half of at least this many requests within `windowMs` failed. */
const minRequests = 10
const windowMs = 60_000
const buckets = 6

export class Breaker {
  #inRow = 0
  #openings = 0
  /** Milliseconds of a monotonic clock; 0 while closed. */
  openUntil = 0
  /** The last failure. */
  error: GatewayError | undefined
  #probes = 0
  readonly #requests = new Array<number>(buckets).fill(0)
  readonly #failures = new Array<number>(buckets).fill(0)
  #bucket = 0

  constructor(private readonly settings: BreakerSettings) {}

  get isOpen(): boolean {
    return this.openUntil !== 0
  }

  /** Until when nothing is sent: 0 if something may be, Infinity while all probes are under way. */
  blockedUntil(now: number): number {
    if (this.openUntil === 0) return 0
    if (now < this.openUntil) return this.openUntil
    return this.#probes < this.settings.halfOpenMaxRequests ? 0 : Number.POSITIVE_INFINITY
  }

  readonly isTemporary = true

  get hasFreeProbe(): boolean {
    return this.#probes < this.settings.halfOpenMaxRequests
  }

  beginProbe(): void {
    this.#probes++
  }

  endProbe(): void {
    this.#probes--
  }

  succeed(now: number): void {
    this.#inRow = 0
    if (this.isOpen) this.#close()
    this.#count(now, false)
  }

  /** Half-open: the next requests try whether the vendor has recovered. */
  get awaitsProbe(): boolean {
    return this.isOpen
  }

  fail(error: GatewayError, now: number): void {
    this.error = error
    this.#inRow++
    this.#count(now, true)
    if (!this.settings.enabled) return
    if (this.isOpen) {
      if (now >= this.openUntil) this.open(now)
    } else if (this.#inRow >= this.settings.failureThreshold || this.#isHalfFailing()) this.open(now)
  }

  open(now: number): void {
    const seconds = Math.min(this.settings.recoveryTimeout * 2 ** this.#openings, maxRecovery)
    this.#openings++
    this.openUntil = now + seconds * 1000
  }

  #close(): void {
    this.openUntil = 0
    this.#openings = 0
    this.#requests.fill(0)
    this.#failures.fill(0)
  }

  #count(now: number, failed: boolean): void {
    const bucket = Math.floor(now / (windowMs / buckets))
    for (let old = Math.max(this.#bucket + 1, bucket - buckets + 1); old <= bucket; old++) {
      this.#requests[old % buckets] = 0
      this.#failures[old % buckets] = 0
    }
    this.#bucket = bucket
    const at = bucket % buckets
    this.#requests[at]!++
    if (failed) this.#failures[at]!++
  }

  #isHalfFailing(): boolean {
    const requests = sum(this.#requests)
    return requests >= minRequests && sum(this.#failures) * 2 >= requests
  }
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)
