/** How hard a model thinks, in words or in tokens: the one table between the two. */
import type { Chat, Effort } from './chat.ts'

/** Tokens of thought an effort stands for, ascending. low, medium and high are Google's: https://ai.google.dev/gemini-api/docs/openai */
const budgets: readonly (readonly [Effort, number])[] = [
  ['none', 0],
  ['minimal', 512],
  ['low', 1024],
  ['medium', 8192],
  ['high', 24576],
  ['xhigh', 32768],
]

export const isEffort = (value: unknown): value is Effort => budgets.some(([effort]) => effort === value)

/** Effort → tokens. */
export const budgetOf = (effort: Effort): number => budgets.find(([name]) => name === effort)![1]

/** Tokens → the least effort that grants them; undefined for a negative number, by which some vendors mean "as you like". */
export const effortOf = (budget: number): Effort | undefined =>
  budget < 0 ? undefined : (budgets.find(([, tokens]) => tokens >= budget)?.[0] ?? 'xhigh')

/** What a request asks for, as a word. */
export const requestedEffort = (reasoning: Chat['reasoning']): Effort | undefined =>
  reasoning?.effort ?? (reasoning?.budget === undefined ? undefined : effortOf(reasoning.budget))
