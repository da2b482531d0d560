/** Requests that go on from an earlier answer: where its vendor keeps it, there; else from what was kept here. */
import { exactly } from './ir/exact.ts'
import type { Json, JsonObject } from './ir/json.ts'
import {
  inputOf,
  isStored,
  joined,
  outputOf,
  previousOf,
  sealedItems,
  unknownAnswer,
} from './protocols/openai-responses/chain.ts'
import type { Keep } from './protocols/openai-responses/keep.ts'
import { isNative } from './providers/address.ts'
import type { Target } from './providers/entry.ts'
import type { Plan } from './routing/plan.ts'
import type { Runtime } from './runtime.ts'
import type { Intake } from './upstream/outgoing.ts'

/** The protocol whose requests can go on from an answer; another path may too. */
const protocol = 'openai-responses'
const goingOn: ReadonlySet<string> = new Set([protocol, 'responses/compact'])

/** `earlier`: what was said before, where the request does not repeat it. */
export type Course = { intake: Intake; plan: Plan; earlier: Json[] }

/**
 * An answer that its vendor keeps pins the request to the target that has it; any other is put before the request.
 * @throws GatewayError `not_found` where the caller has no such answer
 */
export const goOn = (intake: Intake, plan: Plan, caller: string, run: Runtime): Course => {
  if (!goingOn.has(intake.protocol.id) || !intake.json) return { intake, plan, earlier: [] }
  const id = previousOf(intake.json.body)
  if (id === undefined) return { intake, plan: pinned(intake.json.body, plan, caller, run), earlier: [] }
  const natives = plan.targets.filter(target => isNative(target, intake.protocol.id))
  const found = run.answers.find(caller, id)
  if (!found) {
    // Whoever is alone may go on from what the vendor still knows; of several callers nobody can tell whose it is.
    if (natives.length === 0 || run.settings.keys.length > 1) throw unknownAnswer(id, 'previous_response_id')
    return { intake, plan: { ...plan, targets: natives }, earlier: [] }
  }
  const earlier = [...found.input, ...outputOf(found.answer)]
  const keeper = found.native ? natives.filter(target => target.id === found.target) : []
  if (keeper.length > 0) return { intake, plan: { ...plan, targets: keeper }, earlier }
  const body = joined(exactly(intake.json.text, intake.json.body), earlier)
  return {
    intake: { ...intake, json: { body, text: JSON.stringify(body), asked: intake.json.body } },
    plan,
    earlier: [],
  }
}

/** Encrypted items are read by nobody but the credential that made them. */
const pinned = (body: JsonObject, plan: Plan, caller: string, run: Runtime): Plan => {
  if (plan.targets.length < 2) return plan
  const writer = sealedItems(inputOf(body))
    .map(item => run.answers.pinned(caller, item))
    .findLast(target => target !== undefined)
  const targets = plan.targets.filter(({ id }) => id === writer)
  return targets.length > 0 ? { ...plan, targets } : plan
}

/** Keeps the answer of one attempt; undefined where nothing is to be kept. */
export const keeperOf = (
  { intake, earlier }: Pick<Course, 'intake' | 'earlier'>,
  target: Target,
  caller: string,
  run: Runtime,
): Keep | undefined => {
  const { json } = intake
  if (intake.protocol.id !== protocol || !json) return undefined
  return answer => {
    for (const item of sealedItems(outputOf(answer))) run.answers.pin(caller, item, target.id)
    if (typeof answer.id !== 'string' || !isStored(json.body)) return
    const input = [...earlier, ...inputOf(json.body)]
    run.answers.keep(caller, answer.id, { answer, input, target: target.id, native: isNative(target, protocol) })
  }
}
