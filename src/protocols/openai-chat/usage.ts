/** Usage in OpenAI's format ↔ the neutral form. */

import { countOf, isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Usage } from '../../ir/chat.ts'

/**
 * Parses the token counts of a vendor, wherever the vendor puts them. Returns undefined if there are none. If
 * `total_tokens` shows that reasoning is not included in the completion tokens (xAI, Vercel, Doubleword: 331 + 11 + 332
 * = 674), the reasoning is added, because `output` includes it.
 */
export const parseUsage = (usage: Json | undefined): Usage | undefined => {
  if (!isObject(usage)) return undefined
  const total = countOf(usage.total_tokens)
  const reasoning = reasoningTokens(usage)
  let output = outputTokens(usage)
  const input = inputTokens(usage) ?? (total === undefined ? undefined : total - (output ?? 0))
  if (input === undefined && output === undefined) return undefined
  const knownInput = input ?? 0
  output ??= Math.max(0, (total ?? 0) - knownInput)
  if (reasoning !== undefined && (reasoning > output || total === knownInput + output + reasoning)) output += reasoning
  if (knownInput + output === 0) return undefined
  const counts: Usage = { input: Math.max(0, knownInput), output }
  setCount(counts, 'cacheRead', cacheReadTokens(usage))
  setCount(counts, 'cacheWrite', cacheWriteTokens(usage))
  setCount(counts, 'reasoning', reasoning)
  setCount(counts, 'audioInput', detailCount(usage, 'prompt_tokens_details', 'audio_tokens'))
  setCount(counts, 'audioOutput', detailCount(usage, 'completion_tokens_details', 'audio_tokens'))
  return counts
}

const inputTokens = (usage: JsonObject): number | undefined =>
  countOf(usage.prompt_tokens) ?? countOf(usage.input_tokens)

const outputTokens = (usage: JsonObject): number | undefined =>
  countOf(usage.completion_tokens) ?? countOf(usage.output_tokens)

const reasoningTokens = (usage: JsonObject): number | undefined =>
  detailCount(usage, 'completion_tokens_details', 'reasoning_tokens') ??
  detailCount(usage, 'output_tokens_details', 'reasoning_tokens')

const setCount = (counts: Usage, key: Exclude<keyof Usage, 'estimated'>, count: number | undefined): void => {
  if (count !== undefined) counts[key] = count
}

const cacheWriteTokens = (usage: JsonObject): number | undefined =>
  detailCount(usage, 'prompt_tokens_details', 'cache_write_tokens') ?? countOf(usage.cache_creation_input_tokens)

/** DeepSeek and Moonshot put the cached tokens at the top level. */
const cacheReadTokens = (usage: JsonObject): number | undefined =>
  detailCount(usage, 'prompt_tokens_details', 'cached_tokens') ??
  detailCount(usage, 'input_tokens_details', 'cached_tokens') ??
  countOf(usage.prompt_cache_hit_tokens) ??
  countOf(usage.cached_tokens)

const detailCount = (usage: JsonObject, key: string, name: string): number | undefined => {
  const details = usage[key]
  return isObject(details) ? countOf(details[name]) : undefined
}

/** Renders usage. Details that are unknown are omitted. */
export const renderUsage = (usage: Usage): JsonObject => {
  const { input, output, cacheRead, cacheWrite, reasoning, audioInput, audioOutput } = usage
  const prompt = definedCounts({ cached_tokens: cacheRead, cache_write_tokens: cacheWrite, audio_tokens: audioInput })
  const completion = definedCounts({ reasoning_tokens: reasoning, audio_tokens: audioOutput })
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    ...(prompt && { prompt_tokens_details: prompt }),
    ...(completion && { completion_tokens_details: completion }),
  }
}

const definedCounts = (counts: Record<string, number | undefined>): JsonObject | undefined => {
  const defined = Object.entries(counts).filter(([, count]) => count !== undefined)
  return defined.length > 0 ? Object.fromEntries(defined) : undefined
}

/**
 * Returns the usage of a chunk or of a non-streaming answer, wherever it is. Moonshot puts it into the choice, Groq
 * also under `x_groq`.
 */
export const usageIn = (body: JsonObject): Usage | undefined => {
  const [choice] = Array.isArray(body.choices) ? body.choices : []
  const choiceUsage = isObject(choice) ? choice.usage : undefined
  const groqUsage = isObject(body.x_groq) ? body.x_groq.usage : undefined
  return parseUsage(body.usage) ?? parseUsage(choiceUsage) ?? parseUsage(groqUsage)
}

/**
 * Makes the three counts integers and derives a missing one from the two others; the counts of the vendor are kept. If
 * counts stay unknown (Databricks sends null totals on every chunk), `usage` is removed. Returns true if anything was
 * changed.
 */
export const normalizeUsage = (body: JsonObject): boolean => {
  const { usage } = body
  if (usage === undefined || usage === null) return false
  const counts = isObject(usage) ? completeCounts(usage) : undefined
  if (counts === undefined) {
    delete body.usage
    return true
  }
  for (const key in counts) {
    if ((usage as JsonObject)[key] === counts[key]) continue
    body.usage = { ...(usage as JsonObject), ...counts }
    return true
  }
  return false
}

const completeCounts = (usage: JsonObject): JsonObject | undefined => {
  const total = countOf(usage.total_tokens)
  let prompt = countOf(usage.prompt_tokens) ?? countOf(usage.input_tokens)
  let completion = countOf(usage.completion_tokens) ?? countOf(usage.output_tokens)
  if (prompt === undefined && completion !== undefined && total !== undefined) prompt = Math.max(0, total - completion)
  if (completion === undefined && prompt !== undefined && total !== undefined) completion = Math.max(0, total - prompt)
  if (prompt === undefined || completion === undefined) return undefined
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: total ?? prompt + completion }
}
