/**
 * Tokenizes text for the mock. A token is a word with the whitespace after it, or one character of a script without
 * spaces.
 */

const token =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]\s*|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]+\s*|\s+/gu

/** Splits a text into tokens. The tokens joined give the same text. */
export const tokensOf = (text: string): string[] => text.match(token) ?? []

/** FNV-1a, 32 bits, unsigned. */
export const hash = (text: string): number => {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return value >>> 0
}

export const hexHash = (text: string): string => hash(text).toString(16).padStart(8, '0')

/** At most `limit` UTF-16 units. A surrogate pair is never split. */
export const truncate = (text: string, limit = 4_000): string => {
  if (text.length <= limit) return text
  const last = text.charCodeAt(limit - 1)
  const end = last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit
  return `${text.slice(0, end)}…`
}

/** The text up to the first stop sequence. */
export const cutAtStop = (text: string, stop: unknown): string => {
  const sequences = (Array.isArray(stop) ? stop : [stop]).filter(
    sequence => typeof sequence === 'string' && sequence !== '',
  )
  const ends = sequences.map(sequence => text.indexOf(sequence)).filter(at => at !== -1)
  return ends.length > 0 ? text.slice(0, Math.min(...ends)) : text
}
