/**
 * Google's usage ↔ ours. `candidatesTokenCount` excludes thoughts, `promptTokenCount` excludes tool results, and the
 * total is the sum of all four counts. https://ai.google.dev/api/generate-content#UsageMetadata (2026-11)
 */

import { countOf, isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Usage } from '../../ir/chat.ts'
import { listOf, withoutNullish } from './syntax/casing.ts'

const audioModality = 4

/** Returns undefined if there are no counts yet: Vertex sends only `trafficType` until the end. */
export const parseUsage = (usage: Json | undefined): Usage | undefined => {
  if (!isObject(usage)) return undefined
  const prompt = countOf(usage.promptTokenCount)
  const total = countOf(usage.totalTokenCount)
  if (prompt === undefined && total === undefined) return undefined
  const thoughts = countOf(usage.thoughtsTokenCount)
  const input = (prompt ?? 0) + (countOf(usage.toolUsePromptTokenCount) ?? 0)
  const candidates = countOf(usage.candidatesTokenCount) ?? Math.max(0, (total ?? input) - input - (thoughts ?? 0))
  const parsed: Usage = { input, output: candidates + (thoughts ?? 0) }
  const cacheRead = countOf(usage.cachedContentTokenCount)
  const audioInput = audioIn(usage.promptTokensDetails)
  const audioOutput = audioIn(usage.candidatesTokensDetails)
  if (cacheRead !== undefined) parsed.cacheRead = cacheRead
  if (thoughts !== undefined) parsed.reasoning = thoughts
  if (audioInput !== undefined) parsed.audioInput = audioInput
  if (audioOutput !== undefined) parsed.audioOutput = audioOutput
  return parsed
}

const audioIn = (details: Json | undefined): number | undefined =>
  details === undefined
    ? undefined
    : countOf(listOf(details).find(({ modality }) => modality === 'AUDIO' || modality === audioModality)?.tokenCount)

export const renderUsage = (usage: Usage): JsonObject => {
  const { input, output, cacheRead, reasoning, audioInput, audioOutput } = usage
  const candidates = Math.max(0, output - (reasoning ?? 0))
  return withoutNullish({
    promptTokenCount: input,
    candidatesTokenCount: candidates,
    totalTokenCount: input + output,
    thoughtsTokenCount: reasoning,
    cachedContentTokenCount: cacheRead,
    promptTokensDetails: details(input, audioInput),
    candidatesTokensDetails: details(candidates, audioOutput),
  })
}

const details = (total: number, audio: number | undefined): Json | undefined =>
  audio === undefined
    ? undefined
    : [
        { modality: 'TEXT', tokenCount: Math.max(0, total - audio) },
        { modality: 'AUDIO', tokenCount: audio },
      ]
