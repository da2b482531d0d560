/** Reasoning effort and budget: fields for the model itself rather than for Converse. */

import type { JsonObject } from '../../base/json/json.ts'
import type { Chat } from '../../ir/chat.ts'
import { budgetOf, requestedEffort } from '../../ir/effort.ts'
import { effortNameOf, type ModelTraits } from '../anthropic/model-traits.ts'
import type { NoteLoss } from '../protocol.ts'
import type { ConverseTraits } from './model-traits.ts'

/** The smallest budget Claude accepts, in tokens. */
const minBudget = 1024

type ThinkingRequest = Pick<Chat, 'reasoning' | 'limit'>
/** `isToolForced`: the request forces a tool call. Claude does not think then. */
type ThinkingContext = { isToolForced: boolean; loss: NoteLoss }

/** Renders fields for `additionalModelRequestFields`. */
export const renderThinking = (
  request: ThinkingRequest,
  traits: ConverseTraits,
  context: ThinkingContext,
): JsonObject => {
  const effort = requestedEffort(request.reasoning)
  if (effort === undefined && !(traits.claude && request.reasoning?.on)) return {}
  if (traits.claude) return claudeThinking(request, traits.claude, context)
  const effortName = effortNameOf(effort, 'high')
  if (traits.effortForm === 'nova')
    return effort === 'none'
      ? { reasoningConfig: { type: 'disabled' } }
      : { reasoningConfig: { type: 'enabled', maxReasoningEffort: effortName } }
  if (traits.effortForm === 'word') return { reasoning_effort: effort === 'none' ? 'low' : effortName }
  if (effort !== 'none') context.loss('reasoning', 'this model has no setting for the reasoning effort')
  return {}
}

/** Claude takes Anthropic's own fields: https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking */
const claudeThinking = (request: ThinkingRequest, traits: ModelTraits, context: ThinkingContext): JsonObject => {
  const effort = requestedEffort(request.reasoning)
  if (effort === 'none') {
    if (traits.thinkingOff === 'never') context.loss('reasoning', 'this model always thinks')
    return traits.thinkingOff === 'omit' || traits.thinkingOff === 'never'
      ? {}
      : { thinking: { type: traits.thinkingOff } }
  }
  if (context.isToolForced) {
    context.loss('reasoning', 'this model does not think when it is forced to call a tool')
    return {}
  }
  if (!traits.hasAdaptiveThinking && effort === undefined) return {}
  if (!traits.hasAdaptiveThinking) return budgetThinking(request, context)
  const effortName = effortNameOf(effort, traits.maxEffort)
  const display = request.reasoning?.shown === false ? 'omitted' : 'summarized'
  return {
    thinking: { type: 'adaptive', ...(!traits.hasThinkingBudget && { display }) },
    ...(effortName !== undefined && { output_config: { effort: effortName } }),
  }
}

const budgetThinking = ({ reasoning, limit }: ThinkingRequest, { loss }: ThinkingContext): JsonObject => {
  const wanted = Math.max(minBudget, reasoning?.budget ?? budgetOf(reasoning!.effort!))
  const budget = limit === undefined ? wanted : Math.min(wanted, limit - 1)
  if (budget >= minBudget) return { thinking: { type: 'enabled', budget_tokens: budget } }
  loss('reasoning', `a limit of ${limit} tokens leaves no room for thinking`)
  return {}
}

export const isThinking = ({ thinking }: JsonObject): boolean =>
  typeof thinking === 'object' &&
  thinking !== null &&
  'type' in thinking &&
  /enabled|adaptive/.test(String(thinking.type))
