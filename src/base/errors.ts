/**
 * The one error class of the gateway, and the one table of its error codes. Code that detects an error throws `new
 * GatewayError(code, message, detail)`. Status, retry and circuit breaker effect are looked up in the table and decided
 * nowhere else.
 */

import type { Failure } from './failure-reasons.ts'

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
    description: 'the request is malformed; `param` names the field. With status 408: the upload stalled',
  },
  unauthorized: {
    status: 401,
    retry: 'never',
    breaker: 'ignore',
    description: 'the client key is missing or unknown',
  },
  forbidden: { status: 403, retry: 'never', breaker: 'ignore', description: 'the client key may not use this model' },
  access_denied: {
    status: 403,
    retry: 'never',
    breaker: 'ignore',
    description: 'the gateway does not answer this host, web page or address; the message names the setting',
  },
  model_not_found: { status: 404, retry: 'never', breaker: 'ignore', description: 'no service offers this model' },
  not_found: { status: 404, retry: 'never', breaker: 'ignore', description: 'there is no such endpoint' },
  method_not_allowed: {
    status: 405,
    retry: 'never',
    breaker: 'ignore',
    description: 'the endpoint does not support this method',
  },
  too_large: { status: 413, retry: 'never', breaker: 'ignore', description: 'the body is larger than `max_body`' },
  too_many_values: {
    status: 413,
    retry: 'never',
    breaker: 'ignore',
    description: 'the body holds more JSON values than `max_values`',
  },
  limited: {
    status: 429,
    retry: 'never',
    breaker: 'ignore',
    description: 'a configured limit is exhausted, or too many wrong keys came from the address; see `Retry-After`',
  },
  cancelled: {
    status: 499,
    retry: 'never',
    breaker: 'ignore',
    description: 'the client disconnected or stopped reading (only in the log)',
  },
  internal: { status: 500, retry: 'never', breaker: 'ignore', description: 'a bug in the gateway' },
  upstream_refused: {
    status: 400,
    retry: 'never',
    breaker: 'ignore',
    description: 'the vendor refused the request; the client gets its status',
  },
  upstream_limited: {
    status: 429,
    retry: 'elsewhere',
    breaker: 'count',
    description: "the vendor's own rate limit is exhausted; the client gets its `Retry-After`",
  },
  upstream_credentials: {
    status: 502,
    retry: 'elsewhere',
    breaker: 'trip',
    description: 'the vendor refused the configured credentials (401, 402 or 403)',
  },
  upstream_failed: {
    status: 502,
    retry: 'again',
    breaker: 'count',
    description: 'the vendor failed, could not be reached, or sent an invalid response',
  },
  upstream_timeout: {
    status: 504,
    retry: 'elsewhere',
    breaker: 'count',
    description: 'a timeout passed: connect, first byte or idle',
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
  /** Why the vendor failed. Absent for the gateway's own errors. */
  failure?: Failure
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
