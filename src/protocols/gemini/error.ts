/** Errors in Google's shape: `{error: {code, message, status, details}}`. https://ai.google.dev/gemini-api/docs/troubleshooting (2026-11) */
import { GatewayError } from '../../base/errors.ts'
import { isObject, type Json, type JsonObject, parseJson, textOf } from '../../base/json/json.ts'
import type { Exchange } from '../protocol.ts'
import {
  clampedWait,
  mapStrings,
  parseError as parseAny,
  parseRetryAfter,
  redactKeyLike,
} from '../shared/vendor-error.ts'
import { id } from './parts/part.ts'
import { listOf } from './syntax/casing.ts'

type WithRedact = Pick<Exchange, 'redact'>

/** HTTP status → Google's word: https://cloud.google.com/apis/design/errors */
const statusNames: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  405: 'UNIMPLEMENTED',
  409: 'ABORTED',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}
const knownStatusNames = new Set(Object.values(statusNames))
const typePrefix = 'type.googleapis.com/google.rpc.'

/** The vendor's own where it already speaks this wire. */
export const renderError = (error: GatewayError): Json => {
  const { code, message, detail, status } = error
  const vendorBody = detail.body?.protocol === id ? parseJson(detail.body.text) : undefined
  if (isObject(vendorBody)) return vendorBody
  const statusName = statusNames[status] ?? (status < 500 ? 'INVALID_ARGUMENT' : 'INTERNAL')
  const metadata = detail.param === undefined ? {} : { metadata: { param: detail.param } }
  const reason = (knownStatusNames.has(detail.vendorCode ?? '') ? code : (detail.vendorCode ?? code)).toUpperCase()
  const details: JsonObject[] = [{ '@type': `${typePrefix}ErrorInfo`, reason, domain: 'simple-one-api', ...metadata }]
  if (detail.retryAfter !== undefined)
    details.push({ '@type': `${typePrefix}RetryInfo`, retryDelay: `${detail.retryAfter}s` })
  return { error: { code: status, message, status: statusName, details } }
}

/** A vendor's answer that is no success → our error: Google's shape, an array of it (a stream without `alt=sse`), or whatever else stands there. */
export const parseError = (status: number, headers: Headers, text: string, redact: WithRedact): GatewayError => {
  const envelope = envelopeIn(text)
  const general = parseAny(status, headers, envelope ? JSON.stringify(genericErrorOf(envelope)) : text, redact)
  if (envelope === undefined || general.code === 'upstream_credentials') return general
  const delay = parseRetryAfter(headers) ?? retryDelayIn(envelope)
  const body = {
    protocol: id,
    text: mapStrings(JSON.stringify({ error: envelope }), value => redactKeyLike(redact.redact(value))),
  }
  const detail = { ...general.detail, body, ...(delay !== undefined && { retryAfter: delay }) }
  return new GatewayError(general.code, general.message, detail)
}

/** A fault told inside an answer with status 200; its status is the one it names. */
export const faultFrom = (body: Json, redact: WithRedact): GatewayError => {
  const text = JSON.stringify(body)
  const code = envelopeIn(text)?.code
  return parseError(typeof code === 'number' && code >= 400 && code < 600 ? code : 502, new Headers(), text, redact)
}

export const isErrorBody = (body: JsonObject): boolean => isObject(body.error)

const envelopeIn = (text: string): JsonObject | undefined => {
  const line = /^data:(.*)$/m.exec(text.slice(0, 65_536))
  const parsed = parseJson(text) ?? (line?.[1] === undefined ? undefined : parseJson(line[1]))
  const body = Array.isArray(parsed) ? parsed.find(isObject) : parsed
  return isObject(body) && isObject(body.error) && typeof body.error.message === 'string' ? body.error : undefined
}

/** What every vendor's error says: the words, and Google's own word for the fault. */
const genericErrorOf = ({ message, status }: JsonObject): JsonObject => ({
  error: { message, ...(typeof status === 'string' && { code: status }) },
})

/** `RetryInfo` says "35s" or "35.228s"; where it is missing the words do. */
const retryDelayIn = ({ message, details }: JsonObject): number | undefined => {
  const info = listOf(details).find(one => textOf(one['@type'])?.endsWith('RetryInfo'))
  const delay = textOf(info?.retryDelay) ?? /retry in ([\d.]+s)/.exec(textOf(message) ?? '')?.[1]
  const seconds = delay === undefined ? Number.NaN : Number.parseFloat(delay)
  return clampedWait(seconds)
}
