/** What limits lend and how it comes back. */
import type { Target } from '../providers/entry.ts'

/** What a limit lent to one attempt. */
export interface Lease {
  /**
   * Gives the concurrency slots back and corrects the reserved tokens: `tokens` what was really used, 0 if the vendor was never reached,
   * undefined if nobody knows (the estimate stays). Only the first call counts.
   */
  settle(tokens?: number): void
}

/** What a request wants of a target. */
export type AdmissionRequest = {
  /** The estimate of tokens, worked out only when a token limit asks. */
  tokens: () => number
  /** Embeddings are counted by `embedding_limit`. */
  embedding: boolean
  /** The client has left already. */
  readonly isClientGone: boolean
  /** The client's; its abort leaves the queue. Read only for who must wait. */
  readonly signal: AbortSignal
}

export type Admission = { target: Target; lease: Lease }

/** In-process now; a shared store later implements the same. */
export interface Limits {
  /**
   * The first of `targets` that can serve now; if none can, waits in line for any of them, first come first served, up to the longest
   * `limit.timeout` of the targets. At once (no promise) whenever it need not wait.
   * @throws GatewayError `limited` naming the limit, with retryAfter; `cancelled` when the signal aborts.
   */
  admit(targets: readonly Target[], request: AdmissionRequest): Admission | Promise<Admission>
  /** Requests waiting in line now. */
  readonly waiting: number
}
