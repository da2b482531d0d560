/**
 * Error codes and types that mean the same at every vendor that uses them. Codes that only one vendor uses, above all
 * numbers, stand in that vendor's file (`failureCodes`). Compared without case, `_`, `-`, `.` and spaces.
 */
import type { Failure, FailureReason } from '../../../base/failure-reasons.ts'

const code = (reason: FailureReason, details: Omit<Failure, 'reason'> = {}): Failure => ({ reason, ...details })

const table: Record<string, Failure> = {
  // OpenAI: https://platform.openai.com/docs/guides/error-codes
  invalid_api_key: code('key'),
  incorrect_api_key: code('key'),
  account_deactivated: code('key'),
  insufficient_quota: code('balance'),
  billing_hard_limit_reached: code('balance'),
  billing_not_active: code('balance'),
  context_length_exceeded: code('context'),
  string_above_max_length: code('context'),
  content_filter: code('moderation'),
  content_policy_violation: code('moderation'),
  responsibleaipolicyviolation: code('moderation'),
  moderation_blocked: code('moderation'),
  invalid_prompt: code('moderation'),
  model_not_found: code('model_gone'),
  model_decommissioned: code('model_gone'),
  model_unavailable: code('model_gone'),
  unsupported_parameter: code('parameter'),
  unknown_parameter: code('parameter'),
  unsupported_country_region_territory: code('region'),
  server_overloaded: code('overload'),
  slow_down: code('overload'),
  // Anthropic: https://platform.claude.com/docs/en/api/errors
  authentication_error: code('key'),
  billing_error: code('balance'),
  overloaded_error: code('overload'),
  timeout_error: code('broken'),
  // Google: https://cloud.google.com/apis/design/errors
  api_key_invalid: code('key'),
  unauthenticated: code('key'),
  unavailable: code('overload'),
  deadline_exceeded: code('broken'),
  // Azure, Bedrock
  deploymentnotfound: code('model_gone'),
  throttlingexception: code('minute'),
  servicequotaexceededexception: code('day'),
  modelnotreadyexception: code('overload'),
  serviceunavailableexception: code('overload'),
  expiredtokenexception: code('key'),
  unrecognizedclientexception: code('key'),
  invalidsignatureexception: code('key'),
  // Spelt alike by several vendors
  invalidapikey: code('key'),
  invalidaccesskeyid: code('key'),
  signaturedoesnotmatch: code('key'),
  authfailure: code('key'),
  arrearage: code('balance'),
  accountoverdueerror: code('balance'),
  payment_required: code('balance'),
  payment_method_required: code('balance'),
  insufficient_balance: code('balance'),
  daily_limit_exceeded: code('day', { period: 'day' }),
  quotalimitexceed: code('day'),
  freeusagelimiterror: code('day'),
  exceed_token_quota_limit: code('day', { period: 'ever' }),
  datainspectionfailed: code('moderation'),
  sensitivecontentdetected: code('moderation'),
  too_many_prompt_tokens: code('context'),
  too_many_tokens: code('context'),
  exceed_context_size_error: code('context'),
  engine_overloaded_error: code('overload'),
  service_unavailable: code('overload'),
  modelnotexist: code('model_gone'),
  modelnotopen: code('model_gone'),
}

/** Codes that say "a limit" without saying which; the words or the status decide the rest. */
const limitCodes: ReadonlySet<string> = new Set(
  [
    'rate_limit_exceeded',
    'rate_limit_error',
    'rate_limit_reached_error',
    'ratelimitreached',
    'too_many_requests',
    'toomanyrequestsexception',
    'resource_exhausted',
    'throttling',
    'ratelimitexceeded',
  ].map(normalized),
)

function normalized(text: string): string {
  return text.toLowerCase().replace(/[_\-. ]/g, '')
}

const reasons: ReadonlyMap<string, Failure> = new Map(
  Object.entries(table).map(([name, failure]) => [normalized(name), failure]),
)

/** The failure that a code names, and whether it names a limit. Undefined for a code without a meaning of its own. */
export const failureOfCode = (name: string): Failure | 'limit' | undefined => {
  const key = normalized(name)
  // A code may have a suffix: `InvalidEndpointOrModel.NotFound`, `RateLimitExceeded.EndpointRPMExceeded`.
  const family = normalized(name.split(/[.:]/, 1)[0]!)
  return (
    reasons.get(key) ?? reasons.get(family) ?? (limitCodes.has(key) || limitCodes.has(family) ? 'limit' : undefined)
  )
}
