/**
 * Numbers as they were written where they are the user's own: in arguments, schemas and results. As doubles `9007199254740993` and `1.0`
 * would be written anew as others; here they are values that JSON.stringify writes as they came.
 */
import { isObject, type Json, type JsonObject } from './json.ts'

/** What the user's own stands under, in any protocol; the names of all else are the protocols', and so are its numbers. */
const userContentKeys = new Set([
  ...['args', 'arguments', 'input', 'response'],
  ...['parameters', 'input_schema', 'schema', 'parametersJsonSchema', 'parameters_json_schema'],
  ...['responseSchema', 'response_schema', 'responseJsonSchema', 'response_json_schema'],
])

/**
 * A number with 16 digits or more, a 0 at the end of its fraction, an exponent or what JavaScript writes with one, or -0. All others are written
 * as they were. Prose that looks like one costs a second reading.
 */
const inexactNumber = /[:,[]\s*(?:-0(?![.\d])|-?(?:[\d.]{16}|\d+\.\d*0(?!\d)|\d+(?:\.\d+)?[eE]|0\.0{6}))/

/** The body of a request for who will write it anew. `body` is what JSON.parse makes of the text; given back where that loses nothing. */
export const preserveExactNumbers = (text: string, body: JsonObject): JsonObject =>
  inexactNumber.test(text) ? (unwrapProtocolNumbers(JSON.parse(text, reviveExactNumber) as Json) as JsonObject) : body

const reviveExactNumber = (_key: string, value: unknown, { source }: { source?: string }): unknown =>
  typeof value === 'number' && source !== undefined && JSON.stringify(value) !== source ? JSON.rawJSON(source) : value

/** Numbers of the protocol's are numbers again. */
const unwrapProtocolNumbers = (value: Json): Json => {
  if (JSON.isRawJSON(value)) return Number(value.rawJSON)
  if (Array.isArray(value)) return value.map(unwrapProtocolNumbers)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      inner === undefined || userContentKeys.has(key) ? inner : unwrapProtocolNumbers(inner),
    ]),
  )
}
