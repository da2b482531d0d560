/**
 * The words of vendors whose limits or free quota are used up, in the structure of the real ones: OpenAI, Groq, Gemini,
 * OpenRouter, Cohere, NVIDIA, Hugging Face, Cloudflare and the Chinese vendors.
 */
import { geminiError, openaiError } from './error-bodies.ts'
import { type Choices, errorInEitherForm, errorReply, type ReplyScript } from './reply.ts'
import type { Refusal } from './vendor.ts'

const wholeSeconds = (seconds: number): string => String(Math.max(1, Math.ceil(seconds)))
const httpDate = (seconds: number): string => new Date(Date.now() + Math.ceil(seconds) * 1000).toUTCString()

/** The limit of a minute, with a Retry-After in seconds. */
export const overWithRetryAfter: Choices<Refusal> = [
  ({ seconds, limit, model }) =>
    errorReply(
      'over its limit',
      429,
      openaiError(
        `Rate limit reached for ${model} on requests per min (RPM): Limit ${limit}, Used ${limit}, Requested 1. Please try again in ${seconds.toFixed(1)}s.`,
        'requests',
        'rate_limit_exceeded',
      ),
      { 'retry-after': wholeSeconds(seconds) },
    ),
  ({ seconds }) =>
    errorReply(
      'over its limit',
      429,
      { message: 'Too many calls with this key, slow down', request_id: 'a81c' },
      { 'retry-after': wholeSeconds(seconds) },
    ),
  ({ seconds }) => errorReply('over its limit', 429, 'Too Many Requests', { 'retry-after': wholeSeconds(seconds) }),
]

/** The limit of a minute, with the time in other spellings. */
export const overWithDate: Refusal = ({ seconds }) =>
  errorReply('over its limit', 429, openaiError('You are sending requests too fast.', 'rate_limit', null), {
    'retry-after': httpDate(seconds),
  })
export const overWithMilliseconds: Refusal = ({ seconds }) =>
  errorReply('over its limit', 429, openaiError('Request limit of this deployment exceeded.', 'throttled', '429'), {
    'retry-after-ms': String(Math.ceil(seconds * 1000)),
  })
export const overWithFraction: Refusal = ({ seconds }) =>
  errorReply('over its limit', 429, { detail: 'Rate limited.' }, { 'retry-after': (seconds + 0.05).toFixed(3) })
