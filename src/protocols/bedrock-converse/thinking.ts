/** How hard a model shall think, and what else goes to the model itself rather than to Converse. */

import type { JsonObject } from '../../base/json/json.ts'
import type { Chat } from '../../ir/chat.ts'
import { budgetOf, requestedEffort } from '../../ir/effort.ts'
import type { Traits } from '../anthropic/model-traits.ts'
import type { NoteLoss } from '../protocol.ts'
import type { Facts } from './model-traits.ts'

/** Tokens of thought Claude takes at least. */
const leastBudget = 1024

type Asked = Pick<Chat, 'reasoning' | 'limit'>
/** `forced`: the model is told to call a tool, which Claude does not do while it thinks. */
export type Terms = { forced: boolean; loss: NoteLoss }

/** Fields for `additionalModelRequestFields`. */
export const renderThinking = (asked: Asked, facts: Facts, terms: Terms): JsonObject => {
  const effort = requestedEffort(asked.reasoning)
  if (effort === undefined && !(facts.claude && asked.reasoning?.on)) return {}
  if (facts.claude) return claudeThinking(asked, facts.claude, terms)
  const word = effort === 'xhigh' ? 'high' : effort === 'minimal' ? 'low' : effort
  if (facts.effort === 'nova')
    return effort === 'none'
      ? { reasoningConfig: { type: 'disabled' } }
      : { reasoningConfig: { type: 'enabled', maxReasoningEffort: word } }
  if (facts.effort === 'word') return { reasoning_effort: effort === 'none' ? 'low' : word }
  if (effort !== 'none') terms.loss('reasoning', 'how hard this model thinks cannot be asked for')
  return {}
}

/** https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking; the fields are Anthropic's own. */
const claudeThinking = (asked: Asked, traits: Traits, terms: Terms): JsonObject => {
  const effort = requestedEffort(asked.reasoning)
  if (effort === 'none') {
    if (traits.off === 'never') terms.loss('reasoning', 'this model always thinks')
    return traits.off === 'omit' || traits.off === 'never' ? {} : { thinking: { type: traits.off } }
  }
  if (terms.forced) {
    terms.loss('reasoning', 'this model does not think when it is told to call a tool')
    return {}
  }
  if (!traits.adaptive && effort === undefined) return {}
  if (!traits.adaptive) return budgeted(asked, terms)
  const word = effort === 'minimal' ? 'low' : effort === 'xhigh' ? traits.most : effort
  const display = asked.reasoning?.shown === false ? 'omitted' : 'summarized'
  return {
    thinking: { type: 'adaptive', ...(!traits.budget && { display }) },
    ...(word !== undefined && { output_config: { effort: word } }),
  }
}

const budgeted = ({ reasoning, limit }: Asked, { loss }: Terms): JsonObject => {
  const wanted = Math.max(leastBudget, reasoning?.budget ?? budgetOf(reasoning!.effort!))
  const budget = limit === undefined ? wanted : Math.min(wanted, limit - 1)
  if (budget >= leastBudget) return { thinking: { type: 'enabled', budget_tokens: budget } }
  loss('reasoning', `a limit of ${limit} tokens leaves no room for thoughts`)
  return {}
}

export const isThinking = ({ thinking }: JsonObject): boolean =>
  typeof thinking === 'object' &&
  thinking !== null &&
  'type' in thinking &&
  /enabled|adaptive/.test(String(thinking.type))
