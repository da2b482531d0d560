/** Usage as Anthropic counts it ↔ ours. On this wire `input_tokens` leaves out what was read from or written to the cache. */

import { countOf, isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Usage } from '../../ir/chat.ts'

/** Counts told so far: `message_start` has some, each `message_delta` the whole of what it names. A null says nothing. */
export const mergeUsage = (counts: JsonObject, usage: Json | undefined): void => {
  if (!isObject(usage)) return
  for (const [key, value] of Object.entries(usage)) if (value !== null && value !== undefined) counts[key] = value
}

/** Undefined where nothing was counted. */
export const parseUsage = (usage: Json | undefined): Usage | undefined => {
  if (!isObject(usage)) return undefined
  const input = countOf(usage.input_tokens)
  const output = countOf(usage.output_tokens)
  const cacheRead = countOf(usage.cache_read_input_tokens) ?? 0
  const cacheCreation = isObject(usage.cache_creation) ? usage.cache_creation : {}
  const cacheWrite1h = countOf(cacheCreation.ephemeral_1h_input_tokens) ?? 0
  const cacheWrite =
    countOf(usage.cache_creation_input_tokens) ?? cacheWrite1h + (countOf(cacheCreation.ephemeral_5m_input_tokens) ?? 0)
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

/** All counts of an answer, the cache's too where they are none: clients read them without a look. */
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
