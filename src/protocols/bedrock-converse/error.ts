/** Errors of AWS: a status with `{message}` and the name of an exception in a header, or a message of a stream that is an exception. */
import { GatewayError } from '../../base/errors.ts'
import type { Exchange } from '../protocol.ts'
import { parseError as parseAnyError } from '../shared/vendor-error.ts'

type WithRedact = Pick<Exchange, 'redact'>

/**
 * Exception → the status it has where it comes before the stream; one that is not here is a 502.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html#API_runtime_ConverseStream_Errors (2026-11)
 */
const statusOfException: Record<string, number> = {
  accessdenied: 403,
  expiredtoken: 403,
  invalidsignature: 403,
  unrecognizedclient: 403,
  resourcenotfound: 404,
  modeltimeout: 408,
  modelnotready: 429,
  servicequotaexceeded: 429,
  throttling: 429,
  toomanyrequests: 429,
  validation: 400,
  internalserver: 500,
  serviceunavailable: 503,
}

/** An answer that is no success → our error, named by its exception. A model that failed (424) is no fault of the request. */
export const parseError = (status: number, headers: Headers, text: string, exchange: WithRedact): GatewayError => {
  const name = exceptionNameOf(exchange.redact(headers.get('x-amzn-errortype') ?? ''))
  const known = statusOfException[exceptionKeyOf(name)]
  const effectiveStatus = known === 429 ? known : status
  return withVendorCode(parseAnyError(effectiveStatus === 424 ? 502 : effectiveStatus, headers, text, exchange), name)
}

/** An exception told in the stream → the error it would have been before it. `text` is its payload. */
export const faultFrom = (exception: string, text: string, exchange: WithRedact): GatewayError => {
  const name = exceptionNameOf(exchange.redact(exception))
  return withVendorCode(
    parseAnyError(statusOfException[exceptionKeyOf(name)] ?? 502, new Headers(), text, exchange),
    name,
  )
}

/** `ValidationException:http://internal.amazon.com/coral/…` and `com.amazon.coral#ValidationException` → the name; '' for what is none. */
const exceptionNameOf = (text: string): string => /^(?:[\w.]*#)?(\w{1,80})/.exec(text)?.[1] ?? ''

const exceptionKeyOf = (name: string): string => name.toLowerCase().replace(/(exception|error)$/, '')

/** Of a fault of our credentials a client is told no more. */
const withVendorCode = (error: GatewayError, name: string): GatewayError => {
  if (name === '' || error.code === 'upstream_credentials') return error
  const vendorCode = name.charAt(0).toUpperCase() + name.slice(1)
  return new GatewayError(error.code, error.message, { ...error.detail, vendorCode })
}
