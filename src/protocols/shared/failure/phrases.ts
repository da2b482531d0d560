/**
 * Phrases by which vendors name the reason of a failure, in English and Chinese, from their documentation and from
 * recorded answers. The first row that matches decides, so that the narrower phrase stands before the wider one:
 * "tokens per minute" before "too many tokens", "free-models-per-day" before "rate limit".
 */
import type { Ability, Failure, FailureReason, LimitPeriod } from '../../../base/failure-reasons.ts'

type Phrase = { reason: FailureReason; pattern: RegExp; details?: Omit<Failure, 'reason'> }

const phrase = (reason: FailureReason, pattern: RegExp, details?: Omit<Failure, 'reason'>): Phrase =>
  details ? { reason, pattern, details } : { reason, pattern }

const limit = (period: LimitPeriod, pattern: RegExp): Phrase =>
  phrase(period === 'second' || period === 'minute' || period === 'hour' ? 'minute' : 'day', pattern, { period })

const lacks = (ability: Ability, pattern: RegExp): Phrase => phrase('ability', pattern, { ability })

/** Which of several periods a limit means. Only read where something says that it is a limit. */
export const limitPeriods: readonly Phrase[] = [
  limit('month', /per[- _]?month|\/ ?month|monthly|\bRPMonth\b|本月|每月|月度|当月/i),
  limit('week', /per[- _]?week|weekly|本周|每周/i),
  limit(
    'day',
    /per[- _]?day|\/ ?day|\bdaily\b|\bRPD\b|\bTPD\b|24[- ]?hours?\b|今日|当日|当天|每日|每天|本日|日限|天级/i,
  ),
  limit('minute', /per[- _]?min|\/ ?min|\bRPM\b|\bTPM\b|\bQPM\b|每分钟|分钟内/i),
  limit('second', /per[- _]?sec|\/ ?s(ec)?\b|\bQPS\b|\bRPS\b|每秒|burst/i),
  limit('hour', /per[- _]?hour|\/ ?h(our)?\b|hourly|\bRPH\b|每小时|小时内/i),
]

/** Something was used up or came too fast. Which of the two, the period decides. */
export const limitWords =
  /rate[- _]?limit|too many (?:\w+ )?requests|throttl|quota|allocation|allowance|\bfree[- ]models?[- ]per|limit(?:s)? (?:reached|exceeded|has been)|usage limit|limited to \d|(?:reached|exceed(?:ed|s)?) (?:\w+ ){0,5}limit|slow ?down|requests? (?:rate|per)|tokens? per|\b[RTQ]P[SMHD]\b|concurren|频率|限流|速率|并发|频繁|使用上限|超限|限额|额度|配额|流控/i

/** The quota will not come back by itself. */
const neverRenewed =
  /free tier of (?:the|this) model has been exhausted|free ?tier ?only|free (?:trial|quota|package) (?:\w+ ){0,3}(?:used up|exhausted|expired)|limit: 0\b|免费额度.{0,8}(?:用完|用尽|耗尽)|(?:试用|赠送).{0,8}(?:用完|用尽|耗尽|到期)/i

