/** Usage in the format of Responses ↔ the neutral form. */

import { countOf, isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Usage } from '../../ir/chat.ts'
import { parseUsage as parseChatUsage } from '../openai-chat/usage.ts'

/**
 * Parses usage. The protocol requires every detail, so a count of 0 may mean that the count is unknown. It is left out.
 */
export const parseUsage = (usage: Json | undefined): Usage | undefined => {
  const counts = parseChatUsage(usage)
  if (counts === undefined || !isObject(usage)) return undefined
  const details = isObject(usage.input_tokens_details) ? usage.input_tokens_details : {}
  const cacheWriteTokens = countOf(details.cache_write_tokens)
  const { input, output, ...parts } = {
    ...counts,
    ...(cacheWriteTokens !== undefined && { cacheWrite: cacheWriteTokens }),
  }
  return { input, output, ...Object.fromEntries(Object.entries(parts).filter(([, count]) => count !== 0)) }
}

/** Renders usage. The protocol requires every detail, so an unknown one is 0. */
export const renderUsage = ({ input, output, cacheRead, cacheWrite, reasoning }: Usage): JsonObject => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: cacheRead ?? 0, cache_write_tokens: cacheWrite ?? 0 },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: reasoning ?? 0 },
  total_tokens: input + output,
})
