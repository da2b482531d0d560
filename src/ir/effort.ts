/** The one table that maps reasoning effort levels to token budgets. */
import type { Chat, Effort } from './chat.ts'

/**
 * Reasoning tokens for each effort, ascending. low, medium and high are Google's:
 * https://ai.google.dev/gemini-api/docs/openai
 */
const budgets: readonly (readonly [Effort, number])[] = [
  ['none', 0],
  ['minimal', 512],
  ['low', 1024],
  ['medium', 8192],
  ['high', 24576],
  ['xhigh', 32768],
]

export const isEffort = (value: unknown): value is Effort => budgets.some(([effort]) => effort === value)

/** The token budget of an effort. */
export const budgetOf = (effort: Effort): number => budgets.find(([name]) => name === effort)![1]

/**
 * The lowest effort whose budget covers `budget` tokens. Undefined for a negative number, which some vendors use for
 * "as you like".
 */
export const effortOf = (budget: number): Effort | undefined =>
  budget < 0 ? undefined : (budgets.find(([, tokens]) => tokens >= budget)?.[0] ?? 'xhigh')

/** The effort a request asks for, derived from its token budget if it names no effort. */
export const requestedEffort = (reasoning: Chat['reasoning']): Effort | undefined =>
  reasoning?.effort ?? (reasoning?.budget === undefined ? undefined : effortOf(reasoning.budget))
