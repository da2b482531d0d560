/** The headers of the gateway's responses: its own, and those of the vendor's headers that are useful to a client. */
import { GatewayError } from '../base/errors.ts'
import type { Redact } from '../base/redact.ts'
import type { ClientHalf } from '../protocols/protocol.ts'
import { isResponseHeader } from '../protocols/registry.ts'
import type { RequestLifetime } from '../telemetry/request-lifetime.ts'

/** Headers of HTTP itself that a client may see. Those of a wire are named by its protocol. */
const forwardedHeaders: ReadonlySet<string> = new Set(['retry-after', 'content-disposition'])
/**
 * Not forwarded with an error: the body is different, and `retry-after` is computed from everything the vendor says.
 */
const successOnlyHeaders: ReadonlySet<string> = new Set(['content-disposition', 'retry-after'])

/** No browser guesses another content type: what a model or a vendor wrote never runs as a page or a script. */
export const noSniff = { 'x-content-type-options': 'nosniff' }

/** Headers of every response. Any web page may read it; none may send credentials of its own. */
export const commonHeaders = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': '*',
  ...noSniff,
}

/** The losses as one line of printable ASCII, at most 2000 characters. They may quote the vendor. */
const lossesText = (losses: readonly string[], redact: Redact): string =>
  redact(losses.join('; '))
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 2000)

/** Headers by name. A plain object: Bun converts it faster than a `Headers` object can be filled. */
export type ResponseHeaders = Record<string, string>

/** The content types that the gateway writes itself, and those that most vendors send. They need no check. */
const usualTypes: ReadonlySet<string> = new Set([
  'application/json',
  'text/event-stream; charset=utf-8',
  'text/event-stream',
])

/** Whether a header contains no secret, in its name or its value. */
const isClean = (name: string, value: string, redact: Redact): boolean => {
  const header = `${name}: ${value}`
  return redact(header) === header
}

/**
 * The content type of a response. The vendor's own is only passed on without its parameters if they contain a secret,
 * and not at all if the type itself does.
 */
const cleanContentType = (contentType: string, redact: Redact): string => {
  const [type = ''] = contentType.split(';')
  return [contentType, type].find(text => isClean('', text, redact)) ?? 'application/octet-stream'
}

/** Adds the vendor's headers that a client may see. A header that contains a secret is left out. */
const addVendorHeaders = (vendorHeaders: Headers, redact: Redact, headers: ResponseHeaders): ResponseHeaders => {
  vendorHeaders.forEach((value, name) => {
    if ((forwardedHeaders.has(name) || isResponseHeader(name)) && isClean(name, value, redact)) headers[name] = value
  })
  return headers
}

/** The request that is answered, and the client's protocol. */
type Answered = {
  lifetime: RequestLifetime
  protocol?: Pick<ClientHalf, 'requestIdHeader'>
  redact: Redact
}

/** The headers of a response. `vendorHeaders` is undefined if the vendor has not answered. */
export const responseHeaders = (
  { lifetime, protocol, redact }: Answered,
  contentType: string,
  vendorHeaders?: Headers,
): ResponseHeaders => {
  const headers: ResponseHeaders = {
    ...commonHeaders,
    'content-type': usualTypes.has(contentType) ? contentType : cleanContentType(contentType, redact),
    'x-request-id': lifetime.record.id,
  }
  if (protocol?.requestIdHeader !== undefined) headers[protocol.requestIdHeader] = lifetime.record.id
  if (contentType.startsWith('text/event-stream')) {
    headers['cache-control'] = 'no-cache'
    headers['x-accel-buffering'] = 'no'
  }
  if (lifetime.exposesTargets && lifetime.record.servedBy !== undefined) {
    headers['x-served-by'] = lifetime.record.servedBy.replace(/[^\x20-\x7e]/g, '?')
    headers['x-attempts'] = String(lifetime.record.attempts)
  }
  if (lifetime.shouldReportLosses && lifetime.losses) headers['x-losses'] = lossesText(lifetime.losses, redact)
  return vendorHeaders ? addVendorHeaders(vendorHeaders, redact, headers) : headers
}

/** The headers of an error: the vendor's rate limits, and after how many seconds a retry makes sense. */
export const errorHeaders = ({ code, detail }: GatewayError, answered: Answered): ResponseHeaders => {
  const headers = { ...responseHeaders(answered, 'application/json'), ...detail.headers }
  // Only a limit invites a client to repeat what the gateway has repeated already.
  if (answered.lifetime.hasTriedEverything && code !== 'limited' && code !== 'upstream_limited')
    headers['x-should-retry'] = 'false'
  if (detail.retryAfter !== undefined) headers['retry-after'] = String(Math.ceil(detail.retryAfter))
  return headers
}

/**
 * A vendor's refusal with its rate-limit headers added. A refusal of the gateway's own credentials gets none: the
 * gateway answers for itself then,
 * and the headers would describe an account that the client does not know about.
 */
export const withVendorHeaders = (refusal: GatewayError, vendorHeaders: Headers, redact: Redact): GatewayError => {
  if (refusal.code === 'upstream_credentials') return refusal
  const headers = addVendorHeaders(vendorHeaders, redact, {})
  for (const name of successOnlyHeaders) delete headers[name]
  return new GatewayError(refusal.code, refusal.message, { ...refusal.detail, headers })
}
