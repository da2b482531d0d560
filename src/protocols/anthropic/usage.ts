/** Anthropic's usage ↔ ours. In this protocol `input_tokens` excludes tokens read from or written to the cache. */

import { countOf, isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Usage } from '../../ir/chat.ts'

/**
 * Merges the counts received so far. `message_start` holds some counts; each `message_delta` holds totals of the counts
 * it names. Null values are ignored.
 */
export const mergeUsage = (counts: JsonObject, usage: Json | undefined): void => {
  if (!isObject(usage)) return
  for (const [key, value] of Object.entries(usage)) if (value !== null && value !== undefined) counts[key] = value
}

/** Returns undefined if all counts are zero or missing. */
export const parseUsage = (usage: Json | undefined): Usage | undefined => {
  if (!isObject(usage)) return undefined
  const input = countOf(usage.input_tokens)
  const output = countOf(usage.output_tokens)
  const cacheRead = countOf(usage.cache_read_input_tokens) ?? 0
  const { cacheWrite, cacheWrite1h } = cacheWritesOf(usage)
  if ((input ?? 0) + (output ?? 0) + cacheRead + cacheWrite === 0) return undefined
  const details = isObject(usage.output_tokens_details) ? usage.output_tokens_details : {}
  const reasoning = countOf(details.thinking_tokens)
  return {
    input: (input ?? 0) + cacheRead + cacheWrite,
    output: output ?? 0,
    ...(cacheRead > 0 && { cacheRead }),
    ...(cacheWrite > 0 && { cacheWrite }),
    ...(cacheWrite1h > 0 && { cacheWrite1h }),
    ...(reasoning !== undefined && { reasoning }),
  }
}

const cacheWritesOf = (usage: JsonObject): { cacheWrite: number; cacheWrite1h: number } => {
  const cacheCreation = isObject(usage.cache_creation) ? usage.cache_creation : {}
  const cacheWrite1h = countOf(cacheCreation.ephemeral_1h_input_tokens) ?? 0
  const cacheWrite5m = countOf(cacheCreation.ephemeral_5m_input_tokens) ?? 0
  return { cacheWrite: countOf(usage.cache_creation_input_tokens) ?? cacheWrite1h + cacheWrite5m, cacheWrite1h }
}

/** Renders all counts, including cache counts of zero, because clients read them without checking. */
export const renderUsage = (usage: Usage): JsonObject => {
  const { input, output, cacheRead = 0, cacheWrite = 0, cacheWrite1h, reasoning } = usage
  const cacheCreation =
    cacheWrite1h === undefined
      ? {}
      : {
          cache_creation: {
            ephemeral_5m_input_tokens: Math.max(0, cacheWrite - cacheWrite1h),
            ephemeral_1h_input_tokens: cacheWrite1h,
          },
        }
  return {
    input_tokens: Math.max(0, input - cacheRead - cacheWrite),
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cacheRead,
    ...cacheCreation,
    output_tokens: output,
    ...(reasoning !== undefined && { output_tokens_details: { thinking_tokens: reasoning } }),
  }
}
