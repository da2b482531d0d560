/**
 * What differs between the models behind Converse, derived from the model's name, which is all a gateway has.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html,
 * …/structured-output.html,
 * …/prompt-caching.html, https://docs.aws.amazon.com/nova/latest/nova2-userguide (2026-11)
 */
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

export const converseTraitsOf = (model: string): ConverseTraits => {
  const name = model.toLowerCase()
  if (/claude/.test(name)) return claudeTraits(traitsOf(model))
  const isNova = /\bnova\b/.test(name)
  const isOlder = /\b(titan|meta|llama|cohere|ai21|jamba|writer|palmyra|pixtral)/.test(name)
  return {
    claude: undefined,
    isNova,
    acceptsJsonSchema: !isNova && !isOlder,
    toolForcing: isNova ? 'named' : isOlder ? 'none' : 'any',
    maxCacheTtl: isNova ? '5m' : false,
    acceptsResultStatus: isNova,
    topKField: isNova ? 'topK' : /\bcohere/.test(name) ? 'k' : isOlder ? undefined : 'top_k',
    effortForm: /\bnova-(2|premier-2)/.test(name) ? 'nova' : /\bopenai\./.test(name) ? 'word' : undefined,
  }
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
