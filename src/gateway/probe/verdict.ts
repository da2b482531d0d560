/** A failure in plain words: what the operator should look at, and what the vendor said. */
import type { GatewayError } from '../../base/errors.ts'

export type Fault =
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

/** `says`: the vendor's words, where there are any; free of secrets. */
export type Verdict = { fault: Fault; means: string; says?: string }

/** Where the request went: the host of the vendor, and whether through a proxy. */
export type Place = { host: string; proxied: boolean }

const verdict = (fault: Fault, means: string, says?: string): Verdict =>
  says === undefined || says === '' ? { fault, means } : { fault, means, says }

/** Vendors say it with 400, 402, 403 and 429. */
const money =
  /insufficient.{0,12}(balance|quota|fund|credit)|\bbalance\b|arrear|overdue|billing|(current|your).{0,3}quota|out of credits?|欠费|余额|充值/i
const noModel =
  /model.{0,80}(not (exist|found|support|available|valid)|n't exist|unknown|invalid|no longer|不存在)|(unknown|invalid|no such|unsupported).{0,12}model|模型.{0,20}不存在/i

/** Only errors of an attempt come here; what the client's side can do wrong is ours. */
export const verdictOf = (error: GatewayError, place: Place): Verdict => {
  const told = saidIn(error)
  switch (error.code) {
    case 'upstream_credentials':
      return credentialVerdict(told)
    case 'upstream_limited':
      return money.test(told.words) ? verdict('no_balance', 'no balance left', told.words) : limitVerdict(error, told)
    case 'upstream_refused':
      return refusalVerdict(told)
    case 'upstream_timeout':
      return verdict('timeout', `time-out: ${error.message}`)
    case 'upstream_failed':
      return failureVerdict(error, told, place)
    default:
      return verdict('failed', error.message)
  }
}

/** The vendor's status and words; the status is also what a refused key was refused with. */
type Said = { status: number; words: string }

const saidIn = ({ status, message, detail }: GatewayError): Said => {
  const found = /^HTTP (\d{3}): ([\s\S]*)$/.exec(detail.cause ?? '')
  const words = found?.[2] === 'no words' ? '' : (found?.[2] ?? '')
  const isNonsense = found === null && detail.cause !== undefined
  return {
    status: Number(found?.[1] ?? status),
    words: [words, isNonsense ? '' : vendorCode(message, detail.vendorCode)].filter(Boolean).join(' '),
  }
}

/** A code that is a word says more than a sentence sometimes does: `insufficient_quota`. */
const vendorCode = (message: string, code: string | undefined): string =>
  code === undefined || /^\d*$/.test(code) || message.includes(code) ? '' : `(${code})`

const credentialVerdict = ({ status, words }: Said): Verdict => {
  if (status === 402 || money.test(words)) return verdict('no_balance', `no balance left (HTTP ${status})`, words)
  if (status === 403) return verdict('forbidden', 'the key is not allowed to do this (HTTP 403)', words)
  return verdict('wrong_key', `wrong key (HTTP ${status})`, words)
}

const limitVerdict = ({ detail }: GatewayError, { words }: Said): Verdict => {
  const again = detail.retryAfter === undefined ? '' : `, again in ${Math.ceil(detail.retryAfter)} s`
  return verdict('rate_limited', `rate limited by the vendor (HTTP 429${again})`, words)
}

const refusalVerdict = ({ status, words }: Said): Verdict => {
  if (money.test(words)) return verdict('no_balance', `no balance left (HTTP ${status})`, words)
  if (noModel.test(words)) return verdict('no_such_model', `no such model (HTTP ${status})`, words)
  if (status === 405 || (status === 404 && words === ''))
    return verdict('wrong_address', `nothing answers at this address (HTTP ${status}): check server_url`)
  if (status === 404) return verdict('no_such_model', 'no such model, or no such address (HTTP 404)', words)
  return verdict('refused', `refused (HTTP ${status})`, words)
}

const failureVerdict = (error: GatewayError, said: Said, place: Place): Verdict => {
  const { message } = error
  const code = /could not be reached \((\w+)\)$/.exec(message)?.[1]
  if (message.includes('proxy')) return verdict('proxy', message)
  if (code !== undefined) return connectVerdict(code, place)
  if (/redirects|answered with (HTML|text|nothing)/.test(message))
    return verdict('wrong_address', `no API at this address: ${message}`)
  if (said.status >= 500 && error.detail.status !== undefined) {
    const page = said.words === '' && message.includes('HTML') ? ', with a page of HTML' : ''
    return verdict('vendor_failed', `the vendor failed (HTTP ${said.status}${page})`, said.words)
  }
  return verdict('vendor_failed', message)
}

const connectVerdict = (code: string, { host, proxied }: Place): Verdict => {
  if (code === 'ERR_PROXY_TUNNEL') return verdict('proxy', `the proxy did not open a way to ${host}`)
  if (/CERT|SIGN|SSL|TLS|EPROTO/.test(code)) return verdict('tls', tlsWords(code, host))
  if (proxied) return verdict('proxy', `neither the proxy nor ${host} behind it could be reached (${code})`)
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return verdict('unknown_host', `unreachable: no address is known for the name of ${host} (DNS, ${code})`)
  if (code === 'ECONNREFUSED') return verdict('unreachable', `unreachable: nothing listens at ${host} (${code})`)
  return verdict('unreachable', `unreachable: ${host} (${code})`)
}

const tlsWords = (code: string, host: string): string =>
  code === 'EPROTO'
    ? `TLS: the handshake with ${host} failed; does it speak https?`
    : `TLS: the certificate of ${host} is not trusted (${code})`
