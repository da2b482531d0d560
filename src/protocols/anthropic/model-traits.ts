/**
 * What differs between models on this wire. Read from the model's name, which is all a gateway has; a model that is none of Claude's gets
 * the elder forms, which every vendor with such an address knows.
 * https://platform.claude.com/docs/en/build-with-claude/thinking and …/models/opus-5-5/migration-guide, 2026-11
 */

export type ModelTraits = {
  isClaude: boolean
  /** Takes `thinking: {type: 'adaptive'}` and an effort. From 4.6. */
  hasAdaptiveThinking: boolean
  /** Takes `thinking: {type: 'enabled', budget_tokens}`. Up to 4.6. */
  hasThinkingBudget: boolean
  /** How no thoughts are asked for; `never`: it always thinks. */
  thinkingOff: 'omit' | 'disabled' | 'between_tools' | 'never'
  /** Takes temperature, top_p and top_k. Up to 4.6. */
  acceptsSampling: boolean
  /** May be told to call a tool. */
  canForceTool: boolean
  /** Takes messages of the role `system` behind those of the user. From 4.8, not Sonnet 5. */
  acceptsSystemTurns: boolean
  /** Takes `output_config.format`. From 4.5. */
  acceptsJsonSchema: boolean
  /** The effort above `high`. */
  maxEffort: 'high' | 'xhigh'
  /** Tokens of an answer where the request sets no limit, which this wire demands; every Claude of today may write 64,000. */
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

const traitsCache = new Map<string, ModelTraits>()

export const traitsOf = (model: string): ModelTraits => {
  const found = traitsCache.get(model)
  if (found) return found
  const traits = readTraits(model.toLowerCase())
  if (traitsCache.size > 1000) traitsCache.clear()
  traitsCache.set(model, traits)
  return traits
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
    thinkingOff: alwaysThinks ? 'never' : version < 5 ? 'omit' : version < 5.5 ? 'disabled' : 'between_tools',
    acceptsSampling: version < 4.7,
    // platform.claude.com/docs/en/models/sonnet-5-5/whats-new-sonnet-5-5 (2026-11): forced tool use is an error.
    canForceTool: !alwaysThinks && !(family === 'sonnet' && version >= 5.5),
    acceptsSystemTurns: version >= 4.8 && !(family === 'sonnet' && version < 5.5),
    acceptsJsonSchema: version >= 4.5,
    maxEffort: version >= 4.7 ? 'xhigh' : 'high',
    defaultMaxTokens: version < 4.5 ? 8192 : 32_000,
  }
}

/** `claude-opus-4-5-20251101`, `claude-3-7-sonnet@20250219`, `anthropic/claude-sonnet-4.5`; a name without a number is taken for 4.6, which takes both forms. */
const versionOf = (model: string, family: string): number => {
  if (model.includes('mythos-preview')) return 4.7
  const afterFamily =
    family === '' ? null : new RegExp(`${family}-(\\d{1,2})(?!\\d)(?:[-.](\\d{1,2})(?!\\d))?`).exec(model)
  const numbers = afterFamily ?? /claude-v?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?/.exec(model)
  return numbers ? Number(`${numbers[1]}.${numbers[2] ?? 0}`) : 4.6
}
