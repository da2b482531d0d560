/** What the client sees after several failures: the one that helps it most. */
import type { GatewayError } from '../../base/errors.ts'
import { failureReasons } from '../../base/failure-reasons.ts'
import { type FailedAttempt, reasonOf } from './retry-policy.ts'

/**
 * The refusal of the request itself if there is one, else the failure that clears soonest, with its wait; the vendors'
 * refusal of the keys only if there is nothing else.
 * @param last what ended the request: the last failure, or the refusal to wait any longer
 */
export const finalError = (failed: readonly FailedAttempt[], last: GatewayError): GatewayError => {
  const errors = failed.map(({ error }) => error)
  if (!errors.includes(last)) errors.push(last)
  if (errors.length === 1) return last
  const ownFault = errors.find(isFaultOfRequest)
  if (ownFault) return ownFault
  const temporary = errors.filter(isTemporary).sort((one, other) => waitOf(one) - waitOf(other))
  return temporary[0] ?? errors.find(error => error.code !== 'upstream_credentials') ?? last
}

/** The gateway's own refusal is final as well: a client that left, an invalid request. */
const isFaultOfRequest = (error: GatewayError): boolean => {
  const reason = reasonOf(error)
  if (reason === undefined) return error.code !== 'limited'
  const { retry } = failureReasons[reason]
  return retry === 'never' || retry === 'capable'
}

/** Whether it passes by itself, so that the same request may succeed later. */
export const isTemporary = (error: GatewayError): boolean => {
  const reason = reasonOf(error)
  return reason === undefined ? error.code === 'limited' : failureReasons[reason].isTemporary
}

/** Seconds. A failure that names no wait may be over at any time, but nobody knows. */
const waitOf = ({ detail: { retryAfter } }: GatewayError): number => retryAfter ?? Number.MAX_VALUE
