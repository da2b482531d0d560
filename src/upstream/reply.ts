/** The headers of our answers: ours, and of the vendor's only those that tell the client something. */
import type { Trail } from '../record.ts'
import type { Scrub } from '../scrub.ts'

const passed = ['retry-after', 'retry-after-ms', 'openai-processing-ms', 'content-disposition']
const passedPrefix = 'x-ratelimit-'

/** Any page may read the answers; none may send credentials of its own. */
export const crossOrigin = { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' }

/** `vendor` absent: it has not answered (yet). */
export const answerHeaders = (trail: Trail, type: string, scrub: Scrub, vendor?: Headers): Headers => {
  const headers = new Headers(crossOrigin)
  headers.set('content-type', type)
  headers.set('x-request-id', trail.id)
  if (type.startsWith('text/event-stream')) {
    headers.set('cache-control', 'no-cache')
    headers.set('x-accel-buffering', 'no')
  }
  if (vendor === undefined) return headers
  for (const name of passed) {
    const value = vendor.get(name)
    if (value !== null) headers.set(name, scrub(value))
  }
  vendor.forEach((value, name) => {
    if (name.startsWith(passedPrefix)) headers.set(name, scrub(value))
  })
  return headers
}
