/** Explains a failure in plain words: what the operator should check, and what the vendor said. */
import type { GatewayError } from '../../base/errors.ts'

type FailureKind =
  | 'wrong_key'
  | 'no_balance'
  | 'forbidden'
  | 'no_such_model'
  | 'rate_limited'
  | 'refused'
  | 'wrong_address'
  | 'unreachable'
  | 'unknown_host'
  | 'tls'
  | 'proxy'
  | 'timeout'
  | 'vendor_failed'
  | 'failed'

/** `vendorMessage`: the vendor's own words, if there are any; free of secrets. */
export type Verdict = { kind: FailureKind; explanation: string; vendorMessage?: string }

/** Where the request went: the host of the vendor, and whether through a proxy. */
type VendorEndpoint = { host: string; isProxied: boolean }

const verdict = (kind: FailureKind, explanation: string, vendorMessage?: string): Verdict =>
  vendorMessage === undefined || vendorMessage === '' ? { kind, explanation } : { kind, explanation, vendorMessage }

/** Vendors report an exhausted balance with status 400, 402, 403 or 429. */
const balancePattern =
  /insufficient.{0,12}(balance|quota|fund|credit)|\bbalance\b|arrear|overdue|billing|(current|your).{0,3}quota|out of credits?|欠费|余额|充值/i
const missingModelPattern =
  /model.{0,80}(not (exist|found|support|available|valid)|n't exist|unknown|invalid|no longer|不存在)|(unknown|invalid|no such|unsupported).{0,12}model|模型.{0,20}不存在/i

/** Explains the error of an attempt. Errors that the client's side can cause are bugs of the gateway here. */
export const verdictOf = (error: GatewayError, endpoint: VendorEndpoint): Verdict => {
  const vendorError = vendorErrorIn(error)
  switch (error.code) {
    case 'upstream_credentials':
      return credentialVerdict(vendorError)
    case 'upstream_limited':
      return balancePattern.test(vendorError.text)
        ? verdict('no_balance', 'no balance left', vendorError.text)
        : limitVerdict(error, vendorError)
    case 'upstream_refused':
      return refusalVerdict(vendorError)
    case 'upstream_timeout':
      return verdict('timeout', `time-out: ${error.message}`)
    case 'upstream_failed':
      return failureVerdict(error, vendorError, endpoint)
    default:
      return verdict('failed', error.message)
  }
}

/**
 * The vendor's status and message. For refused credentials it is the vendor's status, not the 502 that a client would
 * see.
 */
type VendorError = { status: number; text: string }

const vendorErrorIn = ({ status, message, detail }: GatewayError): VendorError => {
  const found = /^HTTP (\d{3}): ([\s\S]*)$/.exec(detail.cause ?? '')
  const text = found?.[2] === 'no words' ? '' : (found?.[2] ?? '')
  const isUnparsed = found === null && detail.cause !== undefined
  return {
    status: Number(found?.[1] ?? status),
    text: [text, isUnparsed ? '' : vendorCode(message, detail.vendorCode)].filter(Boolean).join(' '),
  }
}

/** A code that is a word can say more than the message, for example `insufficient_quota`. */
const vendorCode = (message: string, code: string | undefined): string =>
  code === undefined || /^\d*$/.test(code) || message.includes(code) ? '' : `(${code})`

const credentialVerdict = ({ status, text }: VendorError): Verdict => {
  if (status === 402 || balancePattern.test(text))
    return verdict('no_balance', `no balance left (HTTP ${status})`, text)
  if (status === 403) return verdict('forbidden', 'the key is not allowed to do this (HTTP 403)', text)
  return verdict('wrong_key', `wrong key (HTTP ${status})`, text)
}

const limitVerdict = ({ detail }: GatewayError, { text }: VendorError): Verdict => {
  const retryText = detail.retryAfter === undefined ? '' : `, again in ${Math.ceil(detail.retryAfter)} s`
  return verdict('rate_limited', `rate limited by the vendor (HTTP 429${retryText})`, text)
}

const refusalVerdict = ({ status, text }: VendorError): Verdict => {
  if (balancePattern.test(text)) return verdict('no_balance', `no balance left (HTTP ${status})`, text)
  if (missingModelPattern.test(text)) return verdict('no_such_model', `no such model (HTTP ${status})`, text)
  if (status === 405 || (status === 404 && text === ''))
    return verdict('wrong_address', `nothing answers at this address (HTTP ${status}): check server_url`)
  if (status === 404) return verdict('no_such_model', 'no such model, or no such address (HTTP 404)', text)
  return verdict('refused', `refused (HTTP ${status})`, text)
}

const failureVerdict = (error: GatewayError, vendorError: VendorError, endpoint: VendorEndpoint): Verdict => {
  const { message } = error
  const code = /could not be reached \((\w+)\)$/.exec(message)?.[1]
  if (message.includes('proxy')) return verdict('proxy', message)
  if (code !== undefined) return connectVerdict(code, endpoint)
  if (/redirects|answered with (HTML|text|nothing)/.test(message))
    return verdict('wrong_address', `no API at this address: ${message}`)
  if (vendorError.status >= 500 && error.detail.status !== undefined) {
    const htmlNote = vendorError.text === '' && message.includes('HTML') ? ', with a page of HTML' : ''
    return verdict('vendor_failed', `the vendor failed (HTTP ${vendorError.status}${htmlNote})`, vendorError.text)
  }
  return verdict('vendor_failed', message)
}

const connectVerdict = (code: string, { host, isProxied }: VendorEndpoint): Verdict => {
  if (code === 'ERR_PROXY_TUNNEL') return verdict('proxy', `the proxy did not open a way to ${host}`)
  if (/CERT|SIGN|SSL|TLS|EPROTO/.test(code)) return verdict('tls', tlsExplanation(code, host))
  if (isProxied) return verdict('proxy', `neither the proxy nor ${host} behind it could be reached (${code})`)
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return verdict('unknown_host', `unreachable: no address is known for the name of ${host} (DNS, ${code})`)
  if (code === 'ECONNREFUSED') return verdict('unreachable', `unreachable: nothing listens at ${host} (${code})`)
  return verdict('unreachable', `unreachable: ${host} (${code})`)
}

const tlsExplanation = (code: string, host: string): string =>
  code === 'EPROTO'
    ? `TLS: the handshake with ${host} failed; does it speak https?`
    : `TLS: the certificate of ${host} is not trusted (${code})`
