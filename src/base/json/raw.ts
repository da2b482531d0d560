/**
 * JSON text inside a body, written as it came: arguments of calls are not rewritten, though a vendor's wire has them as an object, and
 * reading and writing them again would reorder keys that look like numbers, round large numbers and lose double keys.
 */
import { type Json, parseJson, stringEnd } from './json.ts'

/** Begins the string that stands for raw text. Nobody outside the process knows it, so that no client can write one. */
const rawMarker = `\u0000raw ${crypto.randomUUID()} `
const escapedMarker = JSON.stringify(rawMarker).slice(0, -1)

/** JSON text → what stands for it in a body that `writeJson` writes: its value, where that is written the same. Undefined where it is no JSON. */
export const rawJson = (text: string): Json | undefined => {
  const value = parseJson(text)
  if (value === undefined) return undefined
  const reserialized = JSON.stringify(value)
  return reserialized === text || reserialized === withoutWhitespace(text) ? value : rawMarker + text
}

/** The text `rawJson` stands for. */
export const rawText = (value: Json): string =>
  typeof value === 'string' && value.startsWith(rawMarker) ? value.slice(rawMarker.length) : writeJson(value)

/** JSON.stringify for what may hold raw JSON. */
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

/** Without the white space between its values. */
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
