/** Arguments of calls stand in Gemini's JSON as an object, in every other protocol as text. They go between the two as they were written. */
import { isObject, type Json, parseJson, scanTopLevel, valueEnd } from '../../../base/json/json.ts'
import { rawJson } from '../../../base/json/raw.ts'

const key = '"functionCall"'

/**
 * The arguments of all calls in a chunk as they stand in its text, in their order; undefined for a call without. Found by the key, which
 * inside a string could not stand like this: its quotes would be escaped.
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

/** Arguments as text: without white space between them, but as they were written where writing them anew would change them. */
export const argsText = (value: Json | undefined, raw: string | undefined): string => {
  if (!isObject(value)) return '{}'
  return raw !== undefined && typeof rawJson(raw) === 'string' ? raw : JSON.stringify(value)
}

/** Text → the object that `writeJson` writes as it came; undefined where it is none. No arguments and null are an empty one. */
export const argsObject = (text: string): Json | undefined => {
  const given = text.trim() === '' ? '{}' : text
  const value = parseJson(given)
  if (value === null) return {}
  return isObject(value) ? rawJson(given) : undefined
}
