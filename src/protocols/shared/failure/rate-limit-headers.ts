/**
 * What a vendor's headers say is left of its limits: OpenAI's `x-ratelimit-*`, Anthropic's `anthropic-ratelimit-*`, the
 * IETF's `ratelimit` and the shorter forms of other vendors.
 * https://platform.openai.com/docs/guides/rate-limits, https://platform.claude.com/docs/en/api/rate-limits,
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
 */

/** `resetsIn` in seconds. */
export type HeaderAllowance = { counts: 'requests' | 'tokens'; remaining: number; resetsIn: number }

type Names = { counts: HeaderAllowance['counts']; remaining: string; reset: string }

const names: readonly Names[] = [
  { counts: 'requests', remaining: 'x-ratelimit-remaining-requests', reset: 'x-ratelimit-reset-requests' },
  { counts: 'tokens', remaining: 'x-ratelimit-remaining-tokens', reset: 'x-ratelimit-reset-tokens' },
  {
    counts: 'requests',
    remaining: 'anthropic-ratelimit-requests-remaining',
    reset: 'anthropic-ratelimit-requests-reset',
  },
  { counts: 'tokens', remaining: 'anthropic-ratelimit-tokens-remaining', reset: 'anthropic-ratelimit-tokens-reset' },
  { counts: 'requests', remaining: 'x-ratelimit-remaining', reset: 'x-ratelimit-reset' },
  { counts: 'requests', remaining: 'ratelimit-remaining', reset: 'ratelimit-reset' },
]

/** @param now milliseconds since 1970 */
export const allowancesOf = (headers: Headers, now: number): HeaderAllowance[] => {
  const found = fromStructured(headers.get('ratelimit'))
  for (const { counts, remaining, reset } of names) {
    const left = countOf(headers.get(remaining))
    if (left === undefined) continue
    const resetsIn = resetSeconds(headers.get(reset) ?? '', now)
    if (resetsIn !== undefined) found.push({ counts, remaining: left, resetsIn })
  }
  return found
}

/** `"default";r=50;t=30` of the current draft, `limit=100, remaining=50, reset=30` of the older ones. */
const fromStructured = (value: string | null): HeaderAllowance[] => {
  if (value === null) return []
  const remaining = /(?:[;,\s]|^)(?:r|remaining)=(\d+)/i.exec(value)?.[1]
  const reset = /(?:[;,\s]|^)(?:t|reset)=(\d+)/i.exec(value)?.[1]
  return remaining === undefined || reset === undefined
    ? []
    : [{ counts: 'requests', remaining: Number(remaining), resetsIn: Number(reset) }]
}

const countOf = (value: string | null): number | undefined => {
  const text = value?.trim() ?? ''
  return /^\d{1,15}(?:\.\d+)?$/.test(text) ? Math.floor(Number(text)) : undefined
}

const units: Record<string, number> = { d: 86_400, h: 3600, m: 60, s: 1, ms: 0.001 }
const span = /^(?:\d+(?:\.\d+)?(?:ms|[dhms]))+$/

/**
 * Seconds until a reset, from `6m0s`, `250ms`, seconds, a time of RFC 3339, or seconds or milliseconds since 1970.
 * Undefined if it is none of these.
 */
export const resetSeconds = (value: string, now: number): number | undefined => {
  const text = value.trim()
  if (span.test(text)) {
    let seconds = 0
    for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g))
      seconds += Number(number) * units[unit!]!
    return seconds
  }
  if (/^\d+(?:\.\d+)?$/.test(text)) return fromNumber(Number(text), now)
  if (!/^\d{4}-\d\d-\d\dT/.test(text)) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, (at - now) / 1000)
}

/** From this number on it is seconds since 1970, from the next one on milliseconds. */
const firstEpochSecond = 1e9
const firstEpochMillisecond = 1e12

const fromNumber = (number: number, now: number): number => {
  if (number < firstEpochSecond) return number
  const at = number < firstEpochMillisecond ? number * 1000 : number
  return Math.max(0, (at - now) / 1000)
}
