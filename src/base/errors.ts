/**
 * The one error of the gateway and the one table that says what each of its codes means.
 * Whoever finds a fault throws `new GatewayError(code, message, detail)`; status, retry and breaker are looked up, never decided again.
 */

/** What a failed attempt means for another one: none, the same target again, or another target. */
export type RetryPolicy = 'never' | 'again' | 'elsewhere'
/** What a failure says about the health of a target. */
export type BreakerEffect = 'ignore' | 'count' | 'trip'

type ErrorCodeInfo = { status: number; retry: RetryPolicy; breaker: BreakerEffect; description: string }

/** Code → what it means. `status` is the default; `detail.status` keeps a vendor's own 4xx. */
export const errorCodes = {
  invalid_request: {
    status: 400,
    retry: 'never',
    breaker: 'ignore',
    description: 'the request is malformed; `param` names the path. With status 408: its upload stalled',
  },
  unauthorized: {
    status: 401,
    retry: 'never',
    breaker: 'ignore',
    description: 'no key, or a key the gateway does not know',
  },
  forbidden: { status: 403, retry: 'never', breaker: 'ignore', description: 'the key may not use this model' },
  model_not_found: { status: 404, retry: 'never', breaker: 'ignore', description: 'no service offers this model' },
  not_found: { status: 404, retry: 'never', breaker: 'ignore', description: 'no such address' },
  method_not_allowed: {
    status: 405,
    retry: 'never',
    breaker: 'ignore',
    description: 'the address takes another method',
  },
  too_large: { status: 413, retry: 'never', breaker: 'ignore', description: 'the body is larger than `max_body`' },
  limited: {
    status: 429,
    retry: 'never',
    breaker: 'ignore',
    description: 'a limit of the configuration holds; see Retry-After',
  },
  cancelled: {
    status: 499,
    retry: 'never',
    breaker: 'ignore',
    description: 'the client left or no longer reads (only ever seen in the log)',
  },
  internal: { status: 500, retry: 'never', breaker: 'ignore', description: 'a fault of the gateway itself' },
  upstream_refused: {
    status: 400,
    retry: 'never',
    breaker: 'ignore',
    description: 'the vendor refused the request; its status is kept',
  },
  upstream_limited: {
    status: 429,
    retry: 'elsewhere',
    breaker: 'count',
    description: 'the vendor limits us; its Retry-After is kept',
  },
  upstream_credentials: {
    status: 502,
    retry: 'elsewhere',
    breaker: 'trip',
    description: 'the vendor refused our credentials (its 401, 402, 403)',
  },
  upstream_failed: {
    status: 502,
    retry: 'again',
    breaker: 'count',
    description: 'the vendor failed, could not be reached or answered nonsense',
  },
  upstream_timeout: {
    status: 504,
    retry: 'elsewhere',
    breaker: 'count',
    description: 'a deadline passed: connect, first byte or idle',
  },
  unavailable: { status: 503, retry: 'never', breaker: 'ignore', description: 'the gateway is shutting down' },
} as const satisfies Record<string, ErrorCodeInfo>

export type ErrorCode = keyof typeof errorCodes

/** All fields are safe to show a client but `cause`, which is for the log. */
export type ErrorDetail = {
  /** HTTP status, where it is not the code's own: a vendor's 404, 422, 529 … */
  status?: number
  /** Path into the request that is at fault: `messages[2].content`. */
  param?: string
  /** Seconds until another try makes sense. */
  retryAfter?: number
  /** The vendor's own headers that tell a client of limits, already free of secrets; none where the fault is not between the two. */
  headers?: Record<string, string>
  /** The vendor's own word for the fault, shown as `error.code` in place of ours. */
  vendorCode?: string
  /** The vendor's own class of the fault, shown as `error.type` in place of ours. */
  vendorType?: string
  /** The vendor's body, already free of secrets, and the protocol it is written in: sent verbatim to a client of that protocol. */
  body?: { protocol: string; text: string }
  /** The vendor never saw the request: nothing was spent. */
  unsent?: boolean
  /** For the log only, already free of secrets. */
  cause?: string
}

export class GatewayError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly detail: ErrorDetail = {},
  ) {
    super(message)
    this.name = 'GatewayError'
  }

  /** The HTTP status a client sees. */
  get status(): number {
    return this.detail.status ?? errorCodes[this.code].status
  }
}

/** Anything thrown → a GatewayError. What is not ours says nothing to the client but that it is our fault. */
export const asGatewayError = (thrown: unknown): GatewayError => {
  if (thrown instanceof GatewayError) return thrown
  // Only walking a body goes as deep as the body does.
  if (thrown instanceof RangeError && /call stack/i.test(thrown.message))
    return new GatewayError('invalid_request', 'the body is nested too deeply')
  return new GatewayError('internal', 'internal error of the gateway', {
    cause: thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown),
  })
}
