/** What OpenAI's models do with Responses, by their names. */

/** Chat Completions refuses these (the SDK's `ResponsesModel`, openai 6.49, 2026-11): o3-pro, gpt-5-pro, gpt-5.1-codex-max, codex-mini-latest, o4-mini-deep-research, computer-use-preview, each with a date or without. */
const responsesOnly = /^(?:o\d+-pro|gpt-\d+(?:\.\d+)?-pro|codex-|computer-use-preview)|-codex(?:-|$)|-deep-research/

export const isResponsesOnly = (model: string): boolean => responsesOnly.test(model.toLowerCase())

/** gpt-4o, gpt-4.1, chatgpt-4o-latest: asked for encrypted thoughts they answer 400 "Encrypted content is not supported with this model". */
const withoutReasoning = /(?:^|\/)(?:gpt-3|gpt-4|chatgpt-)/

export const hasNoEncryptedReasoning = (model: string): boolean => withoutReasoning.test(model.toLowerCase())
