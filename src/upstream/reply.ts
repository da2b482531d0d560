/** The headers of our answers: ours, and of the vendor's only those that tell the client something. */
import { GatewayError } from '../errors.ts'
import type { Trail } from '../record.ts'
import type { Scrub } from '../scrub.ts'

const passed = new Set(['retry-after', 'retry-after-ms', 'openai-processing-ms', 'content-disposition'])
const passedPrefixes = ['x-ratelimit-', 'anthropic-ratelimit-']
/** Not with an error: its body is another, and how long to wait is worked out from all the vendor says. */
const ofAnswers = new Set(['content-disposition', 'retry-after'])

/** Any page may read the answers; none may send credentials of its own. */
export const crossOrigin = { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' }

/** In what a header can carry. */
const lossesText = (losses: readonly string[]): string =>
  losses
    .join('; ')
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 2000)

/** What a client may see of a vendor's headers. One that holds a secret is left out. */
const shownOf = (vendor: Headers, scrub: Scrub): [name: string, value: string][] => {
  const shown: [string, string][] = []
  vendor.forEach((value, name) => {
    const isPassed = passed.has(name) || passedPrefixes.some(prefix => name.startsWith(prefix))
    if (isPassed && scrub(value) === value) shown.push([name, value])
  })
  return shown
}

/** Anthropic's clients look for the id under a name of their own. `vendor` absent: it has not answered (yet). */
export const answerHeaders = (trail: Trail, type: string, scrub: Scrub, vendor?: Headers): Headers => {
  const headers = new Headers(crossOrigin)
  headers.set('content-type', type)
  headers.set('x-request-id', trail.id)
  if (trail.path.includes('/messages')) headers.set('request-id', trail.id)
  if (type.startsWith('text/event-stream')) {
    headers.set('cache-control', 'no-cache')
    headers.set('x-accel-buffering', 'no')
  }
  if (trail.reportsLosses && trail.losses) headers.set('x-losses', lossesText(trail.losses))
  if (vendor) for (const [name, value] of shownOf(vendor, scrub)) headers.set(name, value)
  return headers
}

/** The headers of an error: what its vendor told of limits, and when another try makes sense. */
export const errorHeaders = ({ detail }: GatewayError, trail: Trail, scrub: Scrub): Headers => {
  const headers = answerHeaders(trail, 'application/json', scrub)
  for (const name in detail.headers) headers.set(name, detail.headers[name]!)
  if (detail.retryAfter !== undefined) headers.set('retry-after', String(Math.ceil(detail.retryAfter)))
  return headers
}

/**
 * A vendor's refusal with what its headers tell. A fault of our credentials goes without: that answer is the gateway's own, and what the
 * headers would tell of is an account the client knows nothing of.
 */
export const withHeaders = (refusal: GatewayError, vendor: Headers, scrub: Scrub): GatewayError => {
  if (refusal.code === 'upstream_credentials') return refusal
  const headers = Object.fromEntries(shownOf(vendor, scrub).filter(([name]) => !ofAnswers.has(name)))
  return new GatewayError(refusal.code, refusal.message, { ...refusal.detail, headers })
}
