/** The contract of rate limiters: admission of a request, and the lease it gets. */
import type { Target } from '../providers/entry.ts'

/** What the limits of a target lent to one attempt. */
export interface Lease {
  /**
   * Returns the concurrency slots and corrects the reserved tokens. Only the first call counts.
   * @param tokens tokens really used; 0 if the vendor was never reached; undefined if unknown, which keeps the estimate
   */
  settle(tokens?: number): void
}

/** What a request asks of the limits of a target. */
export type AdmissionRequest = {
  /** The estimated tokens. Only computed if a token limit needs them. */
  tokens: () => number
  /** Counted by `embedding_limit`. */
  embedding: boolean
  /** The client has disconnected already. */
  readonly isClientGone: boolean
  /** The client's signal. Its abort removes the request from the queue. Only read if the request has to wait. */
  readonly signal: AbortSignal
  /** The place in the queue that an earlier attempt of the same request had. */
  readonly arrival?: number | undefined
  /** Milliseconds that the request has waited for earlier attempts. They count against the timeout of the queue. */
  readonly waited?: number
}

/** `arrival`: the place in the queue, for a further attempt of the same request. */
export type Admission = { target: Target; lease: Lease; arrival?: number }

/** Implemented in memory. A shared store can implement the same contract. */
export interface Limits {
  /**
   * Admits a request to the first of `targets` that has capacity. If none has, the request waits in a queue for any of
   * them, first come first served, up to the longest `limit.timeout` of the targets. The result is a promise only if
   * the request has to wait.
   * @throws GatewayError `limited`, which names the limit and has `retryAfter`; `cancelled` when the signal aborts
   */
  admit(targets: readonly Target[], request: AdmissionRequest): Admission | Promise<Admission>
  /** Like `admit`, but without waiting: undefined if no target has capacity at once. */
  tryAdmit(targets: readonly Target[], request: AdmissionRequest): Admission | undefined
  /** Admits a request although limits or the health of the target hold it back: the last resort of a plan. */
  force(target: Target, request: AdmissionRequest): Admission
  /** The part of the target's limits that is left, from 0 to 1. */
  shareLeft(target: Target, embedding: boolean): number
  /** The number of requests in the queue. */
  readonly waiting: number
}
