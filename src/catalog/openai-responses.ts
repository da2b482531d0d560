/** What OpenAI's models support in the Responses API, by their names. */
import type { TraitRecord } from './schema.ts'

/**
 * Models that Chat Completions refuses: o3-pro, gpt-5-pro, gpt-5.1-codex-max, codex-mini-latest, o4-mini-deep-research,
 * computer-use-preview, each with or without a date. The source is the SDK's `ResponsesModel`.
 */
export const responsesOnly: TraitRecord<{ isResponsesOnly: true }> = {
  pattern: /^(?:o\d+-pro|gpt-\d+(?:\.\d+)?-pro|codex-|computer-use-preview)|-codex(?:-|$)|-deep-research/,
  traits: {
    values: { isResponsesOnly: true },
    source: 'https://github.com/openai/openai-node/blob/v6.49.0/src/resources/shared.ts',
    asOf: '2026-11',
  },
}

export const isResponsesOnly = (model: string): boolean => responsesOnly.pattern.test(model.toLowerCase())

/** Models without encrypted reasoning, such as gpt-4o, gpt-4.1 and chatgpt-4o-latest. */
export const withoutReasoning: TraitRecord<{ hasNoEncryptedReasoning: true }> = {
  pattern: /(?:^|\/)(?:gpt-3|gpt-4|chatgpt-)/,
  traits: {
    values: { hasNoEncryptedReasoning: true },
    unsourced: 'Known from the API, which answers 400 "Encrypted content is not supported with this model".',
    asOf: '2026-11',
  },
}

export const hasNoEncryptedReasoning = (model: string): boolean => withoutReasoning.pattern.test(model.toLowerCase())
