/**
 * The one error class of the gateway, and the one table of its error codes. Code that detects an error throws `new
 * GatewayError(code, message, detail)`. Status, retry and circuit breaker effect are looked up in the table and decided
 * nowhere else.
 */

/** What a failed attempt means for the next one: no retry, a retry on the same target, or a retry on another target. */
type RetryPolicy = 'never' | 'again' | 'elsewhere'
/** What a failure means for the health of a target. */
type BreakerEffect = 'ignore' | 'count' | 'trip'

type ErrorCodeInfo = { status: number; retry: RetryPolicy; breaker: BreakerEffect; description: string }

/**
 * Properties of each error code. `status` is the default HTTP status; `detail.status` keeps a vendor's own 4xx or 5xx.
 */
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

/** Every field may be shown to a client, except `cause`, which is for the log. */
type ErrorDetail = {
  /** HTTP status, if it differs from the default of the code: a vendor's 404, 422, 529 … */
  status?: number
  /** Path of the invalid field of the request: `messages[2].content`. */
  param?: string
  /** Seconds to wait before a retry. */
  retryAfter?: number
  /**
   * The vendor's own rate limit headers for the client, already redacted. Absent if the error does not concern the
   * client and the vendor.
   */
  headers?: Record<string, string>
  /** The vendor's own error code, shown as `error.code` in place of ours. */
  vendorCode?: string
  /** The vendor's own error type, shown as `error.type` in place of ours. */
  vendorType?: string
  /** The vendor's body, already redacted, and its protocol. A client of the same protocol receives it verbatim. */
  body?: { protocol: string; text: string }
  /** The vendor never received the request, so nothing was spent. */
  unsent?: boolean
  /** For the log only, already redacted. */
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

  /** The HTTP status a client receives. */
  get status(): number {
    return this.detail.status ?? errorCodes[this.code].status
  }
}

/** Converts anything thrown to a GatewayError. For an unknown error the client learns only that the gateway failed. */
export const asGatewayError = (thrown: unknown): GatewayError => {
  if (thrown instanceof GatewayError) return thrown
  // Only code that walks the body recurses as deeply as the body is nested.
  if (thrown instanceof RangeError && /call stack/i.test(thrown.message))
    return new GatewayError('invalid_request', 'the body is nested too deeply')
  return new GatewayError('internal', 'internal error of the gateway', {
    cause: thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown),
  })
}
