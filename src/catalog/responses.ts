/** Which of OpenAI's models answer in Responses alone: Chat Completions refuses them (the SDK's `ResponsesModel`, openai 6.49, 2026-11). */

/** o3-pro, gpt-5-pro, gpt-5.1-codex-max, codex-mini-latest, o4-mini-deep-research, computer-use-preview, each with a date or without. */
const names = /^(?:o\d+-pro|gpt-\d+(?:\.\d+)?-pro|codex-|computer-use-preview)|-codex(?:-|$)|-deep-research/

export const isResponsesOnly = (model: string): boolean => names.test(model.toLowerCase())
