/** How long a vendor asks to wait. */

/** The longest wait, in seconds, that is passed on to a client. */
const maxWaitSeconds = 24 * 60 * 60

/** A vendor's wait in seconds, limited to `maxWaitSeconds`; undefined if it is not a valid wait. */
export const clampedWait = (seconds: number): number | undefined =>
  Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, maxWaitSeconds) : undefined

/** Seconds from `retry-after` (seconds or an HTTP date) or `retry-after-ms`, whichever is longer. */
export const parseRetryAfter = (headers: Headers): number | undefined => {
  const seconds = headers.get('retry-after')?.trim() ?? ''
  const milliseconds = headers.get('retry-after-ms')?.trim() ?? ''
  const waits = [
    decimal.test(seconds) ? Number(seconds) : secondsUntil(seconds),
    decimal.test(milliseconds) ? Number(milliseconds) / 1000 : Number.NaN,
  ]
  const known = waits.map(clampedWait).filter(wait => wait !== undefined)
  return known.length > 0 ? Math.max(...known) : undefined
}

const decimal = /^(?:\d+\.?\d*|\.\d+)$/
/**
 * `Sun, 06 Nov 1994 08:49:37 GMT`, and the two older forms that RFC 9110 (5.6.7) still allows. Date.parse alone accepts
 * any text with a number.
 */
const httpDate =
  /^(?:[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT|[A-Z][a-z]+day, \d\d-[A-Z][a-z]{2}-\d\d [\d:]{8} GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4})$/

const secondsUntil = (date: string): number => {
  if (!httpDate.test(date)) return Number.NaN
  const at = Date.parse(date.endsWith('GMT') ? date : `${date} GMT`)
  return Math.max(0, Math.ceil((at - Date.now()) / 1000))
}
