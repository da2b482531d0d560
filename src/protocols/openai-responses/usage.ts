/** Usage as Responses writes it ↔ ours. */

import { countOf, isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Usage } from '../../ir/chat.ts'
import { parseUsage as parseChatUsage } from '../openai-chat/usage.ts'

/** The wire must name every part, so that a 0 says no more than that there is nothing to say: it is left out. */
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

export const renderUsage = ({ input, output, cacheRead, cacheWrite, reasoning }: Usage): JsonObject => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: cacheRead ?? 0, cache_write_tokens: cacheWrite ?? 0 },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: reasoning ?? 0 },
  total_tokens: input + output,
})
