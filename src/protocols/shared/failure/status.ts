/** Each reason's error code and status for the client. */
import type { ErrorCode } from '../../../base/errors.ts'
import type { FailureReason } from '../../../base/failure-reasons.ts'

/** The status for a reason, where the vendor's own status says something else or there is none. */
export const statusOfReason: Partial<Record<FailureReason, number>> = {
  minute: 429,
  day: 429,
  balance: 429,
  model_gone: 404,
  region: 502,
  moderation: 400,
  context: 400,
  ability: 400,
  parameter: 400,
  request: 400,
  overload: 503,
}

const codeOfReason: Record<FailureReason, ErrorCode> = {
  key: 'upstream_credentials',
  balance: 'upstream_credentials',
  minute: 'upstream_limited',
  day: 'upstream_limited',
  model_gone: 'upstream_refused',
  region: 'upstream_failed',
  moderation: 'upstream_refused',
  context: 'upstream_refused',
  ability: 'upstream_refused',
  parameter: 'upstream_refused',
  request: 'upstream_refused',
  overload: 'upstream_failed',
  broken: 'upstream_failed',
  unknown: 'upstream_refused',
}

/** A used-up balance that comes as a limit is passed on as one: the words say how to get more. */
export const codeFor = (status: number, reason: FailureReason): ErrorCode => {
  if (status === 408) return 'upstream_timeout'
  return reason === 'balance' && status === 429 ? 'upstream_limited' : codeOfReason[reason]
}

const isServerError = (status: number): boolean => status >= 500 && status < 600
/** A refusal that can be about the request, not about a key or a limit. */
const isRequestError = (status: number): boolean =>
  status >= 400 && status < 500 && ![401, 402, 403, 429].includes(status)

/** Reasons whose status depends on the vendor's: a 4xx for the request's own mistakes, a 5xx for the vendor's. */
const statusByReason: Partial<Record<FailureReason, (status: number) => number>> = {
  overload: status => (status === 429 || isServerError(status) ? status : 503),
  moderation: status => (isRequestError(status) ? status : 400),
  request: status => (isRequestError(status) ? status : 400),
  parameter: status => (isRequestError(status) ? status : 400),
  ability: status => (isRequestError(status) ? status : 400),
  unknown: status => (isRequestError(status) ? status : 502),
  broken: status => (isServerError(status) ? status : 502),
}

export const statusFrom = (status: number, reason: FailureReason): number =>
  statusByReason[reason]?.(status) ?? statusOfReason[reason] ?? 502
