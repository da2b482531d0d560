/**
 * Finds out why a vendor failed. The vendor's code and words count before the status, because many vendors send a
 * status that says something else. Sources: the error pages of the vendors, public reports, recorded answers.
 */
import type { Failure, FailureReason } from '../../../base/failure-reasons.ts'
import { failureOfCode } from './codes.ts'
import { limitPeriods, limitWords, phrases } from './phrases.ts'
import { withoutQuotations } from './unquoted.ts'

/** What a vendor's answer says. */
export type FailureReport = {
  /** The HTTP status, or the one that an error inside a 200 names; 200 if it names none. */
  status: number
  /** All codes and types of the body, most specific first: `['insufficient_quota', 'invalid_request_error']`. */
  codes: readonly string[]
  /** The vendor's words: its message, or plain text. Empty if there are none. */
  words: string
  /** The vendor's own codes: `{ '1302': 'minute' }`. */
  vendorCodes?: Readonly<Record<string, FailureReason | Failure>> | undefined
  /** The parameter that the error is about. */
  param?: string | undefined
}

/** Classifies a failure. Never throws; a failure that says nothing is classified by its status. */
export const classifyFailure = (report: FailureReport): Failure => {
  const words = withoutQuotations(report.words)
  const found = ownCode(report) ?? fromCodesAndWords(report, words) ?? byStatus(report.status)
  return withDetails(correctByStatus(found, report), report, words)
}

/** The vendor's own codes come first: nobody else knows what 1302 means. */
const ownCode = ({ codes, vendorCodes }: FailureReport): Failure | undefined => {
  for (const code of vendorCodes ? codes : []) {
    const known = vendorCodes![code] ?? vendorCodes![code.split('.', 1)[0]!]
    if (known !== undefined) return typeof known === 'string' ? { reason: known } : known
  }
  return undefined
}

const fromCodesAndWords = ({ status, codes, param }: FailureReport, words: string): Failure | undefined => {
  const meanings = codes.map(failureOfCode).filter(meaning => meaning !== undefined)
  const named = meanings.find(meaning => meaning !== 'limit')
  if (named) return named.reason === 'balance' ? (quotaOf(words) ?? named) : named
  if (status === 402) return quotaOf(words)
  const isLimit = meanings.includes('limit')
  return (
    byWords(words, status, isLimit) ??
    (isLimit ? { reason: 'minute' } : undefined) ??
    unknownParam(words, status, param)
  )
}

const byWords = (words: string, status: number, isLimit: boolean): Failure | undefined => {
  const match = phrases.find(({ pattern }) => pattern.test(words))
  const meansLimit = isLimit || status === 429 || (mayBeLimit(status) && limitWords.test(words))
  // A 429 with "please check your plan and billing details" is a limit whose period the words name.
  const limit = meansLimit ? (limitOf(words) ?? { reason: 'minute' as const }) : undefined
  if (!match || (limit && isAboutLimit(match.reason, limit))) return limit
  return { reason: match.reason, ...match.details }
}

/** "Please reduce the prompt length" stands in limits per minute too. */
const isAboutLimit = (matched: FailureReason, limit: Failure): boolean =>
  matched === 'context' ? limit.period !== undefined : !overridesLimit.has(matched)

/** A 5xx that mentions a limit is the vendor's own trouble. */
const mayBeLimit = (status: number): boolean => status < 500 && status !== 401

/** Reasons that a limit status does not hide. "Not available" or "not valid" in a 429 is about the limit. */
const overridesLimit: ReadonlySet<FailureReason> = new Set([
  'balance',
  'day',
  'minute',
  'overload',
  'moderation',
  'region',
])

const limitOf = (words: string): Failure | undefined => {
  const period = limitPeriods.find(({ pattern }) => pattern.test(words))
  return period && { reason: period.reason, ...period.details }
}

/** A quota of a period, where the code says only that the account may not go on. */
const quotaOf = (words: string): Failure | undefined => {
  const limit = limitOf(words)
  return limit?.reason === 'day' ? limit : undefined
}

const refusedParameter =
  /(?:unsupported|unknown|unrecogni[sz]ed|unexpected|unpermitted) (?:request )?(?:parameter|argument|field|property|key|option|value)s?|extra inputs are not permitted|(?:parameter|argument|field|property|option)s?\b.{0,60}(?:(?:is|are) (?:not |un)(?:supported|permitted|allowed|known|recogni[sz]ed)|not (?:supported|permitted|allowed))|(?:is|are) not enabled for this model|参数.{0,12}不支持|不支持.{0,12}参数/is

