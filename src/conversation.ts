/** Requests that name what was said before: where a vendor keeps it, there; else from what was kept here. */

import type { GatewayError } from './errors.ts'
import type { Json } from './ir/json.ts'
import {
  inputOf,
  isStored,
  outputOf,
  previousOf,
  sealedItems,
  unknownAnswer,
} from './protocols/openai-responses/chain.ts'
import type { Keep } from './protocols/openai-responses/keep.ts'
import { referencesIn, spelledOut, unknownItem, unnamed } from './protocols/openai-responses/references.ts'
import { isNative } from './providers/address.ts'
import type { Target } from './providers/entry.ts'
import type { Plan } from './routing/plan.ts'
import { seated } from './routing/seats.ts'
import type { Runtime } from './runtime.ts'
import type { Intake } from './upstream/outgoing.ts'

/** The protocol whose requests can go on from an answer; another path may too. */
const protocol = 'openai-responses'
const goingOn: ReadonlySet<string> = new Set([protocol, 'responses/compact'])

/** `said`: all that leads to the answer, where the request does not say all of it itself. */
export type Course = { intake: Intake; plan: Plan; said?: Json[] | undefined }

/** What a request names. `items`: what it stands for, if that was kept here; `keeper`: the target whose vendor knows the name. */
type Named = { items?: Json[]; keeper?: string; unknown: GatewayError }
type Names = ReadonlyMap<string, Named>

/**
 * What a vendor keeps stays named, and pins the request to the target that has it; all else is told in place of its name.
 * @throws GatewayError `not_found` where the caller has no such answer or item
 */
export const goOn = (intake: Intake, plan: Plan, caller: string, run: Runtime): Course => {
  if (!goingOn.has(intake.protocol.id) || !intake.json) return { intake, plan }
  const { body } = intake.json
  const names = namesIn(intake.json.body, caller, run)
  if (names.size === 0) return { intake, plan: pinned(inputOf(body), plan, caller, run) }
  const places = placesFor(names, plan, run)
  const stays = ({ items, keeper }: Named) => items === undefined || (places.length > 0 && keeper === places[0]!.id)
  const said = inputOf(spelledOut(body, id => names.get(id)?.items))
  if ([...names.values()].every(stays)) return { intake, plan: { ...plan, targets: places }, said }
  const told = spelledOut(body, id => {
    const named = names.get(id)
    return named && !stays(named) ? named.items?.map(unnamed) : undefined
  })
  const json = { body: told, text: JSON.stringify(told), asked: body }
  const [lost] = places.length === 0 ? referencesIn(inputOf(told)) : []
  if (lost !== undefined) throw unknownItem(lost)
  const there = places.length > 0 ? { ...plan, targets: places } : pinned(inputOf(told), plan, caller, run)
  return { intake: { ...intake, json }, plan: seated(there, json.text), said }
}

/** Everything a request names, by its name. */
const namesIn = (body: Parameters<typeof inputOf>[0], caller: string, run: Runtime): Names => {
  const names = new Map<string, Named>()
  for (const id of referencesIn(inputOf(body))) {
    const held = run.answers.findItem(caller, id)
    names.set(id, { ...(held && { items: [held.item], ...keeperIn(held.of) }), unknown: unknownItem(id) })
  }
  const id = previousOf(body)
  if (id === undefined) return names
  const found = run.answers.find(caller, id)
  const known = found && { items: [...found.input, ...outputOf(found.answer)], ...keeperIn(found) }
  return names.set(id, { ...known, unknown: unknownAnswer(id, 'previous_response_id') })
}

const keeperIn = ({ native, target }: { native: boolean; target: string }): Pick<Named, 'keeper'> =>
  native ? { keeper: target } : {}

/**
 * The targets whose vendor understands names: the one that keeps what was named last, if anything is kept; every one that might know a name
 * nobody here does. None: everything named is known here. @throws what is nowhere to be found
 */
const placesFor = (names: Names, plan: Plan, { settings }: Runtime): readonly Target[] => {
  const natives = plan.targets.filter(target => isNative(target, protocol))
  const named = [...names.values()]
  const keeper = named.map(one => natives.find(({ id }) => id === one.keeper)).findLast(one => one !== undefined)
  // Whoever is alone may name what the vendor still knows; of several callers nobody can tell whose it is.
  const isGuessed = natives.length > 0 && settings.keys.length <= 1
  const lost = named.find(
    one => one.items === undefined && (one.keeper === undefined ? !isGuessed : one.keeper !== keeper?.id),
  )
  if (lost) throw lost.unknown
  if (keeper) return [keeper]
  return named.some(({ items }) => items === undefined) ? natives : []
}

/** Encrypted items are read by nobody but the credential that made them. */
const pinned = (input: Json[], plan: Plan, caller: string, run: Runtime): Plan => {
  if (plan.targets.length < 2) return plan
  const writer = sealedItems(input)
    .map(item => run.answers.pinned(caller, item))
    .findLast(target => target !== undefined)
  const targets = plan.targets.filter(({ id }) => id === writer)
  return targets.length > 0 ? { ...plan, targets } : plan
}

/** Keeps the answer of one attempt; undefined where nothing is to be kept. */
export const keeperOf = (
  { intake, said }: Pick<Course, 'intake' | 'said'>,
  target: Target,
  caller: string,
  run: Runtime,
): Keep | undefined => {
  const { json } = intake
  if (intake.protocol.id !== protocol || !json) return undefined
  return answer => {
    for (const item of sealedItems(outputOf(answer))) run.answers.pin(caller, item, target.id)
    if (typeof answer.id !== 'string' || !isStored(json.body)) return
    const input = said ?? inputOf(json.body)
    run.answers.keep(caller, answer.id, { answer, input, target: target.id, native: isNative(target, protocol) })
  }
}
