/**
 * Limits that a vendor has and the configuration does not name, learned from refusals and from rate limit headers. They
 * only ever tighten what is configured, and are forgotten after a while.
 *
 * Refusals that name nothing: additive increase, multiplicative decrease. The requests in flight come first; the rate
 * only where a vendor refuses with a single request in flight.
 */

import { MinuteCounter } from './minute-counter.ts'

/** What a vendor's headers say is left until a reset. */
export type Allowance = {
  /** Requests, or tokens. */
  counts: 'requests' | 'tokens'
  remaining: number
  /** Seconds. */
  resetsIn: number
}

/** Milliseconds after which an estimate is forgotten, counted from the last refusal. */
const expiry = 600_000
/** What is kept after a refusal. */
const decrease = 0.8
/** Answers in a row that allow one more in flight. */
const answersPerStep = 10
/** Milliseconds without a refusal that allow one more request a minute. */
const rateStep = 30_000
/** Fewer requests in a minute do not look like a limit per minute. */
const minAccepted = 3
/** Refusals of requests that were under way together count once. Milliseconds. */
const sameRefusal = 1000
/** Seconds: an allowance is never trusted for longer. */
const maxReset = 86_400

type LeftUntil = { remaining: number; until: number }

export class LearnedLimits {
  #maxInFlight = Number.POSITIVE_INFINITY
  #maxRate = Number.POSITIVE_INFINITY
  #refusedAt = Number.NEGATIVE_INFINITY
  #raisedAt = 0
  #answers = 0
  #lastRefusal: { inFlight: number; accepted: number } | undefined
  readonly #starts = new MinuteCounter()
  readonly #left: { requests?: LeftUntil; tokens?: LeftUntil } = {}

  /** Until when nothing may be sent: 0 if something may be, Infinity if a request has to end first. */
  blockedUntil(inFlight: number, tokens: () => number, now: number): number {
    this.#expire(now)
    let until = 0
    if (inFlight >= this.#maxInFlight) until = Number.POSITIVE_INFINITY
    if (this.#starts.count(now) >= this.#maxRate) until = Math.max(until, this.#starts.readyAt(this.#maxRate, now))
    const { requests, tokens: tokensLeft } = this.#left
    if (requests && requests.until > now && requests.remaining < 1) until = Math.max(until, requests.until)
    if (tokensLeft && tokensLeft.until > now && tokensLeft.remaining < tokens())
      until = Math.max(until, tokensLeft.until)
    return until
  }

  started(tokens: () => number, now: number): void {
    this.#starts.add(now)
    if (this.#left.requests) this.#left.requests.remaining--
    if (this.#left.tokens) this.#left.tokens.remaining -= tokens()
  }

  answered(now: number): void {
    if (this.#maxInFlight !== Number.POSITIVE_INFINITY && ++this.#answers >= answersPerStep) {
      this.#maxInFlight++
      this.#answers = 0
    }
    if (now - this.#raisedAt < rateStep) return
    this.#maxRate++
    this.#raisedAt = now
  }

  /**
   * A refusal.
   * @param inFlight requests under way when it came, the refused one included
   * @param namesRate the vendor's words say that it is about requests in a time
   */
  refused(inFlight: number, now: number, namesRate = false): void {
    this.#starts.takeBack(now)
    if (now - this.#refusedAt < sameRefusal) return
    this.#refusedAt = now
    this.#raisedAt = now
    this.#answers = 0
    const accepted = this.#starts.count(now)
    if (!(namesRate || this.#isRate(inFlight, accepted))) {
      const known = Math.min(this.#maxInFlight, inFlight)
      this.#maxInFlight = Math.max(1, Math.min(known - 1, Math.floor(known * decrease)))
      return
    }
    this.#maxRate = Math.max(1, Math.floor(Math.min(this.#maxRate, accepted) * decrease))
  }

  /**
   * Whether a refusal is about requests per minute, not about requests at once: it came with a single request in flight,
   * with fewer than an earlier refusal, or after the same number in a minute.
   */
  #isRate(inFlight: number, accepted: number): boolean {
    const last = this.#lastRefusal
    this.#lastRefusal = { inFlight, accepted }
    if (inFlight <= 1) return true
    if (!last || accepted < minAccepted) return false
    return inFlight < last.inFlight || (inFlight !== last.inFlight && Math.abs(accepted - last.accepted) <= 1)
  }

  /** What a vendor says in its headers. Replaces what it said before. */
  allow({ counts, remaining, resetsIn }: Allowance, now: number): void {
    this.#left[counts] = { remaining, until: now + Math.min(resetsIn, maxReset) * 1000 }
  }

  /** The part of the learned limits that is left, from 0 to 1. */
  shareLeft(inFlight: number, now: number): number {
    const flight = this.#maxInFlight === Number.POSITIVE_INFINITY ? 1 : 1 - inFlight / this.#maxInFlight
    const rate = this.#maxRate === Number.POSITIVE_INFINITY ? 1 : 1 - this.#starts.count(now) / this.#maxRate
    const { requests } = this.#left
    const left = requests && requests.until > now && requests.remaining < 1 ? 0 : 1
    return Math.max(0, Math.min(flight, rate, left))
  }

  get isEmpty(): boolean {
    const hasNone = this.#maxInFlight === Number.POSITIVE_INFINITY && this.#maxRate === Number.POSITIVE_INFINITY
    return hasNone && !this.#left.requests && !this.#left.tokens
  }

  #expire(now: number): void {
    if (now - this.#refusedAt > expiry) {
      this.#maxInFlight = Number.POSITIVE_INFINITY
      this.#maxRate = Number.POSITIVE_INFINITY
    }
    const { requests, tokens } = this.#left
    if (requests && requests.until <= now) delete this.#left.requests
    if (tokens && tokens.until <= now) delete this.#left.tokens
  }
}
