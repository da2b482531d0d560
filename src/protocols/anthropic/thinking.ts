/** Thoughts and sampling, which hang together on this wire. https://platform.claude.com/docs/en/build-with-claude/thinking, …/effort */

import { countOf, isObject, type Json, type JsonObject } from '../../base/json/json.ts'
import type { Chat, Effort } from '../../ir/chat.ts'
import { budgetOf, effortOf, isEffort } from '../../ir/effort.ts'
import type { NoteLoss } from '../protocol.ts'
import type { Traits } from './model-traits.ts'

/** The least budget Anthropic takes. */
const least = 1024

/** `thinking` and the effort of `output_config` → ours; undefined where neither says anything. */
export const parseThinking = (thinking: Json | undefined, effort: Json | undefined): Chat['reasoning'] => {
  const hard = parseEffort(effort)
  if (!isObject(thinking)) return hard && { effort: hard }
  if (thinking.type === 'disabled' || thinking.type === 'between_tools') return { effort: 'none' }
  const budget = thinking.type === 'enabled' ? countOf(thinking.budget_tokens) : undefined
  return {
    ...(hard && { effort: hard }),
    ...(budget === undefined ? { on: true } : { budget }),
    shown: thinking.display !== 'omitted',
  }
}

const parseEffort = (word: Json | undefined): Effort | undefined =>
  word === 'max' ? 'xhigh' : isEffort(word) ? word : undefined

/** What of the request tells how to think; `thinks`: it asks for thoughts. */
export type Thinking = { thinks: boolean; limit: number; thinking?: JsonObject; effort?: string }

/** A call the model is told to make, or an unfinished round of calls that shows no thoughts, leaves none: Anthropic would refuse the request. */
export const renderThinking = (chat: Chat, traits: Traits, barred: string | undefined, loss: NoteLoss): Thinking => {
  const limit = chat.limit ?? traits.limit
  const { reasoning } = chat
  if (reasoning === undefined) return { thinks: false, limit }
  const effort = reasoning.effort ?? (reasoning.budget === undefined ? undefined : effortOf(reasoning.budget))
  if (effort === 'none') return { limit, ...withoutThoughts(traits, loss) }
  const asks = effort !== undefined || reasoning.budget !== undefined || reasoning.on === true
  // Who only wants to see thoughts does not make a model think that would not.
  if (!asks && traits.off === 'omit') return { thinks: false, limit }
  if (barred !== undefined && (asks || reasoning.shown !== undefined) && traits.off !== 'never') {
    loss('reasoning', barred)
    return { limit, ...withoutThoughts(traits, loss) }
  }
  if (traits.adaptive && (reasoning.budget === undefined || !traits.budget))
    return adaptive(reasoning, effort, traits, limit)
  const budget = reasoning.budget ?? (effort === undefined ? undefined : budgetOf(effort))
  return budget === undefined ? { thinks: false, limit } : withBudget(budget, chat, traits, loss)
}

const withoutThoughts = ({ off }: Traits, loss: NoteLoss): Omit<Thinking, 'limit'> => {
  if (off === 'omit') return { thinks: false }
  if (off !== 'never') return { thinks: false, thinking: { type: off } }
  loss('reasoning', 'this model always thinks: it was asked to think little')
  return { thinks: false, effort: 'low' }
}

/** Newer models tell their thoughts only to who asks for them. */
const adaptive = (
  { shown }: NonNullable<Chat['reasoning']>,
  effort: Effort | undefined,
  { most }: Traits,
  limit: number,
): Thinking => ({
  thinks: true,
  limit,
  thinking: { type: 'adaptive', display: shown === false ? 'omitted' : 'summarized' },
  ...(effort !== undefined && { effort: effort === 'minimal' ? 'low' : effort === 'xhigh' ? most : effort }),
})

/** The budget is a part of the limit, and less than the whole of it. */
const withBudget = (wanted: number, { limit }: Chat, traits: Traits, loss: NoteLoss): Thinking => {
  const budget = Math.max(least, wanted)
  if (limit === undefined) return thinkingOf(budget, Math.max(traits.limit, budget + least))
  if (budget < limit) return thinkingOf(budget, limit)
  if (limit <= least) {
    loss('reasoning', `a limit of ${limit} tokens leaves no room for thoughts`)
    return { limit, ...withoutThoughts(traits, loss) }
  }
  const room = Math.max(least, Math.floor(limit / 2))
  loss('reasoning', `${budget} tokens of thought do not fit into a limit of ${limit}: ${room}`)
  return thinkingOf(room, limit)
}

const thinkingOf = (budget_tokens: number, limit: number): Thinking => ({
  thinks: true,
  limit,
  thinking: { type: 'enabled', budget_tokens },
})

/** Temperature, top_p and top_k as far as the model takes them, and takes them together. */
export const renderSampling = (chat: Chat, traits: Traits, thinks: boolean, loss: NoteLoss): JsonObject => {
  const { temperature, topP, topK } = chat
  const body: JsonObject = {}
  const put = (key: string, value: number | undefined, refused: string | undefined | false): void => {
    if (value === undefined) return
    if (refused) loss(key, refused)
    else body[key] = value
  }
  const never = !traits.samples && 'the model takes no sampling'
  const thought = thinks && traits.claude && 'not beside thoughts'
  const warm = temperature === undefined ? undefined : Math.min(1, Math.max(0, temperature))
  if (warm !== temperature && !never && !thought) loss('temperature', `this protocol takes 0 to 1, not ${temperature}`)
  put('temperature', warm, never || (warm !== 1 && thought))
  const both = traits.claude && body.temperature !== undefined && 'not beside temperature'
  put('top_p', topP, never || (thought && (topP ?? 1) < 0.95 && thought) || both)
  put('top_k', topK, never || thought)
  return body
}
