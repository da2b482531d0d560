/** Converts a vendor's error, in any shape, to a GatewayError. */
import { GatewayError } from '../../base/errors.ts'
import type { Failure } from '../../base/failure-reasons.ts'
import { isObject, type Json, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'
import { mayHoldKey, redactKeyLike } from '../../base/redact.ts'
import type { Exchange, Frame } from '../protocol.ts'
import { classifyFailure } from './failure/classify.ts'
import { allowancesOf } from './failure/rate-limit-headers.ts'
import { reportOf } from './failure/report.ts'
import { clampedWait, parseRetryAfter } from './failure/retry-after.ts'
import { codeFor, statusFrom, statusOfReason } from './failure/status.ts'
import { redactFrame } from './sse-frame.ts'

/** What reading an error needs of an exchange: see `Exchange`. */
export type WithRedact = Pick<Exchange, 'redact' | 'failureCodes'>
/** The error fields of a vendor's body; `status` if the body names one. */
type ErrorFields = { message?: string; type?: string; code?: string; status?: number }

/** The protocol whose error envelope is passed on verbatim. */
const envelopeProtocol = 'openai-chat'
const maxMessageLength = 2000

/**
 * Converts a vendor's answer without a success status to a GatewayError. `text` may be JSON of any shape, an SSE line,
 * HTML, plain text or empty. The vendor's message reaches the client without secrets and masked keys. For a 401, 402 or
 * 403 it does not reach the client, because it would describe the gateway's key.
 */
export const parseError = (status: number, headers: Headers, text: string, exchange: WithRedact): GatewayError => {
  const { redact, failureCodes } = exchange
  const parsed = parseErrorBody(text)
  const body = parsed === undefined ? undefined : redactJson(parsed, redact)
  const redacted = redact(text)
  const failure = classifyFailure(reportOf(status, body, redacted, failureCodes))
  return toGatewayError(status, body, redacted, { ...failure, ...retryAfterOf(headers) })
}

/**
 * Converts an error inside an answer with status 200 to a GatewayError. The status is the one the body names, else 502.
 */
export const faultFrom = (body: Json, { redact, failureCodes }: WithRedact): GatewayError => {
  const redacted = redactJson(body, redact)
  const named = statusFor(errorFieldsOf(redacted))
  const text = JSON.stringify(redacted)
  const failure = classifyFailure(reportOf(named ?? 200, redacted, text, failureCodes))
  return toGatewayError(named ?? statusOfReason[failure.reason] ?? 502, redacted, text, failure)
}

/** Redacts each string of a body. A secret that spans two strings of it is none. */
export const redactJson = (body: Json, redact: WithRedact['redact']): Json => {
  const text = JSON.stringify(body)
  return redact(text) === text ? body : (parseJson(mapStrings(text, redact)) ?? null)
}

/** Changes every string in JSON text, member names included. */
export const mapStrings = (text: string, change: (literal: string) => string): string =>
  text.replace(/"(?:[^"\\]|\\.)*"/g, literal => JSON.stringify(change(JSON.parse(literal) as string)))

/** Whether a frame or a complete answer reports an error. A choice with an `error` is one too (OpenRouter). */
export const isErrorBody = (body: JsonObject): boolean => {
  if (isPresent(body.error) || isPresent(body.base_resp, 'status_code')) return true
  if (Array.isArray(body.choices)) return body.choices.some(choice => isObject(choice) && isPresent(choice.error))
  if (body.object === 'error' || isPresent(body.error_code) || isPresent(body.errors)) return true
  return isPresent(body.code) && ('message' in body || 'msg' in body)
}

/**
 * Whether a value is meaningful: not null, false, 0, or an empty string, list or object. With `key`, the member of that
 * name decides.
 */
const isPresent = (value: Json | undefined, key?: string): boolean => {
  if (isObject(value)) return key === undefined ? Object.keys(value).length > 0 : isPresent(value[key])
  return Array.isArray(value) ? value.length > 0 : !['', '0', 0, null, undefined, false].includes(value)
}

/** A frame that is not a JSON object is passed on redacted: it may be text of a proxy in front of the vendor. */
export const unparsedFrame = (frame: Frame, exchange: Pick<Exchange, 'redact' | 'loss'>): Frame => {
  exchange.loss('stream', 'a frame that is not a JSON object was passed unchanged')
  return redactFrame(frame, exchange)
}

/** So much of a text is redacted before it is cut: part of a secret is one too. */
const maxCauseSource = 64 * 1024

/** The error for a body that is not an answer. The vendor's text appears only in the log. */
export const notAnAnswer = (text: string, { redact }: WithRedact): GatewayError => {
  const start = text.slice(0, 4096).trimStart()
  const what = start === '' ? 'nothing' : describeBody(start)
  const cause = redactKeyLike(redact(text.slice(0, maxCauseSource)).trimStart().slice(0, 4096)).slice(0, 200)
  return new GatewayError('upstream_failed', `the vendor answered with ${what}`, cause === '' ? {} : { cause })
}

