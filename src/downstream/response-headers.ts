/** The headers of our answers: ours, and of the vendor's only those that tell the client something. */
import { GatewayError } from '../base/errors.ts'
import type { Redact } from '../base/redact.ts'
import type { RequestRecord } from '../telemetry/request-record.ts'

const forwardedHeaders = new Set(['retry-after', 'retry-after-ms', 'openai-processing-ms', 'content-disposition'])
/** Not with an error: its body is another, and how long to wait is worked out from all the vendor says. */
const successOnlyHeaders = new Set(['content-disposition', 'retry-after'])

/** Any page may read the answers; none may send credentials of its own. */
export const corsHeaders = { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' }

/** In what a header can carry. */
const lossesText = (losses: readonly string[]): string =>
  losses
    .join('; ')
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 2000)

/** By name; a plain object, which Bun takes over for less than it takes to fill its `Headers`. */
export type ResponseHeaders = Record<string, string>

/** Adds what a client may see of a vendor's headers. One that holds a secret is left out. */
const addVendorHeaders = (vendorHeaders: Headers, redact: Redact, headers: ResponseHeaders): ResponseHeaders => {
  vendorHeaders.forEach((value, name) => {
    if (isForwarded(name) && redact(value) === value) headers[name] = value
  })
  return headers
}

const isForwarded = (name: string): boolean =>
  forwardedHeaders.has(name) || name.startsWith('x-ratelimit-') || name.startsWith('anthropic-ratelimit-')

/** Anthropic's clients look for the id under a name of their own. `vendor` absent: it has not answered (yet). */
export const responseHeaders = (
  record: RequestRecord,
  contentType: string,
  redact: Redact,
  vendorHeaders?: Headers,
): ResponseHeaders => {
  const headers: ResponseHeaders = { ...corsHeaders, 'content-type': contentType, 'x-request-id': record.id }
  if (record.path.includes('/messages')) headers['request-id'] = record.id
  if (contentType.startsWith('text/event-stream')) {
    headers['cache-control'] = 'no-cache'
    headers['x-accel-buffering'] = 'no'
  }
  if (record.shouldReportLosses && record.losses) headers['x-losses'] = lossesText(record.losses)
  return vendorHeaders ? addVendorHeaders(vendorHeaders, redact, headers) : headers
}

/** The headers of an error: what its vendor told of limits, and when another try makes sense. */
export const errorHeaders = ({ detail }: GatewayError, record: RequestRecord, redact: Redact): ResponseHeaders => {
  const headers = { ...responseHeaders(record, 'application/json', redact), ...detail.headers }
  if (detail.retryAfter !== undefined) headers['retry-after'] = String(Math.ceil(detail.retryAfter))
  return headers
}

/**
 * A vendor's refusal with what its headers tell. A fault of our credentials goes without: that answer is the gateway's own, and what the
 * headers would tell of is an account the client knows nothing of.
 */
export const withVendorHeaders = (refusal: GatewayError, vendorHeaders: Headers, redact: Redact): GatewayError => {
  if (refusal.code === 'upstream_credentials') return refusal
  const headers = addVendorHeaders(vendorHeaders, redact, {})
  for (const name of successOnlyHeaders) delete headers[name]
  return new GatewayError(refusal.code, refusal.message, { ...refusal.detail, headers })
}
