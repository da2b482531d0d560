/** A vendor's error, in whatever shape it comes, as ours. */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'
import type { Exchange, Frame } from '../protocol.ts'

type WithRedact = { redact: (text: string) => string }
/** What a vendor's body says of a fault; `status` where it names one. */
type Words = { message?: string; type?: string; code?: string; status?: number }

/** The protocol whose envelope goes on verbatim. */
const envelope = 'openai-chat'
const longestMessage = 2000

/**
 * A vendor's answer that is no success → our error. `text` may be JSON of any shape, an SSE line, HTML, plain words or nothing.
 * Its words reach the client free of secrets and of masked keys, but not with a 401, 402, 403: there they would speak of the gateway's key.
 */
export const parseError = (status: number, headers: Headers, text: string, { redact }: WithRedact): GatewayError => {
  const parsed = readBody(text)
  const body = parsed === undefined ? undefined : freed(parsed, redact)
  return errorFor(status, body, redact(text), retryAfter(headers))
}

/** A fault told inside an answer with status 200 → our error; the status is the one the body names, else 502. */
export const faultFrom = (body: Json, { redact }: WithRedact): GatewayError => {
  const redacted = freed(body, redact)
  return errorFor(toldStatus(wordsOf(redacted)), redacted, JSON.stringify(redacted), undefined)
}

/** Secrets are looked for in what JSON says, not in how it spells it. */
const freed = (body: Json, redact: WithRedact['redact']): Json =>
  parseJson(inStrings(JSON.stringify(body), redact)) ?? null

/** Changes every string in JSON text, names of members too. */
export const inStrings = (text: string, change: (word: string) => string): string =>
  text.replace(/"(?:[^"\\]|\\.)*"/g, word => JSON.stringify(change(JSON.parse(word) as string)))

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
  const head = text.slice(0, 4096).trimStart()
  const what = head === '' ? 'nothing' : kindOf(head)
  const cause = redactKeyLike(redact(head)).slice(0, 200)
  return new GatewayError('upstream_failed', `the vendor answered with ${what}`, cause === '' ? {} : { cause })
}

const kindOf = (head: string): string => {
  if (head.startsWith('<')) return 'HTML'
  if (/^(data|event|id|retry)?:/.test(head)) return 'an event stream'
  return head.startsWith('{') || head.startsWith('[') ? 'JSON that is no answer' : 'text'
}

/** JSON, an array of one, or the first JSON line of a stream; undefined for everything else. */
const readBody = (text: string): Json | undefined => {
  const body = parseJson(text)
  if (Array.isArray(body) && body.length > 0) return body[0]
  if (body !== undefined) return body
  for (const line of text.split('\n', 20)) {
    const data = line.startsWith('data:') ? parseJson(line.slice(5)) : undefined
    if (isObject(data)) return data
  }
  return undefined
}

const errorFor = (status: number, body: Json | undefined, text: string, retryAfter?: number): GatewayError => {
  const words = redactedWords(body === undefined ? plainWords(text) : wordsOf(body))
  const cause = `HTTP ${status}: ${words.message ?? 'no words'}`.slice(0, 500)
  if (refusesKey(status, words)) {
    const message = `the vendor refused the gateway's credentials with HTTP ${status}`
    return new GatewayError('upstream_credentials', message, { cause })
  }
  if (status >= 300 && status < 400)
    return new GatewayError(
      'upstream_failed',
      `the vendor redirects (HTTP ${status}); check the address of the service`,
    )
  const message = words.message ?? `the vendor answered HTTP ${status} ${inWords(text)}`
  const detail = {
    ...(words.type !== undefined && { vendorType: words.type }),
    ...(words.code !== undefined && { vendorCode: words.code }),
    ...(retryAfter !== undefined && { retryAfter }),
    ...verbatim(body),
    cause,
  }
  if (status === 429) return new GatewayError('upstream_limited', message, detail)
  if (status === 408) return new GatewayError('upstream_timeout', message, detail)
  if (status >= 400 && status < 500) return new GatewayError('upstream_refused', message, { ...detail, status })
  const kept = status >= 500 && status < 600 ? { status } : {}
  return new GatewayError('upstream_failed', message, { ...detail, ...kept })
}

