/** A request as it came in: its address, its keys, and its body, read no further than `max_body`. */
import { GatewayError } from '../base/errors.ts'
import { isObject, type JsonObject } from '../base/json/json.ts'

/** A JSON request: the text as the client wrote it, and what it says. `asked`: what the client sent, where the rest has grown since. */
export type JsonBody = { text: string; body: JsonObject; original?: JsonObject }

/** `/v1/models` and `a=b` of a request's URL, whatever stood in its Host header. */
export const pathAndQueryOf = (request: Request): { path: string; query: string } => {
  const { url } = request
  const pathStart = url.startsWith('/') ? 0 : url.indexOf('/', url.indexOf('://') + 3)
  const queryMark = url.indexOf('?', pathStart)
  return queryMark < 0
    ? { path: url.slice(pathStart), query: '' }
    : { path: url.slice(pathStart, queryMark), query: url.slice(queryMark + 1) }
}

/** @throws GatewayError `too_large`, or `invalid_request` where the body is no JSON object in UTF-8. */
export const readJson = async (request: Request, maxBody: number): Promise<JsonBody> => {
  refuseCompressed(request.headers)
  const contentLength = request.headers.get('content-length')
  if (Number(contentLength) > maxBody) throw tooLarge(maxBody)
  // Bun's own reading of text is the cheapest. It puts a mark where bytes are no UTF-8, which is longer than what it stands for.
  const text = contentLength === null ? decodeUtf8(await readLimited(request, maxBody)) : await request.text()
  if (contentLength !== null && text.includes('\uFFFD') && Buffer.byteLength(text) !== Number(contentLength))
    throw invalidUtf8()
  if (text === '') throw new GatewayError('invalid_request', 'the body is empty: a JSON object is expected')
  const body = parseBody(text)
  if (!isObject(body)) throw new GatewayError('invalid_request', 'the body must be a JSON object')
  return { text, body }
}

const formType = /^application\/x-www-form-urlencoded/i
export const isForm = (headers: Headers): boolean => formType.test(headers.get('content-type') ?? '')

/** A form as the JSON it stands for; a field that is there twice is a list. @throws GatewayError `too_large`, `invalid_request` */
export const readForm = async (request: Request, maxBody: number): Promise<JsonBody> => {
  refuseCompressed(request.headers)
  if (Number(request.headers.get('content-length')) > maxBody) throw tooLarge(maxBody)
  const fields = new URLSearchParams(decodeUtf8(await readLimited(request, maxBody)))
  const body: JsonObject = {}
  for (const name of new Set(fields.keys())) {
    const values = fields.getAll(name)
    body[name] = values.length > 1 ? values : values[0]!
  }
  return { text: JSON.stringify(body), body }
}

/** A body that does not say how long it is. @throws GatewayError `too_large` as soon as more than `maxBody` bytes have come. */
const readLimited = async (request: Request, maxBody: number): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = []
  let length = 0
  if (request.body === null) return new Uint8Array()
  for await (const chunk of request.body) {
    length += chunk.length
    if (length > maxBody) throw tooLarge(maxBody)
    chunks.push(chunk)
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : new Uint8Array(Buffer.concat(chunks))
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

/** JSON.parse names the fault in its own words, which hold at most a token of the body. */
const parseErrorReason = (error: unknown): string =>
  error instanceof Error ? error.message.replace(/^JSON Parse error: /, '').slice(0, 200) : 'unreadable'

/** What is inflated here could be a bomb, and no client of these protocols compresses. */
export const refuseCompressed = (headers: Headers): void => {
  const encoding = headers.get('content-encoding')
  if (encoding !== null && encoding.toLowerCase() !== 'identity')
    throw new GatewayError(
      'invalid_request',
      `a body with content-encoding ${encoding.slice(0, 40)} is not read; send it plain`,
    )
}

export const tooLarge = (maxBody: number): GatewayError =>
  new GatewayError('too_large', `the body is larger than the ${maxBody} bytes that max_body allows`)
