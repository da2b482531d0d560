/** What differs between the models behind Converse, derived from the model's name, which is all a gateway has. */
import type { TraitRecord } from '../../catalog/schema.ts'
import { type ModelTraits, traitsOf } from '../anthropic/model-traits.ts'

export type ConverseTraits = {
  claude: ModelTraits | undefined
  isNova: boolean
  /** Accepts a JSON schema for its answer, and strict tools. */
  acceptsJsonSchema: boolean
  /** Which tool choices the model accepts: none, `any`, or also a tool by its name. */
  toolForcing: 'none' | 'any' | 'named'
  /** The longest time a cache point can be kept; false: the model accepts no cache points. */
  maxCacheTtl: false | '5m' | '1h'
  /** Accepts a tool result with the status `error`. */
  acceptsResultStatus: boolean
  /** The model's own field for `top_k`. Nova has its field in an object of its own. */
  topKField: string | undefined
  /**
   * The form in which the model accepts a reasoning effort. Undefined for Claude (see `claude`) and models without one.
   */
  effortForm: 'nova' | 'word' | undefined
}

const provenance = {
  source: [
    'https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html',
    'https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html',
    'https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html',
    'https://docs.aws.amazon.com/nova/latest/nova2-userguide',
  ],
  asOf: '2026-11',
}

const otherModels: ConverseTraits = {
  claude: undefined,
  isNova: false,
  acceptsJsonSchema: true,
  toolForcing: 'any',
  maxCacheTtl: false,
  acceptsResultStatus: false,
  topKField: 'top_k',
  effortForm: undefined,
}
const olderModels: ConverseTraits = {
  ...otherModels,
  acceptsJsonSchema: false,
  toolForcing: 'none',
  topKField: undefined,
}
const nova: ConverseTraits = {
  ...otherModels,
  isNova: true,
  acceptsJsonSchema: false,
  toolForcing: 'named',
  maxCacheTtl: '5m',
  acceptsResultStatus: true,
  topKField: 'topK',
}

/**
 * The models that are not Claude. The first pattern that matches applies. Models that match none have the traits of
 * `otherModels`, by the same sources.
 */
export const traitRecords: readonly TraitRecord<ConverseTraits>[] = [
  { pattern: /\bnova-(?:2|premier-2)/, traits: { values: { ...nova, effortForm: 'nova' }, ...provenance } },
  { pattern: /\bnova\b/, traits: { values: nova, ...provenance } },
  { pattern: /\bcohere/, traits: { values: { ...olderModels, topKField: 'k' }, ...provenance } },
  {
    pattern: /\b(?:titan|meta|llama|ai21|jamba|writer|palmyra|pixtral)/,
    traits: { values: olderModels, ...provenance },
  },
  { pattern: /\bopenai\./, traits: { values: { ...otherModels, effortForm: 'word' }, ...provenance } },
]

export const converseTraitsOf = (model: string): ConverseTraits => {
  const name = model.toLowerCase()
  if (/claude/.test(name)) return claudeTraits(traitsOf(model))
  return traitRecords.find(({ pattern }) => pattern.test(name))?.traits.values ?? otherModels
}

const claudeTraits = (claude: ModelTraits): ConverseTraits => ({
  claude,
  isNova: false,
  acceptsJsonSchema: claude.acceptsJsonSchema,
  toolForcing: claude.canForceTool ? 'named' : 'none',
  maxCacheTtl: claude.acceptsJsonSchema ? '1h' : '5m',
  acceptsResultStatus: true,
  topKField: claude.acceptsSampling ? 'top_k' : undefined,
  effortForm: undefined,
})
