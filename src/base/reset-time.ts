/** When a quota of a day or a month renews: at a time of day in a time zone, daylight saving time included. */

/** `00:00 America/Los_Angeles` */
export type ResetRule = { hour: number; minute: number; zone: string }

const pattern = /^([01]?\d|2[0-3]):([0-5]\d)(?: +(\S+))?$/

/** Reads `HH:MM` with an IANA zone, UTC if there is none. Undefined: `sliding`, or no valid rule. */
export const parseReset = (text: string | undefined): ResetRule | undefined => {
  const match = pattern.exec(text?.trim() ?? '')
  if (!match) return undefined
  const [, hour, minute, zone = 'UTC'] = match
  return isZone(zone) ? { hour: Number(hour), minute: Number(minute), zone } : undefined
}

/** True for every text that the setting may have. */
export const isResetText = (text: string): boolean => text.trim() === 'sliding' || parseReset(text) !== undefined

const isZone = (zone: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

/**
 * The next renewal after `now`. A time that the change to daylight saving time skips is taken an hour later.
 * @param now milliseconds since 1970
 */
export const nextReset = ({ hour, minute, zone }: ResetRule, period: 'day' | 'month', now: number): number => {
  const local = localTimeOf(now, zone)
  const candidates =
    period === 'day'
      ? [0, 1, 2].map(days => ({ ...local, day: local.day + days }))
      : [0, 1, 2].map(months => ({ ...local, month: local.month + months, day: 1 }))
  for (const { year, month, day } of candidates) {
    const at = instantOf(Date.UTC(year, month - 1, day, hour, minute), zone)
    if (at > now) return at
  }
  return now + 86_400_000
}

type LocalTime = { year: number; month: number; day: number }

const localTimeOf = (instant: number, zone: string): LocalTime => {
  const shifted = new Date(instant + offsetAt(instant, zone))
  return { year: shifted.getUTCFullYear(), month: shifted.getUTCMonth() + 1, day: shifted.getUTCDate() }
}

/** The instant at which the clocks of the zone show this time, given as if it were UTC. */
const instantOf = (asUtc: number, zone: string): number => {
  const guess = asUtc - offsetAt(asUtc, zone)
  const instant = asUtc - offsetAt(guess, zone)
  const exists = instant + offsetAt(instant, zone) === asUtc
  return exists ? instant : Math.max(guess, instant)
}

/** Milliseconds that the clocks of the zone are ahead of UTC. */
const offsetAt = (instant: number, zone: string): number => {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(instant)
  const value = (type: string) => Number(parts.find(part => part.type === type)?.value)
  const local = Date.UTC(
    value('year'),
    value('month') - 1,
    value('day'),
    value('hour'),
    value('minute'),
    value('second'),
  )
  return local - Math.floor(instant / 1000) * 1000
}
