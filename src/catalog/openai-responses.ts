/** What OpenAI's models support in the Responses API, by their names. */

/**
 * Models that Chat Completions refuses (the SDK's `ResponsesModel`, openai 6.49, 2026-11): o3-pro, gpt-5-pro,
 * gpt-5.1-codex-max, codex-mini-latest, o4-mini-deep-research, computer-use-preview, each with or without a date.
 */
const responsesOnly = /^(?:o\d+-pro|gpt-\d+(?:\.\d+)?-pro|codex-|computer-use-preview)|-codex(?:-|$)|-deep-research/

export const isResponsesOnly = (model: string): boolean => responsesOnly.test(model.toLowerCase())

/**
 * Models without encrypted reasoning, such as gpt-4o, gpt-4.1 and chatgpt-4o-latest. They answer 400 "Encrypted content
 * is not supported with this model".
 */
const withoutReasoning = /(?:^|\/)(?:gpt-3|gpt-4|chatgpt-)/

export const hasNoEncryptedReasoning = (model: string): boolean => withoutReasoning.test(model.toLowerCase())
