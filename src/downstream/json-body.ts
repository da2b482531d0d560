/** Reads the path, query and body of a request. At most `max_body` bytes of the body are read. */
import { GatewayError } from '../base/errors.ts'
import { isObject, type JsonObject } from '../base/json/json.ts'
import { type JsonExcess, jsonExcess, maxDepth } from '../base/json/measure.ts'
import type { MaxItems } from '../config/compiled.ts'
import { BodyBuffer, tooLarge } from './body-buffer.ts'
import { tooManyItems } from './max-items.ts'

/**
 * A JSON request: the text as the client wrote it, and the parsed body. `original`: the client's own body, if stored
 * items were inserted into `body`.
 */
export type JsonBody = { text: string; body: JsonObject; original?: JsonObject }

/** The path and query of a request's URL, such as `/v1/models` and `a=b`, whatever its Host header says. */
export const pathAndQueryOf = (request: Request): { path: string; query: string } => {
  const { url } = request
  const pathStart = url.startsWith('/') ? 0 : url.indexOf('/', url.indexOf('://') + 3)
  const queryMark = url.indexOf('?', pathStart)
  return queryMark < 0
    ? { path: url.slice(pathStart), query: '' }
    : { path: url.slice(pathStart, queryMark), query: url.slice(queryMark + 1) }
}

/** The limits of a request body: its bytes, the JSON values it holds, and the items of each kind. */
export type BodyLimits = { maxBody: number; maxValues: number; maxItems: MaxItems }

/**
 * @throws GatewayError `too_large`, `too_many_values`, or `invalid_request` if the body is not a JSON object in UTF-8 or
 * is nested too deeply
 */
export const readJson = async (
  request: Request,
  { maxBody, maxValues }: Omit<BodyLimits, 'maxItems'>,
): Promise<JsonBody> => {
  refuseCompressed(request.headers)
  const contentLength = request.headers.get('content-length')
  if (Number(contentLength) > maxBody) throw tooLarge(maxBody)
  // Bun's own `text()` is the fastest. It replaces invalid UTF-8 by U+FFFD, which changes the length in bytes.
  const text = contentLength === null ? decodeUtf8(await readLimited(request, maxBody)) : await request.text()
  if (contentLength !== null && text.includes('\uFFFD') && Buffer.byteLength(text) !== Number(contentLength))
    throw invalidUtf8()
  if (text === '') throw new GatewayError('invalid_request', 'the body is empty: a JSON object is expected')
  const excess = jsonExcess(text, maxValues)
  if (excess) throw excessError(excess, maxValues)
  const body = parseBody(text)
  if (!isObject(body)) throw new GatewayError('invalid_request', 'the body must be a JSON object')
  return { text, body }
}

const formType = /^application\/x-www-form-urlencoded/i
export const isForm = (headers: Headers): boolean => formType.test(headers.get('content-type') ?? '')

/**
 * Reads a form as a JSON object. A field that occurs several times becomes a list.
 * @throws GatewayError `too_large`, `invalid_request`
 */
export const readForm = async (request: Request, { maxBody, maxItems }: BodyLimits): Promise<JsonBody> => {
  refuseCompressed(request.headers)
  if (Number(request.headers.get('content-length')) > maxBody) throw tooLarge(maxBody)
  const fields = new URLSearchParams(decodeUtf8(await readLimited(request, maxBody)))
  if (fields.size > maxItems.form_fields)
    throw tooManyItems('form_fields', 'the form', fields.size, maxItems.form_fields)
  const valuesByName = new Map<string, string[]>()
  for (const [name, value] of fields) {
    const values = valuesByName.get(name)
    if (values) values.push(value)
    else valuesByName.set(name, [value])
  }
  const body: JsonObject = Object.fromEntries(
    [...valuesByName].map(([name, values]) => [name, values.length > 1 ? values : values[0]!]),
  )
  return { text: JSON.stringify(body), body }
}

/**
 * Reads a body without trusting its Content-Length.
 * @throws GatewayError `too_large` as soon as more than `maxBody` bytes have arrived
 */
const readLimited = async (request: Request, maxBody: number): Promise<Uint8Array> => {
  const buffer = new BodyBuffer(maxBody)
  if (request.body === null) return buffer.join()
  const reader = request.body.getReader()
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return buffer.join()
      buffer.add(value)
    }
  } finally {
    // What follows a body that is too large is dropped by `respondUnread`.
    reader.releaseLock()
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true })
const decodeUtf8 = (bytes: Uint8Array): string => {
  try {
    return decoder.decode(bytes)
  } catch {
    throw invalidUtf8()
  }
}

const invalidUtf8 = (): GatewayError => new GatewayError('invalid_request', 'the body is not valid UTF-8')

const parseBody = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new GatewayError('invalid_request', `the body is not valid JSON: ${parseErrorReason(error)}`)
  }
}

const excessError = (excess: JsonExcess, maxValues: number): GatewayError =>
  excess === 'values'
    ? new GatewayError(
        'too_many_values',
        `the body holds more than the ${maxValues} JSON values that max_values allows`,
      )
    : new GatewayError('invalid_request', `the body is nested more than ${maxDepth} levels deep`)

/** The message of JSON.parse, which contains at most one token of the body. */
const parseErrorReason = (error: unknown): string =>
  error instanceof Error ? error.message.replace(/^JSON Parse error: /, '').slice(0, 200) : 'unreadable'

/**
 * Refuses a compressed body: it could be a decompression bomb, and no client of these protocols compresses.
 * @throws GatewayError `invalid_request`
 */
export const refuseCompressed = (headers: Headers): void => {
  const encoding = headers.get('content-encoding')
  if (encoding !== null && encoding.toLowerCase() !== 'identity')
    throw new GatewayError(
      'invalid_request',
      `a body with content-encoding ${encoding.slice(0, 40)} is not read; send it plain`,
    )
}