const describeBody = (start: string): string => {
  if (start.startsWith('<')) return 'HTML'
  if (/^(data|event|id|retry)?:/.test(start)) return 'an event stream'
  return start.startsWith('{') || start.startsWith('[') ? 'JSON that is no answer' : 'text'
}

/** Parses JSON, the first element of an array, or the first JSON line of a stream. Undefined for everything else. */
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

const toGatewayError = (status: number, body: Json | undefined, text: string, failure: Failure): GatewayError => {
  const { reason, retryAfter } = failure
  const fields = redactFields(body === undefined ? plainTextFields(text) : errorFieldsOf(body))
  const cause = `HTTP ${status}: ${fields.message ?? 'no words'}`.slice(0, 500)
  const wait = retryAfter === undefined ? undefined : clampedWait(retryAfter)
  const code = codeFor(status, reason)
  if (code === 'upstream_credentials') {
    const message = `the vendor refused the gateway's credentials with HTTP ${status}`
    return new GatewayError(code, message, { cause, failure })
  }
  if (status >= 300 && status < 400)
    return new GatewayError(
      'upstream_failed',
      `the vendor redirects (HTTP ${status}); check the address of the service`,
      { failure },
    )
  const message = fields.message ?? `the vendor answered HTTP ${status} ${bodyPhrase(text)}`
  const detail = {
    ...vendorNamesOf(fields),
    ...(wait !== undefined && { retryAfter: wait }),
    ...(failure.param !== undefined && { param: failure.param }),
    ...verbatimBody(body),
    cause,
    failure,
  }
  return new GatewayError(
    code,
    message,
    code === 'upstream_timeout' ? detail : { ...detail, status: statusFrom(status, reason) },
  )
}

const vendorNamesOf = ({ type, code }: ErrorFields) => ({
  ...(type !== undefined && { vendorType: type }),
  ...(code !== undefined && { vendorCode: code }),
})

const bodyPhrase = (text: string): string => {
  const start = text.slice(0, 4096).trimStart()
  return start === '' ? 'without a body' : `with ${describeBody(start)}`
}

/** Plain text is a message; an HTML page or a stream is not. */
const plainTextFields = (text: string): ErrorFields => {
  const message = text.slice(0, 500).trim()
  return message === '' || describeBody(message) !== 'text' ? {} : { message }
}

/** The envelope is passed on unchanged, provided that it is OpenAI's. */
const verbatimBody = (body: Json | undefined): { body?: { protocol: string; text: string } } => {
  if (!isObject(body) || !isObject(body.error) || typeof body.error.message !== 'string') return {}
  const text = JSON.stringify('choices' in body ? { error: body.error } : body)
  return {
    body: { protocol: envelopeProtocol, text: mayHoldKey(text) ? mapStrings(text, redactKeyLike) : text },
  }
}

/**
 * Reads every shape seen: `{error: {…}}`, `{error: '…'}`, `{error: […]}`, `{detail}`, `{message}`, `{code, msg}`,
 * `{error_msg}`, `{base_resp}`.
 */
const errorFieldsOf = (body: Json): ErrorFields => {
  if (typeof body === 'string') return plainTextFields(body)
  if (!isObject(body)) return {}
  const choice = Array.isArray(body.choices)
    ? body.choices.find(one => isObject(one) && isPresent(one.error))
    : undefined
  const innerWithoutError = isObject(choice) ? choice.error : (body.base_resp ?? body)
  const inner = isPresent(body.error) ? body.error : innerWithoutError
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

/** If the body names no status, two of OpenAI's error classes imply one. */
const statusFor = ({ status, type, code }: ErrorFields): number | undefined => {
  if (status !== undefined) return status
  if (type === 'rate_limit_error' || code === 'rate_limit_exceeded' || code === 'insufficient_quota') return 429
  return type === 'invalid_request_error' ? 400 : undefined
}

const firstDefined = <T>(values: readonly (T | undefined)[]): T | undefined => values.find(value => value !== undefined)

const codeText = (value: Json | undefined): string | undefined => {
  if (typeof value === 'number') return String(value)
  return value === '' ? undefined : textOf(value)
}

/** A message may be a list: of strings (Hugging Face), or of `{loc, msg}` (FastAPI). */
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

/** Without a Retry-After: when the limit of which nothing is left renews. */
const retryAfterOf = (headers: Headers): { retryAfter?: number } => {
  const resets = allowancesOf(headers, Date.now()).flatMap(({ remaining, resetsIn }) => (remaining < 1 ? resetsIn : []))
  const retryAfter = parseRetryAfter(headers) ?? (resets.length > 0 ? clampedWait(Math.max(...resets)) : undefined)
  return retryAfter === undefined ? {} : { retryAfter }
}

const redactFields = ({ message, type, code, status }: ErrorFields): ErrorFields => ({
  ...(message !== undefined && { message: redactKeyLike(message) }),
  ...(type !== undefined && { type: redactKeyLike(type) }),
  ...(code !== undefined && { code: redactKeyLike(code) }),
  ...(status !== undefined && { status }),
})

/** The error for a renderer whose events ended without a finish or a fault. */
export const missingFinish = (): GatewayError =>
  new GatewayError('upstream_failed', 'the answer ended without a finish')