export const phrases: readonly Phrase[] = [
  phrase('day', neverRenewed, { period: 'ever' }),
  phrase(
    'moderation',
    /content[- _]?(?:management )?(?:policy|filter)|data[- _]?inspection|inappropriate content|(?:prompt|input|request|content|output|response) (?:was|is|has been) (?:blocked|flagged|rejected by (?:the )?safety)|flagged (?:for|by|as)|safety (?:system|filter|policy|reasons)|violat\w+ (?:\w+ ){0,4}(?:usage|content|safety|terms|polic|guideline)|prohibited[- _]content|sensitive (?:content|word|information)|敏感|违规|不当内容|不合规|内容安全|安全审核|审核不通过|涉政|涉黄/i,
  ),
  phrase(
    'region',
    /location is not supported|country,? region,? or territory|unsupported[_ ]country|(?:not|n't) (?:available|supported|allowed) in your (?:country|region|location)|your (?:country|region) is(?: not|n't)|restricted (?:region|country|territor)|地区.{0,10}(?:不支持|限制|不可用)|(?:所在|当前)(?:国家|地区)/i,
  ),
  phrase(
    'minute',
    /(?:request|prompt|input) too large for model .{0,160}per (?:minute|min)\b|too large .{0,120}\bTPM\b/is,
    { period: 'minute', onlyThisRequest: true },
  ),
  ...overflow(),
  phrase(
    'key',
    /(?:invalid|incorrect|wrong|missing|expired|revoked|bad|unknown|malformed|no) (?:x-)?(?:api|access|auth\w*|subscription|security|bearer|secret)[- _]?(?:key|token|credential)s?\b|(?:invalid|incorrect|expired|revoked) (?:token|credential)s?(?! (?:in|at|of|for)\b|.{0,3}\d)|api[- _]?key\W.{0,40}(?:not (?:valid|found|exist)|invalid|incorrect|expired|disabled|revoked)|(?:access |auth\w* |bearer |security )(?:token|credential|key)s? (?:\w+ ){0,3}(?:expired|invalid|revoked|disabled|not valid)|(?:token|signature|credential)s? (?:has |have |is |are )(?:expired|revoked)|signature (?:expired|(?:does|do) not match)|authenticat\w+ (?:fail|error|required|token)|didn't provide an api key|no (?:cookie )?auth\w*|unauthori[sz]ed|身份验证|鉴权失败|认证失败|验签失败|令牌.{0,8}(?:无效|过期|错误|不存在|失效)|(?:api ?key|密钥|秘钥|apikey).{0,10}(?:无效|错误|过期|不存在|失效|不正确|禁用)|无效的?(?:令牌|密钥|秘钥|api ?key)|bind your alibaba/i,
  ),
  phrase(
    'balance',
    /insufficient[- _](?:account[- _])?(?:balance|credit|fund)|(?:balance|credits?|funds?) (?:is |are |was )?(?:too low|insufficient|exhausted|depleted|not enough|used up)|not enough (?:credit|balance|fund)|out of (?:credit|fund)|no (?:remaining )?credits?\b|payment (?:method )?(?:is )?required|arrear|overdue|billing[- _](?:hard[- _])?limit|budget (?:is |has been )?(?:exhausted|exceeded)|account .{0,60}suspended|good standing|negative balance|欠费|余额不足|余额已|账户.{0,6}(?:停用|冻结)|无可用资源包|资源包.{0,6}(?:用完|用尽|耗尽|不足)/i,
  ),
  phrase(
    'overload',
    /overload|over[- ]?capacity|at (?:full |max(?:imum)? )?capacity|capacity (?:\w+ )?(?:exceeded|limit|reached|constraint)|no capacity|(?:server|service|model|engine|system) (?:is )?(?:too |currently |temporarily |very )*(?:busy|unavailable|loading|down)|(?:is )?(?:currently |still )loading|high (?:demand|traffic|load)|degraded function|no (?:available|healthy) (?:server|instance|channel|worker|upstream|backend|node)|temporarily (?:unavailable|rate-limited upstream)|model is getting throttled|访问量过大|负载|过载|繁忙|拥挤|服务忙|无可用渠道/i,
  ),
  lacks('tools', /no endpoints found that support (?:tool|function)/i),
  lacks('images', /no endpoints found that support image/i),
  phrase('ability', /no endpoints found that support/i),
  ...missingAbilities(),
  ...missingModel(),
]

