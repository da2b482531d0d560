/**
 * Why a vendor did not answer, and what each reason means. A vendor's status alone does not tell: an invalid key comes
 * as a 400, a used-up quota inside a 200, tokens per minute as a 413. The classifier (protocols/shared/failure) finds
 * the reason from the vendor's code and words; everything that reacts to a failure reads it from this one table.
 */

/** What the next attempt may do. */
type RetryRule =
  /** The request itself is at fault: no target would serve it. */
  | 'never'
  /** Another target first; the same one again, after a pause, if there is no other. */
  | 'again'
  /** Another target only: this one cannot serve the request now. */
  | 'elsewhere'
  /** One other target; a second refusal of this kind is final. */
  | 'once'
  /** Only a target that can do more than this one. */
  | 'capable'

/**
 * Who is passed over for a while: nobody, the key for all its models, the key for this model (its quota), the model for
 * all keys, or this target.
 */
type CoolingScope = 'none' | 'credential' | 'quota' | 'model' | 'target'

type ReasonInfo = {
  retry: RetryRule
  cooling: CoolingScope
  /** Whether it counts as a failure of the vendor: a limit, a key or a client's mistake does not. */
  countsForBreaker: boolean
  /** Whether it passes with time, so that the client may be invited to repeat the request. */
  isTemporary: boolean
  description: string
}

const info = (
  retry: RetryRule,
  cooling: CoolingScope,
  flags: { breaker?: boolean; temporary?: boolean },
  description: string,
): ReasonInfo => ({
  retry,
  cooling,
  countsForBreaker: flags.breaker ?? false,
  isTemporary: flags.temporary ?? false,
  description,
})

export const failureReasons = {
  key: info('elsewhere', 'credential', {}, 'the vendor does not accept the key'),
  balance: info('elsewhere', 'quota', {}, 'the account has no credit left'),
  minute: info('elsewhere', 'quota', { temporary: true }, 'a limit per second, minute or hour, or on concurrency'),
  day: info(
    'elsewhere',
    'quota',
    { temporary: true },
    'a quota of a day, a week or a month, or a free tier, is used up',
  ),
  model_gone: info('elsewhere', 'model', {}, 'the model does not exist, was retired, or is not open to the account'),
  region: info('once', 'target', {}, 'the vendor does not serve this country'),
  moderation: info('never', 'none', {}, 'the content was blocked by the vendor'),
  context: info('capable', 'none', {}, 'the request is longer than the context of the model'),
  ability: info('capable', 'none', {}, 'the model cannot do what the request needs: tools, images, a schema'),
  parameter: info('never', 'none', {}, 'the vendor does not know a parameter of the request'),
  request: info('never', 'none', {}, 'the request is invalid'),
  overload: info('again', 'target', { breaker: true, temporary: true }, 'the vendor or the model is overloaded'),
  broken: info('again', 'target', { breaker: true, temporary: true }, 'the vendor failed, or its answer is unusable'),
  unknown: info('elsewhere', 'target', { breaker: true }, 'a refusal that names no known reason'),
} as const satisfies Record<string, ReasonInfo>

export type FailureReason = keyof typeof failureReasons

/** How long a limit lasts, as far as the vendor says. `ever`: until somebody pays or changes a setting. */
export type LimitPeriod = 'second' | 'minute' | 'hour' | 'day' | 'week' | 'month' | 'ever'

/** What the model of a target lacks. */
export type Ability = 'tools' | 'images' | 'audio' | 'schema' | 'reasoning' | 'prefill' | 'stream' | 'system'

/** A classified failure. */
export type Failure = {
  reason: FailureReason
  /** For `minute` and `day`. */
  period?: LimitPeriod
  /** The limit holds for everything the key is used for, not for this model alone. */
  wholeAccount?: boolean
  /** The limit refuses this request because of its size; smaller ones are still served. */
  onlyThisRequest?: boolean
  /** Seconds until the vendor serves again, from its words. */
  retryAfter?: number
  /** The parameter that the vendor does not know: `logit_bias`. */
  param?: string
  ability?: Ability
  /** Tokens that the request has, and the most that the model takes. */
  contextTokens?: number
  contextLimit?: number
}
