/** Token counts. `inputTokens` excludes tokens read from or written to the cache; `totalTokens` includes them. */

import { countOf, isObject, type Json } from '../../base/json/json.ts'
import type { Usage } from '../../ir/chat.ts'

export const parseUsage = (usage: Json | undefined): Usage | undefined => {
  if (!isObject(usage)) return undefined
  const input = countOf(usage.inputTokens)
  const output = countOf(usage.outputTokens)
  if (input === undefined && output === undefined) return undefined
  const read = countOf(usage.cacheReadInputTokens)
  const written = countOf(usage.cacheWriteInputTokens)
  const hour = hourlyCacheWrites(usage.cacheDetails)
  return {
    input: (input ?? 0) + (read ?? 0) + (written ?? 0),
    output: output ?? 0,
    ...(read !== undefined && { cacheRead: read }),
    ...(written !== undefined && { cacheWrite: written }),
    ...(hour !== undefined && { cacheWrite1h: hour }),
  }
}

const hourlyCacheWrites = (details: Json | undefined): number | undefined => {
  const hourly = Array.isArray(details) ? details.filter(isObject).filter(({ ttl }) => ttl === '1h') : []
  return hourly.length > 0 ? hourly.reduce((sum, { inputTokens }) => sum + (countOf(inputTokens) ?? 0), 0) : undefined
}