const unknownParam = (words: string, status: number, param: string | undefined): Failure | undefined => {
  if ((status !== 400 && status !== 422) || !refusedParameter.test(words)) return undefined
  const named =
    param ?? /(?:parameter|argument|field|property|input|option)s?:? ?[`'"]([\w.[\]]{1,60})[`'"]/i.exec(words)?.[1]
  return named === undefined ? { reason: 'parameter' } : { reason: 'parameter', param: named }
}

const statusReasons: Record<number, FailureReason> = {
  400: 'request',
  401: 'key',
  402: 'balance',
  403: 'key',
  404: 'unknown',
  405: 'unknown',
  408: 'broken',
  410: 'model_gone',
  413: 'request',
  422: 'request',
  429: 'minute',
  // Cohere: blocked input or output.
  498: 'moderation',
  503: 'overload',
  529: 'overload',
}

const byStatus = (status: number): Failure => {
  const reason = statusReasons[status] ?? (status >= 400 && status < 500 ? 'request' : 'broken')
  return { reason }
}

/** Some words mean something else under another status. */
const correctByStatus = (failure: Failure, { status }: FailureReport): Failure => {
  const { reason } = failure
  // A 5xx is never the client's mistake: proxies wrap whatever failed behind them.
  if (status >= 500 && (reason === 'request' || reason === 'parameter')) return { reason: 'broken' }
  // A page that is not there says nothing of the key.
  if ((status === 404 || status === 410) && reason === 'key') return byStatus(status)
  // The 404 of a wrong address mentions no model; a 401 is about the key, whatever else it mentions.
  if (status === 401 && reason !== 'day' && reason !== 'balance' && reason !== 'model_gone') return { reason: 'key' }
  return failure
}

const withDetails = (failure: Failure, { status }: FailureReport, words: string): Failure => {
  const details: Failure = { ...failure }
  if (failure.reason === 'context') Object.assign(details, contextOf(words))
  const retryAfter =
    failure.reason === 'minute' || failure.reason === 'day' || status >= 429 ? waitInWords(words) : undefined
  if (retryAfter !== undefined) details.retryAfter ??= retryAfter
  return details
}

/** Figures of three digits and more; the numbers are the groups that hold the two sizes, 0 for none. */
const contextPatterns: readonly { pattern: RegExp; tokens: number; limit: number }[] = [
  // "maximum context length is 200000 tokens. However, you requested about 2500021 tokens"
  {
    pattern: /max(?:imum)?[^.]{0,40}?(?:is|of|:) (\d[\d,_]{2,11}).{0,60}?(\d[\d,_]{2,11}) ?(?:input )?tokens/is,
    tokens: 2,
    limit: 1,
  },
  // "prompt is too long: 210000 tokens > 200000 maximum", "request (2009 tokens) exceeds the … size (512 tokens)"
  { pattern: /(\d[\d,_]{2,11}) ?(?:input )?tokens?\)?\D{0,80}?(\d[\d,_]{2,11})/i, tokens: 1, limit: 2 },
  // "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576)."
  { pattern: /token count\D{0,12}(\d[\d,_]{2,11})\D{0,80}(\d[\d,_]{2,11})/i, tokens: 1, limit: 2 },
  // "Range of input length should be [1, 30720]"
  { pattern: /range of input length[^\]]{0,40}, ?(\d[\d,_]{2,11})\]/i, tokens: 0, limit: 1 },
  { pattern: /(?:maximum|max|limit|exceed\w*)\D{0,60}(\d[\d,_]{2,11})/i, tokens: 0, limit: 1 },
]

/** The tokens of the request and the most the model takes, as far as the words say. */
const contextOf = (words: string): Pick<Failure, 'contextTokens' | 'contextLimit'> => {
  for (const { pattern, tokens, limit } of contextPatterns) {
    const match = pattern.exec(words)
    if (!match) continue
    const [requested, maximum] = [figure(match[tokens]), figure(match[limit])]
    if (tokens === 0 || requested === undefined) return { ...(maximum !== undefined && { contextLimit: maximum }) }
    if (maximum !== undefined && requested > maximum) return { contextTokens: requested, contextLimit: maximum }
  }
  return {}
}

const figure = (text: string | undefined): number | undefined => {
  const value = Number(text?.replace(/[,_]/g, ''))
  return Number.isSafeInteger(value) && value > 0 ? value : undefined
}

/** "try again in 7m12.5s", "retry in 35.2s", "retry after 20 seconds", "请在 30 秒后重试". Seconds. */
const waitInWords = (words: string): number | undefined => {
  const span =
    /(?:again|retry|wait|reset\w*|expires?)(?: \w+){0,2}? (?:in|after|for) ((?:\d+(?:\.\d+)? ?(?:hours?|h|minutes?|mins?|m|seconds?|secs?|s|ms|milliseconds?)\b[ ,]*(?:and )?|\d+[hm](?=\d))+)/i.exec(
      words,
    )
  if (span) return secondsOf(span[1]!)
  const chinese = /(\d+) ?(秒|分钟|小时)(?:后|之后|以后)/.exec(words)
  return chinese ? Number(chinese[1]) * chineseUnits[chinese[2]!]! : undefined
}

const chineseUnits: Record<string, number> = { 秒: 1, 分钟: 60, 小时: 3600 }

const units: readonly (readonly [RegExp, number])[] = [
  [/^(?:ms|milli)/i, 0.001],
  [/^h/i, 3600],
  [/^m/i, 60],
  [/^s/i, 1],
]

const secondsOf = (span: string): number => {
  let seconds = 0
  for (const [, value, unit] of span.matchAll(/(\d+(?:\.\d+)?) ?([a-z]+)/gi))
    seconds += Number(value) * (units.find(([pattern]) => pattern.test(unit!))?.[1] ?? 0)
  return seconds
}