export const overGemini: Refusal = ({ seconds, limit, model }) =>
  errorReply(
    'over its limit',
    429,
    geminiError(
      429,
      'RESOURCE_EXHAUSTED',
      `You ran over your present quota. Quota exceeded for metric: generate_content_free_tier_requests, limit: ${limit}, model: ${model}. Please retry in ${seconds.toFixed(3)}s.`,
      [
        {
          '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
          violations: [{ quotaId: 'GenerateRequestsPerMinutePerProjectPerModel-FreeTier', quotaValue: String(limit) }],
        },
        { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${wholeSeconds(seconds)}s` },
      ],
    ),
  )
/** Groq's words, without the header. */
export const overInWords: Refusal = ({ seconds, limit, model }) =>
  errorReply(
    'over its limit',
    429,
    openaiError(
      `Rate limit reached for model \`${model}\` in organization \`org_01x\` service tier \`on_demand\` on requests per minute (RPM): Limit ${limit}, Used ${limit}, Requested 1. Please try again in ${seconds.toFixed(2)}s.`,
      'requests',
      'rate_limit_exceeded',
    ),
  )
/** The tokens of a minute, with status 413. */
export const overTokens413: Refusal = ({ seconds, model }) =>
  errorReply(
    'over its tokens a minute (413)',
    413,
    openaiError(
      `Request too large for model \`${model}\` in organization \`org_01x\` on tokens per minute (TPM): Limit 6000, Requested 6410, please try again in ${seconds.toFixed(1)}s.`,
      'tokens',
      'rate_limit_exceeded',
    ),
  )
export const overSiliconflow: Refusal = () =>
  errorReply('over its limit', 429, {
    code: 50603,
    message: 'The request was turned down by rate limiting. Details: RPM limit reached.',
    data: null,
  })
export const overNvidia: Refusal = () => errorReply('over its limit', 429, { status: 429, title: 'Too Many Requests' })
/** Qianfan's and Spark's ways: the status is 200. */
export const overInside200: Refusal = () => errorInEitherForm('over its limit (200)', qianfanLimit)
const qianfanLimit = { error_code: 336501, error_msg: 'Rate limit reached for RPM', id: 'as-7f' }

/** Too many at once, without a Retry-After. */
export const overAtOnce: Choices<Refusal> = [
  () =>
    errorReply('too many at once', 429, {
      error: { code: '1302', message: '您的账户已达到速率限制,请您控制请求频率' },
    }),
  () =>
    errorReply('too many at once', 429, { error: { code: '1302', message: '您当前使用该API的并发数过高,请降低并发' } }),
  ({ limit }) =>
    errorReply(
      'too many at once',
      429,
      openaiError(
        `Your account org-9c hit the max organization concurrency: ${limit}, please try again after 1 seconds`,
        'rate_limit_reached_error',
        null,
      ),
    ),
]

/** The day's requests are used up. */
export const dayUsedUp: Choices<Refusal> = [
  () =>
    errorReply(
      'used up',
      429,
      openaiError(
        'You have gone over your current quota. Check your plan and billing details.',
        'insufficient_quota',
        'insufficient_quota',
      ),
    ),
  () =>
    errorReply(
      'used up',
      429,
      openaiError('Daily free quota exhausted for this account.', 'insufficient_quota', 'insufficient_quota'),
    ),
]
export const dayUsedUpOpenRouter: Refusal = ({ limit }) =>
  errorReply('used up', 429, {
    error: {
      code: 429,
      message: 'Rate limit exceeded: free-models-per-day. Add credits to unlock more free model requests per day',
      metadata: { headers: { 'X-RateLimit-Limit': String(limit), 'X-RateLimit-Remaining': '0' } },
    },
  })
export const dayUsedUpGemini: Refusal = ({ limit }) =>
  errorReply(
    'used up',
    429,
    geminiError(429, 'RESOURCE_EXHAUSTED', 'You ran over your present quota, check your plan and billing details.', [
      {
        '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
        violations: [{ quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier', quotaValue: String(limit) }],
      },
      { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '3s' },
    ]),
  )
export const dayUsedUpCloudflare: Refusal = () =>
  errorReply('used up', 429, {
    success: false,
    result: null,
    messages: [],
    errors: [{ code: 4006, message: 'you have used up your daily free allocation of 10,000 neurons, please upgrade' }],
  })
export const freeTierUsedUp403: Refusal = () =>
  errorReply('used up (403)', 403, {
    error: {
      code: 'AllocationQuota.FreeTierOnly',
      type: 'AllocationQuota.FreeTierOnly',
      param: null,
      message:
        'The free tier of the model has been exhausted. To go on at cost, switch off the "use free tier only" mode.',
    },
    request_id: '5b0e',
  })
export const freeTierUsedUp400: Refusal = () =>
  errorReply('used up (400)', 400, {
    code: 'FreeTierExhausted',
    message: '您的免费额度已用完,请前往控制台开通后付费服务',
    request_id: '9d2c',
  })
export const monthUsedUp402: Refusal = () =>
  errorReply('used up (402)', 402, {
    error: 'You have exceeded your monthly included credits for Inference Providers.',
  })
export const monthUsedUpCohere: Refusal = ({ limit }) =>
  errorReply('used up', 429, {
    id: '31',
    message: `You are using a Trial key, which is limited to ${limit} API calls / month. Contact sales for more.`,
  })
export const balanceUsedUp: Refusal = () =>
  errorReply('used up', 429, { error: { code: '1113', message: '余额不足或无可用资源包,请充值。' } })

/** Everything is refused: with the time of the end, and with a dead account. */
export const refuseFor =
  (seconds: number): ReplyScript =>
  (request, random) =>
    errorReply('refuses everything', 429, openaiError('Rate limit reached.', 'requests', 'rate_limit_exceeded'), {
      'retry-after': String(seconds),
    })(request, random)

/** Groq's headers of the limit a minute. */
export const groqHeaders = ({ limit, left, seconds }: { limit: number; left: number; seconds: number }) => ({
  'x-ratelimit-limit-requests': String(limit),
  'x-ratelimit-remaining-requests': String(Math.max(0, left)),
  'x-ratelimit-reset-requests': `${seconds.toFixed(2)}s`,
})
