/**
 * Raw JSON text inside a request body. Tool call arguments are sent exactly as the model wrote them, even where a
 * vendor's wire format has them as an object: parsing and serialising them again would reorder keys that look like
 * numbers, round large numbers and drop duplicate keys.
 */
import { type Json, parseJson, stringEnd } from './json.ts'

/** Marks a string that stands for raw JSON text. The marker is random per process, so no client can forge it. */
const rawMarker = `\u0000raw ${crypto.randomUUID()} `
const escapedMarker = JSON.stringify(rawMarker).slice(0, -1)

/**
 * Turns JSON text into a value that `writeJson` writes back as that text. The result is the plain value if serialising
 * it gives the same text (apart from white space), otherwise a marked string. Undefined if `text` is not JSON.
 */
export const rawJson = (text: string): Json | undefined => {
  const value = parseJson(text)
  if (value === undefined) return undefined
  const reserialized = JSON.stringify(value)
  return reserialized === text || reserialized === withoutWhitespace(text) ? value : rawMarker + text
}

/** The JSON text that a value made by `rawJson` stands for. */
export const rawText = (value: Json): string =>
  typeof value === 'string' && value.startsWith(rawMarker) ? value.slice(rawMarker.length) : writeJson(value)

/** Like JSON.stringify, for values that may contain the results of `rawJson`. */
export const writeJson = (value: Json): string => {
  const text = JSON.stringify(value)
  let at = text.indexOf(escapedMarker)
  if (at < 0) return text
  let out = ''
  let from = 0
  for (; at >= 0; at = text.indexOf(escapedMarker, from)) {
    const end = stringEnd(text, at)
    out += text.slice(from, at) + (JSON.parse(text.slice(at, end)) as string).slice(rawMarker.length)
    from = end
  }
  return out + text.slice(from)
}

/** JSON text without the white space between tokens. */
const withoutWhitespace = (text: string): string => {
  let out = ''
  let from = 0
  for (let quote = text.indexOf('"'); quote >= 0; quote = text.indexOf('"', from)) {
    const end = stringEnd(text, quote)
    out += text.slice(from, quote).replace(/\s+/g, '') + text.slice(quote, end)
    from = end
  }
  return out + text.slice(from).replace(/\s+/g, '')
}
