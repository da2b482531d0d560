/** Measures JSON text before it is parsed: parsing costs up to 30 times the memory of the text. */

/** Objects and lists inside one another, at most. What walks a value recurses as deeply as the value is nested. */
export const maxDepth = 2000

/** A limit that JSON text exceeds. */
export type JsonExcess = 'values' | 'depth'

const QUOTE = 34
const BACKSLASH = 92
const BRACKET = 91
const END_BRACKET = 93
const BRACE = 123
const END_BRACE = 125

/** Characters of a string that are read one by one before the end of the string is searched. */
const searchAfter = 64

/** Objects, lists, strings and keys count ten tenths of a value, numbers and words (`true`, `null`) one tenth. */
const tenths = 10

/**
 * The first limit that JSON text exceeds; undefined if it exceeds none. Objects, lists, strings and keys are values.
 * Numbers and words are a tenth of one: lists of token numbers are long and cheap. Reads the text once and stops at the
 * limit. Text that is not JSON is measured as if it were.
 */
export const jsonExcess = (text: string, maxValues = Number.POSITIVE_INFINITY): JsonExcess | undefined => {
  // Each value takes at least a character, and each level two.
  if (text.length <= maxValues && text.length <= 2 * maxDepth) return undefined
  const maxTenths = maxValues * tenths
  let count = 0
  let depth = 0
  let isInWord = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const wasInWord = isInWord
    isInWord = false
    if (code === QUOTE) {
      at = endOfString(text, at)
      if (at < 0) return undefined
      count += tenths
    } else if (code === BRACE || code === BRACKET) {
      if (++depth > maxDepth) return 'depth'
      count += tenths
    } else if (code === END_BRACE || code === END_BRACKET) depth--
    else if (isWordCharacter(code)) {
      isInWord = true
      if (!wasInWord) count++
      else continue
    } else continue
    if (count > maxTenths) return 'values'
  }
  return undefined
}

/** Digits and letters, the sign and the point of a number. */
const isWordCharacter = (code: number): boolean =>
  (code >= 48 && code <= 57) || (code >= 97 && code <= 122) || code === 45 || code === 46 || code === 43 || code === 69

/**
 * The offset of the quote that ends the string whose opening quote stands at `from`; -1 if there is none. What follows
 * a backslash is read one by one for a while, and the rest of a long string is searched: neither many short strings nor
 * many escapes are slow then.
 */
const endOfString = (text: string, from: number): number => {
  let at = from + 1
  let quote = -1
  let slash = -1
  for (;;) {
    const until = Math.min(at + searchAfter, text.length)
    for (; at < until; at++) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) return at
      if (code === BACKSLASH) at++
    }
    if (quote < at) quote = text.indexOf('"', at)
    if (quote < 0) return -1
    if (slash < at) slash = indexOrEnd(text, at)
    if (slash > quote) return quote
    at = slash
  }
}

const indexOrEnd = (text: string, from: number): number => {
  const at = text.indexOf('\\', from)
  return at < 0 ? text.length : at
}
