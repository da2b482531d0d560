/**
 * Errors of AWS: an HTTP status with `{message}` and the exception's name in a header, or an exception event in a
 * stream.
 */
import { GatewayError } from '../../base/errors.ts'
import { lookUp } from '../../base/look-up.ts'
import type { Exchange } from '../protocol.ts'
import { parseError as parseAnyError } from '../shared/vendor-error.ts'

type WithRedact = Pick<Exchange, 'redact' | 'failureCodes'>

/**
 * Exception → the HTTP status it has outside a stream. An exception not listed here is a 502.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html#API_runtime_ConverseStream_Errors
 * (2026-11)
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

/**
 * Turns an unsuccessful response into a GatewayError with the exception's name as vendor code.
 * A failure of the model (424) becomes a 502, because the request did not cause it.
 */
export const parseError = (status: number, headers: Headers, text: string, exchange: WithRedact): GatewayError => {
  const name = exceptionNameOf(exchange.redact(headers.get('x-amzn-errortype') ?? ''))
  const known = lookUp(statusOfException, exceptionKeyOf(name))
  const effectiveStatus = known === 429 ? known : status
  return withVendorCode(parseAnyError(effectiveStatus === 424 ? 502 : effectiveStatus, headers, text, exchange), name)
}

/** Turns an exception in a stream into the error it would have been before the stream. `text` is its payload. */
export const faultFrom = (exception: string, text: string, exchange: WithRedact): GatewayError => {
  const name = exceptionNameOf(exchange.redact(exception))
  return withVendorCode(
    parseAnyError(lookUp(statusOfException, exceptionKeyOf(name)) ?? 502, new Headers(), text, exchange),
    name,
  )
}

/**
 * Extracts the name from `ValidationException:http://internal.amazon.com/coral/…` or
 * `com.amazon.coral#ValidationException`. Returns '' if there is none.
 */
const exceptionNameOf = (text: string): string => /^(?:[\w.]*#)?(\w{1,80})/.exec(text)?.[1] ?? ''

const exceptionKeyOf = (name: string): string => name.toLowerCase().replace(/(exception|error)$/, '')

/** Adds the exception's name. Clients get no details of errors about our credentials. */
const withVendorCode = (error: GatewayError, name: string): GatewayError => {
  if (name === '' || error.code === 'upstream_credentials') return error
  const vendorCode = name.charAt(0).toUpperCase() + name.slice(1)
  return new GatewayError(error.code, error.message, { ...error.detail, vendorCode })
}
