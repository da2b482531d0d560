/** A request as it came in: its address, its keys, and its body, read no further than `max_body`. */
import { GatewayError } from '../base/errors.ts'
import { isObject, type JsonObject } from '../base/json/json.ts'

/** A JSON request: the text as the client wrote it, and what it says. `asked`: what the client sent, where the rest has grown since. */
export type JsonBody = { text: string; body: JsonObject; asked?: JsonObject }

/** `/v1/models` and `a=b` of a request's URL, whatever stood in its Host header. */
export const addressOf = (request: Request): { path: string; query: string } => {
  const { url } = request
  const from = url.startsWith('/') ? 0 : url.indexOf('/', url.indexOf('://') + 3)
  const mark = url.indexOf('?', from)
  return mark < 0 ? { path: url.slice(from), query: '' } : { path: url.slice(from, mark), query: url.slice(mark + 1) }
}

/** @throws GatewayError `too_large`, or `invalid_request` where the body is no JSON object in UTF-8. */
export const readJson = async (request: Request, maxBody: number): Promise<JsonBody> => {
  refuseCompressed(request.headers)
  const announced = request.headers.get('content-length')
  if (Number(announced) > maxBody) throw tooLarge(maxBody)
  // Bun's own reading of text is the cheapest. It puts a mark where bytes are no UTF-8, which is longer than what it stands for.
  const text = announced === null ? decode(await readCounted(request, maxBody)) : await request.text()
  if (announced !== null && text.includes('\uFFFD') && Buffer.byteLength(text) !== Number(announced)) throw notText()
  if (text === '') throw new GatewayError('invalid_request', 'the body is empty: a JSON object is expected')
  const body = parse(text)
  if (!isObject(body)) throw new GatewayError('invalid_request', 'the body must be a JSON object')
  return { text, body }
}

const formType = /^application\/x-www-form-urlencoded/i
export const isForm = (headers: Headers): boolean => formType.test(headers.get('content-type') ?? '')

/** A form as the JSON it stands for; a field that is there twice is a list. @throws GatewayError `too_large`, `invalid_request` */
export const readForm = async (request: Request, maxBody: number): Promise<JsonBody> => {
  refuseCompressed(request.headers)
  if (Number(request.headers.get('content-length')) > maxBody) throw tooLarge(maxBody)
  const fields = new URLSearchParams(decode(await readCounted(request, maxBody)))
  const body: JsonObject = {}
  for (const name of new Set(fields.keys())) {
    const values = fields.getAll(name)
    body[name] = values.length > 1 ? values : values[0]!
  }
  return { text: JSON.stringify(body), body }
}

/** A body that does not say how long it is. @throws GatewayError `too_large` as soon as more than `maxBody` bytes have come. */
const readCounted = async (request: Request, maxBody: number): Promise<Uint8Array> => {
  const pieces: Uint8Array[] = []
  let length = 0
  if (request.body === null) return new Uint8Array()
  for await (const piece of request.body) {
    length += piece.length
    if (length > maxBody) throw tooLarge(maxBody)
    pieces.push(piece)
  }
  return pieces.length === 1 && pieces[0] ? pieces[0] : new Uint8Array(Buffer.concat(pieces))
}

const decoder = new TextDecoder('utf-8', { fatal: true })
const decode = (bytes: Uint8Array): string => {
  try {
    return decoder.decode(bytes)
  } catch {
    throw notText()
  }
}

const notText = (): GatewayError => new GatewayError('invalid_request', 'the body is not valid UTF-8')

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new GatewayError('invalid_request', `the body is not valid JSON: ${reason(error)}`)
  }
}

/** JSON.parse names the fault in its own words, which hold at most a token of the body. */
const reason = (error: unknown): string =>
  error instanceof Error ? error.message.replace(/^JSON Parse error: /, '').slice(0, 200) : 'unreadable'

/** What is inflated here could be a bomb, and no client of these protocols compresses. */
export const refuseCompressed = (headers: Headers): void => {
  const coding = headers.get('content-encoding')
  if (coding !== null && coding.toLowerCase() !== 'identity')
    throw new GatewayError(
      'invalid_request',
      `a body with content-encoding ${coding.slice(0, 40)} is not read; send it plain`,
    )
}

export const tooLarge = (maxBody: number): GatewayError =>
  new GatewayError('too_large', `the body is larger than the ${maxBody} bytes that max_body allows`)
