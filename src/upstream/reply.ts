/** The headers of our answers: ours, and of the vendor's only those that tell the client something. */
import type { Trail } from '../record.ts'
import type { Scrub } from '../scrub.ts'

const passed = new Set(['retry-after', 'retry-after-ms', 'openai-processing-ms', 'content-disposition'])
const passedPrefixes = ['x-ratelimit-', 'anthropic-ratelimit-']

/** Any page may read the answers; none may send credentials of its own. */
export const crossOrigin = { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' }

/** In what a header can carry. */
const lossesText = (losses: readonly string[]): string =>
  losses
    .join('; ')
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 2000)

/** Anthropic's clients look for the id under a name of their own. `vendor` absent: it has not answered (yet). A header of its that holds a secret is left out. */
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
  vendor?.forEach((value, name) => {
    const isPassed = passed.has(name) || passedPrefixes.some(prefix => name.startsWith(prefix))
    if (isPassed && scrub(value) === value) headers.set(name, value)
  })
  return headers
}
