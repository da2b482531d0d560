/** A vendor's error, in whatever shape it comes, as ours. */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'
import type { Exchange, Frame } from '../protocol.ts'

type WithRedact = { redact: (text: string) => string }
/** What a vendor's body says of a fault; `status` where it names one. */
type ErrorFields = { message?: string; type?: string; code?: string; status?: number }

/** The protocol whose envelope goes on verbatim. */
const envelopeProtocol = 'openai-chat'
const maxMessageLength = 2000

/**
 * A vendor's answer that is no success → our error. `text` may be JSON of any shape, an SSE line, HTML, plain words or nothing.
 * Its words reach the client free of secrets and of masked keys, but not with a 401, 402, 403: there they would speak of the gateway's key.
 */
export const parseError = (status: number, headers: Headers, text: string, { redact }: WithRedact): GatewayError => {
  const parsed = parseErrorBody(text)
  const body = parsed === undefined ? undefined : redactJson(parsed, redact)
  return toGatewayError(status, body, redact(text), parseRetryAfter(headers))
}

/** A fault told inside an answer with status 200 → our error; the status is the one the body names, else 502. */
export const faultFrom = (body: Json, { redact }: WithRedact): GatewayError => {
  const redacted = redactJson(body, redact)
  return toGatewayError(statusFor(errorFieldsOf(redacted)), redacted, JSON.stringify(redacted), undefined)
}

/** Secrets are looked for in what JSON says, not in how it spells it. */
const redactJson = (body: Json, redact: WithRedact['redact']): Json =>
  parseJson(mapStrings(JSON.stringify(body), redact)) ?? null

/** Changes every string in JSON text, names of members too. */
export const mapStrings = (text: string, change: (literal: string) => string): string =>
  text.replace(/"(?:[^"\\]|\\.)*"/g, literal => JSON.stringify(change(JSON.parse(literal) as string)))

/** Does a frame or a whole answer tell a fault; a choice that carries an `error` is one too (OpenRouter). */
export const isErrorBody = (body: JsonObject): boolean => {
  if (isPresent(body.error) || isPresent(body.base_resp, 'status_code')) return true
  if (Array.isArray(body.choices)) return body.choices.some(choice => isObject(choice) && isPresent(choice.error))
  if (body.object === 'error' || isPresent(body.error_code) || isPresent(body.errors)) return true
  return isPresent(body.code) && ('message' in body || 'msg' in body)
}

/** Something is said: no null, no empty word, list or object, no 0. With `key`, what stands under it decides. */
const isPresent = (value: Json | undefined, key?: string): boolean => {
  if (isObject(value)) return key === undefined ? Object.keys(value).length > 0 : isPresent(value[key])
  return Array.isArray(value) ? value.length > 0 : !['', '0', 0, null, undefined, false].includes(value)
}

/** A frame that is no JSON object passes, but for secrets: it may be the words of a proxy before the vendor. */
export const unparsedFrame = ({ event, data }: Frame, { redact, loss }: Pick<Exchange, 'redact' | 'loss'>): Frame => {
  loss('stream', 'a frame that is no JSON object was passed as it is')
  return event === undefined ? { data: redact(data) } : { event: redact(event), data: redact(data) }
}

/** A fault in the place of an answer, in the vendor's own words only for the log. */
export const notAnAnswer = (text: string, { redact }: WithRedact): GatewayError => {
  const start = text.slice(0, 4096).trimStart()
  const what = start === '' ? 'nothing' : describeBody(start)
  const cause = redactKeyLike(redact(start)).slice(0, 200)
  return new GatewayError('upstream_failed', `the vendor answered with ${what}`, cause === '' ? {} : { cause })
}

const describeBody = (start: string): string => {
  if (start.startsWith('<')) return 'HTML'
  if (/^(data|event|id|retry)?:/.test(start)) return 'an event stream'
  return start.startsWith('{') || start.startsWith('[') ? 'JSON that is no answer' : 'text'
}

/** JSON, an array of one, or the first JSON line of a stream; undefined for everything else. */
const parseErrorBody = (text: string): Json | undefined => {
  const body = parseJson(text)
  if (Array.isArray(body) && body.length > 0) return body[0]
  if (body !== undefined) return body
  for (const line of text.split('\n', 20)) {
    const data = line.startsWith('data:') ? parseJson(line.slice(5)) : undefined
    if (isObject(data)) return data
  }
  return undefined
}