/** Some vendors answer 400 to a wrong key (xAI, Gemini): the client's own key is fine, so it is no fault of the request. */
const refusesKey = (status: number, { message = '' }: Words): boolean =>
  [401, 402, 403].includes(status) ||
  (status === 400 &&
    /\b(incorrect|invalid|missing)\b.{0,16}\bapi[ _-]?key\b|\bapi[ _-]?key\b.{0,24}\b(not valid|invalid|incorrect)\b/i.test(
      message.slice(0, 300),
    ))

const inWords = (text: string): string => {
  const head = text.slice(0, 4096).trimStart()
  return head === '' ? 'without a body' : `with ${kindOf(head)}`
}

/** Plain words are a message, a page or a stream is none. */
const plainWords = (text: string): Words => {
  const message = text.slice(0, 500).trim()
  return message === '' || kindOf(message) !== 'text' ? {} : { message }
}

/** The envelope itself goes on as it is, provided that it is OpenAI's. */
const verbatim = (body: Json | undefined): { body?: { protocol: string; text: string } } => {
  if (!isObject(body) || !isObject(body.error) || typeof body.error.message !== 'string') return {}
  const text = JSON.stringify('choices' in body ? { error: body.error } : body)
  return {
    body: { protocol: envelope, text: mayHoldKey(text) ? inStrings(text, redactKeyLike) : text },
  }
}

/** Every shape seen: `{error: {…}}`, `{error: '…'}`, `{error: […]}`, `{detail}`, `{message}`, `{code, msg}`, `{error_msg}`, `{base_resp}`. */
const wordsOf = (body: Json): Words => {
  if (typeof body === 'string') return plainWords(body)
  if (!isObject(body)) return {}
  const choice = Array.isArray(body.choices)
    ? body.choices.find(one => isObject(one) && isPresent(one.error))
    : undefined
  const inner = isPresent(body.error) ? body.error : isObject(choice) ? choice.error : (body.base_resp ?? body)
  if (!isObject(inner)) return { ...statusWords(body), message: sentence(inner) ?? sentence(body.message) }
  const message = [
    inner.message,
    inner.msg,
    inner.status_msg,
    inner.error_msg,
    inner.detail,
    body.message,
    inner.errors,
  ]
  return { ...statusWords(body), ...statusWords(inner), message: first(message.map(sentence)), type: word(inner.type) }
}

const statusWords = (body: JsonObject): Words => {
  const code = word(body.code ?? body.error_code ?? body.error_type)
  const named = [body.status_code, body.raw_status_code, body.status, body.code].map(statusOf)
  const status = first(named)
  return { ...(code !== undefined && { code }), ...(status !== undefined && { status }) }
}

const statusOf = (value: Json | undefined): number | undefined => {
  const number = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && number >= 400 && number < 600 ? number : undefined
}

/** Where a body names no status, two classes of OpenAI's tell it as well. */
const toldStatus = ({ status, type, code }: Words): number => {
  if (status !== undefined) return status
  if (type === 'rate_limit_error' || code === 'rate_limit_exceeded' || code === 'insufficient_quota') return 429
  return type === 'invalid_request_error' ? 400 : 502
}

const first = <T>(values: readonly (T | undefined)[]): T | undefined => values.find(value => value !== undefined)

const word = (value: Json | undefined): string | undefined =>
  typeof value === 'number' ? String(value) : value === '' ? undefined : textOf(value)

