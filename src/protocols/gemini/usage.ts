/**
 * Usage as Google counts it ↔ ours: the candidates' tokens are without the thoughts', the prompt's without those of tools' results, and the
 * total is the sum of the four. https://ai.google.dev/api/generate-content#UsageMetadata (2026-11)
 */

import { countOf, isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Usage } from '../../ir/chat.ts'
import { given, listOf } from './syntax/casing.ts'

const AUDIO = 4

/** Undefined where the vendor tells no counts yet: Vertex says only `trafficType` until the end. */
export const parseUsage = (usage: Json | undefined): Usage | undefined => {
  if (!isObject(usage)) return undefined
  const prompt = countOf(usage.promptTokenCount)
  const total = countOf(usage.totalTokenCount)
  if (prompt === undefined && total === undefined) return undefined
  const thoughts = countOf(usage.thoughtsTokenCount)
  const input = (prompt ?? 0) + (countOf(usage.toolUsePromptTokenCount) ?? 0)
  const said = countOf(usage.candidatesTokenCount) ?? Math.max(0, (total ?? input) - input - (thoughts ?? 0))
  const told: Usage = { input, output: said + (thoughts ?? 0) }
  const cacheRead = countOf(usage.cachedContentTokenCount)
  const audioInput = audioIn(usage.promptTokensDetails)
  const audioOutput = audioIn(usage.candidatesTokensDetails)
  if (cacheRead !== undefined) told.cacheRead = cacheRead
  if (thoughts !== undefined) told.reasoning = thoughts
  if (audioInput !== undefined) told.audioInput = audioInput
  if (audioOutput !== undefined) told.audioOutput = audioOutput
  return told
}

const audioIn = (details: Json | undefined): number | undefined =>
  details === undefined
    ? undefined
    : countOf(listOf(details).find(({ modality }) => modality === 'AUDIO' || modality === AUDIO)?.tokenCount)

export const renderUsage = (usage: Usage): JsonObject => {
  const { input, output, cacheRead, reasoning, audioInput, audioOutput } = usage
  const said = Math.max(0, output - (reasoning ?? 0))
  return given({
    promptTokenCount: input,
    candidatesTokenCount: said,
    totalTokenCount: input + output,
    thoughtsTokenCount: reasoning,
    cachedContentTokenCount: cacheRead,
    promptTokensDetails: details(input, audioInput),
    candidatesTokensDetails: details(said, audioOutput),
  })
}

const details = (all: number, audio: number | undefined): Json | undefined =>
  audio === undefined
    ? undefined
    : [
        { modality: 'TEXT', tokenCount: Math.max(0, all - audio) },
        { modality: 'AUDIO', tokenCount: audio },
      ]
