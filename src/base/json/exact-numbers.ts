/**
 * Preserves the spelling of numbers that belong to the user: those in arguments, schemas and results. As doubles,
 * `9007199254740993` and `1.0` would be written differently. Such numbers become raw JSON values (JSON.rawJSON), which
 * JSON.stringify writes as they were received.
 */
import { isObject, type Json, type JsonObject } from './json.ts'

/**
 * The fields that hold the user's own JSON, in any protocol. All other fields belong to a protocol, and their numbers
 * are plain numbers.
 */
const userContentKeys: ReadonlySet<string> = new Set([
  ...['args', 'arguments', 'input', 'response'],
  ...['parameters', 'input_schema', 'schema', 'parametersJsonSchema', 'parameters_json_schema'],
  ...['responseSchema', 'response_schema', 'responseJsonSchema', 'response_json_schema'],
])

/**
 * Matches a number that JavaScript may write differently: 16 digits or more, a trailing 0 in the fraction, an exponent
 * or a number JavaScript writes with one, or -0. All other numbers are written as received. Prose that looks like such
 * a number costs only a second parse.
 */
const inexactNumber = /[:,[]\s*(?:-0(?![.\d])|-?(?:[\d.]{16}|\d+\.\d*0(?!\d)|\d+(?:\.\d+)?[eE]|0\.0{6}))/

/**
 * The body of a request that will be rewritten, with exact numbers. `body` is the result of JSON.parse on `text` and is
 * returned unchanged if no number would be altered.
 */
export const preserveExactNumbers = (text: string, body: JsonObject): JsonObject =>
  inexactNumber.test(text) ? (unwrapProtocolNumbers(JSON.parse(text, reviveExactNumber) as Json) as JsonObject) : body

const reviveExactNumber = (_key: string, value: unknown, { source }: { source?: string }): unknown =>
  typeof value === 'number' && source !== undefined && JSON.stringify(value) !== source ? JSON.rawJSON(source) : value

/** Turns raw numbers in protocol fields back into plain numbers. */
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
