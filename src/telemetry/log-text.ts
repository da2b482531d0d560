/** Keeps log lines short and harmless, whatever a client or a vendor wrote into them. */
import type { Redact } from '../base/redact.ts'

/** Characters of one text in a log line. */
const maxText = 1000
/** Characters of all texts in a log line, prompts not counted. */
const maxLine = 16_000
/** Items of one list, and levels of nested objects. */
const maxItems = 100
const maxDepth = 6
/** Characters of the request body, which is logged only if `log_prompts` is on. */
const maxPrompt = 256 * 1024
/** Characters of the longest secret, in its longest encoding. */
const maxSecret = 16 * 1024

const cutMark = '…'

/**
 * The fields of a log line with every text bounded, each by itself and all together. A text that is cut is redacted
 * first, because half a secret would not be recognised.
 */
export const boundFields = (fields: Readonly<Record<string, unknown>>, redact: Redact): Record<string, unknown> => {
  let remaining = maxLine

  const boundText = (text: string): string => {
    const limit = Math.max(Math.min(maxText, remaining), 0)
    const bounded = cutText(text, limit, redact)
    remaining -= bounded.length
    return bounded
  }

  const bound = (value: unknown, depth: number): unknown => {
    if (typeof value === 'string') return boundText(value)
    if (typeof value !== 'object' || value === null) return value
    if (depth >= maxDepth) return cutMark
    if (Array.isArray(value)) return value.slice(0, maxItems).map(item => bound(item, depth + 1))
    const entries = Object.entries(value).slice(0, maxItems)
    return Object.fromEntries(entries.map(([key, inner]) => [boundText(key), bound(inner, depth + 1)]))
  }

  const bounded: Record<string, unknown> = {}
  for (const name in fields) {
    const value = fields[name]
    bounded[name] = name === 'prompt' && typeof value === 'string' ? cutText(value, maxPrompt, redact) : bound(value, 0)
  }
  return bounded
}

/** At most `limit` characters, and a mark if some are missing. No surrogate pair is cut in half. */
const cutText = (text: string, limit: number, redact: Redact): string => {
  if (text.length <= limit) return text
  const beginning = text.slice(0, limit + 2 * maxSecret)
  const redacted = redact(beginning)
  // The end of the beginning may be half a secret.
  const certain = beginning.length < text.length ? Math.max(redacted.length - maxSecret, 0) : limit
  return redacted.slice(0, Math.min(limit, certain)).replace(/[\ud800-\udbff]$/, '') + cutMark
}

/**
 * Controls, line and paragraph separators, marks that change the direction of text, and invisible characters. JSON
 * escapes only some of the controls.
 */
const unprintable = /[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g

/** Writes such characters as `\u202e`, as JSON would: a log entry stays on one line and cannot control a terminal. */
export const escapeUnprintable = (text: string): string =>
  text.replace(unprintable, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
