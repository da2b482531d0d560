/**
 * Errors in Anthropic's format: renders ours for a client and parses a vendor's.
 * https://platform.claude.com/docs/en/api/errors
 */
import { type ErrorCode, GatewayError } from '../../base/errors.ts'
import type { Failure } from '../../base/failure-reasons.ts'
import { isObject, type Json, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'
import { lookUp } from '../../base/look-up.ts'
import type { Egress, Exchange } from '../protocol.ts'
import { parseError as readError } from '../shared/vendor-error.ts'
import { id } from './wire.ts'

/** Error type → the HTTP status it is sent with. */
const statusOfType: Record<string, number> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  conflict_error: 409,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
}

const typeOfCode: Record<ErrorCode, string> = {
  invalid_request: 'invalid_request_error',
  unauthorized: 'authentication_error',
  forbidden: 'permission_error',
  access_denied: 'permission_error',
  model_not_found: 'not_found_error',
  not_found: 'not_found_error',
  method_not_allowed: 'invalid_request_error',
  too_large: 'request_too_large',
  too_many_values: 'request_too_large',
  limited: 'rate_limit_error',
  cancelled: 'invalid_request_error',
  internal: 'api_error',
  upstream_refused: 'invalid_request_error',
  upstream_limited: 'rate_limit_error',
  upstream_credentials: 'api_error',
  upstream_failed: 'api_error',
  upstream_timeout: 'timeout_error',
  unavailable: 'overloaded_error',
}

/** Renders the body for a client. An Anthropic vendor's own error body is passed on. */
export const renderError = (error: GatewayError): Json => {
  const { message, detail } = error
  if (detail.failure?.reason === 'context') return renderOverflow(message, detail.failure)
  const vendorBody = detail.body?.protocol === id ? parseJson(detail.body.text) : undefined
  if (isObject(vendorBody) && isObject(vendorBody.error)) return { ...vendorBody, type: 'error' }
  const hasVendorCode = error.code === 'invalid_request' && detail.vendorCode !== undefined
  const details = hasVendorCode ? { details: { error_code: detail.vendorCode } } : {}
  return { type: 'error', error: { type: errorTypeOf(error), message: withParam(message, detail.param), ...details } }
}

/** The words by which Claude Code recognises that it has to shorten the conversation. */
const knownOverflow = /^prompt is too long|exceed context limit/

/** A context that is too long, in Anthropic's words whatever the vendor says. */
const renderOverflow = (vendorWords: string, { contextTokens, contextLimit }: Failure): Json => {
  const hasFigures = contextTokens !== undefined && contextLimit !== undefined
  const words = hasFigures ? `${contextTokens} tokens > ${contextLimit} maximum` : vendorWords
  const message = knownOverflow.test(vendorWords) ? vendorWords : `prompt is too long: ${words}`
  return { type: 'error', error: { type: 'invalid_request_error', message } }
}

const errorTypeOf = ({ code, status, detail }: GatewayError): string => {
  if (detail.failure?.reason === 'overload') return 'overloaded_error'
  if (detail.vendorType !== undefined && Object.hasOwn(statusOfType, detail.vendorType)) return detail.vendorType
  const typeByStatus = Object.keys(statusOfType).find(name => statusOfType[name] === status)
  return code === 'upstream_refused' || status === 529 ? (typeByStatus ?? typeOfCode[code]) : typeOfCode[code]
}

/**
 * Adds the parameter to the message, since the envelope has no field for it. Anthropic starts its messages with it too.
 */
const withParam = (message: string, param: string | undefined): string =>
  param === undefined || message.startsWith(param) ? message : `${param}: ${message}`

/**
 * Turns a vendor's unsuccessful response, whatever its format, into a GatewayError.
 * Only Anthropic's own envelope is kept, to be passed on unchanged.
 */
export const parseError: Egress['parseError'] = (status, headers, text, exchange) => {
  const error = readError(status, headers, text, exchange)
  const { body, ...detail } = error.detail
  const envelope = body && parseJson(body.text)
  const bodyDetail = isObject(envelope) && envelope.type === 'error' ? { body: { protocol: id, text: body!.text } } : {}
  return new GatewayError(error.code, error.message, { ...detail, ...bodyDetail })
}

/**
 * Turns an error inside a 200 response into a GatewayError with the status of its error type; 502 for an unknown type.
 */
export const faultFrom = (body: JsonObject, exchange: Pick<Exchange, 'redact' | 'failureCodes'>): GatewayError => {
  const errorObject = isObject(body.error) ? body.error : body
  const status = lookUp(statusOfType, textOf(errorObject.type) ?? '') ?? 502
  return parseError(status, new Headers(), JSON.stringify({ ...body, type: 'error' }), exchange)
}

/**
 * For a stream that starts a second answer, as some relays do after a retry of theirs. What the client has already
 * received cannot be taken back.
 */
export const streamRestartedError = (): GatewayError =>
  new GatewayError('upstream_failed', 'the vendor began its answer anew')

/** For a stream that ended before it was complete. */
export const streamCutError = (): GatewayError => new GatewayError('upstream_failed', "the vendor's stream was cut")
