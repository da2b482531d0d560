/**
 * Errors in Google's format: `{error: {code, message, status, details}}`.
 * https://ai.google.dev/gemini-api/docs/troubleshooting (2026-11)
 */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'
import { redactKeyLike } from '../../base/redact.ts'
import type { Exchange } from '../protocol.ts'
import { clampedWait, parseRetryAfter } from '../shared/failure/retry-after.ts'
import { mapStrings, parseError as parseAny } from '../shared/vendor-error.ts'
import { id } from './parts/part.ts'
import { listOf } from './syntax/casing.ts'

type WithRedact = Pick<Exchange, 'redact' | 'failureCodes'>

/** HTTP status → Google's status name: https://cloud.google.com/apis/design/errors */
const statusNames: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  405: 'UNIMPLEMENTED',
  409: 'ABORTED',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}
const knownStatusNames: ReadonlySet<string> = new Set(Object.values(statusNames))
const typePrefix = 'type.googleapis.com/google.rpc.'

/** Renders the body for a client. A Google vendor's own error body is passed on. */
export const renderError = (error: GatewayError): Json => {
  const { code, message, detail, status } = error
  const vendorBody = detail.body?.protocol === id ? parseJson(detail.body.text) : undefined
  if (isObject(vendorBody)) return vendorBody
  const statusName = statusNames[status] ?? (status < 500 ? 'INVALID_ARGUMENT' : 'INTERNAL')
  const metadata = detail.param === undefined ? {} : { metadata: { param: detail.param } }
  const reason = (knownStatusNames.has(detail.vendorCode ?? '') ? code : (detail.vendorCode ?? code)).toUpperCase()
  const details: JsonObject[] = [{ '@type': `${typePrefix}ErrorInfo`, reason, domain: 'simple-one-api', ...metadata }]
  if (detail.retryAfter !== undefined)
    details.push({ '@type': `${typePrefix}RetryInfo`, retryDelay: `${detail.retryAfter}s` })
  return { error: { code: status, message, status: statusName, details } }
}

/**
 * Turns a vendor's unsuccessful response into a GatewayError. The body may be Google's format, an array of it (from a
 * stream without `alt=sse`), or anything else.
 */
export const parseError = (status: number, headers: Headers, text: string, redact: WithRedact): GatewayError => {
  const envelope = envelopeIn(text)
  const general = parseAny(status, headers, envelope ? JSON.stringify(genericErrorOf(envelope)) : text, redact)
  if (envelope === undefined || general.code === 'upstream_credentials') return general
  const delay = parseRetryAfter(headers) ?? retryDelayIn(envelope)
  const body = {
    protocol: id,
    text: mapStrings(JSON.stringify({ error: envelope }), value => redactKeyLike(redact.redact(value))),
  }
  const detail = { ...general.detail, body, ...(delay !== undefined && { retryAfter: delay }) }
  return new GatewayError(general.code, general.message, detail)
}

/** Turns an error inside a 200 response into a GatewayError. Its status is the `code` of the error, or 502. */
export const faultFrom = (body: Json, redact: WithRedact): GatewayError => {
  const text = JSON.stringify(body)
  const code = envelopeIn(text)?.code
  return parseError(typeof code === 'number' && code >= 400 && code < 600 ? code : 502, new Headers(), text, redact)
}

/** Whether a body is an error in Google's format. */
export const isErrorBody = (body: JsonObject): boolean => isObject(body.error)

const envelopeIn = (text: string): JsonObject | undefined => {
  const line = /^data:(.*)$/m.exec(text.slice(0, 65_536))
  const parsed = parseJson(text) ?? (line?.[1] === undefined ? undefined : parseJson(line[1]))
  const body = Array.isArray(parsed) ? parsed.find(isObject) : parsed
  return isObject(body) && isObject(body.error) && typeof body.error.message === 'string' ? body.error : undefined
}

/**
 * Reduces the error to the fields that every vendor has: the message, Google's status name as code, and the details,
 * which name the quota.
 */
const genericErrorOf = ({ message, status, details }: JsonObject): JsonObject => ({
  error: { message, ...(typeof status === 'string' && { code: status }), ...(details !== undefined && { details }) },
})

/** Seconds to wait. `RetryInfo` holds "35s" or "35.228s"; without it the message is searched. */
const retryDelayIn = ({ message, details }: JsonObject): number | undefined => {
  const info = listOf(details).find(one => textOf(one['@type'])?.endsWith('RetryInfo'))
  const delay = textOf(info?.retryDelay) ?? /retry in ([\d.]+s)/.exec(textOf(message) ?? '')?.[1]
  const seconds = delay === undefined ? Number.NaN : Number.parseFloat(delay)
  return clampedWait(seconds)
}
