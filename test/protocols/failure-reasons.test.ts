/**
 * Why a vendor failed: documented and recorded failures of many vendors, in English and Chinese, beside the reason that
 * their documentation gives. The status alone would be wrong for more than a quarter of them.
 */
import { describe, expect, test } from 'bun:test'
import type { FailureReason, LimitPeriod } from '../../src/base/failure-reasons.ts'
import { parseError as parseGeminiError } from '../../src/protocols/gemini/error.ts'
import { classifyFailure } from '../../src/protocols/shared/failure/classify.ts'
import { withoutQuotations } from '../../src/protocols/shared/failure/unquoted.ts'
import { parseError } from '../../src/protocols/shared/vendor-error.ts'
import { providers } from '../../src/providers/index.ts'

type Row = [vendor: string, status: number, code: string, words: string, reason: FailureReason, period?: LimitPeriod]

const rows: Row[] = [
  ['gemini', 429, 'RESOURCE_EXHAUSTED', 'quotaId GenerateRequestsPerDayPerProjectPerModel-FreeTier', 'day', 'day'],
  [
    'gemini',
    429,
    'RESOURCE_EXHAUSTED',
    'quotaId GenerateRequestsPerMinutePerProjectPerModel-FreeTier',
    'minute',
    'minute',
  ],
  ['gemini', 429, 'RESOURCE_EXHAUSTED', 'GenerateContentInputTokensPerModelPerMinute-FreeTier', 'minute', 'minute'],
  ['gemini', 429, 'RESOURCE_EXHAUSTED', 'metric: generate_content_free_tier_requests, limit: 0', 'day', 'ever'],
  ['gemini', 400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', 'key'],
  ['gemini', 400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.', 'region'],
  ['gemini', 404, 'NOT_FOUND', 'models/x is not found for API version v1beta, or is not supported', 'model_gone'],
  [
    'gemini',
    400,
    'INVALID_ARGUMENT',
    'The input token count (1250074) exceeds the maximum number (1048576).',
    'context',
  ],
  ['gemini', 400, 'INVALID_ARGUMENT', 'JSON mode is not enabled for models/gemini-2.5-flash-image', 'ability'],
  ['gemini', 503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.', 'overload'],
  [
    'groq',
    429,
    'rate_limit_exceeded',
    'Rate limit reached for model `m` on tokens per minute (TPM): Limit 6000',
    'minute',
    'minute',
  ],
  [
    'groq',
    429,
    'rate_limit_exceeded',
    'Rate limit reached for model `m` on requests per day (RPD): Limit 1000',
    'day',
    'day',
  ],
  [
    'groq',
    429,
    'rate_limit_exceeded',
    'Rate limit reached for model `m` on tokens per day (TPD): Limit 1',
    'day',
    'day',
  ],
  [
    'groq',
    413,
    'rate_limit_exceeded',
    'Request too large for model `m` on tokens per minute (TPM): Limit 6000',
    'minute',
    'minute',
  ],
  ['groq', 404, 'model_not_found', 'The model `x` does not exist or you do not have access to it.', 'model_gone'],
  ['groq', 400, 'model_decommissioned', 'The model `x` has been decommissioned', 'model_gone'],
  ['groq', 400, 'tool_use_failed', 'Failed to call a function. Please adjust your prompt.', 'broken'],
  ['groq', 400, '', '`tool calling` is not supported with this model', 'ability'],
  ['groq', 400, '', "property 'logit_bias' is unsupported", 'parameter'],
  ['openrouter', 429, '429', 'Rate limit exceeded: free-models-per-day. Add 10 credits', 'day', 'day'],
  ['openrouter', 429, '429', 'Rate limit exceeded: free-models-per-min. ', 'minute', 'minute'],
  ['openrouter', 429, '429', 'm:free is temporarily rate-limited upstream. Please retry shortly', 'overload'],
  ['openrouter', 402, '402', 'Insufficient credits. Add more using https://openrouter.ai/credits', 'balance'],
  ['openrouter', 404, '404', 'No endpoints found matching your data policy', 'model_gone'],
  ['openrouter', 404, '404', 'No endpoints found that support tool use.', 'ability'],
  ['openrouter', 404, '404', 'No endpoints found that support image input', 'ability'],
  ['openrouter', 400, '400', 'x/y is not a valid model ID', 'model_gone'],
  ['nvidia', 429, '', 'Too Many Requests', 'minute'],
  ['nvidia', 400, '', 'DEGRADED function cannot be invoked', 'overload'],
  ['nvidia', 404, '', "Function '1b7e': Not found for account 'abc'", 'model_gone'],
  ['nvidia', 410, '', '', 'model_gone'],
  ['nvidia', 403, '', 'Authorization failed', 'key'],
  ['cloudflare', 429, '4006', 'you have used up your daily free allocation of 10,000 neurons', 'day', 'day'],
  ['cloudflare', 429, '3040', 'Capacity temporarily exceeded, please try again.', 'overload'],
  ['mistral', 429, '1300', 'Rate limit exceeded', 'minute'],
  ['mistral', 400, '3051', 'Logprobs are not enabled for this model', 'parameter'],
  ['mistral', 400, '1500', 'Invalid model: no-such', 'model_gone'],
  ['cohere', 429, '', 'You are using a Trial key, which is limited to 1000 API calls / month.', 'day', 'month'],
  ['cohere', 429, '', 'You are using a Trial key, which is limited to 20 API calls / minute.', 'minute', 'minute'],
  ['cohere', 402, '', 'billing limit reached', 'balance'],
  ['cohere', 498, '', '', 'moderation'],
  ['cohere', 400, 'TOO_MANY_TOKENS', 'too many tokens: size limit exceeded by 25836 tokens.', 'context'],
  ['huggingface', 402, '', 'You have exceeded your monthly included credits for Inference Providers.', 'day', 'month'],
  ['openai', 402, 'PAYMENT_REQUIRED', 'API key budget exhausted', 'balance'],
  ['openai', 400, 'model_unavailable', 'that model left the list', 'model_gone'],
  ['ollama', 403, '', 'this model requires a subscription, upgrade for access', 'model_gone'],
  ['sambanova', 402, 'PAYMENT_METHOD_REQUIRED', 'A payment method is required', 'balance'],
  ['cerebras', 402, 'PaymentRequired', '', 'balance'],
  ['openai', 410, 'github_models_retirement_brownout', '', 'model_gone'],
  ['openai', 429, 'FreeUsageLimitError', 'Rate limit exceeded. Please try again later.', 'day'],
  ['zhipu', 429, '1302', '您的账户已达到速率限制，请您控制请求频率', 'minute'],
  ['zhipu', 429, '1305', '该模型当前访问量过大，请您稍后再试', 'overload'],
  ['zhipu', 429, '1304', '', 'day', 'day'],
  ['zhipu', 429, '1308', '已达到 5 小时的使用上限。您的限额将在 2026-01-01 12:00:00 重置。', 'day'],
  ['zhipu', 429, '1113', '余额不足或无可用资源包,请充值。', 'balance'],
  ['zhipu', 400, '1211', '模型不存在，请检查模型代码。', 'model_gone'],
  ['zhipu', 400, '1301', '系统检测到输入或生成内容可能包含不安全或敏感内容', 'moderation'],
  ['zai', 429, '1302', 'Rate limit reached for requests', 'minute'],
  [
    'siliconflow',
    429,
    '',
    'Request was rejected due to rate limiting. Details: TPM limit reached.',
    'minute',
    'minute',
  ],
  ['siliconflow', 403, '30001', 'Sorry, your account balance is insufficient', 'balance'],
  ['siliconflow', 400, '20012', 'Model does not exist. Please check it carefully.', 'model_gone'],
  ['siliconflow', 503, '50505', 'Model service overloaded. Please try again later.', 'overload'],
  ['modelscope', 429, 'QuotaLimitExceed', 'magicube balance exhausted', 'day', 'day'],
  ['modelscope', 429, '', 'insufficient balance (1008)', 'balance'],
  ['modelscope', 401, '', 'please bind your alibaba cloud account before use', 'key'],
  ['dashscope', 403, 'AllocationQuota.FreeTierOnly', 'The free tier of the model has been exhausted.', 'day', 'ever'],
  [
    'dashscope',
    400,
    'invalid_parameter_error',
    'The free tier of the model has been exhausted. If you wish',
    'day',
    'ever',
  ],
  [
    'dashscope',
    429,
    'Throttling.RateQuota',
    'Requests rate limit exceeded, please try again later.',
    'minute',
    'minute',
  ],
  [
    'dashscope',
    429,
    'Throttling.AllocationQuota',
    'Allocated quota exceeded, please increase your quota limit.',
    'minute',
    'minute',
  ],
  ['dashscope', 429, 'Throttling.BurstRate', 'Request rate increased too quickly.', 'minute', 'second'],
  ['dashscope', 400, 'Arrearage', 'Access denied, please make sure your account is in good standing.', 'balance'],
  ['dashscope', 400, 'data_inspection_failed', 'Input text data may contain inappropriate content.', 'moderation'],
  ['dashscope', 400, '', 'Range of input length should be [1, 30720]', 'context'],
  ['qianfan', 429, 'rpm_rate_limit_exceeded', 'Rate limit reached for RPM', 'minute', 'minute'],
  ['qianfan', 200, '336501', 'Rate limit reached for RPM', 'minute', 'minute'],
  ['qianfan', 200, '17', 'Open api daily request limit reached', 'day', 'day'],
  ['huoshan', 429, 'SetLimitExceeded', 'Your account has reached the set inference limit for the model', 'day', 'ever'],
  [
    'huoshan',
    429,
    'RateLimitExceeded.EndpointRPMExceeded',
    'The Requests Per Minute (RPM) limit has been exceeded',
    'minute',
    'minute',
  ],
  ['huoshan', 403, 'AccountOverdueError', 'your account has an overdue balance.', 'balance'],
  ['huoshan', 404, 'ModelNotOpen', 'Your account has not activated the model', 'model_gone'],
  ['huoshan', 404, 'InvalidEndpointOrModel.NotFound', 'The model or endpoint d does not exist', 'model_gone'],
  ['xinghuo', 200, '11200', 'AppIdNoAuthError', 'model_gone'],
  ['xinghuo', 200, '11201', '', 'day', 'day'],
  ['xinghuo', 200, '11202', '', 'minute', 'second'],
  ['xinghuo', 200, '10907', '', 'context'],
  [
    'moonshot',
    429,
    'exceeded_current_quota_error',
    'Your account org-x is suspended, please check your plan',
    'balance',
  ],
  [
    'moonshot',
    429,
    'rate_limit_reached_error',
    'Your account reached max RPM: 3, please try again after 1 seconds',
    'minute',
    'minute',
  ],
  ['moonshot', 429, 'rate_limit_reached_error', 'request reached TPD rate limit, current:1500000', 'day', 'day'],
  [
    'moonshot',
    429,
    'engine_overloaded_error',
    'The engine is currently overloaded, please try again later',
    'overload',
  ],
  ['openai', 429, 'EXCEED_TOKEN_QUOTA_LIMIT', '', 'day', 'ever'],
  [
    'claude',
    429,
    'rate_limit_error',
    "your organization's rate limit of 50,000 input tokens per minute. Please reduce the prompt length",
    'minute',
    'minute',
  ],
  ['claude', 529, 'overloaded_error', 'Overloaded', 'overload'],
  ['claude', 404, 'not_found_error', 'model: claude-3-sonnet-20240229', 'model_gone'],
  ['claude', 400, 'invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum', 'context'],
  ['claude', 400, 'invalid_request_error', 'Your credit balance is too low to access the Anthropic API.', 'balance'],
  ['claude', 400, 'invalid_request_error', 'This model does not support assistant message prefill.', 'ability'],
  ['azure', 400, 'content_filter', "triggering Azure OpenAI's content management policy", 'moderation'],
  ['azure', 401, '401', 'Access denied due to invalid subscription key or wrong API endpoint.', 'key'],
  ['azure', 404, 'DeploymentNotFound', 'The API deployment for this resource does not exist.', 'model_gone'],
  ['azure', 429, 'RateLimitReached', 'have exceeded rate limit for UserConcurrentRequests', 'minute'],
  ['bedrock', 403, '', 'Signature expired: 20251117T063822Z is now earlier', 'key'],
  ['bedrock', 404, '', 'This model version has reached the end of its life.', 'model_gone'],
  ['bedrock', 503, '', 'Model is getting throttled. Try your request again.', 'overload'],
  ['deepseek', 402, 'invalid_request_error', 'Insufficient Balance', 'balance'],
  ['deepseek', 401, 'authentication_error', 'Authentication Fails, Your api key: ****-key is invalid', 'key'],
  [
    'openai',
    429,
    'insufficient_quota',
    'You exceeded your current quota, please check your plan and billing details.',
    'balance',
  ],
  ['openai', 403, 'unsupported_country_region_territory', 'Country, region, or territory not supported', 'region'],
  ['openai', 403, '', 'You are not allowed to sample from this model', 'model_gone'],
  [
    'openai',
    400,
    'unsupported_parameter',
    "Unsupported parameter: 'max_tokens' is not supported with this model.",
    'parameter',
  ],
  ['openai', 400, 'context_length_exceeded', 'Your input exceeds the context window of this model.', 'context'],
  [
    'openai',
    400,
    'invalid_request_error',
    'max_tokens is too large: 99999. This model supports at most 4096 completion tokens',
    'request',
  ],
  ['openai', 400, '', 'Invalid content type. image_url is only supported by certain models.', 'ability'],
  [
    'xai',
    400,
    'Bad Request',
    'Incorrect API key provided: xa***. You can obtain an API key from https://console.x.ai.',
    'key',
  ],
  ['xai', 404, '', 'The model grok-beta was deprecated and is no longer accessible via the API.', 'model_gone'],
  ['perplexity', 400, 'too_many_prompt_tokens', 'The total length of all messages is too long.', 'context'],
  [
    'vllm',
    400,
    'BadRequestError',
    "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens",
    'context',
  ],
  [
    'openai',
    400,
    '',
    'request (2009 tokens) exceeds the available context size (512 tokens), try increasing it',
    'context',
  ],
  [
    'openai',
    500,
    'server_error',
    'input (4002 tokens) is too large to process. increase the physical batch size',
    'context',
  ],
  ['openai', 501, 'not_supported_error', 'The current model does not support audio input.', 'ability'],
  ['openai', 429, '', '请求过于频繁，请稍后再试', 'minute'],
  ['openai', 429, '', '今日调用次数已达上限', 'day', 'day'],
  ['openai', 400, '', '无效的令牌', 'key'],
  ['openai', 403, '', '账户已欠费', 'balance'],
  ['openai', 400, '', '输入文本过长，超出上下文长度限制', 'context'],
  ['openai', 400, '', '该模型不支持图片输入', 'ability'],
  ['openai', 503, '', '当前分组上游负载已饱和，请稍后再试', 'overload'],
  // The status alone decides where the vendor says nothing.
  ['openai', 401, '', '', 'key'],
  ['openai', 402, '', '', 'balance'],
  ['openai', 403, '', '', 'key'],
  ['openai', 404, '', 'Not Found', 'unknown'],
  ['openai', 405, '', '', 'unknown'],
  ['openai', 408, '', '', 'broken'],
  ['openai', 413, '', '', 'request'],
  ['openai', 422, '', 'field required', 'request'],
  ['openai', 429, '', '', 'minute'],
  ['openai', 500, '', 'Internal Server Error', 'broken'],
  ['openai', 502, '', '<html>Bad gateway</html>', 'broken'],
  ['openai', 503, '', '', 'overload'],
  ['openai', 529, '', '', 'overload'],
  ['openai', 200, '', '', 'broken'],
]

const bodyOf = (code: string, words: string): string =>
  JSON.stringify({ error: { message: words, ...(code !== '' && { code }) } })

const classify = (vendor: string, status: number, text: string) => {
  const exchange = { redact: (value: string) => value, failureCodes: providers.get(vendor)?.failureCodes }
  const parse = vendor === 'gemini' ? parseGeminiError : parseError
  return parse(status, new Headers(), text, exchange).detail.failure!
}

describe('the reason of a documented failure', () => {
  for (const [vendor, status, code, words, reason, period] of rows)
    test(`${vendor} ${status} ${code} "${words}" is ${reason}`, () => {
      const failure = classify(vendor, status, words.startsWith('<') ? words : bodyOf(code, words))
      expect(failure.reason).toBe(reason)
      if (period) expect(failure.period).toBe(period)
    })

  test('every vendor of the table is one the gateway knows', () => {
    expect(rows.map(([vendor]) => vendor).filter(vendor => !providers.has(vendor))).toEqual([])
  })
})

describe('where the reason stands in the body', () => {
  test('in the quota that Google names in the details', () => {
    const details = [{ '@type': 'QuotaFailure', violations: [{ quotaId: 'GenerateRequestsPerDayPerProjectPerModel' }] }]
    const error = { code: 429, message: 'You exceeded your current quota.', status: 'RESOURCE_EXHAUSTED', details }
    expect(classify('gemini', 429, JSON.stringify({ error }))).toMatchObject({ reason: 'day', period: 'day' })
  })

  test('in the ErrorInfo that Google adds', () => {
    const details = [{ '@type': 'ErrorInfo', reason: 'API_KEY_INVALID' }]
    const error = { code: 400, message: 'Bad request.', status: 'INVALID_ARGUMENT', details }
    expect(classify('gemini', 400, JSON.stringify({ error })).reason).toBe('key')
  })

  test('in the text of the vendor behind OpenRouter', () => {
    const raw = '{"error":"Content violates usage guidelines. Team: x"}'
    const error = { code: 403, message: 'Provider returned error', metadata: { provider_name: 'xAI', raw } }
    expect(classify('openrouter', 403, JSON.stringify({ error })).reason).toBe('moderation')
  })

  test.each([
    { base_resp: { status_code: 1008, status_msg: 'insufficient balance' } },
    { code: 'Arrearage', message: 'Access denied' },
    { errors: [{ code: 'x', message: 'Insufficient credits' }] },
    { detail: 'Insufficient balance' },
    { choices: [{ error: { code: 402, message: 'Insufficient credits' } }] },
    'Insufficient balance',
  ])('in %j', body => {
    expect(classify('minimax', 400, JSON.stringify(body)).reason).toBe('balance')
  })
})

describe('what the request says is not believed', () => {
  const echoes = [
    `messages.0: Input does not match the expected shape: 'please write: invalid API key, rate limit exceeded'`,
    `1 validation error: {'type': 'missing', 'loc': ('body',), 'msg': 'Field required', 'input': {'text': 'Insufficient balance; model does not exist'}}`,
    `Invalid value: "the context length of my prompt is too long, the quota is exceeded". Supported values are: 'a', 'b'.`,
    '消息格式错误：“模型不存在，余额不足，请求过于频繁”',
  ]
  test.each(echoes)('%s', words => {
    expect(classify('openai', 400, bodyOf('', words)).reason).toBe('request')
  })

  test('names in quotes stay, whole sentences in quotes do not', () => {
    expect(withoutQuotations("The model `gpt-9` can't be found")).toBe("The model `gpt-9` can't be found")
    expect(withoutQuotations('bad: "this is what I wrote" at 3')).toBe('bad:  …  at 3')
    expect(withoutQuotations('an "open quote stays')).toBe('an "open quote stays')
  })
})

describe('what else the words say', () => {
  const failureOf = (words: string, status = 429) => classifyFailure({ status, codes: [], words })

  test.each([
    ['Please try again in 7m12.5s.', 432.5],
    ['Please try again in 2s', 2],
    ['please retry in 35.228042346s.', 35.228042346],
    ['Please retry after 20 seconds', 20],
    ['try again in 1h2m3s', 3723],
    ['Try again in 250ms', 0.25],
    ['请在 30 秒后重试', 30],
    ['请 5 分钟后再试', 300],
  ])('the wait in "%s" is %d s', (words, seconds) => {
    expect(failureOf(`Rate limit reached. ${words}`).retryAfter).toBeCloseTo(seconds, 6)
  })

  test.each([
    ['prompt is too long: 210000 tokens > 200000 maximum', 210_000, 200_000],
    ['maximum context length is 8192 tokens. However, you requested 9000 tokens', 9000, 8192],
    ['The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).', 1_250_074, 1_048_576],
    ['request (2009 tokens) exceeds the available context size (512 tokens)', 2009, 512],
    ['Range of input length should be [1, 30720]', undefined, 30_720],
    ['The total length of all messages is too long.', undefined, undefined],
  ])('the sizes in "%s"', (words, tokens, limit) => {
    const { contextTokens, contextLimit } = failureOf(words, 400)
    expect([contextTokens, contextLimit]).toEqual([tokens, limit])
  })

  test('a request above the tokens of a minute does not cool the key for smaller ones', () => {
    expect(failureOf('Request too large for model `m` on tokens per minute (TPM): Limit 6000', 413)).toMatchObject({
      reason: 'minute',
      onlyThisRequest: true,
    })
  })

  test.each([
    ['No endpoints found that support tool use', 'tools'],
    ['This model does not support image input', 'images'],
    ['response_format json_schema is not supported', 'schema'],
    ['The current model does not support audio input.', 'audio'],
    ['This model does not support streaming', 'stream'],
  ] as const)('"%s" names the ability: %s', (words, ability) => {
    expect(failureOf(words, 400)).toMatchObject({ reason: 'ability', ability })
  })

  test.each([
    ["Unsupported parameter: 'logit_bias'", 'logit_bias'],
    ['Unknown parameter: `top_k`.', 'top_k'],
  ])('"%s" names the parameter', (words, param) => {
    expect(failureOf(words, 400)).toMatchObject({ reason: 'parameter', param })
  })

  test('a megabyte of quotes is read in a moment', () => {
    const startedAt = performance.now()
    failureOf(`${'"'.repeat(1_000_000)} rate limit`)
    expect(performance.now() - startedAt).toBeLessThan(100)
  })
})