const toGatewayError = (status: number, body: Json | undefined, text: string, retryAfter?: number): GatewayError => {
  const fields = redactFields(body === undefined ? plainTextFields(text) : errorFieldsOf(body))
  const cause = `HTTP ${status}: ${fields.message ?? 'no words'}`.slice(0, 500)
  if (isCredentialError(status, fields)) {
    const message = `the vendor refused the gateway's credentials with HTTP ${status}`
    return new GatewayError('upstream_credentials', message, { cause })
  }
  if (status >= 300 && status < 400)
    return new GatewayError(
      'upstream_failed',
      `the vendor redirects (HTTP ${status}); check the address of the service`,
    )
  const message = fields.message ?? `the vendor answered HTTP ${status} ${bodyPhrase(text)}`
  const detail = {
    ...(fields.type !== undefined && { vendorType: fields.type }),
    ...(fields.code !== undefined && { vendorCode: fields.code }),
    ...(retryAfter !== undefined && { retryAfter }),
    ...verbatimBody(body),
    cause,
  }
  if (status === 429) return new GatewayError('upstream_limited', message, detail)
  if (status === 408) return new GatewayError('upstream_timeout', message, detail)
  if (status >= 400 && status < 500) return new GatewayError('upstream_refused', message, { ...detail, status })
  const upstreamStatus = status >= 500 && status < 600 ? { status } : {}
  return new GatewayError('upstream_failed', message, { ...detail, ...upstreamStatus })
}

/** Some vendors answer 400 to a wrong key (xAI, Gemini): the client's own key is fine, so it is no fault of the request. */
const isCredentialError = (status: number, { message = '' }: ErrorFields): boolean =>
  [401, 402, 403].includes(status) ||
  (status === 400 &&
    /\b(incorrect|invalid|missing)\b.{0,16}\bapi[ _-]?key\b|\bapi[ _-]?key\b.{0,24}\b(not valid|invalid|incorrect)\b/i.test(
      message.slice(0, 300),
    ))

const bodyPhrase = (text: string): string => {
  const start = text.slice(0, 4096).trimStart()
  return start === '' ? 'without a body' : `with ${describeBody(start)}`
}

/** Plain words are a message, a page or a stream is none. */
const plainTextFields = (text: string): ErrorFields => {
  const message = text.slice(0, 500).trim()
  return message === '' || describeBody(message) !== 'text' ? {} : { message }
}

/** The envelope itself goes on as it is, provided that it is OpenAI's. */
const verbatimBody = (body: Json | undefined): { body?: { protocol: string; text: string } } => {
  if (!isObject(body) || !isObject(body.error) || typeof body.error.message !== 'string') return {}
  const text = JSON.stringify('choices' in body ? { error: body.error } : body)
  return {
    body: { protocol: envelopeProtocol, text: mayHoldKey(text) ? mapStrings(text, redactKeyLike) : text },
  }
}

/** Every shape seen: `{error: {…}}`, `{error: '…'}`, `{error: […]}`, `{detail}`, `{message}`, `{code, msg}`, `{error_msg}`, `{base_resp}`. */
const errorFieldsOf = (body: Json): ErrorFields => {
  if (typeof body === 'string') return plainTextFields(body)
  if (!isObject(body)) return {}
  const choice = Array.isArray(body.choices)
    ? body.choices.find(one => isObject(one) && isPresent(one.error))
    : undefined
  const inner = isPresent(body.error) ? body.error : isObject(choice) ? choice.error : (body.base_resp ?? body)
  if (!isObject(inner)) return { ...statusFields(body), message: messageIn(inner) ?? messageIn(body.message) }
  const message = [
    inner.message,
    inner.msg,
    inner.status_msg,
    inner.error_msg,
    inner.detail,
    body.message,
    inner.errors,
  ]
  return {
    ...statusFields(body),
    ...statusFields(inner),
    message: firstDefined(message.map(messageIn)),
    type: codeText(inner.type),
  }
}

const statusFields = (body: JsonObject): ErrorFields => {
  const code = codeText(body.code ?? body.error_code ?? body.error_type)
  const named = [body.status_code, body.raw_status_code, body.status, body.code].map(statusOf)
  const status = firstDefined(named)
  return { ...(code !== undefined && { code }), ...(status !== undefined && { status }) }
}

const statusOf = (value: Json | undefined): number | undefined => {
  const number = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && number >= 400 && number < 600 ? number : undefined
}

/** Where a body names no status, two classes of OpenAI's tell it as well. */
const statusFor = ({ status, type, code }: ErrorFields): number => {
  if (status !== undefined) return status
  if (type === 'rate_limit_error' || code === 'rate_limit_exceeded' || code === 'insufficient_quota') return 429
  return type === 'invalid_request_error' ? 400 : 502
}

