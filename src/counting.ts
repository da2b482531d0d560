/** The tokens of a request: counted by a target that can, guessed where none can. */

import type { JsonObject } from './ir/json.ts'
import { estimatePrompt } from './limits/estimate.ts'
import { isCounting } from './protocols/count.ts'
import { isNative } from './providers/address.ts'
import type { Plan } from './routing/plan.ts'
import type { Intake } from './upstream/outgoing.ts'

/** The targets that count, or, where none does, the answer itself. */
export const counted = (intake: Intake, plan: Plan): Plan | { guess: JsonObject } => {
  const { protocol, json } = intake
  if (!isCounting(protocol)) return plan
  const targets = plan.targets.filter(target => isNative(target, protocol.id))
  return targets.length > 0
    ? { ...plan, targets }
    : { guess: protocol.tell(estimatePrompt(protocol.inner(json?.body ?? {}))) }
}