function overflow(): readonly Phrase[] {
  return [
    phrase(
      'context',
      /context[- _]?(?:length|window|size|limit)|(?:maximum|max) (?:model |input |prompt |context |allowed )*(?:length|tokens?|context)(?: of| is| was|:| \(| limit| exceeded)(?!.{0,30}(?:completion|output))|(?:prompt|input|messages?|request|conversation|context|text|query)(?: \(?\w+\)?){0,3} (?:is|are|was) too (?:long|large)|(?:prompt|input|context|query|messages?) too (?:long|large)|too many (?:input |prompt |total )?tokens(?! per)|exceed\w* (?:the |its |our |max |maximum |available |allowed |model'?s? |input |token |prompt )*(?:context|input length|token limit|number of tokens|token count)|range of input length|input token count|(?:reduce|shorten) (?:the |your )?(?:length|size|prompt|input|messages|context)|too_many_prompt_tokens|string too long|上下文.{0,12}(?:超|过长|限制|长度)|(?:超出|超过|大于).{0,16}(?:上下文|长度限制|最大长度|最大.{0,6}token)|(?:输入|消息|文本|提示词|prompt|tokens?).{0,10}(?:过长|太长|超长|超限)/is,
    ),
  ]
}

function missingAbilities(): readonly Phrase[] {
  const refuses = "(?:(?:does|do|is|are)(?: not|n['o]t)|not|cannot|can't|without|never|unsupported)"
  const supported = '(?:support\\w*|enabled|available|allowed|accept\\w*|capable|compatible)'
  const about = (words: string) =>
    new RegExp(
      `${refuses} (?:\\w+ ){0,3}${supported}(?: \\w+){0,4}[ \`"']+(?:${words})|(?:${words})[\`"']?s? (?:\\w+ ){0,3}${refuses} (?:\\w+ ){0,2}${supported}|(?:${words})[\`"']? (?:\\w+ ){0,3}only (?:supported|available)`,
      'i',
    )
  const chinese = (words: string) =>
    new RegExp(`不支持.{0,10}(?:${words})|(?:${words}).{0,8}(?:不支持|不可用|未开通)`, 'i')
  const tools = 'tools?|tool[- _]?(?:use|calls?|calling|choice)|functions?|function[- _]?call(?:s|ing)?'
  const images = 'images?|image[- _](?:url|input|content)s?|vision|multi-?modal(?: input| messages?)?|picture'
  const schema = 'response_format|json[- _]?(?:schema|mode|object|output)|structured[- _]outputs?'
  return [
    lacks('tools', about(tools)),
    lacks('images', about(images)),
    lacks('images', /not a (?:vision|multi-?modal) model/i),
    lacks('audio', about('audio(?: input)?|input_audio')),
    lacks('schema', about(schema)),
    lacks(
      'prefill',
      /assistant message prefill|must end with a user message|prefill\w* (?:is|are) not|last message .{0,30}must be .{0,12}user/i,
    ),
    lacks('reasoning', about('thinking|reasoning(?:[- _]effort)?')),
    lacks('stream', about('streaming')),
    lacks('system', about('system (?:prompts?|messages?|instructions?|role)|developer instructions?')),
    lacks('tools', chinese('工具|函数|function|tools?')),
    lacks('images', chinese('图片|图像|视觉|多模态')),
    lacks('schema', chinese('结构化输出|json')),
  ]
}

function missingModel(): readonly Phrase[] {
  return [
    phrase(
      'model_gone',
      /^model: \S+$|(?:model|deployment|function|endpoint)s?\b.{0,120}(?:(?:does|do|did) ?n[o']t exist|not (?:be )?(?:found|exist|valid|available|accessible|open)|no longer (?:available|supported|accessible|exist|offered)|decommission|deprecated|retired|discontinued|been (?:removed|shut ?down|sunset)|end of (?:its )?life|is not a valid|unavailable|is not supported|requires a subscription)|(?:no such|unknown|invalid|unsupported|nonexistent|non-existent|unrecognized) model|(?:not a valid model|not found for (?:api version|account))|no endpoints (?:found|available)|not allowed to (?:sample from|use|access) (?:this|the) model|does not have access to (?:the )?model|模型.{0,16}(?:不存在|已下线|下线|未找到|停用|未开通|无权限|没有权限)|(?:不存在|无效|未知)的?模型|没有.{0,8}模型.{0,4}权限/is,
    ),
  ]
}