const firstDefined = <T>(values: readonly (T | undefined)[]): T | undefined => values.find(value => value !== undefined)

const codeText = (value: Json | undefined): string | undefined =>
  typeof value === 'number' ? String(value) : value === '' ? undefined : textOf(value)

/** A message may be a list: of words (Hugging Face), of `{loc, msg}` (FastAPI). */
const messageIn = (value: Json | undefined): string | undefined => {
  if (typeof value === 'string') return value === '' ? undefined : value.slice(0, maxMessageLength)
  if (Array.isArray(value)) {
    const lines = value
      .slice(0, 10)
      .map(messageIn)
      .filter(line => line !== undefined)
    return lines.length > 0 ? lines.join('; ').slice(0, maxMessageLength) : undefined
  }
  if (!isObject(value)) return undefined
  const text = messageIn(value.msg ?? value.message ?? value.error)
  return text !== undefined && Array.isArray(value.loc) ? `${value.loc.join('.')}: ${text}` : text
}

/** Seconds a vendor may ask a client to wait; more is no answer to a request. */
const maxWaitSeconds = 24 * 60 * 60

/** What a vendor tells as a wait, in seconds; undefined for what is none. */
export const clampedWait = (seconds: number): number | undefined =>
  Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, maxWaitSeconds) : undefined

/** Seconds, from `retry-after` (seconds or an HTTP date) or `retry-after-ms`; the longer of the two. */
export const parseRetryAfter = (headers: Headers): number | undefined => {
  const seconds = headers.get('retry-after')?.trim() ?? ''
  const milliseconds = headers.get('retry-after-ms')?.trim() ?? ''
  const waits = [
    decimal.test(seconds) ? Number(seconds) : secondsUntil(seconds),
    decimal.test(milliseconds) ? Number(milliseconds) / 1000 : Number.NaN,
  ]
  const known = waits.map(clampedWait).filter(wait => wait !== undefined)
  return known.length > 0 ? Math.max(...known) : undefined
}

const decimal = /^(?:\d+\.?\d*|\.\d+)$/
/** `Sun, 06 Nov 1994 08:49:37 GMT`, and the two older forms that RFC 9110 (5.6.7) still has; Date.parse takes any words with a number. */
const httpDate =
  /^(?:[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT|[A-Z][a-z]+day, \d\d-[A-Z][a-z]{2}-\d\d [\d:]{8} GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4})$/

const secondsUntil = (date: string): number => {
  if (!httpDate.test(date)) return Number.NaN
  const at = Date.parse(date.endsWith('GMT') ? date : `${date} GMT`)
  return Math.max(0, Math.ceil((at - Date.now()) / 1000))
}

const keyPattern = /\b(?:sk|gsk|xai|nvapi|pplx|r8|hf)[-_][\w.…-]{8,}/

/** A parameter that signs a URL, or tells whose signature it is: AWS, Google, Azure, Alibaba, Tencent, Volcengine, Baidu, Huawei. */
const signedUrlPattern =
  /[?&;](?:x-(?:amz|goog|oss|cos|tos|bce|obs)-(?:signature|credential|security-token)|(?:q-)?signature|q-ak|sig|(?:aws|oss|obs)?accesskeyid|googleaccessid)=/i

/** Is there anything to blot out. */
const mayHoldKey = (text: string): boolean =>
  text.includes('***') || keyPattern.test(text) || signedUrlPattern.test(text)

/** Blots out keys that a vendor shows masked (`sk-ab****yz`), what looks like one, and the query of a signed URL. Each word is looked at twice at most. */
export const redactKeyLike = (text: string): string =>
  text
    .replace(/[^\s"'`,;:<>()[\]{}\\]+/g, match => (match.includes('***') || keyPattern.test(match) ? '***' : match))
    .replace(/[^\s"'<>\\]+/g, match =>
      signedUrlPattern.test(match) ? `${match.slice(0, match.indexOf('?') + 1)}***` : match,
    )

const redactFields = ({ message, type, code, status }: ErrorFields): ErrorFields => ({
  ...(message !== undefined && { message: redactKeyLike(message) }),
  ...(type !== undefined && { type: redactKeyLike(type) }),
  ...(code !== undefined && { code: redactKeyLike(code) }),
  ...(status !== undefined && { status }),
})

/** For a renderer whose events ended without finish or fault. */
export const missingFinish = (): GatewayError =>
  new GatewayError('upstream_failed', 'the answer ended without a finish')
