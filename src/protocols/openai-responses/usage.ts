/** Usage as Responses writes it ↔ ours. */

import { countOf, isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Usage } from '../../ir/chat.ts'
import { parseUsage as parseChatUsage } from '../openai-chat/usage.ts'

/** The wire must name every part, so that a 0 says no more than that there is nothing to say: it is left out. */
export const parseUsage = (usage: Json | undefined): Usage | undefined => {
  const known = parseChatUsage(usage)
  if (known === undefined || !isObject(usage)) return undefined
  const details = isObject(usage.input_tokens_details) ? usage.input_tokens_details : {}
  const written = countOf(details.cache_write_tokens)
  const { input, output, ...parts } = { ...known, ...(written !== undefined && { cacheWrite: written }) }
  return { input, output, ...Object.fromEntries(Object.entries(parts).filter(([, count]) => count !== 0)) }
}

export const renderUsage = ({ input, output, cacheRead, cacheWrite, reasoning }: Usage): JsonObject => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: cacheRead ?? 0, cache_write_tokens: cacheWrite ?? 0 },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: reasoning ?? 0 },
  total_tokens: input + output,
})
