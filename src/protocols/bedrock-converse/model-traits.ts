/**
 * What differs between models behind the one wire, read from the model's name: a gateway has no more.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html, …/structured-output.html,
 * …/prompt-caching.html, https://docs.aws.amazon.com/nova/latest/nova2-userguide (2026-11)
 */
import { type Traits, traitsOf } from '../anthropic/model-traits.ts'

export type Facts = {
  claude: Traits | undefined
  nova: boolean
  /** Takes a JSON schema for its answer, and strict tools. */
  format: boolean
  /** May be told to call a tool: none, some tool, or one by its name. */
  forces: 'none' | 'any' | 'named'
  /** Takes cache points; `1h`: also for an hour. */
  caches: false | '5m' | '1h'
  /** Understands that a call failed. */
  status: boolean
  /** Where the model wants `top_k`: its own word, or the object Nova keeps it in. */
  topK: string | undefined
  /** How it is told how hard to think, where it is none of Claude's. */
  effort: 'nova' | 'word' | undefined
}

export const factsOf = (model: string): Facts => {
  const name = model.toLowerCase()
  if (/claude/.test(name)) return claudeFacts(traitsOf(model))
  const nova = /\bnova\b/.test(name)
  const elder = /\b(titan|meta|llama|cohere|ai21|jamba|writer|palmyra|pixtral)/.test(name)
  return {
    claude: undefined,
    nova,
    format: !nova && !elder,
    forces: nova ? 'named' : elder ? 'none' : 'any',
    caches: nova ? '5m' : false,
    status: nova,
    topK: nova ? 'topK' : /\bcohere/.test(name) ? 'k' : elder ? undefined : 'top_k',
    effort: /\bnova-(2|premier-2)/.test(name) ? 'nova' : /\bopenai\./.test(name) ? 'word' : undefined,
  }
}

const claudeFacts = (claude: Traits): Facts => ({
  claude,
  nova: false,
  format: claude.format,
  forces: claude.forces ? 'named' : 'none',
  caches: claude.format ? '1h' : '5m',
  status: true,
  topK: claude.samples ? 'top_k' : undefined,
  effort: undefined,
})
