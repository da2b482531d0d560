/**
 * What differs between models of this protocol, derived from the model's name, which is all a gateway has.
 * A model other than Claude gets the older forms, which every vendor with a Messages endpoint supports.
 * https://platform.claude.com/docs/en/build-with-claude/thinking and …/models/opus-5-5/migration-guide, 2026-11
 */

import type { Effort } from '../../ir/chat.ts'

export type ModelTraits = {
  isClaude: boolean
  /** Accepts `thinking: {type: 'adaptive'}` and an effort. Since 4.6. */
  hasAdaptiveThinking: boolean
  /** Accepts `thinking: {type: 'enabled', budget_tokens}`. Up to 4.6. */
  hasThinkingBudget: boolean
  /** How thinking is switched off: by omitting `thinking`, or by its type. `never`: the model always thinks. */
  thinkingOff: 'omit' | 'disabled' | 'between_tools' | 'never'
  /** Accepts temperature, top_p and top_k. Up to 4.6. */
  acceptsSampling: boolean
  /** Accepts a tool_choice that forces a tool call. */
  canForceTool: boolean
  /** Accepts messages with the role `system` after messages of the user. Since 4.8, except Sonnet 5. */
  acceptsSystemTurns: boolean
  /** Accepts `output_config.format`. Since 4.5. */
  acceptsJsonSchema: boolean
  /** The value for an effort above `high`. */
  maxEffort: 'high' | 'xhigh'
  /**
   * Value of max_tokens, which this protocol requires, if the request sets no limit.
   * Every current Claude model can write 64,000 tokens.
   */
  defaultMaxTokens: number
}

const defaultTraits: ModelTraits = {
  isClaude: false,
  hasAdaptiveThinking: false,
  hasThinkingBudget: true,
  thinkingOff: 'disabled',
  acceptsSampling: true,
  canForceTool: true,
  acceptsSystemTurns: false,
  acceptsJsonSchema: false,
  maxEffort: 'high',
  defaultMaxTokens: 8192,
}

/** The vendors' word for an effort: the least is `low`, and `maxEffort` stands for all above `high`. */
export const effortNameOf = <Name extends Effort | undefined>(effort: Name, maxEffort: ModelTraits['maxEffort']) => {
  if (effort === 'minimal') return 'low'
  return effort === 'xhigh' ? maxEffort : effort
}

const traitsCache = new Map<string, ModelTraits>()

/** Returns the traits of a model. Up to 1,000 names are cached. */
export const traitsOf = (model: string): ModelTraits => {
  const found = traitsCache.get(model)
  if (found) return found
  const traits = readTraits(model.toLowerCase())
  if (traitsCache.size > 1000) traitsCache.clear()
  traitsCache.set(model, traits)
  return traits
}

/** How thinking is switched off in a model that does not always think. */
const thinkingOffOf = (version: number): ModelTraits['thinkingOff'] => {
  if (version < 5) return 'omit'
  return version < 5.5 ? 'disabled' : 'between_tools'
}

const readTraits = (model: string): ModelTraits => {
  if (!model.includes('claude-')) return defaultTraits
  const family = /opus|sonnet|haiku|fable|mythos/.exec(model)?.[0] ?? ''
  const version = versionOf(model, family)
  const alwaysThinks = family === 'fable' || family === 'mythos' || (version >= 5.5 && family !== 'sonnet')
  return {
    isClaude: true,
    hasAdaptiveThinking: version >= 4.6,
    hasThinkingBudget: version < 4.7,
    thinkingOff: alwaysThinks ? 'never' : thinkingOffOf(version),
    acceptsSampling: version < 4.7,
    // platform.claude.com/docs/en/models/sonnet-5-5/whats-new-sonnet-5-5 (2026-11): forced tool use is an error.
    canForceTool: !alwaysThinks && !(family === 'sonnet' && version >= 5.5),
    acceptsSystemTurns: version >= 4.8 && !(family === 'sonnet' && version < 5.5),
    acceptsJsonSchema: version >= 4.5,
    maxEffort: version >= 4.7 ? 'xhigh' : 'high',
    defaultMaxTokens: version < 4.5 ? 8192 : 32_000,
  }
}

/**
 * Parses names such as `claude-opus-4-5-20251101`, `claude-3-7-sonnet@20250219` and `anthropic/claude-sonnet-4.5`.
 * A name without a number counts as 4.6, which accepts both forms of thinking.
 */
const versionOf = (model: string, family: string): number => {
  if (model.includes('mythos-preview')) return 4.7
  const afterFamily =
    family === '' ? null : new RegExp(`${family}-(\\d{1,2})(?!\\d)(?:[-.](\\d{1,2})(?!\\d))?`).exec(model)
  const numbers = afterFamily ?? /claude-v?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?/.exec(model)
  return numbers ? Number(`${numbers[1]}.${numbers[2] ?? 0}`) : 4.6
}
