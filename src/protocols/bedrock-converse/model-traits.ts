/**
 * What differs between models behind the one wire, read from the model's name: a gateway has no more.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html, …/structured-output.html,
 * …/prompt-caching.html, https://docs.aws.amazon.com/nova/latest/nova2-userguide (2026-11)
 */
import { type ModelTraits, traitsOf } from '../anthropic/model-traits.ts'

export type ConverseTraits = {
  claude: ModelTraits | undefined
  isNova: boolean
  /** Takes a JSON schema for its answer, and strict tools. */
  acceptsJsonSchema: boolean
  /** May be told to call a tool: none, some tool, or one by its name. */
  toolForcing: 'none' | 'any' | 'named'
  /** Takes cache points; `1h`: also for an hour. */
  maxCacheTtl: false | '5m' | '1h'
  /** Understands that a call failed. */
  acceptsResultStatus: boolean
  /** Where the model wants `top_k`: its own word, or the object Nova keeps it in. */
  topKField: string | undefined
  /** How it is told how hard to think, where it is none of Claude's. */
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
