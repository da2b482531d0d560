/**
 * Thinking and sampling parameters, which depend on each other in this protocol.
 * https://platform.claude.com/docs/en/build-with-claude/thinking, …/effort
 */

import { countOf, isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Chat, Effort } from '../../ir/chat.ts'
import { budgetOf, isEffort, requestedEffort } from '../../ir/effort.ts'
import type { NoteLoss } from '../protocol.ts'
import { effortNameOf, type ModelTraits } from './model-traits.ts'

/** The smallest budget Anthropic accepts, in tokens. */
const minBudget = 1024

/** Parses `thinking` and the effort of `output_config`. Returns undefined if neither is set. */
export const parseThinking = (thinking: Json | undefined, effort: Json | undefined): Chat['reasoning'] => {
  const parsedEffort = parseEffort(effort)
  if (!isObject(thinking)) return parsedEffort && { effort: parsedEffort }
  if (thinking.type === 'disabled' || thinking.type === 'between_tools') return { effort: 'none' }
  const budget = thinking.type === 'enabled' ? countOf(thinking.budget_tokens) : undefined
  return {
    ...(parsedEffort && { effort: parsedEffort }),
    ...(budget === undefined ? { on: true } : { budget }),
    shown: thinking.display !== 'omitted',
  }
}

const parseEffort = (effort: Json | undefined): Effort | undefined => {
  if (effort === 'max') return 'xhigh'
  return isEffort(effort) ? effort : undefined
}

/** The fields of a request that control thinking. `isThinking`: the request asks for thoughts. `limit`: max_tokens. */
type Thinking = { isThinking: boolean; limit: number; thinking?: JsonObject; effort?: string }

/**
 * Renders thinking and max_tokens. `conflict`: why this request cannot ask for thoughts (a forced tool call, or a round
 * of tool calls without thoughts), because Anthropic would refuse it.
 */
export const renderThinking = (
  chat: Chat,
  traits: ModelTraits,
  conflict: string | undefined,
  loss: NoteLoss,
): Thinking => {
  const limit = chat.limit ?? traits.defaultMaxTokens
  const { reasoning } = chat
  if (reasoning === undefined) return { isThinking: false, limit }
  const effort = requestedEffort(reasoning)
  if (effort === 'none') return { limit, ...withoutThoughts(traits, loss) }
  const isRequested = [effort, reasoning.budget].some(one => one !== undefined) || reasoning.on === true
  // A client that only wants to see thoughts does not make a model think that would not think by default.
  if (!isRequested && traits.thinkingOff === 'omit') return { isThinking: false, limit }
  if (conflict !== undefined && (isRequested || reasoning.shown !== undefined) && traits.thinkingOff !== 'never') {
    loss('reasoning', conflict)
    return { limit, ...withoutThoughts(traits, loss) }
  }
  if (traits.hasAdaptiveThinking && (reasoning.budget === undefined || !traits.hasThinkingBudget))
    return renderAdaptive(reasoning, effort, traits, limit)
  const budget = budgetFor(reasoning, effort)
  return budget === undefined ? { isThinking: false, limit } : renderBudget(budget, chat, traits, loss)
}

const budgetFor = ({ budget }: NonNullable<Chat['reasoning']>, effort: Effort | undefined): number | undefined =>
  budget ?? (effort === undefined ? undefined : budgetOf(effort))

const withoutThoughts = ({ thinkingOff }: ModelTraits, loss: NoteLoss): Omit<Thinking, 'limit'> => {
  if (thinkingOff === 'omit') return { isThinking: false }
  if (thinkingOff !== 'never') return { isThinking: false, thinking: { type: thinkingOff } }
  loss('reasoning', 'this model always thinks, so the lowest effort was requested')
  return { isThinking: false, effort: 'low' }
}

/** Newer models return their thoughts only if `display` asks for them. */
const renderAdaptive = (
  { shown }: NonNullable<Chat['reasoning']>,
  effort: Effort | undefined,
  { maxEffort }: ModelTraits,
  limit: number,
): Thinking => ({
  isThinking: true,
  limit,
  thinking: { type: 'adaptive', display: shown === false ? 'omitted' : 'summarized' },
  ...(effort !== undefined && { effort: effortNameOf(effort, maxEffort) }),
})

/** The budget counts towards the limit and must be smaller than it. */
const renderBudget = (wanted: number, { limit }: Chat, traits: ModelTraits, loss: NoteLoss): Thinking => {
  const budget = Math.max(minBudget, wanted)
  if (limit === undefined) return thinkingOf(budget, Math.max(traits.defaultMaxTokens, budget + minBudget))
  if (budget < limit) return thinkingOf(budget, limit)
  if (limit <= minBudget) {
    loss('reasoning', `a limit of ${limit} tokens leaves no room for thinking`)
    return { limit, ...withoutThoughts(traits, loss) }
  }
  const reducedBudget = Math.max(minBudget, Math.floor(limit / 2))
  loss(
    'reasoning',
    `a thinking budget of ${budget} tokens does not fit into a limit of ${limit}, so it was reduced to ${reducedBudget}`,
  )
  return thinkingOf(reducedBudget, limit)
}

const thinkingOf = (budget_tokens: number, limit: number): Thinking => ({
  isThinking: true,
  limit,
  thinking: { type: 'enabled', budget_tokens },
})

/** Renders temperature, top_p and top_k as far as the model accepts them, alone and together. */
export const renderSampling = (chat: Chat, traits: ModelTraits, isThinking: boolean, loss: NoteLoss): JsonObject => {
  const { temperature, topP, topK } = chat
  const body: JsonObject = {}
  const setField = (key: string, value: number | undefined, refused: string | undefined | false): void => {
    if (value === undefined) return
    if (refused) loss(key, refused)
    else body[key] = value
  }
  const samplingRefused = !traits.acceptsSampling && 'the model takes no sampling'
  const thinkingConflict = isThinking && traits.isClaude && 'not beside thoughts'
  const clamped = clampedTemperature(temperature, !samplingRefused && !thinkingConflict, loss)
  setField('temperature', clamped, samplingRefused || (clamped !== 1 && thinkingConflict))
  const temperatureConflict = traits.isClaude && body.temperature !== undefined && 'not beside temperature'
  setField(
    'top_p',
    topP,
    samplingRefused || (thinkingConflict && (topP ?? 1) < 0.95 && thinkingConflict) || temperatureConflict,
  )
  setField('top_k', topK, samplingRefused || thinkingConflict)
  return body
}

/** The temperature within the range of this protocol. If it `isSent`, the change is a loss. */
const clampedTemperature = (temperature: number | undefined, isSent: boolean, loss: NoteLoss): number | undefined => {
  if (temperature === undefined) return undefined
  const clamped = Math.min(1, Math.max(0, temperature))
  if (clamped !== temperature && isSent) loss('temperature', `this protocol accepts 0 to 1, not ${temperature}`)
  return clamped
}
