/**
 * Tool call arguments are an object in Gemini's JSON and text in every other protocol. They are carried over without
 * rewriting them.
 */
import { isObject, type Json, parseJson, scanTopLevel, valueEnd } from '../../../base/json/json.ts'
import { rawJson } from '../../../base/json/raw.ts'

const key = '"functionCall"'

/**
 * Returns the exact text of the arguments of all calls in a chunk, in order; undefined for a call without arguments.
 * The calls are found by their key. It cannot occur like this inside a string, because its quotes would be escaped.
 */
export const rawArgs = (text: string): (string | undefined)[] => {
  const found: (string | undefined)[] = []
  for (let at = text.indexOf(key); at >= 0; at = text.indexOf(key, at)) {
    const colon = /^\s*:\s*/.exec(text.slice(at + key.length, at + key.length + 64))
    at += key.length
    if (colon === null) continue
    const start = at + colon[0].length
    at = Math.max(valueEnd(text, start), start)
    const call = text.slice(start, at)
    const span = scanTopLevel(call)?.members.get('args')
    found.push(span && call.slice(span.start, span.end))
  }
  return found
}

/** Returns arguments as compact JSON. The original text is kept if serializing again would change a value. */
export const argsText = (value: Json | undefined, raw: string | undefined): string => {
  if (!isObject(value)) return '{}'
  return raw !== undefined && typeof rawJson(raw) === 'string' ? raw : JSON.stringify(value)
}

/**
 * Parses arguments into an object that `writeJson` writes unchanged. Undefined if the text is not an object. Empty text
 * and null become an empty object.
 */
export const argsObject = (text: string): Json | undefined => {
  const given = text.trim() === '' ? '{}' : text
  const value = parseJson(given)
  if (value === null) return {}
  return isObject(value) ? rawJson(given) : undefined
}
