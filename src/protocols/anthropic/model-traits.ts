/**
 * What differs between models on this wire. Read from the model's name, which is all a gateway has; a model that is none of Claude's gets
 * the elder forms, which every vendor with such an address knows.
 * https://platform.claude.com/docs/en/build-with-claude/thinking and …/models/opus-5-5/migration-guide, 2026-11
 */

export type Traits = {
  claude: boolean
  /** Takes `thinking: {type: 'adaptive'}` and an effort. From 4.6. */
  adaptive: boolean
  /** Takes `thinking: {type: 'enabled', budget_tokens}`. Up to 4.6. */
  budget: boolean
  /** How no thoughts are asked for; `never`: it always thinks. */
  off: 'omit' | 'disabled' | 'between_tools' | 'never'
  /** Takes temperature, top_p and top_k. Up to 4.6. */
  samples: boolean
  /** May be told to call a tool. */
  forces: boolean
  /** Takes messages of the role `system` behind those of the user. From 4.8, not Sonnet 5. */
  systemTurns: boolean
  /** Takes `output_config.format`. From 4.5. */
  format: boolean
  /** The effort above `high`. */
  most: 'high' | 'xhigh'
  /** Tokens of an answer where the request sets no limit, which this wire demands; every Claude of today may write 64,000. */
  limit: number
}

const other: Traits = {
  claude: false,
  adaptive: false,
  budget: true,
  off: 'disabled',
  samples: true,
  forces: true,
  systemTurns: false,
  format: false,
  most: 'high',
  limit: 8192,
}

const known = new Map<string, Traits>()

export const traitsOf = (model: string): Traits => {
  const found = known.get(model)
  if (found) return found
  const traits = read(model.toLowerCase())
  if (known.size > 1000) known.clear()
  known.set(model, traits)
  return traits
}

const read = (model: string): Traits => {
  if (!model.includes('claude-')) return other
  const family = /opus|sonnet|haiku|fable|mythos/.exec(model)?.[0] ?? ''
  const version = versionOf(model, family)
  const alwaysThinks = family === 'fable' || family === 'mythos' || (version >= 5.5 && family !== 'sonnet')
  return {
    claude: true,
    adaptive: version >= 4.6,
    budget: version < 4.7,
    off: alwaysThinks ? 'never' : version < 5 ? 'omit' : version < 5.5 ? 'disabled' : 'between_tools',
    samples: version < 4.7,
    // platform.claude.com/docs/en/models/sonnet-5-5/whats-new-sonnet-5-5 (2026-11): forced tool use is an error.
    forces: !alwaysThinks && !(family === 'sonnet' && version >= 5.5),
    systemTurns: version >= 4.8 && !(family === 'sonnet' && version < 5.5),
    format: version >= 4.5,
    most: version >= 4.7 ? 'xhigh' : 'high',
    limit: version < 4.5 ? 8192 : 32_000,
  }
}

/** `claude-opus-4-5-20251101`, `claude-3-7-sonnet@20250219`, `anthropic/claude-sonnet-4.5`; a name without a number is taken for 4.6, which takes both forms. */
const versionOf = (model: string, family: string): number => {
  if (model.includes('mythos-preview')) return 4.7
  const behind = family === '' ? null : new RegExp(`${family}-(\\d{1,2})(?!\\d)(?:[-.](\\d{1,2})(?!\\d))?`).exec(model)
  const numbers = behind ?? /claude-v?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?/.exec(model)
  return numbers ? Number(`${numbers[1]}.${numbers[2] ?? 0}`) : 4.6
}
