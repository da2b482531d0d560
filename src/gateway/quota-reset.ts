/** When the used-up quota of a target renews, as far as the configuration or the vendor's documentation says. */
import type { Failure } from '../base/failure-reasons.ts'
import { nextReset, parseReset } from '../base/reset-time.ts'
import type { Target } from '../providers/entry.ts'
import { wireOf } from '../providers/resolve-url.ts'

/** Seconds until the renewal; undefined if nobody knows. */
export const quotaResetsIn = (
  { entry, credential }: Target,
  { reason, period = 'day' }: Failure,
): number | undefined => {
  if (reason !== 'day' || (period !== 'day' && period !== 'month')) return undefined
  const found = wireOf(entry)
  const ofVendor = 'wire' in found ? found.wire.dailyReset : undefined
  const rule = parseReset(credential.limit?.reset ?? entry.limit.reset ?? ofVendor)
  if (!rule) return undefined
  const now = Date.now()
  return Math.ceil((nextReset(rule, period, now) - now) / 1000)
}