/** A message may be a list: of words (Hugging Face), of `{loc, msg}` (FastAPI). */
const sentence = (value: Json | undefined): string | undefined => {
  if (typeof value === 'string') return value === '' ? undefined : value.slice(0, longestMessage)
  if (Array.isArray(value)) {
    const lines = value
      .slice(0, 10)
      .map(sentence)
      .filter(line => line !== undefined)
    return lines.length > 0 ? lines.join('; ').slice(0, longestMessage) : undefined
  }
  if (!isObject(value)) return undefined
  const said = sentence(value.msg ?? value.message ?? value.error)
  return said !== undefined && Array.isArray(value.loc) ? `${value.loc.join('.')}: ${said}` : said
}

/** Seconds a vendor may ask a client to wait; more is no answer to a request. */
const longestWait = 24 * 60 * 60

/** What a vendor tells as a wait, in seconds; undefined for what is none. */
export const clampedWait = (seconds: number): number | undefined =>
  Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, longestWait) : undefined

/** Seconds, from `retry-after` (seconds or an HTTP date) or `retry-after-ms`; the longer of the two. */
export const retryAfter = (headers: Headers): number | undefined => {
  const seconds = headers.get('retry-after')?.trim() ?? ''
  const milliseconds = headers.get('retry-after-ms')?.trim() ?? ''
  const told = [
    decimal.test(seconds) ? Number(seconds) : untilDate(seconds),
    decimal.test(milliseconds) ? Number(milliseconds) / 1000 : Number.NaN,
  ]
  const known = told.map(clampedWait).filter(wait => wait !== undefined)
  return known.length > 0 ? Math.max(...known) : undefined
}

const decimal = /^(?:\d+\.?\d*|\.\d+)$/
/** `Sun, 06 Nov 1994 08:49:37 GMT`, and the two older forms that RFC 9110 (5.6.7) still has; Date.parse takes any words with a number. */
const httpDate =
  /^(?:[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT|[A-Z][a-z]+day, \d\d-[A-Z][a-z]{2}-\d\d [\d:]{8} GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4})$/

const untilDate = (date: string): number => {
  if (!httpDate.test(date)) return Number.NaN
  const at = Date.parse(date.endsWith('GMT') ? date : `${date} GMT`)
  return Math.max(0, Math.ceil((at - Date.now()) / 1000))
}

const keyLike = /\b(?:sk|gsk|xai|nvapi|pplx|r8|hf)[-_][\w.…-]{8,}/

/** A parameter that signs a URL, or tells whose signature it is: AWS, Google, Azure, Alibaba, Tencent, Volcengine, Baidu, Huawei. */
const signing =
  /[?&;](?:x-(?:amz|goog|oss|cos|tos|bce|obs)-(?:signature|credential|security-token)|(?:q-)?signature|q-ak|sig|(?:aws|oss|obs)?accesskeyid|googleaccessid)=/i

/** Is there anything to blot out. */
const mayHoldKey = (text: string): boolean => text.includes('***') || keyLike.test(text) || signing.test(text)

/** Blots out keys that a vendor shows masked (`sk-ab****yz`), what looks like one, and the query of a signed URL. Each word is looked at twice at most. */
export const redactKeyLike = (text: string): string =>
  text
    .replace(/[^\s"'`,;:<>()[\]{}\\]+/g, word => (word.includes('***') || keyLike.test(word) ? '***' : word))
    .replace(/[^\s"'<>\\]+/g, word => (signing.test(word) ? `${word.slice(0, word.indexOf('?') + 1)}***` : word))

const redactedWords = ({ message, type, code, status }: Words): Words => ({
  ...(message !== undefined && { message: redactKeyLike(message) }),
  ...(type !== undefined && { type: redactKeyLike(type) }),
  ...(code !== undefined && { code: redactKeyLike(code) }),
  ...(status !== undefined && { status }),
})

/** For a renderer whose events ended without finish or fault. */
export const missingFinish = (): GatewayError =>
  new GatewayError('upstream_failed', 'the answer ended without a finish')
