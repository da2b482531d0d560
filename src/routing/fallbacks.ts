/** The models that stand in for another one when all of its targets have failed. */
import { GatewayError } from '../base/errors.ts'
import type { Plan } from './router.ts'

type Fallbacks = ReadonlyMap<string, readonly string[]>

/** Fallbacks of fallbacks are followed, but not theirs. */
const maxHops = 2

/** The names that stand in for `model`, best first, each once: its own fallbacks (else those of `*`), then theirs. */
export const fallbackNames = (model: string, fallbacks: Fallbacks): readonly string[] => {
  const found = new Set<string>()
  let hop = [model]
  for (let hops = 0; hops < maxHops; hops++) {
    hop = hop.flatMap(name => fallbacks.get(name) ?? (hops === 0 ? (fallbacks.get('*') ?? []) : []))
    for (const name of hop) if (name !== model) found.add(name)
  }
  return [...found]
}

/**
 * The plans of the fallbacks, made one by one. A model that nobody offers, or that the caller may not use, is passed
 * over.
 * @param plan makes the plan of one model; throws `model_not_found` or `forbidden`
 */
export function* fallbackPlans(
  model: string,
  fallbacks: Fallbacks,
  plan: (model: string) => Plan,
): Generator<Plan, undefined> {
  for (const name of fallbackNames(model, fallbacks)) {
    try {
      yield plan(name)
    } catch (thrown) {
      if (!(thrown instanceof GatewayError)) throw thrown
    }
  }
  return undefined
}
